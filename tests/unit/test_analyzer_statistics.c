// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/evalue.h"
#include "base/rng.h"
#include "tests/sim/ideal.h"

#define TRIALS 300
#define ALPHA 0.05

/* The error and three standard deviations of a share of `n` trials. */
static double ceiling(double alpha, double n)
{
	return alpha + 3 * sqrt(alpha * (1 - alpha) / n);
}

static double kept_share(enum ideal_noise noise, double gain, uint32_t *ret_max_pairs)
{
	struct ideal *ideal = ideal_new();
	uint32_t kept = 0, most = 0;

	assert_non_null(ideal);
	for (uint32_t i = 0; i < TRIALS; i++) {
		struct ideal_result result = ideal_run(ideal, noise, gain, 1000 + i);

		assert_int_not_equal(result.verdict, VERDICT_NONE);
		kept += result.verdict == VERDICT_KEPT;
		most = result.n_pairs > most ? result.n_pairs : most;
	}
	ideal_free(ideal);
	*ret_max_pairs = most;
	return (double)kept / TRIALS;
}

static void a_useless_arm_is_kept_no_more_often_than_the_error(void **state)
{
	uint32_t most;

	(void)state;
	for (enum ideal_noise noise = 0; noise < NOISE_COUNT; noise++)
		assert_true(kept_share(noise, 1, &most) <= ceiling(ALPHA, TRIALS));
}

static void a_ten_per_cent_gain_is_found(void **state)
{
	static const double least[NOISE_COUNT] = {
		[NOISE_INDEPENDENT] = 0.90,
		[NOISE_AR1] = 0.98,
		[NOISE_HEAVY] = 0.62,
		[NOISE_DRIFT] = 0.90,
	};
	uint32_t most;

	(void)state;
	for (enum ideal_noise noise = 0; noise < NOISE_COUNT; noise++)
		assert_true(kept_share(noise, 1 / 0.9, &most) >= least[noise]);
}

static void a_huge_gain_takes_the_five_pairs_that_the_error_needs(void **state)
{
	uint32_t most;

	(void)state;
	assert_true(kept_share(NOISE_INDEPENDENT, 100, &most) == 1.0);
	assert_int_equal(most, 5);
}

static void a_drifting_machine_fools_the_before_after_comparison(void **state)
{
	struct ideal *ideal = ideal_new();
	uint32_t fooled = 0;

	(void)state;
	for (uint32_t i = 0; i < TRIALS; i++)
		fooled += ideal_run(ideal, NOISE_DRIFT, 1, i).before_after;
	ideal_free(ideal);
	assert_true(fooled > 0.9 * TRIALS);
}

/* |d| of pair `n`, by an adversary who sees the past. */
static double adversary(int kind, uint32_t n, double log_e, struct rng *rng)
{
	switch (kind) {
	case 0:
		return 1;
	case 1: /* ever larger: the last pair dwarfs all before */
		return pow(2, n % 60);
	case 2: /* bets high when the evidence is close to the threshold */
		return log_e > 1.5 ? 10 : 0.01;
	case 3: /* Cauchy */
		return fabs(tan(M_PI * (rng_uniform(rng) - 0.5)));
	case 4: /* many ties */
		return n % 3 ? 0 : 1;
	default: /* shrinking */
		return exp(-0.3 * n);
	}
}

static void fair_signs_reach_the_threshold_no_more_often_than_the_error(void **state)
{
	enum { RUNS = 2000, PAIRS = 60 };
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (int kind = 0; kind < 6; kind++) {
		uint32_t crossed[2] = { 0 };

		for (uint32_t run = 0; run < RUNS; run++) {
			double best[2] = { 0 };
			struct evalue e;

			evalue_init(&e, 0.5);
			for (uint32_t n = 0; n < PAIRS; n++) {
				double size = adversary(kind, n, evalue_log(&e, 0, 1), &rng);

				evalue_add(&e, rng_coin(&rng) ? size : -size);
				best[0] = fmax(best[0], evalue_log(&e, 0, 1));
				best[1] = fmax(best[1], evalue_log(&e, 0, -1));
			}
			for (int side = 0; side < 2; side++)
				crossed[side] += best[side] >= log(1 / ALPHA);
		}
		for (int side = 0; side < 2; side++)
			assert_true((double)crossed[side] / RUNS <= ceiling(ALPHA, RUNS));
	}
}

