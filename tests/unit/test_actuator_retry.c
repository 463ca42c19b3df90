// SPDX-License-Identifier: Apache-2.0
/* What cannot be put back at once: how long it is tried, what is said meanwhile, and what stands in whose way. */
#include "tests/unit/test_actuator.h"

#include "base/cleanup.h"

static int machine_setup_open(void **state)
{
	machine_setup(state);
	return machine_open(*state);
}

/* The hand cannot open a file while it is 0: EMFILE, as when a process has run out of descriptors. */
static void limit_files(rlim_t files)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = files < limit.rlim_max ? files : limit.rlim_max;
	if (machine_hand())
		assert_int_equal(prlimit(machine_hand(), RLIMIT_NOFILE, &limit, NULL), 0);
}

/* A file that exists and can be neither read nor written: EISDIR. */
static void machine_break(const struct machine *m, const char *path)
{
	assert_int_equal(unlinkat(m->root, path, 0), 0);
	assert_int_equal(mkdirat(m->root, path, 0755), 0);
}

static void machine_mend(const struct machine *m, const char *path, const char *value)
{
	assert_int_equal(unlinkat(m->root, path, AT_REMOVEDIR), 0);
	machine_set(m, path, value);
}

static void an_undo_that_fails_for_a_while_is_retried_until_it_works(void **state)
{
	struct machine *m = *state;
	uint64_t now = clock_now_ns(), due = now + NSEC_PER_SEC, wait = NSEC_PER_SEC;
	struct change change = machine_change(1, "vm.swappiness", "60", "10");
	struct outcome outcome;

	change.deadline_ns = due;
	actuator_change(m->actuator, &change, now, &outcome);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	limit_files(0);
	assert_int_equal(actuator_expire(m->actuator, due, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_FAILED);
	assert_int_equal(outcome.error, EMFILE);
	/* One failure is said once; the pauses grow to half a minute. */
	for (int i = 0; i < 8; i++) {
		assert_int_equal(actuator_expire(m->actuator, due, &outcome), 0);
		assert_int_equal(actuator_undo_next(m->actuator, due, &outcome), 0);
		assert_true(actuator_deadline(m->actuator) == due + wait);
		due += wait;
		wait = wait < 16 * NSEC_PER_SEC ? wait * 2 : 30 * NSEC_PER_SEC;
	}
	limit_files(RLIM_INFINITY);
	machine_expect(m, SWAPPINESS, "10");
	assert_int_equal(actuator_expire(m->actuator, due - 1, &outcome), 0);
	assert_int_equal(actuator_expire(m->actuator, due, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	assert_int_equal(outcome.txn, 1);
	assert_int_equal(outcome.unasked, 1);
	assert_string_equal(outcome.value, "60");
	machine_expect(m, SWAPPINESS, "60");
	assert_true(actuator_deadline(m->actuator) == UINT64_MAX);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "60", "10"), OUTCOME_DONE);
}

static void one_stuck_undo_does_not_keep_the_others_waiting(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;

	assert_int_equal(machine_begin(m, 1, "net.core.somaxconn", "4096", "8192"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	assert_int_equal(machine_begin(m, 2, "vm.swappiness", "60", "10"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 2, ACTION_ARM), OUTCOME_DONE);
	machine_break(m, SWAPPINESS);
	assert_int_equal(actuator_undo_next(m->actuator, clock_now_ns(), &outcome), 1);
	assert_int_equal(outcome.txn, 2);
	assert_int_equal(outcome.status, OUTCOME_FAILED);
	assert_int_equal(actuator_undo_next(m->actuator, clock_now_ns(), &outcome), 1);
	assert_int_equal(outcome.txn, 1);
	assert_int_equal(actuator_undo_next(m->actuator, clock_now_ns(), &outcome), 0);
	machine_expect(m, "proc/sys/net/core/somaxconn", "4096");
	machine_mend(m, SWAPPINESS, "33");
	/* Somebody has taken care of it meanwhile. */
	assert_int_equal(actuator_expire(m->actuator, actuator_deadline(m->actuator), &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_FOREIGN);
	assert_true(actuator_deadline(m->actuator) == UINT64_MAX);
}

static void arm_swappiness(struct machine *m)
{
	if (machine_begin(m, 1, "vm.swappiness", "60", "10") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
}

static void what_recovery_could_not_undo_is_retried_too(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;

	machine_crash(m, arm_swappiness);
	machine_break(m, SWAPPINESS);
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(m->recovery.failed, 1);
	machine_mend(m, SWAPPINESS, "10");
	assert_true(actuator_deadline(m->actuator) <= clock_now_ns() + NSEC_PER_SEC);
	assert_int_equal(actuator_expire(m->actuator, clock_now_ns() + NSEC_PER_SEC, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	machine_expect(m, SWAPPINESS, "60");
}

static void a_companion_that_is_not_back_fails_the_undo_and_is_retried(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;

	assert_int_equal(machine_begin(m, 1, "block.scheduler", "mq-deadline", "bfq"),
			 OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_DONE);
	/* One that is gone does not hide one that fails. */
	assert_int_equal(unlinkat(m->root, QUEUE "iosched/async_depth", 0), 0);
	machine_break(m, QUEUE "wbt_lat_usec");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, EISDIR);
	assert_non_null(strstr(m->outcome.text, "unable to restore wbt_lat_usec (Is a directory)"));
	machine_expect(m, SCHEDULER, "mq-deadline");
	assert_int_equal(machine_begin(m, 2, "block.read_ahead_kb", "128", "256"), OUTCOME_REFUSED);
	/* The journal has not been told that it is over. */
	actuator_close(take_ptr(m->actuator), clock_now_ns());
	assert_int_equal(machine_open(m), 0);
	assert_int_equal(m->recovery.failed, 1);
	assert_non_null(strstr(m->recovery.text, "wbt_lat_usec"));
	machine_mend(m, QUEUE "wbt_lat_usec", "0");
	assert_int_equal(actuator_expire(m->actuator, clock_now_ns() + NSEC_PER_SEC, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	assert_non_null(strstr(outcome.text, "async_depth"));
	machine_expect(m, QUEUE "wbt_lat_usec", "5000");
	assert_int_equal(machine_begin(m, 2, "block.read_ahead_kb", "128", "256"), OUTCOME_DONE);
}

static void a_companion_that_is_not_back_after_a_failed_arm_is_retried(void **state)
{
	struct machine *m = *state;
	struct outcome outcome;
	uint32_t status;

	machine_set(m, QUEUE "nr_requests", "7");
	assert_int_equal(machine_begin(m, 1, "block.nr_requests", "7", "64"), OUTCOME_DONE);
	machine_break(m, QUEUE "iosched/async_depth");
	/* "64" becomes "6": the arm does not take, and "7" is written back. */
	machine_limit(RLIMIT_FSIZE, 1);
	status = machine_ask(m, 1, ACTION_ARM);
	machine_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	assert_int_equal(status, OUTCOME_FAILED);
	machine_expect(m, QUEUE "nr_requests", "7");
	machine_mend(m, QUEUE "iosched/async_depth", "48");
	assert_int_equal(actuator_expire(m->actuator, clock_now_ns() + NSEC_PER_SEC, &outcome), 1);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	machine_expect(m, QUEUE "iosched/async_depth", "32");
}

static void keep(struct machine *m, uint64_t txn, const char *knob, const char *old,
		 const char *new_value)
{
	assert_int_equal(machine_begin(m, txn, knob, old, new_value), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, txn, ACTION_KEEP), OUTCOME_DONE);
}

static void kept_knobs_of_one_disk_that_disturb_nothing_are_rolled_back_in_any_order(void **state)
{
	struct machine *m = *state;

	keep(m, 1, "block.wbt_lat_usec", "5000", "2000");
	keep(m, 2, "block.read_ahead_kb", "128", "256");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, QUEUE "wbt_lat_usec", "5000");
	machine_expect(m, QUEUE "read_ahead_kb", "256");
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, QUEUE "read_ahead_kb", "128");
}

static void a_kept_scheduler_and_the_knobs_that_it_disturbs_stand_on_each_other(void **state)
{
	struct machine *m = *state;

	keep(m, 1, "block.wbt_lat_usec", "5000", "2000");
	keep(m, 2, "block.scheduler", "mq-deadline", "bfq");
	keep(m, 3, "block.wbt_lat_usec", "2000", "1000");
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_REFUSED);
	assert_int_equal(machine_ask(m, 2, ACTION_UNDO), OUTCOME_REFUSED);
	for (uint64_t txn = 3; txn >= 1; txn--)
		assert_int_equal(machine_ask(m, txn, ACTION_UNDO), OUTCOME_DONE);
	machine_expect(m, QUEUE "wbt_lat_usec", "5000");
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, machine_setup_open, machine_teardown)
#define ON_CLOSED(test) cmocka_unit_test_setup_teardown(test, machine_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(an_undo_that_fails_for_a_while_is_retried_until_it_works),
		ON_MACHINE(one_stuck_undo_does_not_keep_the_others_waiting),
		ON_CLOSED(what_recovery_could_not_undo_is_retried_too),
		ON_MACHINE(a_companion_that_is_not_back_fails_the_undo_and_is_retried),
		ON_MACHINE(a_companion_that_is_not_back_after_a_failed_arm_is_retried),
		ON_MACHINE(
			kept_knobs_of_one_disk_that_disturb_nothing_are_rolled_back_in_any_order),
		ON_MACHINE(a_kept_scheduler_and_the_knobs_that_it_disturbs_stand_on_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
