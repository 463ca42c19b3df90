// SPDX-License-Identifier: Apache-2.0
/* numa.process.cpus on captured processes; that it writes is tested on the kernel (tests/native/test_families_numa.c). */
#include "tests/unit/test_actuator.h"

#include "actuator/family.h"
#include "actuator/knobs.h"
#include "actuator/thread.h"
#include "base/cleanup.h"

#define KNOB "numa.process.cpus"

static const struct scope process = { .kind = SCOPE_PROCESS, .name = "321@7777" };

static void set_thread(const struct machine *m, int pid, int tid, const char *comm,
		       unsigned int flags, unsigned int start, const char *cpus)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "proc/%d/task/%d/stat", pid, tid);
	snprintf(text, sizeof(text),
		 "%d (%s) S 1 %d 10421 0 -1 %u 124 0 0 0 0 0 0 0 20 0 1 0 %u 3133440 376 1 1\n",
		 tid, comm, pid, flags, start);
	machine_set(m, path, text);
	snprintf(path, sizeof(path), "proc/%d/task/%d/status", pid, tid);
	snprintf(text, sizeof(text), "Name:\t%s\nCpus_allowed:\tf\nCpus_allowed_list:\t%s\n", comm,
		 cpus);
	machine_set(m, path, text);
}

static int nodes_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	machine_set(m, "sys/devices/system/cpu/online", "0-3\n");
	machine_set(m, "sys/devices/system/node/node0/cpulist", "0-1\n");
	machine_set(m, "sys/devices/system/node/node1/cpulist", "2-3\n");
	machine_set(m, "sys/devices/system/node/node2/cpulist", "\n"); /* memory alone */
	set_thread(m, 321, 321, "web", 4194304, 7777, "0-3");
	set_thread(m, 321, 322, "worker", 4194304, 7778, "0,2");
	set_thread(m, 321, 323, "worker", 4194304, 7779, "0-3");
	set_thread(m, 9, 9, "ksoftirqd/0", 69238848 | THREAD_KERNEL, 3, "0");
	set_thread(m, 50, 50, "flyball-core", 4194304, 9, "0-3");
	return r;
}

static struct knob_reading reading_of(const struct machine *m, const struct scope *scope)
{
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find(KNOB), scope, &reading), 0);
	return reading;
}

static void the_nodes_of_the_leaders_cpus_are_in_force(void **state)
{
	static const struct {
		const char *cpus, *nodes;
	} rows[] = {
		{ "0-3", "0-1" }, { "0-1", "0" }, { "2-3", "1" }, { "3", "1" }, { "1-2", "0-1" },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set_thread(m, 321, 321, "web", 4194304, 7777, rows[i].cpus);
		assert_string_equal(reading_of(m, &process).value, rows[i].nodes);
		assert_string_equal(reading_of(m, &process).within, "0-1");
		assert_int_equal(reading_of(m, &process).flags, KNOB_WRITABLE);
	}
}

static void with_the_cpus_of_one_node_there_is_nothing_to_choose(void **state)
{
	struct machine *m = *state;

	machine_set(m, "sys/devices/system/cpu/online", "0-1\n");
	set_thread(m, 321, 321, "web", 4194304, 7777, "0-1");
	assert_int_equal(reading_of(m, &process).flags, 0);
	assert_string_equal(reading_of(m, &process).value, "0");
	assert_string_equal(reading_of(m, &process).reason,
			    "the CPUs of one node are all that it may use");
}

static void another_process_of_the_number_is_gone(void **state)
{
	const struct scope other = { .kind = SCOPE_PROCESS, .name = "321@7778" };

	assert_int_equal(reading_of(*state, &other).flags, KNOB_GONE);
}

static void expect_refused(struct machine *m, const char *name, const char *value, const char *text)
{
	static uint64_t txn = 100;
	struct change change = machine_change(++txn, KNOB, "", value);

	change.scope = (struct scope){ .kind = SCOPE_PROCESS };
	strcpy(change.scope.name, name);
	strcpy(change.old_value, reading_of(m, &change.scope).value);
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
	assert_string_equal(m->outcome.text, text);
}