static void the_confidence_sequence_misses_the_effect_no_more_often_than_the_error(void **state)
{
	enum { RUNS = 300, PAIRS = 25 };
	const double effect = 0.3;
	uint32_t missed_low = 0, missed_high = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 11);
	for (uint32_t run = 0; run < RUNS; run++) {
		uint32_t low = 0, high = 0;
		struct evalue e;

		evalue_init(&e, 0.1);
		for (uint32_t n = 0; n < PAIRS; n++) {
			struct evalue_result result;

			evalue_add(&e, effect + 0.5 * (rng_uniform(&rng) - rng_uniform(&rng)));
			result = evalue_result(&e, ALPHA);
			assert_true(result.effect_low <= result.effect_high);
			low |= result.effect_low > effect;
			high |= result.effect_high < effect;
		}
		missed_low += low;
		missed_high += high;
	}
	assert_true((double)missed_low / RUNS <= ceiling(ALPHA, RUNS));
	assert_true((double)missed_high / RUNS <= ceiling(ALPHA, RUNS));
}

static void four_pairs_are_never_enough_and_five_can_be(void **state)
{
	struct evalue e;

	(void)state;
	evalue_init(&e, 0.001);
	for (uint32_t n = 1; n <= 5; n++) {
		struct evalue_result result;

		evalue_add(&e, 4.6);
		result = evalue_result(&e, ALPHA);
		assert_int_equal(result.log_e_keep >= log(1 / ALPHA), n == 5);
		assert_int_equal(result.effect_low > 0, n == 5);
		assert_true(fabs(result.effect - 4.6) < 1e-9);
	}
}

static void the_effect_that_pairs_share_does_not_inflate_the_scale(void **state)
{
	struct evalue e;
	struct rng rng;

	(void)state;
	rng_init(&rng, 3);
	evalue_init(&e, 0.1);
	for (uint32_t n = 0; n < 20; n++)
		evalue_add(&e, 4.6 + 0.1 * (rng_uniform(&rng) - 0.5));
	for (uint32_t n = 0; n < 20; n++)
		assert_true(e.scale[n] > 0.001 && e.scale[n] < 0.2);
}

static void a_scale_depends_on_past_pairs_alone(void **state)
{
	(void)state;
	for (uint32_t last = 0; last < 10; last++) {
		struct evalue a, b;

		evalue_init(&a, 0.1);
		evalue_init(&b, 0.1);
		for (uint32_t n = 0; n <= last; n++) {
			evalue_add(&a, 0.1 * n);
			evalue_add(&b, n == last ? -100 : 0.1 * n);
		}
		assert_memory_equal(a.scale, b.scale, (last + 1) * sizeof(a.scale[0]));
	}
}

static void ties_say_nothing(void **state)
{
	struct evalue e;

	(void)state;
	evalue_init(&e, 0.1);
	for (uint32_t n = 0; n < 40; n++)
		evalue_add(&e, 0);
	assert_true(fabs(evalue_log(&e, 0, 1)) < 1e-12);
	assert_true(fabs(evalue_log(&e, 0, -1)) < 1e-12);
}

static void ratios_and_logarithms_convert_both_ways(void **state)
{
	(void)state;
	assert_true(fabs(evalue_from_ratio(0.1, OBJECTIVE_MINIMIZE) + log(0.9)) < 1e-12);
	assert_true(fabs(evalue_from_ratio(0.1, OBJECTIVE_MAXIMIZE) - log(1.1)) < 1e-12);
	for (enum objective_direction direction = 0; direction < OBJECTIVE_DIRECTION_COUNT;
	     direction++)
		assert_true(fabs(evalue_to_ratio(evalue_from_ratio(0.3, direction), direction) -
				 0.3) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_useless_arm_is_kept_no_more_often_than_the_error),
		cmocka_unit_test(a_ten_per_cent_gain_is_found),
		cmocka_unit_test(a_huge_gain_takes_the_five_pairs_that_the_error_needs),
		cmocka_unit_test(a_drifting_machine_fools_the_before_after_comparison),
		cmocka_unit_test(fair_signs_reach_the_threshold_no_more_often_than_the_error),
		cmocka_unit_test(
			the_confidence_sequence_misses_the_effect_no_more_often_than_the_error),
		cmocka_unit_test(four_pairs_are_never_enough_and_five_can_be),
		cmocka_unit_test(the_effect_that_pairs_share_does_not_inflate_the_scale),
		cmocka_unit_test(a_scale_depends_on_past_pairs_alone),
		cmocka_unit_test(ties_say_nothing),
		cmocka_unit_test(ratios_and_logarithms_convert_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
