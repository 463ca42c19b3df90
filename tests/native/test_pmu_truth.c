// SPDX-License-Identifier: Apache-2.0
/*
 * Counters of perf against the kernel's own: switches between looks at /proc/stat inside and outside of the observer's; page faults
 * at least those of a program that knows its number, at most those of /proc/vmstat. The host is the sum of its CPUs. What the
 * hardware counts is held against the clock where there is any; else the reason is printed.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/faulty.h"

#define MINOR 5000
#define SWITCHES 1000

static struct observer *observer;
static struct frame *frame;

static const struct source_status *status_of(const char *name)
{
	static struct source_status status[SOURCES_MAX];

	for (size_t i = observer_sources(observer, status); i-- > 0;)
		if (!strcmp(status[i].name, name))
			return &status[i];
	return NULL;
}

/* The number behind a key at the beginning of a line. */
static uint64_t number(const char *path, const char *key)
{
	static char text[1 << 18];
	const char *line;
	int root = sysroot_open("/");

	assert_true(sysroot_read(root, path, text, sizeof(text)) > 0);
	close(root);
	line = strstr(text, key);
	assert_non_null(line);
	return strtoull(line + strlen(key), NULL, 10);
}

/* The host's value, which is the sum of the CPUs'. */
static double value_of(uint32_t signal)
{
	double host = -1, sum = 0;

	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		if (series->signal != signal)
			continue;
		assert_int_equal(series->flags, SERIES_VALID);
		if (series->scope.kind == SCOPE_HOST)
			host = series->value;
		else
			sum += series->value;
	}
	assert_true(host >= 0 && host == sum);
	return host;
}

static void demand(const uint32_t *signals, size_t n)
{
	struct demand demands[16] = { 0 };

	for (size_t i = 0; i < 2 * n; i++)
		demands[i] = (struct demand){ .signal = signals[i / 2],
					      .scope.kind = i % 2 ? SCOPE_CPU : SCOPE_HOST };
	assert_int_equal(observer_demand(observer, demands, 2 * n), 0);
}

static void tick(void)
{
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
}

static void switches_and_faults_are_those_of_the_kernel(void **state)
{
	static const uint32_t signals[] = { SIGNAL_PERF_FAULTS, SIGNAL_PERF_SWITCHES };
	uint64_t outer, inner, least, most, faults;
	struct faulty faulty = { 0 };
	char arguments[64];

	(void)state;
	if (status_of("perf")->state == SOURCE_UNAVAILABLE) {
		print_message("skipped: %s\n", status_of("perf")->text);
		skip();
	}
	snprintf(arguments, sizeof(arguments), "%d 0 %d", MINOR, SWITCHES);
	assert_true(faulty_begin(&faulty, "", arguments));
	demand(signals, 2);
	faults = number("proc/vmstat", "\npgfault ");
	outer = number("proc/stat", "\nctxt ");
	tick();
	inner = number("proc/stat", "\nctxt ");
	assert_true(faulty_go(&faulty));
	least = number("proc/stat", "\nctxt ") - inner;
	tick();
	most = number("proc/stat", "\nctxt ") - outer;
	faults = number("proc/vmstat", "\npgfault ") - faults;
	print_message("switches %" PRIu64 " <= %g <= %" PRIu64 ", the program's are %ld\n", least,
		      value_of(SIGNAL_PERF_SWITCHES), most, faulty.switches);
	print_message("faults %ld <= %g <= %" PRIu64 "\n", faulty.minor,
		      value_of(SIGNAL_PERF_FAULTS), faults);
	/* A sleep whose time is up before it has begun is no switch: seen twice in a thousand on a busy machine. */
	assert_true(faulty.switches >= SWITCHES * 9 / 10);
	assert_true(value_of(SIGNAL_PERF_SWITCHES) >= (double)least);
	assert_true(value_of(SIGNAL_PERF_SWITCHES) <= (double)most);
	assert_true(value_of(SIGNAL_PERF_FAULTS) >= (double)faulty.minor);
	assert_true(value_of(SIGNAL_PERF_FAULTS) <= (double)faults);
	assert_int_equal(faulty_end(&faulty), 0);
}

static void the_hardware_counts_or_the_reason_is_said(void **state)
{
	static const uint32_t signals[] = { SIGNAL_PMU_CYCLES, SIGNAL_PMU_INSTRUCTIONS };
	volatile uint64_t work = 0;
	uint64_t start_ns;

	(void)state;
	if (status_of("pmu")->state == SOURCE_UNAVAILABLE) {
		print_message("%s\n", status_of("pmu")->text);
		assert_true(strlen(status_of("pmu")->text) > 0);
		return;
	}
	demand(signals, 2);
	tick();
	for (start_ns = clock_now_ns(); clock_now_ns() < start_ns + 200 * NSEC_PER_MSEC;)
		work++;
	tick();
	print_message("%g cycles, %g instructions\n", value_of(SIGNAL_PMU_CYCLES),
		      value_of(SIGNAL_PMU_INSTRUCTIONS));
	/* No CPU that has counters runs slower than 0.1 GHz, or faster than 10. */
	assert_in_range(value_of(SIGNAL_PMU_CYCLES), 2e7,
			2e9 * (double)sysconf(_SC_NPROCESSORS_ONLN));
	assert_true(value_of(SIGNAL_PMU_INSTRUCTIONS) > 1e6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(switches_and_faults_are_those_of_the_kernel),
		cmocka_unit_test(the_hardware_counts_or_the_reason_is_said),
	};
	struct observer_options options = { .root = sysroot_open("/") };
	int r;

	if (geteuid())
		return 77;
	frame = malloc(sizeof(*frame));
	if (!frame || observer_new(&options, &observer) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	observer_free(observer);
	free(frame);
	return r;
}
