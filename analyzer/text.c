// SPDX-License-Identifier: Apache-2.0
#include "analyzer/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/evalue.h"
#include "base/quantity.h"
#include "base/signal.h"
#include "base/words.h"

#define NUMBER_TEXT_MAX 32

char *text_ref(const struct catalogue *catalogue, const struct signal_ref *ref, char *buffer,
	       size_t size)
{
	return signal_ref_text(ref, catalogue->signals, buffer, size);
}

static enum unit ref_unit(const struct catalogue *catalogue, const struct signal_ref *ref)
{
	const struct signal_row *row = &catalogue->signals[ref->signal];

	return ref->stat == STAT_RATE && row->kind == SIGNAL_DISTRIBUTION ? UNIT_NONE : row->unit;
}

static char *ratio_text(double ratio, char *buffer, size_t size)
{
	if (isfinite(ratio))
		return quantity_format(ratio, UNIT_RATIO, buffer, size);
	snprintf(buffer, size, "unbounded");
	return buffer;
}

/* An effect for people: `96.0 % lower`. */
static void effect_text(double effect, enum objective_direction direction, char *buffer,
			size_t size)
{
	/* exp(±effect) is y_arm / y_base. */
	double change = expm1(direction == OBJECTIVE_MINIMIZE ? -effect : effect);
	char number[NUMBER_TEXT_MAX];

	snprintf(buffer, size, "%s %s", ratio_text(fabs(change), number, sizeof(number)),
		 change < 0 ? "lower" : "higher");
}

void text_tested(const struct catalogue *catalogue, const struct policy *policy,
		 const struct trial *trial, enum reason reason, char *buffer, size_t size)
{
	const struct pair *last = &trial->pairs[trial->n_pairs - 1];
	enum objective_direction direction = policy->objective.direction;
	char ref[SIGNAL_REF_TEXT_MAX], effect[2 * NUMBER_TEXT_MAX], low[NUMBER_TEXT_MAX],
		high[NUMBER_TEXT_MAX];
	char wanted[NUMBER_TEXT_MAX], error[NUMBER_TEXT_MAX];

	text_ref(catalogue, &policy->objective.ref, ref, sizeof(ref));
	effect_text(last->effect, direction, effect, sizeof(effect));
	ratio_text(evalue_to_ratio(last->effect_low, direction), low, sizeof(low));
	ratio_text(evalue_to_ratio(last->effect_high, direction), high, sizeof(high));
	ratio_text(policy->objective.min_effect, wanted, sizeof(wanted));
	ratio_text(trial->alpha, error, sizeof(error));
	if (reason == REASON_BETTER)
		snprintf(buffer, size, "kept %.64s: %s %s (at least %s) after %u pairs, error %s",
			 trial->arm, ref, effect, low, trial->n_pairs, error);
	else if (reason == REASON_WORSE)
		snprintf(buffer, size, "undid %.64s: %s got worse, %s after %u pairs, error %s",
			 trial->arm, ref, effect, trial->n_pairs, error);
	else if (reason == REASON_FUTILE)
		snprintf(buffer, size,
			 "undid %.64s: %s improves by %s at most, %s is wanted, after %u pairs",
			 trial->arm, ref, high, wanted, trial->n_pairs);
	else
		snprintf(buffer, size,
			 "undid %.64s: no proof after %u pairs that %s improves by %s; estimate "
			 "%s, improvement "
			 "from %s to %s",
			 trial->arm, trial->n_pairs, ref, wanted, effect, low, high);
}

void text_stalled(const struct catalogue *catalogue, const struct policy *policy,
		  const struct trial *trial, uint32_t n_empty, char *buffer, size_t size)
{
	char ref[SIGNAL_REF_TEXT_MAX];

	snprintf(buffer, size, "undid %.64s: it stalled, %s had no events in %u windows of the arm",
		 trial->arm, text_ref(catalogue, &policy->objective.ref, ref, sizeof(ref)),
		 n_empty);
}

void text_guardrail(const struct catalogue *catalogue, const struct policy *policy,
		    const struct trial *trial, uint32_t index, const char *arm, char *buffer,
		    size_t size)
{
	const struct guardrail *rail = &policy->guardrails[index];
	const struct guardrail_state *state = &trial->guardrails[index];
	bool hard = rail->kind == GUARDRAIL_MAX || rail->kind == GUARDRAIL_MIN;
	enum unit unit = ref_unit(catalogue, &rail->ref);
	char ref[SIGNAL_REF_TEXT_MAX], limit[NUMBER_TEXT_MAX], was[NUMBER_TEXT_MAX],
		base[NUMBER_TEXT_MAX];

	text_ref(catalogue, &rail->ref, ref, sizeof(ref));
	quantity_format(rail->limit, hard ? unit : UNIT_RATIO, limit, sizeof(limit));
	quantity_format(hard ? state->worst : state->arm, unit, was, sizeof(was));
	quantity_format(state->base, unit, base, sizeof(base));
	if (hard)
		snprintf(buffer, size, "undid %.64s: guardrail %s %s %s was breached at %s", arm,
			 ref, guardrail_kind_word(rail->kind), limit, was);
	else
		snprintf(buffer, size,
			 "undid %.64s: guardrail %s %s %s was breached at %s, against %s before",
			 arm, ref, guardrail_kind_word(rail->kind), limit, was, base);
}

void text_append(char *buffer, size_t size, const char *more)
{
	size_t length = strlen(buffer);

	snprintf(buffer + length, size - length, "%s", more);
}
