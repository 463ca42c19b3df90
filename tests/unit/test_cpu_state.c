// SPDX-License-Identifier: Apache-2.0
/* Frequency, idle states, heat, power and the limits of control groups, in files as drivers and kernels write them. */
#include "tests/unit/test_source.h"

#define CPU "sys/devices/system/cpu/cpu3/"
#define CPU0 "sys/devices/system/cpu/cpu0/"
#define RAPL "sys/class/powercap/intel-rapl:"
#define GROUP2 "sys/fs/cgroup/a/cpu.stat"
#define GROUP1 "sys/fs/cgroup/cpu/a/cpu.stat"
#define LAST_OF SIGNAL_CPU_THROTTLE_PACKAGE

static void put_cpu(struct files *f, const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%scpufreq/scaling_cur_freq", folder);
	put(f, path, "2394374\n");
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%scpuidle/state%d/time", folder, i);
		put(f, path, "5000000\n");
	}
	snprintf(path, sizeof(path), "%sthermal_throttle/core_throttle_count", folder);
	put(f, path, "7\n");
	snprintf(path, sizeof(path), "%sthermal_throttle/package_throttle_count", folder);
	put(f, path, "9\n");
}

static void a_cpu_has_a_frequency_idle_states_and_heat(void **state)
{
	struct files *f = *state;

	put_cpu(f, CPU0);
	put_cpu(f, CPU);
	put(f, "sys/devices/system/cpu/online", "0,3\n");
	start(f, SIGNAL_CPU_FREQUENCY, LAST_OF, SCOPE_CPU);
	assert_string_equal(status_of(f, "cpu-state")->text, "");
	tick(f);
	lost(f, "cpu-state");
	assert_int_equal(f->frame->n_series, 2 * 5);
	put(f, CPU "cpufreq/scaling_cur_freq", "800000\n");
	add_to(f, CPU "cpuidle/state0/time", "", TICK_NS / 1000 / 10);
	add_to(f, CPU "cpuidle/state3/time", "", TICK_NS / 1000 / 2);
	add_to(f, CPU "thermal_throttle/core_throttle_count", "", 2);
	add_to(f, CPU "thermal_throttle/package_throttle_count", "", 3);
	tick(f);
	expect(f, SIGNAL_CPU_FREQUENCY, "3", 800e6);
	expect(f, SIGNAL_CPU_FREQUENCY, "0", 2394374e3);
	expect(f, SIGNAL_CPU_IDLE_SHALLOW, "3", 0.1);
	expect(f, SIGNAL_CPU_IDLE_DEEP, "3", 0.5);
	expect(f, SIGNAL_CPU_IDLE_DEEP, "0", 0);
	expect(f, SIGNAL_CPU_THROTTLE_CORE, "3", 2);
	expect(f, SIGNAL_CPU_THROTTLE_PACKAGE, "3", 3);
	assert_int_equal(lost(f, "cpu-state"), 0);
	/* What was slept in earlier ticks is seen at once, and no more than all of this one. */
	add_to(f, CPU "cpuidle/state3/time", "", TICK_NS / 1000 * 7);
	tick(f);
	expect(f, SIGNAL_CPU_IDLE_DEEP, "3", 1);
	put(f, CPU "cpuidle/state3/time", "12\n");
	put(f, CPU "cpufreq/scaling_cur_freq", "<unknown>\n");
	tick(f);
	expect_invalid(f, SIGNAL_CPU_IDLE_DEEP, "3");
	expect_invalid(f, SIGNAL_CPU_FREQUENCY, "3");
	assert_int_equal(lost(f, "cpu-state"), 2);
}

static void what_a_machine_lacks_is_said(void **state)
{
	struct files *f = *state;

	put(f, CPU0 "cpuidle/state0/time", "1\n");
	put(f, "sys/devices/system/cpu/online", "0\n");
	start(f, SIGNAL_CPU_FREQUENCY, LAST_OF, SCOPE_CPU);
	tick(f);
	tick(f);
	assert_int_equal(status_of(f, "cpu-state")->state, SOURCE_ATTACHED);
	assert_string_equal(status_of(f, "cpu-state")->text,
			    "no cpufreq driver, no thermal_throttle");
	expect(f, SIGNAL_CPU_IDLE_DEEP, "0", 0);
	expect_invalid(f, SIGNAL_CPU_FREQUENCY, "0");
	assert_int_equal(status_of(f, "cpu-state")->losses[LOSS_EVENT], 0);
	assert_int_equal(unlinkat(f->root, CPU0 "cpuidle/state0/time", 0), 0);
	start(f, SIGNAL_CPU_FREQUENCY, LAST_OF, SCOPE_CPU);
	assert_int_equal(status_of(f, "cpu-state")->state, SOURCE_UNAVAILABLE);
	assert_string_equal(status_of(f, "cpu-state")->text,
			    "no cpufreq driver, no cpuidle driver, no thermal_throttle");
}

