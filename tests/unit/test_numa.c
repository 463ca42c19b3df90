// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/test_actuator.h"

#include "actuator/family.h"
#include "actuator/knobs.h"
#include "actuator/numa_pages.h"
#include "base/cleanup.h"

#define PROCESS "proc/42/"
#define MEMINFO "sys/devices/system/node/node1/meminfo"

static const struct scope process = { .kind = SCOPE_PROCESS, .name = "42@4242" };

static int numa_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	machine_set(m, PROCESS "task/42/stat",
		    "42 (a b) c) S 1 42 42 0 -1 4194304 1 0 0 0 1 1 0 0 20 0 1 0 4242 1 1\n");
	machine_set(m, PROCESS "status", "Name:\ta\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n");
	machine_set(m, PROCESS "numa_maps",
		    "557183117000 default heap anon=80 dirty=80 N0=60 N1=20 kernelpagesize_kB=4\n"
		    "7f9103856000 default anon=20 dirty=20 active=0 N0=20 kernelpagesize_kB=4\n"
		    "7f9103878000 default file=/usr/lib/x mapped=32 N1=32 kernelpagesize_kB=4\n"
		    "7f9103888000 default file=/usr/lib/x anon=3 dirty=3 N1=3 kernelpagesize_kB=4\n"
		    "7f9104000000 default anon=9 huge dirty=9 N1=9 kernelpagesize_kB=2048\n");
	machine_set(m, "sys/devices/system/node/has_memory", "0-1\n");
	return r;
}

static void what_counts_is_anonymous_memory_of_its_own(void **state)
{
	struct machine *m = *state;
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &process, &reading), 0);
	assert_string_equal(reading.value, "0-1");
	assert_string_equal(reading.within, "0-1");
	assert_int_equal(reading.flags, KNOB_WRITABLE);
	machine_set(m, PROCESS "numa_maps",
		    "1000 default heap anon=100 N0=4 N1=96 kernelpagesize_kB=4\n");
	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &process, &reading), 0);
	assert_string_equal(reading.value, "1");
}

/* A kernel without CONFIG_PROC_PAGE_MONITOR, as a folder of captured files, has no pagemap. */
static void without_a_pagemap_shared_pages_count_too(void **state)
{
	struct machine *m = *state;
	struct knob_reading reading;

	machine_set(m, PROCESS "numa_maps",
		    "1000 default heap anon=90 mapmax=3 N0=90 kernelpagesize_kB=4\n"
		    "2000 default anon=10 N1=10 kernelpagesize_kB=4\n");
	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &process, &reading), 0);
	assert_int_equal(reading.flags, KNOB_WRITABLE);
	assert_string_equal(reading.value, "0-1");
}

static void one_node_is_read_and_not_written_and_the_reason_is_said(void **state)
{
	struct machine *m = *state;
	struct knob_reading reading;
	struct change change = machine_change(1, "numa.process.node", "0-1", "0");

	machine_set(m, "sys/devices/system/node/has_memory", "0\n");
	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &process, &reading), 0);
	assert_int_equal(reading.flags, 0);
	assert_string_equal(reading.reason, "one node with memory is all that it may use");
	assert_int_equal(machine_open(m), 0);
	change.scope = process;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
	assert_non_null(strstr(m->outcome.text, "one node"));
}

static void another_process_of_the_number_is_gone(void **state)
{
	const struct scope other = { .kind = SCOPE_PROCESS, .name = "42@4243" };
	struct machine *m = *state;
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &other, &reading), 0);
	assert_int_equal(reading.flags, KNOB_GONE);
}

/* A folder of files has no pages: the attempt is refused before a number becomes a process of this machine. */
static void captured_files_are_not_moved(void **state)
{
	struct machine *m = *state;
	const struct knob_row *row = knob_find("numa.process.node");

	assert_int_equal(knob_family_ops(row)->write(m->root, row, &process, "1"), -EXDEV);
}

static void confined_elsewhere_is_another_instance(void **state)
{
	const struct knob_row *row = knob_find("numa.process.node");
	const struct knob_family_ops *ops = knob_family_ops(row);
	char companions[COMPANIONS_MAX], text[160];
	struct machine *m = *state;

	assert_int_equal(ops->capture(m->root, row, &process, companions, sizeof(companions), text,
				      sizeof(text)),
			 0);
	assert_string_equal(companions, "@mems=0-1\npages=0:80 1:20\n");
	assert_true(ops->same_instance(m->root, row, &process, companions));
	machine_set(m, PROCESS "status", "Name:\ta\nMems_allowed_list:\t1\n");
	assert_false(ops->same_instance(m->root, row, &process, companions));
}

static void the_room_of_a_node_leaves_a_reserve(void **state)
{
	struct machine *m = *state;
	uint64_t pages, page_kb = (uint64_t)sysconf(_SC_PAGESIZE) / 1024;

	machine_set(m, MEMINFO, "Node 1 MemTotal: 1000000 kB\nNode 1 MemFree:  60000 kB\n");
	assert_int_equal(numa_node_room(m->root, 1, 0, &pages), 0);
	assert_int_equal(pages, 10000 / page_kb);
	machine_set(m, MEMINFO, "Node 1 MemTotal: 1000000 kB\nNode 1 MemFree:  50000 kB\n");
	assert_int_equal(numa_node_room(m->root, 1, 0, &pages), 0);
	assert_int_equal(pages, 0);
	/* The operator's floor counts where it is the higher one. */
	machine_set(m, MEMINFO, "Node 1 MemTotal: 1000000 kB\nNode 1 MemFree:  60000 kB\n");
	assert_int_equal(numa_node_room(m->root, 1, 59000 * 1024, &pages), 0);
	assert_int_equal(pages, 1000 / page_kb);
	assert_int_equal(numa_node_room(m->root, 1, 61000 * 1024, &pages), 0);
	assert_int_equal(pages, 0);
	assert_int_equal(numa_node_room(m->root, 1, 40000 * 1024, &pages), 0);
	assert_int_equal(pages, 10000 / page_kb);
}

