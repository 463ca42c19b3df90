// SPDX-License-Identifier: Apache-2.0
/*
 * The affinity family on the kernel itself: processes of its own with several threads. Needs root and two CPUs; exits
 * with 77 where there is one. Interrupts are the machine's: they are read, and written only in a machine that was made
 * for it (FLYBALL_TEST_IRQ=1, as in `FLYBALL_TEST_IRQ=1 tests/vm/run -- …`).
 */
#include "tests/native/families.h"

#include <dirent.h>

#define KNOB "affinity.process.cpus"

static struct scope scope_of(const struct bench *b, pid_t pid)
{
	struct scope scope = { .kind = SCOPE_PROCESS };

	snprintf(scope.name, sizeof(scope.name), "%d", pid);
	assert_int_equal(knob_resolve(b->root, knob_find(KNOB), &scope), 0);
	return scope;
}

static struct worker mixed_worker(void)
{
	struct worker w;

	worker_start(&w);
	cpus_set(w.pid, 3);
	cpus_set(w.threads[0], 1);
	cpus_set(w.threads[1], 2);
	cpus_set(w.threads[2], 3);
	return w;
}

static void assert_mixed(const struct worker *w)
{
	assert_int_equal(cpus_of(w->pid), 3);
	assert_int_equal(cpus_of(w->threads[0]), 1);
	assert_int_equal(cpus_of(w->threads[1]), 2);
	assert_int_equal(cpus_of(w->threads[2]), 3);
}

static void assert_all(const struct worker *w, unsigned long mask)
{
	assert_int_equal(cpus_of(w->pid), mask);
	for (int i = 0; i < WORKER_THREADS; i++)
		assert_int_equal(cpus_of(w->threads[i]), mask);
}

static void every_thread_gets_its_own_mask_back(void **state)
{
	static const char *const values[] = { "0", "1", "0-1" };
	static const unsigned long masks[] = { 1, 2, 3 };
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct change change = change_of(b, KNOB, &scope, values[i]);

		assert_string_equal(change.old_value, "0-1");
		must(actuator, &change, ACTION_BEGIN);
		assert_mixed(&w);
		must(actuator, &change, ACTION_ARM);
		/* An arm that the leader has already is no change, to no thread. */
		if (i < 2)
			assert_all(&w, masks[i]);
		must(actuator, &change, ACTION_BASE);
		assert_mixed(&w);
		must(actuator, &change, ACTION_ARM);
		must(actuator, &change, ACTION_UNDO);
		assert_mixed(&w);
	}
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void threads_that_are_born_or_end_in_mid_trial_are_followed(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);
	struct change change = change_of(b, KNOB, &scope, "1");
	pid_t in_arm, in_base;

	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	in_arm = worker_thread_start(&w);
	assert_int_equal(cpus_of(in_arm), 2);
	must(actuator, &change, ACTION_BASE);
	assert_int_equal(cpus_of(in_arm), 3);
	assert_mixed(&w);
	in_base = worker_thread_start(&w);
	assert_int_equal(cpus_of(in_base), 3);
	must(actuator, &change, ACTION_ARM);
	assert_int_equal(cpus_of(in_base), 2);
	/* One of five ends; whichever, it is no error. */
	assert_int_equal(write(w.order, "x", 1), 1);
	usleep(50000);
	must(actuator, &change, ACTION_UNDO);
	assert_int_equal(cpus_of(w.pid), 3);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void assert_every_thread(pid_t pid, unsigned long mask)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		cpu_set_t set;

		CPU_ZERO(&set);
		if (entry->d_name[0] != '.' &&
		    sched_getaffinity(atoi(entry->d_name), sizeof(set), &set) >= 0)
			assert_int_equal(CPU_ISSET(0, &set) | CPU_ISSET(1, &set) << 1, mask);
	}
}

