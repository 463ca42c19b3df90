// SPDX-License-Identifier: Apache-2.0
/* The signals of memory in captured files of several kernels: the host, a node, control groups of v2 and of v1. */
#include "tests/unit/test_source.h"

#define NODE "sys/devices/system/node/node1/"
#define GROUP2 "sys/fs/cgroup/a/b/memory.stat"
#define GROUP1 "sys/fs/cgroup/memory/a/b/memory.stat"

static void demand_memory(struct files *f, uint32_t kind)
{
	start(f, SIGNAL_MEM_AVAILABLE, SIGNAL_MEM_THP_FAILURE, kind);
	tick(f);
	lost(f, kind == SCOPE_CGROUP ? "cgroup-memory" : "memory");
}

static void put_host(struct files *f)
{
	put_capture(f, "proc/meminfo", "observer/before/proc/meminfo");
	put_capture(f, "proc/vmstat", "observer/before/proc/vmstat");
}

static void the_host_counts_faults_stalls_scans_and_huge_pages(void **state)
{
	static const struct {
		const char *key;
		int more;
	} changes[] = {
		{ "pgfault ", 1007 },
		{ "pgmajfault ", 7 },
		{ "pswpin ", 11 },
		{ "pswpout ", 13 },
		{ "allocstall_dma32 ", 2 },
		{ "allocstall_movable ", 3 },
		{ "compact_stall ", 4 },
		{ "pgscan_kswapd ", 500 },
		{ "pgscan_direct ", 60 },
		{ "workingset_refault_anon ", 20 },
		{ "workingset_refault_file ", 21 },
		{ "thp_fault_alloc ", 8 },
		{ "thp_collapse_alloc ", 1 },
		{ "thp_fault_fallback ", 30 },
		{ "thp_collapse_alloc_failed ", 2 },
	};
	struct files *f = *state;

	put_host(f);
	demand_memory(f, SCOPE_HOST);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		add_to(f, "proc/vmstat", changes[i].key, changes[i].more);
	tick(f);
	expect(f, SIGNAL_MEM_FAULTS_MINOR, "", 1000);
	expect(f, SIGNAL_MEM_FAULTS_MAJOR, "", 7);
	expect(f, SIGNAL_MEM_SWAP_IN, "", 11);
	expect(f, SIGNAL_MEM_SWAP_OUT, "", 13);
	expect(f, SIGNAL_MEM_STALL_RECLAIM, "", 5);
	expect(f, SIGNAL_MEM_STALL_COMPACT, "", 4);
	expect(f, SIGNAL_MEM_SCAN_KSWAPD, "", 500);
	expect(f, SIGNAL_MEM_SCAN_DIRECT, "", 60);
	expect(f, SIGNAL_MEM_REFAULTS, "", 41);
	expect(f, SIGNAL_MEM_THP_SUCCESS, "", 9);
	expect(f, SIGNAL_MEM_THP_FAILURE, "", 32);
	assert_int_equal(lost(f, "memory"), 0);
}

static void what_a_kernel_does_not_count_is_said_and_is_no_loss(void **state)
{
	struct files *f = *state;

	put_host(f);
	put(f, "proc/vmstat", "pgfault 100\npgmajfault 3\nworkingset_refault 5\npswpin 0\n");
	demand_memory(f, SCOPE_HOST);
	add_to(f, "proc/vmstat", "workingset_refault ", 6);
	tick(f);
	expect(f, SIGNAL_MEM_REFAULTS, "", 6);
	expect_invalid(f, SIGNAL_MEM_STALL_COMPACT, "");
	assert_int_equal(lost(f, "memory"), 0);
	assert_string_equal(status_of(f, "memory")->text,
			    "not counted by this kernel: mem.swap.out, mem.stall.reclaim, "
			    "mem.stall.compact, mem.scan.kswapd, mem.scan.direct, "
			    "mem.thp.success, mem.thp.failure");
}

static void half_a_sum_is_a_loss(void **state)
{
	struct files *f = *state;

	put_host(f);
	demand_memory(f, SCOPE_HOST);
	put(f, "proc/vmstat",
	    "pgfault 100\nworkingset_refault_anon 5\nworkingset_refault_file x\n");
	tick(f);
	expect_invalid(f, SIGNAL_MEM_REFAULTS, "");
	expect_invalid(f, SIGNAL_MEM_FAULTS_MINOR, "");
	assert_true(lost(f, "memory") >= 2);
	put(f, "proc/vmstat", "");
	tick(f);
	assert_true(lost(f, "memory") >= 11);
}

static void a_node_counts_refaults(void **state)
{
	struct files *f = *state;

	put_host(f);
	put(f, NODE "meminfo", "Node 1 MemFree:        60 kB\n");
	put_capture(f, NODE "vmstat", "memory/node-vmstat-6.18");
	demand_memory(f, SCOPE_NODE);
	add_to(f, NODE "vmstat", "workingset_refault_file ", 12);
	tick(f);
	expect(f, SIGNAL_MEM_REFAULTS, "1", 12);
	expect(f, SIGNAL_MEM_FREE, "1", 60 * 1024);
}

