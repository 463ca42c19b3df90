// SPDX-License-Identifier: Apache-2.0
/*
 * A control group whose one task always wants to run, under a limit of 5 ms in 50: it runs into it in each period in which
 * it got 5 ms, and what is seen lies between looks at cpu.stat inside and outside of the observer's.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define RUN_US 2000000

static char name[64], folder[128];
static bool v1;

static bool put(const char *file, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	out = fopen(path, "w");
	if (!out)
		return false;
	fputs(text, out);
	return fclose(out) == 0;
}

static bool make_group(void)
{
	v1 = !access("/sys/fs/cgroup/cpu/tasks", F_OK);
	/* In the software machine alone: the groups of this one are its own. */
	if (!v1 && getenv("FLYBALL_VM_GUEST") &&
	    system("echo +cpu >/sys/fs/cgroup/cgroup.subtree_control"))
		return false;
	snprintf(name, sizeof(name), "/flyball-truth-%d", getpid());
	snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s%s", v1 ? "/cpu" : "", name);
	if (mkdir(folder, 0755) < 0)
		return false;
	return v1 ? put("cpu.cfs_period_us", "50000") && put("cpu.cfs_quota_us", "5000")
		  : put("cpu.max", "5000 50000");
}

struct look {
	double periods, throttled, time_ns;
};

static double number(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	assert_non_null(line);
	return strtod(line + strlen(key), NULL);
}

static struct look look(void)
{
	char path[256], text[1024];
	struct look look;
	int root = sysroot_open("/");

	snprintf(path, sizeof(path), "%s/cpu.stat", folder + 1);
	assert_true(sysroot_read(root, path, text, sizeof(text)) > 0);
	close(root);
	look.periods = number(text, "nr_periods ");
	look.throttled = number(text, "nr_throttled ");
	look.time_ns = v1 ? number(text, "throttled_time ") : number(text, "throttled_usec ") * 1e3;
	return look;
}

static double value_of(const struct frame *frame, uint32_t signal)
{
	for (size_t i = 0; i < frame->n_series; i++)
		if (frame->series[i].signal == signal && frame->series[i].flags & SERIES_VALID)
			return frame->series[i].value;
	fail_msg("%s has no value", signal_rows[signal].name);
	return 0;
}

static void a_group_at_its_limit_is_seen_as_the_kernel_counts_it(void **state)
{
	struct demand demands[2] = {
		{ .signal = SIGNAL_CPU_THROTTLED, .scope.kind = SCOPE_CGROUP },
		{ .signal = SIGNAL_CPU_THROTTLED_TIME, .scope.kind = SCOPE_CGROUP },
	};
	struct observer_options options = { .root = sysroot_open("/") };
	struct frame *frame = malloc(sizeof(*frame));
	struct observer *observer;
	struct look outer[2], inner[2];
	double share, time_ns;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		strcpy(demands[i].scope.name, name);
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, demands, 2), 0);
	pid = fork();
	if (pid == 0) {
		if (!put("cgroup.procs", "0"))
			_exit(1);
		for (;;)
			;
	}
	usleep(200000);
	outer[0] = look();
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	inner[0] = look();
	usleep(RUN_US);
	inner[1] = look();
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	outer[1] = look();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	share = value_of(frame, SIGNAL_CPU_THROTTLED);
	time_ns = value_of(frame, SIGNAL_CPU_THROTTLED_TIME);
	print_message("%g of %g periods throttled, seen %g %%; %g <= %g <= %g ns\n",
		      outer[1].throttled - outer[0].throttled, outer[1].periods - outer[0].periods,
		      share * 100, inner[1].time_ns - inner[0].time_ns, time_ns,
		      outer[1].time_ns - outer[0].time_ns);
	assert_true(inner[1].throttled > inner[0].throttled);
	assert_true(share >= (inner[1].throttled - inner[0].throttled) /
				     (outer[1].periods - outer[0].periods));
	assert_true(share <= (outer[1].throttled - outer[0].throttled) /
				     (inner[1].periods - inner[0].periods));
	assert_true(time_ns >= inner[1].time_ns - inner[0].time_ns);
	assert_true(time_ns <= outer[1].time_ns - outer[0].time_ns);
	observer_free(observer);
	close(options.root);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_at_its_limit_is_seen_as_the_kernel_counts_it),
	};
	int r;

	if (geteuid() || !make_group()) {
		print_message("skipped: no control group with a limit of CPU time\n");
		if (name[0])
			rmdir(folder);
		return 77;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	if (rmdir(folder) < 0)
		print_message("%s stays: %s\n", folder, strerror(errno));
	return r;
}
