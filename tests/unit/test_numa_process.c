// SPDX-License-Identifier: Apache-2.0
/* The memory of processes on nodes: numa_maps parsed, looks that are rare and say their age, processes that come and go. */
#include "tests/unit/test_source.h"

#include "observer/numa_maps.h"

static void a_line_of_numa_maps_is_bytes_on_nodes(void **state)
{
	static const struct {
		const char *line;
		uint64_t node0, node1;
	} good[] = {
		{ "5582e6cb2000 default file=/usr/bin/head mapped=2 N0=2 kernelpagesize_kB=4", 8192,
		  0 },
		{ "7f1c0 bind:1 anon=512 dirty=512 N0=12 N1=500 kernelpagesize_kB=4", 49152,
		  2048000 },
		{ "7f1c0 prefer:0 huge dirty=3 N1=3 kernelpagesize_kB=2048", 0, 3 * 2097152 },
		{ "7f1c0 default", 0, 0 },
		{ "7f1c0 default file=/N0=7\\040N1=9 mapped=1 N1=1 kernelpagesize_kB=4", 0, 4096 },
	};
	static const char *const bad[] = {
		"7f1c0 default N0=x kernelpagesize_kB=4",
		"7f1c0 default N0=1 kernelpagesize_kB=",
		"7f1c0 default N0=1",
		"7f1c0 default N99999=1 kernelpagesize_kB=4",
		"7f1c0 default N0 kernelpagesize_kB=4",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t bytes[NUMA_NODES_MAX] = { 0 };

		assert_true(numa_maps_line(good[i].line, bytes));
		assert_int_equal(bytes[0], good[i].node0);
		assert_int_equal(bytes[1], good[i].node1);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t bytes[NUMA_NODES_MAX] = { 0 };

		assert_false(numa_maps_line(bad[i], bytes));
	}
}

static void put_stat(struct files *f, const char *path, const char *start, int cpu)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "17 (a b) c) S 1 1 1 0 -1 4194560 0 0 0 0 1 2 0 0 20 0 1 0 %s 100 200 "
		 "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 %d 0 0\n",
		 start, cpu);
	put(f, path, text);
}

static void put_machine(struct files *f)
{
	put(f, "sys/devices/system/node/node0/cpulist", "0-1\n");
	put(f, "sys/devices/system/node/node3/cpulist", "2-3\n");
	put(f, "proc/self/numa_maps", "");
	put_stat(f, "proc/17/task/17/stat", "500", 2);
	put_stat(f, "proc/17/task/18/stat", "501", 3);
	put(f, "proc/17/numa_maps",
	    "7f1c0 default anon=512 N0=100 N3=412 kernelpagesize_kB=4\n7f1d0 default\n");
}

static void begin(struct files *f)
{
	start(f, SIGNAL_NUMA_PAGES_LOCAL, SIGNAL_NUMA_PAGES_AGE, SCOPE_PROCESS);
	tick(f);
	lost(f, "numa-process");
}

static void memory_is_local_on_the_nodes_that_threads_last_ran_on(void **state)
{
	struct files *f = *state;

	put_machine(f);
	begin(f);
	expect_invalid(f, SIGNAL_NUMA_PAGES_LOCAL, "17@500");
	tick(f);
	expect(f, SIGNAL_NUMA_PAGES_LOCAL, "17@500", 412 * 4096);
	expect(f, SIGNAL_NUMA_PAGES_REMOTE, "17@500", 100 * 4096);
	assert_int_equal(lost(f, "numa-process"), 0);
}

static void a_look_stands_for_ten_seconds_and_says_its_age(void **state)
{
	struct files *f = *state;

	put_machine(f);
	begin(f);
	put_stat(f, "proc/17/task/18/stat", "501", 1);
	for (int i = 1; i < 5; i++) {
		tick(f);
		expect(f, SIGNAL_NUMA_PAGES_AGE, "17@500", (double)i * TICK_NS);
		expect(f, SIGNAL_NUMA_PAGES_REMOTE, "17@500", 100 * 4096);
	}
	tick(f);
	expect(f, SIGNAL_NUMA_PAGES_AGE, "17@500", 0);
	expect(f, SIGNAL_NUMA_PAGES_REMOTE, "17@500", 0);
}

static void garbage_and_another_process_are_no_values(void **state)
{
	struct files *f = *state;

	put_machine(f);
	put(f, "proc/17/numa_maps", "7f1c0 default N0=x kernelpagesize_kB=4\n");
	start(f, SIGNAL_NUMA_PAGES_LOCAL, SIGNAL_NUMA_PAGES_AGE, SCOPE_PROCESS);
	tick(f);
	assert_int_equal(status_of(f, "numa-process")->losses[LOSS_EVENT], 1);
	tick(f);
	expect_invalid(f, SIGNAL_NUMA_PAGES_LOCAL, "17@500");
	put_machine(f);
	put_stat(f, "proc/17/task/17/stat", "900", 2);
	tick(f);
	assert_null(find(f, SIGNAL_NUMA_PAGES_LOCAL, "17@500"));
	expect(f, SIGNAL_NUMA_PAGES_LOCAL, "17@900", 412 * 4096);
}

static void without_nodes_the_source_says_so(void **state)
{
	struct files *f = *state;

	put(f, "proc/uptime", "1 1\n");
	begin(f);
	assert_int_equal(status_of(f, "numa-process")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "numa-process")->remedy, "CONFIG_NUMA"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_numa_maps_is_bytes_on_nodes),
		TEST(memory_is_local_on_the_nodes_that_threads_last_ran_on),
		TEST(a_look_stands_for_ten_seconds_and_says_its_age),
		TEST(garbage_and_another_process_are_no_values),
		TEST(without_nodes_the_source_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
