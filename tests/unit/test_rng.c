// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void the_outputs_are_those_of_the_reference_implementation(void **state)
{
	static const uint64_t expected[] = { 11520, 0, 1509978240, 1215971899390074240 };
	struct rng rng = { .state = { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(rng_next(&rng) == expected[i]);
}

static void a_seed_is_spread_by_splitmix64(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 0);
	assert_true(rng.state[0] == 0xe220a8397b1dcdafu);
}

static void the_same_seed_gives_the_same_coins_and_another_seed_others(void **state)
{
	struct rng a, b, c;
	int differ = 0;

	(void)state;
	rng_init(&a, 42);
	rng_init(&b, 42);
	rng_init(&c, 43);
	for (int i = 0; i < 1000; i++) {
		bool coin = rng_coin(&a);

		assert_int_equal(coin, rng_coin(&b));
		differ += coin != rng_coin(&c);
	}
	assert_in_range(differ, 400, 600);
}

static void a_coin_is_fair_and_has_no_memory(void **state)
{
	enum { N = 100000 };
	struct rng rng;
	int heads = 0, repeats = 0;
	bool last = false;

	(void)state;
	rng_init(&rng, 1);
	for (int i = 0; i < N; i++) {
		bool coin = rng_coin(&rng);

		heads += coin;
		repeats += coin == last;
		last = coin;
	}
	/* Five standard deviations of 158. */
	assert_in_range(heads, N / 2 - 800, N / 2 + 800);
	assert_in_range(repeats, N / 2 - 800, N / 2 + 800);
}

static void uniform_numbers_stay_in_their_range_and_fill_it(void **state)
{
	struct rng rng;
	double sum = 0;
	int counts[7] = { 0 };

	(void)state;
	rng_init(&rng, 2);
	for (int i = 0; i < 70000; i++) {
		double u = rng_uniform(&rng);

		assert_true(u >= 0 && u < 1);
		sum += u;
		counts[rng_below(&rng, 7)]++;
	}
	assert_true(fabs(sum / 70000 - 0.5) < 0.006);
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9500, 10500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_outputs_are_those_of_the_reference_implementation),
		cmocka_unit_test(a_seed_is_spread_by_splitmix64),
		cmocka_unit_test(the_same_seed_gives_the_same_coins_and_another_seed_others),
		cmocka_unit_test(a_coin_is_fair_and_has_no_memory),
		cmocka_unit_test(uniform_numbers_stay_in_their_range_and_fill_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
