// SPDX-License-Identifier: Apache-2.0
/*
 * A write to /sys that really hangs, and cannot be killed: the scheduler of a loop disk is switched while a request is
 * in flight that never ends, because the file system behind the disk is frozen. The kernel finishes the switch as soon as
 * the file system is thawed: the late write. It must land before the old value is put back, never after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/hand.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"

#define LIMIT_NS (2 * NSEC_PER_SEC) /* a busy machine comes to the switch in that time */
#define FAR (3600 * NSEC_PER_SEC)
#define THAW_AFTER_SECONDS 20 /* whatever happens: a file system is not left frozen */

struct bench {
	char folder[64];
	int outer, inner; /* loop devices: of the file system, and of the disk on it */
	char disk[32];
	int mounted; /* descriptor of the file system */
	int root, state;
	int watch; /* the watchdog thaws when this pipe ends */
	uint64_t txn;
};

/* Detaches itself with its last descriptor. */
static int attach(const char *path, char *ret_name)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int image = open(path, O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)image,
				      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (control < 0 || image < 0)
		return -errno;
	for (int try = 0; try < 8; try++) {
		char device[64];
		int number = ioctl(control, LOOP_CTL_GET_FREE), fd;

		snprintf(ret_name, 32, "loop%d", number);
		snprintf(device, sizeof(device), "/dev/%s", ret_name);
		fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return fd;
		closep(&fd);
	}
	return -EBUSY;
}

static int make_file(const char *path, off_t bytes)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || ftruncate(fd, bytes) < 0 ? -errno : 0;
}

/* A process of its own, which has the file system open: the test may be killed while it is frozen. */
static void start_watchdog(struct bench *b)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	if (fork() == 0) {
		close(fds[1]);
		alarm(0);
		for (int i = 0; i < THAW_AFTER_SECONDS * 10; i++) {
			struct timespec pause_ns = { .tv_nsec = 100000000 };

			fcntl(fds[0], F_SETFL, O_NONBLOCK);
			if (read(fds[0], &byte, 1) == 0)
				break;
			nanosleep(&pause_ns, NULL);
		}
		ioctl(b->mounted, FITHAW, 0);
		_exit(0);
	}
	close(fds[0]);
	b->watch = fds[1];
}

static int bench_open(struct bench *b)
{
	char path[128], device[64], name[32], command[256];

	*b = (struct bench){ .outer = -1, .inner = -1, .mounted = -1, .watch = -1 };
	strcpy(b->folder, "/var/tmp/flyball-test-XXXXXX");
	if (!mkdtemp(b->folder))
		return -errno;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	b->state = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->root = sysroot_open("/");
	snprintf(path, sizeof(path), "%s/image", b->folder);
	snprintf(command, sizeof(command), "mkfs.ext4 -q '%s'", path);
	if (make_file(path, 64 << 20) < 0 || system(command))
		return -EIO;
	b->outer = attach(path, name);
	unlink(path);
	if (b->outer < 0)
		return b->outer;
	snprintf(device, sizeof(device), "/dev/%s", name);
	snprintf(path, sizeof(path), "%s/mount", b->folder);
	if (mkdir(path, 0700) < 0 || mount(device, path, "ext4", 0, NULL) < 0)
		return -errno;
	b->mounted = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/mount/disk", b->folder);
	if (make_file(path, 16 << 20) < 0)
		return -EIO;
	b->inner = attach(path, b->disk);
	if (b->inner < 0)
		return b->inner;
	/* The queue belongs to the loop device, and has what somebody left in it. */
	snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler", b->disk);
	return sysroot_write(b->root, path, "none");
}

static void bench_close(struct bench *b)
{
	char path[128];

	closep(&b->inner);
	closep(&b->mounted);
	snprintf(path, sizeof(path), "%s/mount", b->folder);
	umount2(path, MNT_DETACH);
	rmdir(path);
	closep(&b->outer);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", b->folder, i ? "journal" : HAND_LOCK_NAME);
		unlink(path);
	}
	rmdir(b->folder);
}

static void scheduler_read(const struct bench *b, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler", b->disk);
	assert_true(sysroot_read(b->root, path, text, size) > 0);
}

static void scheduler_expect(const struct bench *b, const char *chosen)
{
	char text[128];

	scheduler_read(b, text, sizeof(text));
	if (!strstr(text, chosen))
		fail_msg("expected %s, found '%s'", chosen, text);
}

static struct actuator_options options_of(const struct bench *b)
{
	return (struct actuator_options){ .root = b->root,
					  .state = b->state,
					  .heartbeat_ns = FAR,
					  .hand_limit_ns = LIMIT_NS,
					  .only = { .kind = SCOPE_KIND_COUNT } };
}

static uint32_t ask(struct bench *b, struct actuator *actuator, enum action action,
		    struct outcome *outcome)
{
	struct change change = { .txn = b->txn,
				 .action = action,
				 .deadline_ns = clock_now_ns() + FAR,
				 .scope = { .kind = SCOPE_DISK },
				 .knob = "block.scheduler",
				 .old_value = "none",
				 .new_value = "bfq" };

	strcpy(change.scope.name, b->disk);
	actuator_change(actuator, &change, clock_now_ns(), outcome);
	return outcome->status;
}

/* `       0        1`: reads and writes that the disk has not answered. */
static bool is_in_flight(const struct bench *b)
{
	unsigned int reads, writes;
	char path[128], text[64];

	snprintf(path, sizeof(path), "sys/block/%s/inflight", b->disk);
	assert_true(sysroot_read(b->root, path, text, sizeof(text)) > 0);
	return sscanf(text, "%u %u", &reads, &writes) == 2 && writes > 0;
}