/* 100 pages: at least 40 KiB a second, or it takes more than ten seconds. */
static void what_takes_too_long_at_the_operators_rate_is_refused(void **state)
{
	static const char *const rates[] = { "30KiB", "0B" };
	struct change change = machine_change(1, "numa.process.node", "0-1", "0");
	struct machine *m = *state;
	char text[160];

	assert_int_equal(machine_open(m), 0);
	change.scope = process;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	assert_int_equal(m->outcome.status, OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_DONE);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(actuator_limit_set(m->actuator, "numa.rate", rates[i], 0,
						    clock_now_ns(), text, sizeof(text)),
				 0);
		change.txn++;
		actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
		assert_int_equal(m->outcome.status, OUTCOME_REFUSED);
		assert_non_null(strstr(m->outcome.text, "numa.rate"));
	}
}

static struct numa_pages pages_of(uint64_t a, uint64_t b, uint64_t c)
{
	return (struct numa_pages){ .on = { a, b, c }, .total = a + b + c };
}

static void a_plan_moves_as_little_as_it_must(void **state)
{
	static const struct {
		const char *nodes;
		uint64_t now[3], want[3];
	} cases[] = {
		{ "1", { 1000, 0, 0 }, { 0, 1000, 0 } },
		{ "0-1", { 1000, 0, 0 }, { 900, 100, 0 } },
		{ "0-1", { 600, 400, 0 }, { 600, 400, 0 } },
		{ "0", { 600, 300, 100 }, { 1000, 0, 0 } },
		{ "0-1", { 0, 0, 1000 }, { 500, 500, 0 } },
		{ "0-2", { 0, 0, 1000 }, { 100, 100, 800 } },
		{ "0-1", { 1, 0, 0 }, { 1, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct numa_pages now = pages_of(cases[i].now[0], cases[i].now[1], cases[i].now[2]);
		struct numa_pages want;
		struct idset nodes;

		assert_int_equal(idset_parse(cases[i].nodes, &nodes), 0);
		numa_pages_plan(&nodes, &now, &want);
		for (int node = 0; node < 3; node++)
			assert_in_range(want.on[node] + 8, cases[i].want[node],
					cases[i].want[node] + 16);
		assert_int_equal(want.on[0] + want.on[1] + want.on[2], now.total);
	}
}

static void shares_are_kept_when_the_process_has_grown(void **state)
{
	struct numa_pages old = pages_of(700, 300, 0), now = pages_of(0, 20000, 0), want, back;
	char text[64];

	(void)state;
	numa_pages_scale(&old, &now, &want);
	assert_int_equal(want.on[0], 14000);
	assert_int_equal(want.on[1], 6000);
	now = pages_of(13010, 6990, 0);
	assert_int_equal(numa_pages_missing(&want, &now), 0);
	now = pages_of(12990, 7010, 0);
	assert_int_equal(numa_pages_missing(&want, &now), 1010);
	/* One huge page moves whole. */
	old = pages_of(700, 300, 0);
	now = pages_of(700 - 512, 300 + 512, 0);
	assert_int_equal(numa_pages_missing(&old, &now), 0);
	now = pages_of(700 - 513, 300 + 513, 0);
	assert_int_equal(numa_pages_missing(&old, &now), 513);
	assert_int_equal(numa_pages_format(&old, text, sizeof(text)), 0);
	assert_string_equal(text, "0:700 1:300");
	assert_int_equal(numa_pages_parse(text, &back), 0);
	assert_memory_equal(&old, &back, sizeof(old));
	assert_int_equal(numa_pages_parse("0:1 64:1", &back), -EBADMSG);
	assert_int_equal(numa_pages_parse("0:7 0:1", &back), -EBADMSG);
	assert_int_equal(numa_pages_parse("0:7 1:0", &back), -EBADMSG);
	assert_int_equal(numa_pages_parse("x", &back), -EBADMSG);
	assert_int_equal(numa_pages_parse("", &back), -EBADMSG);
}

#define ON_NUMA(test) cmocka_unit_test_setup_teardown(test, numa_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_NUMA(what_counts_is_anonymous_memory_of_its_own),
		ON_NUMA(without_a_pagemap_shared_pages_count_too),
		ON_NUMA(one_node_is_read_and_not_written_and_the_reason_is_said),
		ON_NUMA(another_process_of_the_number_is_gone),
		ON_NUMA(captured_files_are_not_moved),
		ON_NUMA(confined_elsewhere_is_another_instance),
		ON_NUMA(the_room_of_a_node_leaves_a_reserve),
		ON_NUMA(what_takes_too_long_at_the_operators_rate_is_refused),
		cmocka_unit_test(a_plan_moves_as_little_as_it_must),
		cmocka_unit_test(shares_are_kept_when_the_process_has_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
