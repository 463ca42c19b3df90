// SPDX-License-Identifier: Apache-2.0
/*
 * The actuator on the kernel itself: a loop disk of its own, and the sysctls of a network namespace of its own. Needs
 * root and a free loop device; exits with 77 and the reason where there is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/sysroot.h"

#define DISK_BYTES (16 << 20)
#define FAR (3600 * NSEC_PER_SEC)
#define KILLS 100
#define SNAPSHOT_BYTES 8192
#define CHANGES_MEASURED 200

struct bench {
	char folder[64]; /* with the image and the journal */
	char disk[32];   /* loop7 */
	char wbt[32]; /* as it was found: the queue belongs to the loop device, not to the file behind it */
	int device, root, state;
	uint64_t next_txn;
};

static int bench_attach(struct bench *b)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int image = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/image", b->folder);
	image = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (control < 0 || image < 0 || ftruncate(image, DISK_BYTES) < 0)
		return -errno;
	/* Somebody else may take the free number first. */
	for (int try = 0; try < 8; try++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number < 0)
			return -errno;
		snprintf(b->disk, sizeof(b->disk), "loop%d", number);
		snprintf(path, sizeof(path), "/dev/%s", b->disk);
		b->device = open(path, O_RDWR | O_CLOEXEC);
		if (b->device >= 0 && ioctl(b->device, LOOP_SET_FD, image) == 0)
			return 0;
		closep(&b->device);
		b->device = -1;
	}
	return -EBUSY;
}

static int bench_open(struct bench *b)
{
	char path[128];
	int r;

	*b = (struct bench){ .device = -1, .root = -1, .state = -1 };
	strcpy(b->folder, "/var/tmp/flyball-test-XXXXXX");
	if (!mkdtemp(b->folder))
		return -errno;
	b->state = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->root = sysroot_open("/");
	r = bench_attach(b);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "sys/block/%s/queue/wbt_lat_usec", b->disk);
	sysroot_read(b->root, path, b->wbt, sizeof(b->wbt));
	return 0;
}

static void bench_close(struct bench *b)
{
	static const char *const files[] = { "image", "journal", "hand.lock", "usage", "pins" };
	char path[128];

	if (b->device >= 0)
		ioctl(b->device, LOOP_CLR_FD);
	closep(&b->device);
	closep(&b->root);
	closep(&b->state);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->folder, files[i]);
		unlink(path);
	}
	rmdir(b->folder);
}

static void queue_set(const struct bench *b, const char *name, const char *value)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "sys/block/%s/queue/%s", b->disk, name);
	r = sysroot_write(b->root, path, value);
	if (r < 0)
		fail_msg("unable to write '%s' to %s: %s", value, path, strerror(-r));
}

static int by_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Every readable file of the queue and of its scheduler's tunables, as one text. */
static void snapshot(const struct bench *b, char *text)
{
	static const char *const folders[] = { "", "iosched/" };
	size_t used = 0;

	for (size_t f = 0; f < ARRAY_SIZE(folders); f++) {
		char path[128 + 256], value[512];
		struct dirent **entries;
		int n;

		snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", b->disk, folders[f]);
		n = scandir(path, &entries, by_name, alphasort);
		for (int i = 0; i < n; i++) {
			snprintf(path, sizeof(path), "sys/block/%s/queue/%s%s", b->disk, folders[f],
				 entries[i]->d_name);
			if (sysroot_read(b->root, path, value, sizeof(value)) >= 0)
				used += (size_t)snprintf(text + used, SNAPSHOT_BYTES - used,
							 "%s%s=%s\n", folders[f],
							 entries[i]->d_name, value);
			free(entries[i]);
			assert_true(used < SNAPSHOT_BYTES);
		}
		if (n >= 0)
			free(entries);
	}
}

static struct actuator *bench_actuator(const struct bench *b)
{
	struct actuator_options options = { .root = b->root,
					    .state = b->state,
					    .heartbeat_ns = FAR,
					    .only = { .kind = SCOPE_KIND_COUNT } };
	struct actuator *actuator = NULL;
	struct recovery recovery;

	assert_int_equal(actuator_open(&options, clock_now_ns(), &recovery, &actuator), 0);
	return actuator;
}

static struct change change_of(struct bench *b, const struct knob_row *row, const char *new_value)
{
	struct change change = { .txn = ++b->next_txn,
				 .action = ACTION_BEGIN,
				 .deadline_ns = clock_now_ns() + FAR,
				 .scope = { .kind = row->scope } };
	struct knob_reading reading;

	if (row->scope == SCOPE_DISK)
		strcpy(change.scope.name, b->disk);
	assert_int_equal(knob_read(b->root, row, &change.scope, &reading), 0);
	snprintf(change.knob, sizeof(change.knob), "%s", row->name);
	memcpy(change.old_value, reading.value, sizeof(change.old_value));
	snprintf(change.new_value, sizeof(change.new_value), "%s", new_value);
	return change;
}

static struct outcome ask(struct actuator *actuator, struct change *change, enum action action)
{
	struct outcome outcome;

