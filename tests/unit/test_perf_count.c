// SPDX-License-Identifier: Apache-2.0
/* What two looks at a counter mean: all of the time on the hardware, a part of it, none; and garbage. */
#include "observer/perf_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static double between(struct perf_count before, struct perf_count now)
{
	return perf_count_between(&before, &now);
}

static void a_counter_that_had_the_hardware_all_the_time_is_the_difference(void **state)
{
	(void)state;
	assert_true(between((struct perf_count){ 1000, 500000000, 500000000 },
			    (struct perf_count){ 2394375374, 1500000000, 1500000000 }) ==
		    2394374374.0);
	assert_true(between((struct perf_count){ 7, 10, 10 }, (struct perf_count){ 7, 20, 20 }) ==
		    0);
}

/* Eight events on four counters: each has one for half of the time, not the same half in each tick. */
static void a_counter_that_shared_the_hardware_is_scaled_by_this_ticks_share(void **state)
{
	(void)state;
	assert_true(between((struct perf_count){ 0, 0, 0 },
			    (struct perf_count){ 600000, 1000000000, 500000000 }) == 1200000.0);
	assert_true(between((struct perf_count){ 600000, 1000000000, 500000000 },
			    (struct perf_count){ 700000, 2000000000, 750000000 }) == 400000.0);
}

static void without_the_hardware_there_is_no_value(void **state)
{
	(void)state;
	assert_true(isnan(
		between((struct perf_count){ 5, 1000, 400 }, (struct perf_count){ 5, 2000, 400 })));
	assert_true(isnan(
		between((struct perf_count){ 5, 1000, 400 }, (struct perf_count){ 4, 2000, 500 })));
	assert_true(isnan(
		between((struct perf_count){ 5, 1000, 400 }, (struct perf_count){ 6, 900, 500 })));
	assert_true(isnan(
		between((struct perf_count){ 5, 1000, 400 }, (struct perf_count){ 6, 1100, 300 })));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_that_had_the_hardware_all_the_time_is_the_difference),
		cmocka_unit_test(a_counter_that_shared_the_hardware_is_scaled_by_this_ticks_share),
		cmocka_unit_test(without_the_hardware_there_is_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