static void no_thread_slips_through_while_others_are_born(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w;
	struct scope scope;
	struct change change;

	worker_start(&w);
	cpus_set(w.pid, 3);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, "1");
	must(actuator, &change, ACTION_BEGIN);
	assert_int_equal(write(w.order, "s", 1), 1);
	usleep(10000);
	for (int i = 0; i < 20; i++) {
		must(actuator, &change, ACTION_ARM);
		assert_every_thread(w.pid, 2);
		must(actuator, &change, ACTION_BASE);
		assert_every_thread(w.pid, 3);
	}
	must(actuator, &change, ACTION_UNDO);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

/* The captured exception has the arm's own mask; others that the arm was given still go back. */
static void an_arm_that_one_thread_had_already_is_taken_back_from_the_others(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);
	struct change change = change_of(b, KNOB, &scope, "0");

	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	assert_all(&w, 1);
	must(actuator, &change, ACTION_UNDO);
	assert_mixed(&w);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

/* Threads with 0-1, one of them taken to 0 by somebody while all are at 1. */
/* What a hand leaves that dies among the threads: the leader, which is the first, has the arm, and another one has not. */
static void threads_that_a_dead_hand_left_behind_are_switched_when_it_is_asked_again(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);
	struct change change = change_of(b, KNOB, &scope, "1");

	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	cpus_set(w.threads[0], 1);
	cpus_set(w.threads[2], 3);
	must(actuator, &change, ACTION_KEEP);
	assert_all(&w, 2);
	must(actuator, &change, ACTION_UNDO);
	assert_mixed(&w);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void a_mask_that_somebody_sets_on_a_thread_is_left(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w;
	struct scope scope;
	struct change change;
	struct outcome outcome;

	worker_start(&w);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, "1");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	cpus_set(w.threads[1], 1);
	outcome = ask(actuator, &change, ACTION_UNDO);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	assert_non_null(strstr(outcome.text, "somebody else's choice: left"));
	assert_int_equal(cpus_of(w.pid), 3);
	assert_int_equal(cpus_of(w.threads[0]), 3);
	assert_int_equal(cpus_of(w.threads[1]), 1);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void a_leader_that_is_somebody_elses_leaves_no_thread_behind(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w;
	struct scope scope;
	struct change change;

	worker_start(&w);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, "1");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	cpus_set(w.pid, 1);
	assert_int_equal(ask(actuator, &change, ACTION_UNDO).status, OUTCOME_FOREIGN);
	assert_int_equal(cpus_of(w.pid), 1);
	for (int i = 0; i < WORKER_THREADS; i++)
		assert_int_equal(cpus_of(w.threads[i]), 3);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void a_process_that_ends_is_gone(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	struct scope scope = scope_of(b, w.pid);
	struct change change = change_of(b, KNOB, &scope, "1");

	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	worker_stop(&w);
	assert_int_equal(ask(actuator, &change, ACTION_BASE).status, OUTCOME_GONE);
	/* The number alone is not the process. */
	snprintf(scope.name, sizeof(scope.name), "%d@1", getpid());
	assert_int_equal(reading_of(b, KNOB, &scope).flags, KNOB_GONE);
	assert_int_equal(knob_resolve(b->root, knob_find(KNOB), &scope), -ENOENT);
	actuator_close(actuator, clock_now_ns());
}

static void a_kill_in_mid_trial_leaves_nothing_behind(void **state)
{
	struct bench *b = *state;
	struct actuator_options options = bench_options(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);
	struct recovery recovery;
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct actuator *actuator = bench_actuator(b);
		struct change change = change_of(b, KNOB, &scope, "1");

		must(actuator, &change, ACTION_BEGIN);
		must(actuator, &change, ACTION_ARM);
		/* As when the kill comes in the middle of going back. */
		cpus_set(w.pid, 3);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(cpus_of(w.threads[0]), 2);
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
	assert_int_equal(recovery.restored, 1);
	assert_mixed(&w);
	worker_stop(&w);
}