	change->action = action;
	actuator_change(actuator, change, clock_now_ns(), &outcome);
	if (outcome.status != OUTCOME_DONE || outcome.text[0])
		fail_msg("%s '%s' → '%s': action %d, status %u: %s", change->knob,
			 change->old_value, change->new_value, (int)action, outcome.status,
			 outcome.text);
	return outcome;
}

/* Sets, goes back, sets again and undoes; the queue is the same as before, byte for byte. */
static void try_value(struct bench *b, struct actuator *actuator, const char *knob,
		      const char *value)
{
	char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	struct change change = change_of(b, knob_find(knob), value);

	snapshot(b, before);
	ask(actuator, &change, ACTION_BEGIN);
	snapshot(b, after);
	assert_string_equal(before, after);
	assert_string_equal(ask(actuator, &change, ACTION_ARM).value, value);
	ask(actuator, &change, ACTION_BASE);
	snapshot(b, after);
	assert_string_equal(before, after);
	ask(actuator, &change, ACTION_ARM);
	ask(actuator, &change, ACTION_UNDO);
	snapshot(b, after);
	assert_string_equal(before, after);
}

/* Not the defaults, so that a reset shows. */
static void disturb(struct bench *b, const char *scheduler)
{
	queue_set(b, "scheduler", scheduler);
	queue_set(b, "nr_requests", strcmp(scheduler, "none") ? "777" : "99");
	queue_set(b, "wbt_lat_usec", "5000");
	if (!strcmp(scheduler, "mq-deadline")) {
		queue_set(b, "iosched/read_expire", "124");
		queue_set(b, "iosched/async_depth", "32");
	} else if (!strcmp(scheduler, "kyber")) {
		queue_set(b, "iosched/read_lat_nsec", "3000000");
	} else if (!strcmp(scheduler, "bfq")) {
		queue_set(b, "iosched/slice_idle_us", "500");
		queue_set(b, "iosched/strict_guarantees", "1");
		queue_set(b, "iosched/slice_idle_us", "500");
		queue_set(b, "iosched/low_latency", "0");
	}
}

static void every_scheduler_is_restored_from_every_other_with_its_companions(void **state)
{
	static const char *const schedulers[] = { "none", "mq-deadline", "kyber", "bfq" };
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);

	for (size_t from = 0; from < ARRAY_SIZE(schedulers); from++)
		for (size_t to = 0; to < ARRAY_SIZE(schedulers); to++) {
			disturb(b, schedulers[from]);
			try_value(b, actuator, "block.scheduler", schedulers[to]);
		}
	actuator_close(actuator, clock_now_ns());
}

static void writeback_throttling_in_its_default_state_survives_bfq(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);

	queue_set(b, "scheduler", "none");
	queue_set(b, "wbt_lat_usec", "-1");
	try_value(b, actuator, "block.scheduler", "bfq");
	queue_set(b, "wbt_lat_usec", "0");
	try_value(b, actuator, "block.scheduler", "bfq");
	actuator_close(actuator, clock_now_ns());
}

static void every_number_of_a_disk_is_restored(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);

	disturb(b, "mq-deadline");
	try_value(b, actuator, "block.nr_requests", "64");
	try_value(b, actuator, "block.read_ahead_kb", "4096");
	try_value(b, actuator, "block.wbt_lat_usec", "0");
	try_value(b, actuator, "block.wbt_lat_usec", "75000");
	actuator_close(actuator, clock_now_ns());
}

/* What the kernel rounds is not what was asked for: refused after the fact, and taken back. */
static void a_value_that_the_kernel_rounds_fails_and_is_taken_back(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct change change = change_of(b, knob_find("block.read_ahead_kb"), "4097");
	char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES];
	struct outcome outcome;

	snapshot(b, before);
	ask(actuator, &change, ACTION_BEGIN);
	change.action = ACTION_ARM;
	actuator_change(actuator, &change, clock_now_ns(), &outcome);
	assert_int_equal(outcome.status, OUTCOME_FAILED);
	assert_string_equal(outcome.value, change.old_value);
	snapshot(b, after);
	assert_string_equal(before, after);
	actuator_close(actuator, clock_now_ns());
}

/* Arms and bases until it is killed; the parent watches the pipe to know that it has begun. */
static void switch_for_ever(struct bench *b, int ready)
{
	struct actuator *actuator = bench_actuator(b);
	struct change change = change_of(b, knob_find("block.scheduler"), "bfq");

	ask(actuator, &change, ACTION_BEGIN);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		ask(actuator, &change, ACTION_ARM);
		ask(actuator, &change, ACTION_BASE);
	}
}

