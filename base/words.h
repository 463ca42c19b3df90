/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words for the enums of include/ that people see, one table each. Every `x_word` returns "?" for a value
 * out of range; every `x_parse` returns the value, or -EINVAL for an unknown word.
 */
#ifndef FLYBALL_BASE_WORDS_H
#define FLYBALL_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WORDS_DECLARE(name)                      \
	const char *name##_word(uint32_t value); \
	int name##_parse(const char *word)

WORDS_DECLARE(scope_kind);
WORDS_DECLARE(signal_kind);
WORDS_DECLARE(signal_stat); /* "", "p50", … as after the signal's name */
WORDS_DECLARE(unit);
WORDS_DECLARE(knob_family);
WORDS_DECLARE(knob_type);
WORDS_DECLARE(knob_domain);
WORDS_DECLARE(condition_op);
WORDS_DECLARE(guardrail_kind);
WORDS_DECLARE(objective_direction);
WORDS_DECLARE(action);
WORDS_DECLARE(outcome_status);
WORDS_DECLARE(trial_phase);
WORDS_DECLARE(verdict);
WORDS_DECLARE(reason);
WORDS_DECLARE(loss);
WORDS_DECLARE(service_protocol);
WORDS_DECLARE(source_state);
WORDS_DECLARE(source_thinning);
WORDS_DECLARE(budget_state);
WORDS_DECLARE(event_kind);

/* The one of `n` words that comes nearest to `word` by edit distance; NULL when none is near. */
const char *words_nearest(const char *word, const char *const *candidates, size_t n);

/* Edit distance (Damerau-Levenshtein, adjacent swaps), at most `limit`; strings up to 128 bytes, else limit. */
size_t words_distance(const char *a, const char *b, size_t limit);

#endif
