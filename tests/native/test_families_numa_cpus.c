// SPDX-License-Identifier: Apache-2.0
/*
 * numa.process.cpus on the kernel itself: processes of its own with several threads. Needs root and two nodes with CPUs
 * (tests/vm/run --nodes 2); with one it checks that nothing can be written, and what is restored of nodes that are only
 * written down, and exits with 77 and the reason.
 */
#include "tests/native/families.h"

#include "actuator/family.h"
#include "base/idset.h"

#define KNOB "numa.process.cpus"
#define NODE "sys/devices/system/node/node"

static unsigned long node_mask[2], all;

static unsigned long mask_of(const char *path)
{
	_cleanup_close_ int root = sysroot_open("/");
	unsigned long mask = 0;
	struct idset cpus;
	char list[256];

	if (sysroot_read(root, path, list, sizeof(list)) < 0 || idset_parse(list, &cpus) < 0)
		return 0;
	for (unsigned int cpu = 0; cpu < sizeof(mask) * 8; cpu++)
		mask |= idset_has(&cpus, cpu) ? 1ul << cpu : 0;
	return mask;
}

static unsigned long lowest(unsigned long mask)
{
	return mask & -mask;
}

static struct scope scope_of(const struct bench *b, pid_t pid)
{
	struct scope scope = { .kind = SCOPE_PROCESS };

	snprintf(scope.name, sizeof(scope.name), "%d", pid);
	assert_int_equal(knob_resolve(b->root, knob_find(KNOB), &scope), 0);
	return scope;
}

/* A leader with any mask, and threads with one CPU of either node, and with all. */
static void mixed_start(struct worker *w, unsigned long leader)
{
	worker_start(w);
	cpus_set(w->pid, leader);
	cpus_set(w->threads[0], lowest(node_mask[0]));
	cpus_set(w->threads[1], lowest(node_mask[1]));
	cpus_set(w->threads[2], all);
}

static void assert_mixed(const struct worker *w, unsigned long leader)
{
	assert_int_equal(cpus_of(w->pid), leader);
	assert_int_equal(cpus_of(w->threads[0]), lowest(node_mask[0]));
	assert_int_equal(cpus_of(w->threads[1]), lowest(node_mask[1]));
	assert_int_equal(cpus_of(w->threads[2]), all);
}

static void assert_all(const struct worker *w, unsigned long mask)
{
	assert_int_equal(cpus_of(w->pid), mask);
	for (int i = 0; i < WORKER_THREADS; i++)
		assert_int_equal(cpus_of(w->threads[i]), mask);
}

static void try_value(struct bench *b, struct actuator *actuator, unsigned long leader,
		      const char *value, unsigned long arm)
{
	struct worker w;
	struct scope scope;
	struct change change;

	mixed_start(&w, leader);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, value);
	must(actuator, &change, ACTION_BEGIN);
	assert_mixed(&w, leader);
	must(actuator, &change, ACTION_ARM);
	/* What is in force already is no change, to no thread. */
	if (strcmp(change.old_value, value))
		assert_all(&w, arm);
	else
		assert_mixed(&w, leader);
	assert_string_equal(reading_of(b, KNOB, &scope).value, value);
	must(actuator, &change, ACTION_BASE);
	assert_mixed(&w, leader);
	must(actuator, &change, ACTION_ARM);
	must(actuator, &change, ACTION_UNDO);
	assert_mixed(&w, leader);
	assert_string_equal(reading_of(b, KNOB, &scope).value, change.old_value);
	worker_stop(&w);
}

static void every_set_of_nodes_is_set_and_every_mask_restored(void **state)
{
	const unsigned long leaders[] = { all, node_mask[0], node_mask[1], lowest(node_mask[1]),
					  lowest(node_mask[0]) | lowest(node_mask[1]) };
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);

	for (size_t i = 0; i < ARRAY_SIZE(leaders); i++) {
		try_value(b, actuator, leaders[i], "0", node_mask[0]);
		try_value(b, actuator, leaders[i], "1", node_mask[1]);
		try_value(b, actuator, leaders[i], "0-1", all);
	}
	actuator_close(actuator, clock_now_ns());
}

static void threads_that_are_born_in_mid_trial_are_followed(void **state)
{
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct change change;
	struct scope scope;
	struct worker w;
	pid_t born;

	mixed_start(&w, all);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, "1");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	born = worker_thread_start(&w);
	assert_int_equal(cpus_of(born), node_mask[1]);
	must(actuator, &change, ACTION_BASE);
	assert_int_equal(cpus_of(born), all);
	must(actuator, &change, ACTION_ARM);
	assert_int_equal(cpus_of(born), node_mask[1]);
	must(actuator, &change, ACTION_UNDO);
	assert_int_equal(cpus_of(born), all);
	assert_mixed(&w, all);
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void a_mask_that_somebody_sets_on_a_thread_is_left(void **state)
{
	unsigned long theirs = all & ~lowest(node_mask[0]);
	struct bench *b = *state;
	struct actuator *actuator = bench_actuator(b);
	struct outcome outcome;
	struct change change;
	struct scope scope;
	struct worker w;

	mixed_start(&w, all);
	scope = scope_of(b, w.pid);
	change = change_of(b, KNOB, &scope, "0");
	must(actuator, &change, ACTION_BEGIN);
	must(actuator, &change, ACTION_ARM);
	/* With one CPU a node it is that of the other node, which thread 1 had. */
	cpus_set(w.threads[2], theirs);
	outcome = ask(actuator, &change, ACTION_UNDO);
	assert_int_equal(outcome.status, OUTCOME_DONE);
	assert_int_equal(cpus_of(w.pid), all);
	assert_int_equal(cpus_of(w.threads[0]), lowest(node_mask[0]));
	assert_int_equal(cpus_of(w.threads[1]), lowest(node_mask[1]));
	assert_int_equal(cpus_of(w.threads[2]), theirs);
	assert_non_null(strstr(outcome.text, "somebody else's choice: left"));
	worker_stop(&w);
	actuator_close(actuator, clock_now_ns());
}