static void what_must_not_be_moved_is_refused_with_the_reason(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct scope scope = scope_of(b, getpid());
	struct change change = change_of(b, KNOB, &scope, "1");
	struct outcome outcome = ask(actuator, &change, ACTION_BEGIN);

	assert_int_equal(outcome.status, OUTCOME_REFUSED);
	assert_non_null(strstr(outcome.text, "flyball's own"));
	scope = scope_of(b, 1);
	change = change_of(b, KNOB, &scope, "1");
	outcome = ask(actuator, &change, ACTION_BEGIN);
	assert_int_equal(outcome.status, OUTCOME_REFUSED);
	assert_non_null(strstr(outcome.text, "protected by protect.pids 1"));
	scope = scope_of(b, 2); /* kthreadd, where there is no namespace of processes */
	change = change_of(b, KNOB, &scope, "1");
	outcome = ask(actuator, &change, ACTION_BEGIN);
	assert_int_equal(outcome.status, OUTCOME_REFUSED);
	actuator_close(actuator, clock_now_ns());
}

static void a_cpu_that_is_not_there_is_refused(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct worker w = mixed_worker();
	const struct scope scope = scope_of(b, w.pid);
	struct change change = change_of(b, KNOB, &scope, "1,4095");

	assert_int_equal(ask(actuator, &change, ACTION_BEGIN).status, OUTCOME_REFUSED);
	change = change_of(b, KNOB, &scope, "");
	assert_int_equal(ask(actuator, &change, ACTION_BEGIN).status, OUTCOME_REFUSED);
	assert_mixed(&w);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void interrupts_are_read_and_where_allowed_moved_and_put_back(void **state)
{
	static struct scope scopes[1024];
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	size_t n = knob_scopes(b->root, knob_find("affinity.irq.cpus"), scopes, 1024), moved = 0;

	for (size_t i = 0; i < n && i < 1024; i++) {
		struct knob_reading reading = reading_of(b, "affinity.irq.cpus", &scopes[i]);
		struct change change;

		assert_int_equal(reading.flags & KNOB_GONE, 0);
		assert_true(reading.value[0] >= '0' && reading.value[0] <= '9');
		assert_true(reading.within[0] != '\0');
		if (!getenv("FLYBALL_TEST_IRQ") || !(reading.flags & KNOB_WRITABLE))
			continue;
		change = change_of(b, "affinity.irq.cpus", &scopes[i],
				   strcmp(reading.value, "1") ? "1" : "0");
		must(actuator, &change, ACTION_BEGIN);
		/* Some have an affinity of their own: the kernel refuses, and nothing has changed. */
		if (ask(actuator, &change, ACTION_ARM).status == OUTCOME_DONE) {
			must(actuator, &change, ACTION_UNDO);
			moved++;
		}
		assert_string_equal(reading_of(b, "affinity.irq.cpus", &scopes[i]).value,
				    reading.value);
	}
	print_message("%zu interrupts, %zu moved and put back\n", n, moved);
	if (getenv("FLYBALL_TEST_IRQ"))
		assert_true(moved > 0);
	actuator_close(actuator, clock_now_ns());
}

static int bench_setup(void **state)
{
	static struct bench b;

	*state = &b;
	return bench_open(&b);
}

static int bench_teardown(void **state)
{
	worker_clear();
	bench_close(*state);
	return 0;
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(every_thread_gets_its_own_mask_back),
		ON_BENCH(threads_that_are_born_or_end_in_mid_trial_are_followed),
		ON_BENCH(no_thread_slips_through_while_others_are_born),
		ON_BENCH(an_arm_that_one_thread_had_already_is_taken_back_from_the_others),
		ON_BENCH(threads_that_a_dead_hand_left_behind_are_switched_when_it_is_asked_again),
		ON_BENCH(a_mask_that_somebody_sets_on_a_thread_is_left),
		ON_BENCH(a_leader_that_is_somebody_elses_leaves_no_thread_behind),
		ON_BENCH(a_process_that_ends_is_gone),
		ON_BENCH(a_kill_in_mid_trial_leaves_nothing_behind),
		ON_BENCH(what_must_not_be_moved_is_refused_with_the_reason),
		ON_BENCH(a_cpu_that_is_not_there_is_refused),
		ON_BENCH(interrupts_are_read_and_where_allowed_moved_and_put_back),
	};

	if (geteuid() != 0 || (cpus_of(0) & 3) != 3) {
		puts("needs root and the first two CPUs");
		return 77;
	}
	cpus_set(0, 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