static void what_affinity_refuses_and_nodes_without_cpus_are_refused(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_open(m), 0);
	expect_refused(m, "9@3", "1", KNOB " is read-only here: a thread of the kernel");
	expect_refused(m, "50@9", "1",
		       "process 50 (flyball-core) is flyball's own: what it costs would move into "
		       "the measurement");
	expect_refused(m, "321@7777", "2",
		       "'2' is not all there: " KNOB " takes members of 0-1 here");
	expect_refused(m, "321@7777", "", "'' is too short: " KNOB " takes at least 1");
}

static void each_thread_and_the_cpus_of_each_node_are_written_down(void **state)
{
	const struct knob_family_ops *ops = knob_family_ops(knob_find(KNOB));
	char companions[COMPANIONS_MAX], text[160];
	struct machine *m = *state;

	assert_int_equal(ops->capture(m->root, knob_find(KNOB), &process, companions,
				      sizeof(companions), text, sizeof(text)),
			 0);
	assert_string_equal(companions, "common=0-3\n322@7778=0,2\n@node0=0-1\n@node1=2-3\n");
}

/* Not the CPUs of its nodes: of those it may have a part alone. */
static void the_leaders_own_mask_is_written_down(void **state)
{
	const struct knob_family_ops *ops = knob_family_ops(knob_find(KNOB));
	char companions[COMPANIONS_MAX], text[160];
	struct machine *m = *state;

	set_thread(m, 321, 321, "web", 4194304, 7777, "1-2");
	set_thread(m, 321, 322, "worker", 4194304, 7778, "0-3");
	assert_string_equal(reading_of(m, &process).value, "0-1");
	assert_int_equal(ops->capture(m->root, knob_find(KNOB), &process, companions,
				      sizeof(companions), text, sizeof(text)),
			 0);
	assert_string_equal(companions, "common=0-3\n321@7777=1-2\n@node0=0-1\n@node1=2-3\n");
}

/* The arm's CPUs are those of BEGIN; a folder of files is no machine (EXDEV), which shows that the masks were made out. */
static void an_arm_is_made_of_what_was_written_down(void **state)
{
	static const struct {
		const char *companions;
		int result;
	} rows[] = {
		{ "@new=1\ncommon=0-3\n@node0=0-1\n@node1=2-3\n", -EXDEV },
		{ "@new=0-1\ncommon=0-3\n@node0=0-1\n@node1=2-3\n", 0 }, /* nothing to do */
		{ "@new=2\ncommon=0-3\n@node0=0-1\n@node1=2-3\n", -EBADMSG },
		{ "@new=\ncommon=0-3\n@node0=0-1\n", -EBADMSG },
		{ "@new=1\n@node1=2-3\n", -EBADMSG },
		{ "common=0-3\n@node1=2-3\n", -EBADMSG },
		{ "@new=1\ncommon=0-3\n@node1=x\n", -EBADMSG },
	};
	const struct knob_row *row = knob_find(KNOB);
	struct machine *m = *state;
	char value[32];

	set_thread(m, 321, 322, "worker", 4194304, 7778, "0-3");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		if (sscanf(rows[i].companions, "@new=%31s", value) != 1)
			strcpy(value, "1");
		r = knob_family_ops(row)->write_parts(m->root, row, &process, rows[i].companions,
						      value);
		if (r != rows[i].result)
			fail_msg("'%s': %d", rows[i].companions, r);
	}
}

static void the_command_names_the_cpus(void **state)
{
	struct machine *m = *state;
	char command[128];

	assert_int_equal(knob_command(m->root, knob_find(KNOB), &process, "1", command,
				      sizeof(command)),
			 0);
	assert_string_equal(command, "taskset -a -c -p 2-3 321");
}

#define ON_NODES(test) cmocka_unit_test_setup_teardown(test, nodes_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NODES(the_nodes_of_the_leaders_cpus_are_in_force),
		ON_NODES(with_the_cpus_of_one_node_there_is_nothing_to_choose),
		ON_NODES(another_process_of_the_number_is_gone),
		ON_NODES(what_affinity_refuses_and_nodes_without_cpus_are_refused),
		ON_NODES(each_thread_and_the_cpus_of_each_node_are_written_down),
		ON_NODES(the_leaders_own_mask_is_written_down),
		ON_NODES(an_arm_is_made_of_what_was_written_down),
		ON_NODES(the_command_names_the_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