static void put_zone(struct files *f, const char *zone, const char *name, const char *energy_uj)
{
	char path[128];

	snprintf(path, sizeof(path), RAPL "%s/name", zone);
	put(f, path, name);
	snprintf(path, sizeof(path), RAPL "%s/energy_uj", zone);
	put(f, path, energy_uj);
	snprintf(path, sizeof(path), RAPL "%s/max_energy_range_uj", zone);
	put(f, path, "262143328850\n");
}

static void power_is_that_of_all_packages_also_where_a_counter_begins_again(void **state)
{
	struct files *f = *state;

	put_zone(f, "0", "package-0\n", "71500000000\n");
	put_zone(f, "0:0", "core\n", "61500000000\n");
	put_zone(f, "1", "package-1\n", "262143328849\n");
	put_zone(f, "2", "psys\n", "5\n");
	start(f, SIGNAL_CPU_POWER, SIGNAL_CPU_POWER, SCOPE_HOST);
	tick(f);
	lost(f, "rapl");
	add_to(f, RAPL "0/energy_uj", "", 100000000);
	put(f, RAPL "1/energy_uj", "39999999\n"); /* 40 J further */
	put(f, RAPL "2/energy_uj", "900000000\n");
	tick(f);
	expect(f, SIGNAL_CPU_POWER, "", 140.0 / (TICK_NS / 1e9));
	assert_int_equal(lost(f, "rapl"), 0);
	put(f, RAPL "1/energy_uj", "x\n");
	tick(f);
	expect_invalid(f, SIGNAL_CPU_POWER, "");
	assert_int_equal(lost(f, "rapl"), 1);
}

static void without_counters_of_energy_the_source_says_so(void **state)
{
	struct files *f = *state;

	start(f, SIGNAL_CPU_POWER, SIGNAL_CPU_POWER, SCOPE_HOST);
	assert_int_equal(status_of(f, "rapl")->state, SOURCE_UNAVAILABLE);
	assert_string_equal(status_of(f, "rapl")->text, "no /sys/class/powercap");
	put_zone(f, "0", "psys\n", "1\n");
	start(f, SIGNAL_CPU_POWER, SIGNAL_CPU_POWER, SCOPE_HOST);
	assert_string_equal(status_of(f, "rapl")->text, "no package under /sys/class/powercap");
}

static void expect_throttling(struct files *f, const char *path, const char *time_key, int time)
{
	start(f, SIGNAL_CPU_THROTTLED, SIGNAL_CPU_THROTTLED_TIME, SCOPE_CGROUP);
	tick(f);
	lost(f, "cgroup-cpu");
	tick(f);
	expect(f, SIGNAL_CPU_THROTTLED, "/a", 0);
	add_to(f, path, "nr_periods ", 20);
	add_to(f, path, "nr_throttled ", 5);
	add_to(f, path, time_key, time);
	tick(f);
	expect(f, SIGNAL_CPU_THROTTLED, "/a", 0.25);
	expect(f, SIGNAL_CPU_THROTTLED_TIME, "/a", 3000000);
	assert_int_equal(lost(f, "cgroup-cpu"), 0);
	put(f, path, "nr_periods 1\nnr_throttled 2\n");
	tick(f);
	expect_invalid(f, SIGNAL_CPU_THROTTLED, "/a");
	assert_int_equal(lost(f, "cgroup-cpu"), 1);
}

static void a_group_of_v2_runs_into_its_limit(void **state)
{
	struct files *f = *state;

	put(f, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu\n");
	put(f, "sys/fs/cgroup/cpu.stat", "usage_usec 815021\nuser_usec 1\nsystem_usec 2\n");
	put(f, GROUP2,
	    "usage_usec 815021\nuser_usec 1\nsystem_usec 2\nnr_periods 120\nnr_throttled 31\n"
	    "throttled_usec 1205341\nnr_bursts 0\nburst_usec 0\n");
	expect_throttling(f, GROUP2, "throttled_usec ", 3000);
	expect_invalid(f, SIGNAL_CPU_THROTTLED, "/"); /* the root has no limit, which is no loss */
}

static void a_group_of_v1_runs_into_its_limit(void **state)
{
	struct files *f = *state;

	put(f, "sys/fs/cgroup/cpu/tasks", "1\n");
	put(f, GROUP1,
	    "nr_periods 0\nnr_throttled 0\nthrottled_time 0\nnr_bursts 0\nburst_time 0\n");
	put(f, "sys/fs/cgroup/cpu/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n");
	expect_throttling(f, GROUP1, "throttled_time ", 3000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cpu_has_a_frequency_idle_states_and_heat),
		TEST(what_a_machine_lacks_is_said),
		TEST(power_is_that_of_all_packages_also_where_a_counter_begins_again),
		TEST(without_counters_of_energy_the_source_says_so),
		TEST(a_group_of_v2_runs_into_its_limit),
		TEST(a_group_of_v1_runs_into_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