static void pages_by_node_and_balancing_are_counted(void **state)
{
	static const char *const keys[] = { "numa_hit ",           "numa_miss ",
					    "numa_foreign ",       "numa_local ",
					    "numa_other ",         "numa_pte_updates ",
					    "numa_hint_faults ",   "numa_hint_faults_local ",
					    "numa_pages_migrated " };
	struct files *f = *state;

	put_host(f);
	put(f, NODE "meminfo", "Node 1 MemFree:        60 kB\n");
	put_capture(f, NODE "vmstat", "memory/node-vmstat-6.18");
	for (uint32_t kind = SCOPE_HOST; kind <= SCOPE_NODE; kind++) {
		const uint32_t last = kind == SCOPE_NODE ? SIGNAL_NUMA_OTHER : SIGNAL_NUMA_MIGRATED;

		if (kind == SCOPE_CPU)
			continue;
		start(f, SIGNAL_NUMA_HIT, SIGNAL_NUMA_MIGRATED, kind);
		tick(f);
		lost(f, "memory");
		for (uint32_t i = 0; i <= last - SIGNAL_NUMA_HIT; i++)
			add_to(f, kind == SCOPE_NODE ? NODE "vmstat" : "proc/vmstat", keys[i],
			       100 + (int)i);
		tick(f);
		for (uint32_t i = 0; i <= last - SIGNAL_NUMA_HIT; i++)
			expect(f, SIGNAL_NUMA_HIT + i, kind == SCOPE_NODE ? "1" : "", 100 + i);
		assert_int_equal(lost(f, "memory"), 0);
	}
}

static void a_group_of_v2_has_its_counts(void **state)
{
	struct files *f = *state;

	put(f, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
	put_capture(f, GROUP2, "memory/stat-v2-6.1");
	demand_memory(f, SCOPE_CGROUP);
	assert_int_equal(status_of(f, "cgroup-memory")->state, SOURCE_ATTACHED);
	add_to(f, GROUP2, "pgfault ", 105);
	add_to(f, GROUP2, "pgmajfault ", 5);
	add_to(f, GROUP2, "pgscan_kswapd ", 70);
	add_to(f, GROUP2, "pgscan_direct ", 80);
	add_to(f, GROUP2, "workingset_refault_file ", 9);
	add_to(f, GROUP2, "thp_fault_alloc ", 2);
	add_to(f, GROUP2, "file_dirty ", 4096);
	tick(f);
	expect(f, SIGNAL_MEM_FAULTS_MINOR, "/a/b", 100);
	expect(f, SIGNAL_MEM_FAULTS_MAJOR, "/a/b", 5);
	expect(f, SIGNAL_MEM_SCAN_KSWAPD, "/a/b", 70);
	expect(f, SIGNAL_MEM_SCAN_DIRECT, "/a/b", 80);
	expect(f, SIGNAL_MEM_REFAULTS, "/a/b", 9);
	expect(f, SIGNAL_MEM_THP_SUCCESS, "/a/b", 2);
	assert_true(find(f, SIGNAL_MEM_DIRTY, "/a/b")->value >= 4096);
	/* 6.1 does not count the swapping of a group yet. */
	assert_string_equal(status_of(f, "cgroup-memory")->text,
			    "not counted by this kernel: mem.swap.in, mem.swap.out");
	assert_int_equal(lost(f, "cgroup-memory"), 0);
}

static void a_group_of_v1_has_the_counts_of_all_below_it(void **state)
{
	struct files *f = *state;

	put(f, "sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
	put(f, "sys/fs/cgroup/memory/tasks", "1\n");
	put_capture(f, GROUP1, "memory/stat-v1-6.18");
	demand_memory(f, SCOPE_CGROUP);
	assert_int_equal(status_of(f, "cgroup-memory")->state, SOURCE_DEGRADED);
	assert_string_equal(status_of(f, "cgroup-memory")->method, "cgroup1");
	assert_string_equal(status_of(f, "cgroup-memory")->text,
			    "not counted by this kernel: mem.swap.in, mem.swap.out, "
			    "mem.scan.kswapd, mem.scan.direct, mem.thp.success");
	add_to(f, GROUP1, "total_pgfault ", 107);
	add_to(f, GROUP1, "total_pgmajfault ", 7);
	add_to(f, GROUP1, "total_workingset_refault_file ", 3);
	tick(f);
	expect(f, SIGNAL_MEM_FAULTS_MINOR, "/a/b", 100);
	expect(f, SIGNAL_MEM_FAULTS_MAJOR, "/a/b", 7);
	expect(f, SIGNAL_MEM_REFAULTS, "/a/b", 3);
	expect_invalid(f, SIGNAL_MEM_SCAN_DIRECT, "/a/b");
	assert_int_equal(lost(f, "cgroup-memory"), 0);
	put(f, GROUP1, "total_pgfault 1\ntotal_pgmajfault 9\n");
	tick(f);
	expect_invalid(f, SIGNAL_MEM_FAULTS_MINOR, "/a/b");
	assert_true(lost(f, "cgroup-memory") > 0);
}

static void without_a_memory_controller_the_source_says_so(void **state)
{
	struct files *f = *state;

	put(f, "sys/fs/cgroup/cgroup.controllers", "cpuset memoryless\n");
	demand_memory(f, SCOPE_CGROUP);
	assert_int_equal(status_of(f, "cgroup-memory")->state, SOURCE_UNAVAILABLE);
	assert_string_equal(status_of(f, "cgroup-memory")->text,
			    "no hierarchy of control groups has the controller memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_counts_faults_stalls_scans_and_huge_pages),
		TEST(what_a_kernel_does_not_count_is_said_and_is_no_loss),
		TEST(half_a_sum_is_a_loss),
		TEST(a_node_counts_refaults),
		TEST(pages_by_node_and_balancing_are_counted),
		TEST(a_group_of_v2_has_its_counts),
		TEST(a_group_of_v1_has_the_counts_of_all_below_it),
		TEST(without_a_memory_controller_the_source_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