/* From now on one request to the disk is in flight. Returns who waits for it. */
static pid_t freeze(struct bench *b)
{
	struct timespec pause_ns = { .tv_nsec = 10000000 };
	pid_t writer;

	start_watchdog(b);
	assert_int_equal(ioctl(b->mounted, FIFREEZE, 0), 0);
	writer = fork();
	if (writer == 0) {
		static char block[4096] __attribute__((aligned(4096)));
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/dev/%s", b->disk);
		fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
		_exit(pwrite(fd, block, sizeof(block), 0) != sizeof(block));
	}
	for (int i = 0; i < 1000 && !is_in_flight(b); i++)
		nanosleep(&pause_ns, NULL);
	assert_true(is_in_flight(b));
	return writer;
}

static void thaw(struct bench *b, pid_t writer)
{
	int status;

	assert_int_equal(ioctl(b->mounted, FITHAW, 0), 0);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	close(b->watch);
	b->watch = -1;
}

static void a_late_write_lands_before_the_undo(void **state)
{
	struct bench *b = *state;
	struct actuator_options options = options_of(b);
	struct timespec pause_ns = { .tv_nsec = 10000000 };
	struct actuator *actuator;
	struct recovery recovery;
	struct outcome outcome;
	bool late = false;
	uint64_t now;
	pid_t writer;
	int r = 0;

	b->txn++;
	assert_int_equal(actuator_open(&options, clock_now_ns(), &recovery, &actuator), 0);
	assert_int_equal(ask(b, actuator, ACTION_BEGIN, &outcome), OUTCOME_DONE);
	writer = freeze(b);
	now = clock_now_ns();
	assert_int_equal(ask(b, actuator, ACTION_ARM, &outcome), OUTCOME_FAILED);
	assert_int_equal(outcome.error, ETIMEDOUT);
	assert_true(clock_now_ns() - now < 3 * LIMIT_NS);
	/* Killed, and not gone: nothing is written meanwhile, and nothing is called undone. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(b, actuator, ACTION_UNDO, &outcome), OUTCOME_FAILED);
		assert_int_equal(outcome.error, ETIMEDOUT);
		assert_string_equal(outcome.text, "an earlier write still hangs");
	}
	thaw(b, writer);
	for (int i = 0; i < 500 && r == 0; i++) {
		char text[128];

		scheduler_read(b, text, sizeof(text));
		late |= strstr(text, "[bfq]") != NULL;
		nanosleep(&pause_ns, NULL);
		now = clock_now_ns();
		r = late ? actuator_expire(actuator, now + 60 * NSEC_PER_SEC, &outcome) : 0;
	}
	/* Else the kernel let go of the switch, and this test shows nothing. */
	assert_true(late);
	assert_int_equal(r, 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	scheduler_expect(b, "[none]");
	actuator_close(actuator, clock_now_ns());
	scheduler_expect(b, "[none]");
}

/* True when some child of `parent` (the hand) sleeps in the kernel and cannot be killed: `PID (NAME) D PPID`. */
static bool has_stuck_child(pid_t parent)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool stuck = false;

	assert_non_null(proc);
	while (!stuck && (entry = readdir(proc))) {
		char path[300], text[512], *rest, kind;
		ssize_t n = -1;
		int fd, ppid;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			n = read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		if (n <= 0)
			continue;
		text[n] = '\0';
		rest = strrchr(text, ')');
		stuck = rest && sscanf(rest + 1, " %c %d", &kind, &ppid) == 2 && kind == 'D' &&
			ppid == parent;
	}
	closedir(proc);
	return stuck;
}

static void a_late_write_of_a_dead_actuator_lands_before_the_recovery(void **state)
{
	struct bench *b = *state;
	struct actuator_options options = options_of(b);
	const struct timespec pause_ns = { .tv_nsec = 10000000 };
	struct recovery recovery;
	struct outcome outcome;
	pid_t child, writer;
	int r, looks = 0;

	b->txn++;
	writer = freeze(b);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct actuator *actuator;

		/* Its limit is long: nobody has killed the hand when the actuator is killed. */
		options.hand_limit_ns = FAR;
		if (actuator_open(&options, clock_now_ns(), &recovery, &actuator) < 0 ||
		    ask(b, actuator, ACTION_BEGIN, &outcome) != OUTCOME_DONE)
			_exit(1);
		ask(b, actuator, ACTION_ARM, &outcome);
		_exit(2);
	}
	/* In a row: on its way to the switch it sleeps for moments, too. */
	for (int i = 0; i < 2000 && looks < 20; i++) {
		nanosleep(&pause_ns, NULL);
		looks = has_stuck_child(child) ? looks + 1 : 0;
	}
	assert_int_equal(looks, 20);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &r, 0), child);
	assert_true(WIFSIGNALED(r) && WTERMSIG(r) == SIGKILL);
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
	assert_int_equal(recovery.failed, 1);
	assert_non_null(strstr(recovery.text, "a write of the former actuator still hangs"));
	thaw(b, writer);
	/* It waits for the hand as long as its limit is; on a loaded machine that may not be enough. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
		if (recovery.failed == 0)
			break;
	}
	assert_int_equal(recovery.restored, 1);
	scheduler_expect(b, "[none]");
	sleep(1);
	scheduler_expect(b, "[none]");
}

int main(void)
{
	struct bench bench;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_late_write_lands_before_the_undo, &bench),
		cmocka_unit_test_prestate(a_late_write_of_a_dead_actuator_lands_before_the_recovery,
					  &bench),
	};
	int r = geteuid() == 0 ? bench_open(&bench) : -EPERM;

	if (r < 0) {
		printf("skipped: no loop disks and file system of its own here: %s\n",
		       strerror(-r));
		if (r != -EPERM)
			bench_close(&bench);
		return 77;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bench_close(&bench);
	return r;
}
