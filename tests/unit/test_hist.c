// SPDX-License-Identifier: Apache-2.0
#include "base/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define VALUES 20000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Spread over all magnitudes up to 60 s. */
static uint64_t any_value(struct rng *rng)
{
	return rng_below(rng, 60000000000u >> rng_below(rng, 36)) + 1;
}

static void every_value_up_to_a_minute_lies_in_its_bucket_within_3_percent(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	for (int i = 0; i < 1000000; i++) {
		uint64_t value = i < 100000 ? (uint64_t)i : any_value(&rng);
		uint32_t index = hist_index(value);
		double low = (double)hist_lower(index), high = (double)hist_lower(index + 1);

		assert_true(index < HIST_BUCKETS);
		assert_true(low <= (double)value && (double)value < high);
		assert_true(fabs((low + high) / 2 - (double)value) <= 0.03 * (double)value ||
			    value < HIST_SUB);
	}
}

static void a_single_value_is_its_own_quantile_within_a_bucket(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 2);
	for (int i = 0; i < 2000; i++) {
		struct hist hist = { 0 };
		uint64_t value = any_value(&rng);

		hist_add(&hist, value);
		assert_true(fabs(hist_quantile(&hist, 0.5) - (double)value) <=
			    fmax(1.0, 0.03 * (double)value));
		assert_true(hist_mean(&hist) == (double)value);
	}
}

static void quantiles_are_within_a_bucket_of_the_sorted_values(void **state)
{
	static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 0.999 };
	static uint64_t values[VALUES];
	struct hist hist = { 0 };
	struct rng rng;

	(void)state;
	rng_init(&rng, 3);
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = any_value(&rng);
		hist_add(&hist, values[i]);
	}
	qsort(values, VALUES, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double exact = (double)values[(size_t)(shares[i] * VALUES) - 1];

		assert_true(fabs(hist_quantile(&hist, shares[i]) - exact) <= fmax(1.0, exact / 32));
	}
}

static void merged_halves_equal_the_whole(void **state)
{
	static struct hist whole, halves[2];
	struct rng rng;

	(void)state;
	rng_init(&rng, 4);
	for (int i = 0; i < VALUES; i++) {
		uint64_t value = any_value(&rng) * (1 + rng_below(&rng, 3));

		hist_add(&whole, value);
		hist_add(&halves[rng_coin(&rng)], value);
	}
	assert_true(whole.clamped > 0);
	hist_merge(&halves[0], &halves[1]);
	assert_memory_equal(&halves[0], &whole, sizeof(whole));
}

static void values_past_the_range_are_counted_as_clamped(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	hist_add(&hist, HIST_VALUE_MAX);
	assert_int_equal(hist.clamped, 0);
	hist_add(&hist, HIST_VALUE_MAX + 1);
	hist_add(&hist, UINT64_MAX - HIST_VALUE_MAX);
	assert_int_equal(hist.clamped, 2);
	assert_int_equal(hist.buckets[HIST_BUCKETS - 1], 3);
	assert_int_equal(hist.count, 3);
}

static void what_is_said_to_be_clamped_a_reading_late_is_not_more_than_is_counted(void **state)
{
	struct hist hist = { .clamped = 2 };

	(void)state;
	hist_settle(&hist);
	assert_int_equal(hist.clamped, 0);
	hist_add(&hist, HIST_VALUE_MAX + 1);
	hist.clamped++;
	hist_settle(&hist);
	assert_int_equal(hist.clamped, 1);
}

static void an_empty_histogram_and_bare_sums_have_no_quantile(void **state)
{
	struct hist hist = { 0 };

	(void)state;
	assert_true(isnan(hist_quantile(&hist, 0.5)));
	assert_true(isnan(hist_mean(&hist)));
	hist.count = 4;
	hist.sum = 10;
	assert_true(isnan(hist_quantile(&hist, 0.5)));
	assert_true(hist_mean(&hist) == 2.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_up_to_a_minute_lies_in_its_bucket_within_3_percent),
		cmocka_unit_test(a_single_value_is_its_own_quantile_within_a_bucket),
		cmocka_unit_test(quantiles_are_within_a_bucket_of_the_sorted_values),
		cmocka_unit_test(merged_halves_equal_the_whole),
		cmocka_unit_test(values_past_the_range_are_counted_as_clamped),
		cmocka_unit_test(
			what_is_said_to_be_clamped_a_reading_late_is_not_more_than_is_counted),
		cmocka_unit_test(an_empty_histogram_and_bare_sums_have_no_quantile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