static void a_kill_in_mid_trial_leaves_nothing_behind(void **state)
{
	struct bench *b = *state;
	struct actuator_options options = bench_options(b);
	struct recovery recovery = { 0 };
	struct scope scope;
	struct worker w;
	pid_t child;

	mixed_start(&w, all);
	scope = scope_of(b, w.pid);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct actuator *actuator = bench_actuator(b);
		struct change change = change_of(b, KNOB, &scope, "1");

		must(actuator, &change, ACTION_BEGIN);
		must(actuator, &change, ACTION_ARM);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_all(&w, node_mask[1]);
	assert_int_equal(actuator_recover(&options, clock_now_ns(), &recovery), 0);
	assert_int_equal(recovery.restored, 1);
	assert_mixed(&w, all);
	worker_stop(&w);
}

static void with_one_node_nothing_can_be_written(void **state)
{
	struct bench *b = *state;
	struct knob_reading reading;
	struct scope scope;
	struct worker w;

	worker_start(&w);
	scope = scope_of(b, w.pid);
	reading = reading_of(b, KNOB, &scope);
	assert_int_equal(reading.flags, 0);
	assert_string_equal(reading.value, "0");
	assert_non_null(strstr(reading.reason, "one node"));
	worker_stop(&w);
}

/*
 * By what is written down, which need not be so: a node with CPUs 0 and 1, of which the leader had one, and a node with CPU 1.
 */
static void the_leader_gets_its_own_mask_back_and_not_its_node_s(void **state)
{
	const struct knob_row *row = knob_find(KNOB);
	const struct knob_family_ops *ops = knob_family_ops(row);
	struct bench *b = *state;
	char companions[512], text[160] = "";
	struct scope scope;
	struct worker w;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("skipped: needs CPUs 0 and 1\n");
		skip();
	}
	worker_start(&w);
	scope = scope_of(b, w.pid);
	snprintf(companions, sizeof(companions), "@new=1\ncommon=0-1\n%s=0\n@node0=0-1\n@node1=1\n",
		 scope.name);
	cpus_set(w.pid, 1);
	for (int i = 0; i < WORKER_THREADS; i++)
		cpus_set(w.threads[i], 3);
	for (int restore = 0; restore < 2; restore++) {
		assert_int_equal(ops->write_parts(b->root, row, &scope, companions, "1"), 0);
		assert_all(&w, 2);
		if (restore)
			assert_int_equal(ops->restore(b->root, row, &scope, companions, text,
						      sizeof(text)),
					 0);
		else
			assert_int_equal(ops->write_parts(b->root, row, &scope, companions, "0"),
					 0);
		assert_int_equal(cpus_of(w.pid), 1);
		for (int i = 0; i < WORKER_THREADS; i++)
			assert_int_equal(cpus_of(w.threads[i]), 3);
	}
	assert_string_equal(text, "");
	worker_stop(&w);
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
	const struct CMUnitTest two[] = {
		ON_BENCH(every_set_of_nodes_is_set_and_every_mask_restored),
		ON_BENCH(threads_that_are_born_in_mid_trial_are_followed),
		ON_BENCH(a_mask_that_somebody_sets_on_a_thread_is_left),
		ON_BENCH(a_kill_in_mid_trial_leaves_nothing_behind),
		ON_BENCH(the_leader_gets_its_own_mask_back_and_not_its_node_s),
	};
	const struct CMUnitTest one[] = {
		ON_BENCH(with_one_node_nothing_can_be_written),
		ON_BENCH(the_leader_gets_its_own_mask_back_and_not_its_node_s),
	};
	int failed;

	node_mask[0] = mask_of(NODE "0/cpulist");
	node_mask[1] = mask_of(NODE "1/cpulist");
	all = node_mask[0] | node_mask[1];
	if (geteuid() != 0 || node_mask[0] == 0) {
		puts("skipped: needs root, and a kernel with CONFIG_NUMA");
		return 77;
	}
	if (node_mask[1]) {
		cpus_set(0, all);
		return cmocka_run_group_tests(two, NULL, NULL);
	}
	failed = cmocka_run_group_tests(one, NULL, NULL);
	if (failed == 0)
		puts("skipped: one node with CPUs; tests/vm/run --nodes 2 has two");
	return failed ? failed : 77;
}
