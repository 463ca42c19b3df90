// SPDX-License-Identifier: Apache-2.0
/* base/words: every enum that people see, there and back; and the nearest word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "include/decision.h"
#include "include/knob.h"
#include "include/outcome.h"
#include "include/policy.h"
#include "include/service.h"
#include "include/source.h"
#include "include/trial.h"

#define TABLE(x, n)                                                          \
	{                                                                    \
		.name = #x, .word = x##_word, .parse = x##_parse, .count = n \
	}

static const struct {
	const char *name;
	const char *(*word)(uint32_t value);
	int (*parse)(const char *word);
	uint32_t count;
} tables[] = {
	TABLE(scope_kind, SCOPE_KIND_COUNT),
	TABLE(signal_kind, SIGNAL_KIND_COUNT),
	TABLE(signal_stat, STAT_COUNT),
	TABLE(unit, UNIT_COUNT),
	TABLE(knob_family, FAMILY_COUNT),
	TABLE(knob_type, KNOB_TYPE_COUNT),
	TABLE(knob_domain, DOMAIN_COUNT),
	TABLE(condition_op, CONDITION_OP_COUNT),
	TABLE(guardrail_kind, GUARDRAIL_KIND_COUNT),
	TABLE(objective_direction, OBJECTIVE_DIRECTION_COUNT),
	TABLE(action, ACTION_COUNT),
	TABLE(outcome_status, OUTCOME_STATUS_COUNT),
	TABLE(trial_phase, TRIAL_PHASE_COUNT),
	TABLE(verdict, VERDICT_COUNT),
	TABLE(reason, REASON_COUNT),
	TABLE(loss, LOSS_COUNT),
	TABLE(service_protocol, SERVICE_PROTOCOL_COUNT),
	TABLE(source_state, SOURCE_STATE_COUNT),
	TABLE(source_thinning, SOURCE_THINNING_COUNT),
	TABLE(budget_state, BUDGET_STATE_COUNT),
	TABLE(event_kind, EVENT_COUNT),
};

static void every_value_has_a_word_of_its_own_that_parses_back(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (uint32_t i = 0; i < tables[t].count; i++)
			if (!strcmp(tables[t].word(i), "?") ||
			    tables[t].parse(tables[t].word(i)) != (int)i)
				fail_msg("%s: %u is '%s'", tables[t].name, i, tables[t].word(i));
}

static void values_out_of_range_have_the_word_for_unknown(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		assert_string_equal(tables[t].word(tables[t].count), "?");
		assert_string_equal(tables[t].word(UINT32_MAX), "?");
	}
}

static void unknown_words_are_refused(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		assert_int_equal(tables[t].parse("?"), -EINVAL);
		assert_int_equal(tables[t].parse("Disk"), -EINVAL);
		assert_int_equal(tables[t].parse("disk "), -EINVAL);
		/* Only a signal may have no suffix. */
		assert_int_equal(tables[t].parse(""),
				 tables[t].parse == signal_stat_parse ? STAT_VALUE : -EINVAL);
	}
}

static void distance_counts_edits_and_swaps(void **state)
{
	char longest[129], longer[130];

	(void)state;
	assert_int_equal(words_distance("", "", 9), 0);
	assert_int_equal(words_distance("", "abc", 9), 3);
	assert_int_equal(words_distance("abc", "", 9), 3);
	assert_int_equal(words_distance("abc", "abc", 9), 0);
	assert_int_equal(words_distance("abc", "abd", 9), 1);
	assert_int_equal(words_distance("abc", "acb", 9), 1);
	assert_int_equal(words_distance("kitten", "sitting", 9), 3);
	assert_int_equal(words_distance("kitten", "sitting", 2), 2);
	memset(longest, 'a', 128);
	longest[128] = '\0';
	memset(longer, 'a', 129);
	longer[129] = '\0';
	assert_int_equal(words_distance(longest, longest, 9), 0);
	assert_int_equal(words_distance(longest, longer, 9), 9);
}

static void the_nearest_word_is_found_unless_all_are_far(void **state)
{
	static const char *const words[] = { "window", "washout", "max_pairs", "error" };

	(void)state;
	assert_string_equal(words_nearest("windw", words, 4), "window");
	assert_string_equal(words_nearest("wash_out", words, 4), "washout");
	assert_string_equal(words_nearest("maxpairs", words, 4), "max_pairs");
	assert_string_equal(words_nearest("error", words, 4), "error");
	assert_null(words_nearest("colour", words, 4));
	assert_null(words_nearest("", words, 4));
	assert_null(words_nearest("window", words, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_has_a_word_of_its_own_that_parses_back),
		cmocka_unit_test(values_out_of_range_have_the_word_for_unknown),
		cmocka_unit_test(unknown_words_are_refused),
		cmocka_unit_test(distance_counts_edits_and_swaps),
		cmocka_unit_test(the_nearest_word_is_found_unless_all_are_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
