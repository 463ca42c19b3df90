// SPDX-License-Identifier: Apache-2.0
/*
 * A write that really hangs in the kernel, cannot be killed, and lands late: on a file whose file system answers when the
 * test says so (tests/lab/slowfile.h). It must land before the old value is put back, never after; and meanwhile the
 * actuator answers, for as long as it may last: FLYBALL_HANG_SECONDS (3). Needs root and /dev/fuse, else exits with 77.
 */
#include "tests/unit/test_actuator.h"

#include <sched.h>
#include <sys/mount.h>

#include "actuator/hand.h"
#include "tests/lab/slowfile.h"

#define LIMIT_NS (300 * NSEC_PER_MSEC)
#define SLACK_NS (5 * NSEC_PER_SEC) /* a busy machine */

static struct slowfile file;

static struct actuator_options options_of(const struct machine *m)
{
	struct actuator_options options = machine_options(m);

	options.heartbeat_ns = FAR;
	options.hand_limit_ns = LIMIT_NS;
	return options;
}

static void open_late(struct machine *m)
{
	struct actuator_options options = options_of(m);

	assert_int_equal(actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator), 0);
}

static int late_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/root/" SWAPPINESS, m->path);
	return r || slowfile_open(&file, path, "60");
}

static int late_teardown(void **state)
{
	slowfile_release(&file);
	slowfile_close(&file);
	return machine_teardown(state);
}

/* Until it is not the hand of a busy machine that took so long: whatever else is asked has an answer in the end. */
static void begin(struct machine *m, uint64_t txn, const char *knob, const char *old,
		  const char *new_value)
{
	for (int i = 0; i < 20 && machine_begin(m, txn + (uint64_t)i * 100, knob, old, new_value) !=
					  OUTCOME_DONE;
	     i++)
		;
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
}

static uint32_t ask_in_time(struct machine *m, uint64_t txn, enum action action)
{
	uint64_t start = clock_now_ns();

	machine_ask(m, txn, action);
	assert_true(clock_now_ns() - start < LIMIT_NS + SLACK_NS);
	return m->outcome.status;
}

static void expect_still_hanging(struct machine *m, uint64_t txn)
{
	assert_int_equal(ask_in_time(m, txn, ACTION_UNDO), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ETIMEDOUT);
	assert_string_equal(m->outcome.text, "an earlier write still hangs");
	machine_expect(m, SWAPPINESS, "60");
}

static int hang_seconds(void)
{
	const char *text = getenv("FLYBALL_HANG_SECONDS");

	return text ? atoi(text) : 3;
}

/* The retry that is due, until it has come to an end. */
static void await_undo(struct machine *m)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	uint64_t ahead = 0;
	int r = 0;

	for (int i = 0; i < 1000; i++) {
		ahead += 60 * NSEC_PER_SEC;
		r = actuator_expire(m->actuator, clock_now_ns() + ahead, &m->outcome);
		if (r == 1 && m->outcome.status == OUTCOME_DONE)
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("not undone: %d, '%s'", r, m->outcome.text);
}

static void a_late_write_lands_before_the_undo(void **state)
{
	struct machine *m = *state;
	uint64_t txn, end;
	int asked = 0;

	open_late(m);
	begin(m, 1, "vm.swappiness", "60", "10");
	txn = m->outcome.txn;
	slowfile_hold(&file);
	assert_int_equal(ask_in_time(m, txn, ACTION_ARM), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ETIMEDOUT);
	assert_true(slowfile_await(&file));
	/* Killed, and not gone: nothing is written meanwhile, nothing is called undone, and others are served. */
	end = clock_now_ns() + (uint64_t)hang_seconds() * NSEC_PER_SEC;
	do {
		expect_still_hanging(m, txn);
		begin(m, 1000 + (uint64_t)asked * 10000, "net.core.somaxconn", "4096", "1024");
		machine_ask(m, m->outcome.txn, ACTION_UNDO);
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		asked++;
	} while (clock_now_ns() < end);
	assert_true(asked > 1);
	assert_string_equal(file.control->value, "60");
	slowfile_release(&file);
	/* The kernel lets go of the write, and the arm is in force at last. */
	for (int i = 0; i < 2000 && strcmp(file.control->value, "10") != 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	machine_expect(m, SWAPPINESS, "10");
	await_undo(m);
	machine_expect(m, SWAPPINESS, "60");
	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	machine_expect(m, SWAPPINESS, "60");
}

/* In the child: an actuator whose hand hangs in a write, which nobody has noticed yet. */
static void hang_in_arm(struct machine *m)
{
	struct actuator_options options = options_of(m);

	options.hand_limit_ns = FAR;
	if (actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator) < 0 ||
	    machine_begin(m, 1, "vm.swappiness", "60", "10") != OUTCOME_DONE)
		_exit(1);
	machine_ask(m, 1, ACTION_ARM);
	_exit(2);
}

static void recover(struct machine *m)
{
	struct actuator_options options = options_of(m);

	assert_int_equal(actuator_recover(&options, clock_now_ns(), &m->recovery), 0);
}

static void a_late_write_of_a_dead_actuator_lands_before_the_recovery(void **state)
{
	struct machine *m = *state;
	int status;
	pid_t child;

	slowfile_hold(&file);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		hang_in_arm(m);
	assert_true(slowfile_await(&file));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	for (int i = 0; i < 3; i++) {
		recover(m);
		assert_int_equal(m->recovery.failed, 1);
		assert_non_null(
			strstr(m->recovery.text, "a write of the former actuator still hangs"));
		machine_expect(m, SWAPPINESS, "60");
	}
	slowfile_release(&file);
	/* It waits for the hand as long as its limit is; on a busy machine that may not be enough. */
	for (int i = 0; i < 50; i++) {
		recover(m);
		if (m->recovery.failed == 0)
			break;
	}
	assert_int_equal(m->recovery.restored, 1);
	assert_string_equal(file.control->value, "60");
	sleep(1);
	machine_expect(m, SWAPPINESS, "60");
}

#define ON_SLOW_FILE(test) cmocka_unit_test_setup_teardown(test, late_setup, late_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_SLOW_FILE(a_late_write_lands_before_the_undo),
		ON_SLOW_FILE(a_late_write_of_a_dead_actuator_lands_before_the_recovery),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("skipped: needs root, /dev/fuse and a mount namespace of its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
