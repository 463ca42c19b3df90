// SPDX-License-Identifier: Apache-2.0
/* Which ticks a thinned source has: as many as it should, drawn without a beat, and together with the others. */
#include "observer/thinning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LAST SOURCE_THIRTY_SECOND
#define TICKS (1u << 16)

static void each_tree_has_one_turn(void **state)
{
	(void)state;
	for (uint32_t thinning = SOURCE_WHOLE; thinning <= LAST; thinning++) {
		for (uint64_t tree = 0; tree < TICKS >> thinning; tree++) {
			unsigned int n = 0;

			for (uint64_t i = 0; i < 1u << thinning; i++)
				n += thinning_due((tree << thinning) + i, thinning);
			assert_int_equal(n, 1);
		}
	}
}

static void who_is_thinned_more_comes_when_the_others_do(void **state)
{
	(void)state;
	for (uint64_t seq = 0; seq < TICKS; seq++)
		for (uint32_t thinning = SOURCE_HALF; thinning <= LAST; thinning++)
			if (thinning_due(seq, thinning))
				assert_true(thinning_due(seq, thinning - 1));
}

/* A beat of 4, 5, 8 … ticks: the share of its strokes that are seen is the share of all ticks. */
static void what_has_a_beat_is_seen_as_often_as_what_has_none(void **state)
{
	static const unsigned int beats[] = { 2, 3, 4, 5, 8, 10, 16, 20, 32, 40, 240 };

	(void)state;
	for (size_t i = 0; i < sizeof(beats) / sizeof(*beats); i++) {
		for (uint32_t thinning = SOURCE_HALF; thinning <= LAST; thinning++) {
			for (unsigned int phase = 0; phase < beats[i]; phase++) {
				double seen = 0, all = 0, share;

				for (uint64_t seq = phase; seq < 16 * TICKS; seq += beats[i]) {
					seen += thinning_due(seq, thinning);
					all++;
				}
				share = seen / all;
				assert_true(share > 0.7 * thinning_share(thinning));
				assert_true(share < 1.3 * thinning_share(thinning));
			}
		}
	}
}

static void all_meet_in_one_tick_of_64(void **state)
{
	(void)state;
	for (uint64_t tree = 0; tree < TICKS / 64; tree++) {
		unsigned int n = 0;

		for (uint64_t seq = tree * 64; seq < (tree + 1) * 64; seq++) {
			if (!thinning_meets(seq))
				continue;
			n++;
			for (uint32_t thinning = SOURCE_WHOLE; thinning <= LAST; thinning++)
				assert_true(thinning_due(seq, thinning));
		}
		assert_int_equal(n, 1);
	}
}

static void the_last_ticks_of_all_and_no_rung_are_no_harm(void **state)
{
	unsigned int n = 0;
	uint64_t due = 0;

	(void)state;
	while (!thinning_due(due, LAST))
		due++;
	for (uint64_t seq = UINT64_MAX - 31; seq != 0; seq++)
		n += thinning_due(seq, LAST);
	assert_int_equal(n, 1);
	assert_false(thinning_due(due, SOURCE_DROPPED));
	assert_false(thinning_due(due, SOURCE_THINNING_COUNT));
	assert_true(thinning_share(SOURCE_WHOLE) == 1 && thinning_share(LAST) == 1.0 / 32);
	assert_true(thinning_share(SOURCE_DROPPED) == 0);
	assert_string_equal(thinning_text(SOURCE_SIXTEENTH), "sampled at one tick in 16");
	assert_string_equal(thinning_text(SOURCE_THINNING_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tree_has_one_turn),
		cmocka_unit_test(who_is_thinned_more_comes_when_the_others_do),
		cmocka_unit_test(what_has_a_beat_is_seen_as_often_as_what_has_none),
		cmocka_unit_test(all_meet_in_one_tick_of_64),
		cmocka_unit_test(the_last_ticks_of_all_and_no_rung_are_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