static void a_kill_at_any_moment_leaves_nothing_behind(void **state)
{
	struct actuator_options options;
	char before[SNAPSHOT_BYTES], after[SNAPSHOT_BYTES], byte;
	struct bench *b = *state;
	struct recovery recovery;
	struct rng rng;
	uint32_t in_flight = 0;

	options = (struct actuator_options){ .root = b->root,
					     .state = b->state,
					     .only = { .kind = SCOPE_KIND_COUNT } };
	rng_init(&rng, 1);
	disturb(b, "mq-deadline");
	snapshot(b, before);
	for (int i = 0; i < KILLS; i++) {
		int ready[2], status;
		pid_t child;

		b->next_txn++;
		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			switch_for_ever(b, ready[1]);
			_exit(1);
		}
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		usleep((useconds_t)rng_below(&rng, 60000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		snapshot(b, after);
		in_flight += strcmp(before, after) != 0;
		assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
		assert_int_equal(recovery.restored, 1);
		snapshot(b, after);
		assert_string_equal(before, after);
		assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
		assert_int_equal(recovery.restored, 0);
	}
	print_message("%d kills, %u with something to undo\n", KILLS, in_flight);
	/* Else the kills came at the wrong moments and show nothing. */
	assert_true(in_flight > 10);
}

/* In a child with a network namespace of its own: /proc/sys/net shows the reader's. */
static int try_network_knobs(struct bench *b)
{
	struct actuator *actuator;
	int tried = 0;

	if (unshare(CLONE_NEWNET) < 0)
		return 77;
	actuator = bench_actuator(b);
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];
		char own[128], value[32];
		struct change change;

		/* Only what the namespace has of its own: the rest would be the machine's. */
		if (row->family != FAMILY_SYSCTL || row->domain != DOMAIN_NETWORK || row->field ||
		    row->type != KNOB_INTEGER || strncmp(row->path, "proc/sys/net/ipv4/tcp_", 22))
			continue;
		if (sysroot_read(b->root, row->path, own, sizeof(own)) < 0)
			continue;
		snprintf(value, sizeof(value), "%lld", (long long)row->min);
		if (!strcmp(own, value))
			snprintf(value, sizeof(value), "%lld", (long long)row->max);
		change = change_of(b, row, value);
		ask(actuator, &change, ACTION_BEGIN);
		ask(actuator, &change, ACTION_ARM);
		ask(actuator, &change, ACTION_UNDO);
		assert_string_equal(change_of(b, row, value).old_value, own);
		tried++;
	}
	actuator_close(actuator, clock_now_ns());
	return tried >= 5 ? 0 : 2;
}

static void every_tcp_sysctl_is_restored_in_a_namespace_of_its_own(void **state)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(try_network_knobs(*state));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: no network namespace of its own is permitted here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *what, uint64_t *times)
{
	qsort(times, CHANGES_MEASURED, sizeof(*times), by_value);
	print_message("%-14s p50 %7.1f us, p99 %7.1f us\n", what,
		      (double)times[CHANGES_MEASURED / 2] / 1e3,
		      (double)times[CHANGES_MEASURED * 99 / 100] / 1e3);
}

/* No assertion on the times: they are the disk's. They are printed for docs/journal.md. */
static void one_journaled_change_is_measured(void **state)
{
	static uint64_t times[5][CHANGES_MEASURED];
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);

	for (size_t i = 0; i < CHANGES_MEASURED; i++) {
		struct change change = change_of(b, knob_find("block.read_ahead_kb"), "512");

		times[0][i] = ask(actuator, &change, ACTION_BEGIN).took_ns;
		times[1][i] = ask(actuator, &change, ACTION_ARM).took_ns;
		times[2][i] = ask(actuator, &change, ACTION_BASE).took_ns;
		times[3][i] = ask(actuator, &change, ACTION_UNDO).took_ns;
		times[4][i] = times[0][i] + times[1][i];
	}
	print_times("BEGIN", times[0]);
	print_times("ARM", times[1]);
	print_times("BASE", times[2]);
	print_times("UNDO", times[3]);
	print_times("BEGIN and ARM", times[4]);
	actuator_close(actuator, clock_now_ns());
}

int main(void)
{
	struct bench bench;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(
			every_scheduler_is_restored_from_every_other_with_its_companions, &bench),
		cmocka_unit_test_prestate(writeback_throttling_in_its_default_state_survives_bfq,
					  &bench),
		cmocka_unit_test_prestate(every_number_of_a_disk_is_restored, &bench),
		cmocka_unit_test_prestate(a_value_that_the_kernel_rounds_fails_and_is_taken_back,
					  &bench),
		cmocka_unit_test_prestate(a_kill_at_any_moment_leaves_nothing_behind, &bench),
		cmocka_unit_test_prestate(every_tcp_sysctl_is_restored_in_a_namespace_of_its_own,
					  &bench),
		cmocka_unit_test_prestate(one_journaled_change_is_measured, &bench),
	};
	int r = geteuid() == 0 ? bench_open(&bench) : -EPERM;

	if (r < 0) {
		printf("skipped: no loop disk of its own here: %s\n", strerror(-r));
		if (r != -EPERM)
			bench_close(&bench);
		return 77;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	queue_set(&bench, "scheduler", "none");
	queue_set(&bench, "wbt_lat_usec", bench.wbt);
	bench_close(&bench);
	return r;
}
