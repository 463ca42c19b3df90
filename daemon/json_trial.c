// SPDX-License-Identifier: Apache-2.0
/* Trials and targets as JSON; the effect is turned from a logarithm into the ratio that people read. */
#include "daemon/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/words.h"
#include "daemon/json_internal.h"
#include "policies/policies.h"

/* ln of a gain → the ratio by which the objective got better; NAN where it is not known. */
static double gain_ratio(double gain, uint32_t direction)
{
	if (!isfinite(gain))
		return NAN;
	return direction == OBJECTIVE_MINIMIZE ? -expm1(-gain) : expm1(gain);
}

static char *value_format(const struct signal_ref *ref, const struct json_context *context,
			  double value, char *buffer, size_t size)
{
	char number[48];

	quantity_format(value, signal_ref_unit(ref, context->catalogue), number, sizeof(number));
	snprintf(buffer, size, "%s%s", number, ref->stat == STAT_RATE ? "/s" : "");
	return buffer;
}

static json_t *evidence_row(const struct evidence *evidence, const struct json_context *context)
{
	char ref[SIGNAL_REF_TEXT_MAX], limit[64], text[SIGNAL_REF_TEXT_MAX + 96];

	signal_ref_format(&evidence->ref, context->catalogue, ref, sizeof(ref));
	snprintf(text, sizeof(text), "%s %s %s", ref, condition_op_word(evidence->op),
		 value_format(&evidence->ref, context, evidence->limit, limit, sizeof(limit)));
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "text", text, "signal", ref, "op",
			 condition_op_word(evidence->op), "limit", json_number(evidence->limit),
			 "value", json_number(evidence->value), "unit",
			 unit_word(signal_ref_unit(&evidence->ref, context->catalogue)));
}

static json_t *evidence_rows(const struct evidence *evidence, uint32_t n,
			     const struct json_context *context)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < n && i < TRIAL_EVIDENCE_MAX; i++)
		json_array_append_new(rows, evidence_row(&evidence[i], context));
	return rows;
}

json_t *json_target(const struct target_view *target, const struct json_context *context)
{
	static const char *const states[TARGET_STATE_COUNT] = {
		[TARGET_WATCHING] = "watching", [TARGET_HOLDING] = "holding",
		[TARGET_ON_TRIAL] = "on-trial", [TARGET_COOLDOWN] = "cooldown",
		[TARGET_PINNED] = "pinned",     [TARGET_WAITING] = "waiting",
		[TARGET_BLIND] = "blind",       [TARGET_FROZEN] = "frozen",
	};
	const struct policy *policy = &context->policies[target->policy];

	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "policy", policy->name, "scope",
			 json_scope(&target->scope), "knob", policy->knob, "state",
			 target->state < TARGET_STATE_COUNT ? states[target->state] : "?",
			 "until_at", json_time(target->until_ns, context->wall_offset_ns),
			 "evidence", evidence_rows(target->evidence, target->n_evidence, context));
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of one side's windows; NAN without pairs. */
static double window_median(const struct trial *trial, enum window_side side)
{
	double y[TRIAL_PAIRS_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < trial->n_pairs && i < TRIAL_PAIRS_MAX; i++) {
		double value = side == WINDOW_ARM ? trial->pairs[i].y_arm : trial->pairs[i].y_base;

		if (isfinite(value))
			y[n++] = value;
	}
	if (n == 0)
		return NAN;
	qsort(y, n, sizeof(y[0]), compare_double);
	return n % 2 ? y[n / 2] : (y[n / 2 - 1] + y[n / 2]) / 2;
}

static json_t *objective_object(const struct objective *objective,
				const struct json_context *context)
{
	char ref[SIGNAL_REF_TEXT_MAX];

	signal_ref_format(&objective->ref, context->catalogue, ref, sizeof(ref));
	return json_pack("{s:s, s:s, s:s, s:o}", "signal", ref, "unit",
			 unit_word(signal_ref_unit(&objective->ref, context->catalogue)),
			 "direction", objective_direction_word(objective->direction), "min_effect",
			 json_number(objective->min_effect));
}

static json_t *effect_object(const struct trial *trial, uint32_t direction)
{
	const struct pair *last = trial->n_pairs ? &trial->pairs[trial->n_pairs - 1] : NULL;

	return json_pack("{s:o, s:o, s:o}", "estimate",
			 json_number(last ? gain_ratio(last->effect, direction) : NAN), "low",
			 json_number(last ? gain_ratio(last->effect_low, direction) : NAN), "high",
			 json_number(last ? gain_ratio(last->effect_high, direction) : NAN));
}

/* Null for a knob that was declared once and is not any more. */
static json_t *family_word(const char *knob, const struct json_context *context)
{
	const struct catalogue *catalogue = context->catalogue;

	for (size_t i = 0; i < catalogue->n_knobs; i++)
		if (!strcmp(catalogue->knobs[i].name, knob))
			return json_string(knob_family_word(catalogue->knobs[i].family));
	return json_null();
}

static json_t *trial_summary(const struct trial *trial, const struct json_context *context)
{
	const struct policy *policy = &context->policies[trial->policy];
	const struct pair *last = trial->n_pairs ? &trial->pairs[trial->n_pairs - 1] : NULL;
	uint64_t ended = trial->ended_ns;

	return json_pack("{s:I, s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i, "
			 "s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "id", (json_int_t)trial->id, "policy", policy->name, "knob", policy->knob,
			 "family", family_word(policy->knob, context), "scope",
			 json_scope(&trial->scope), "incumbent", trial->incumbent, "arm",
			 trial->arm, "phase", trial_phase_word(trial->phase), "verdict",
			 verdict_word(trial->verdict), "reason", reason_word(trial->reason),
			 "reason_text", trial->reason_text, "objective",
			 objective_object(&policy->objective, context), "n_pairs",
			 (int)trial->n_pairs, "max_pairs", (int)policy->trial.max_pairs, "before",
			 json_number(window_median(trial, WINDOW_BASE)), "after",
			 json_number(window_median(trial, WINDOW_ARM)), "effect",
			 effect_object(trial, policy->objective.direction), "log_e",
			 json_number(last ? last->log_e_keep : NAN), "threshold",
			 json_number(trial->alpha > 0 ? -log(trial->alpha) : NAN), "opened_at",
			 json_time(trial->opened_ns, context->wall_offset_ns), "ended_at",
			 json_time(ended, context->wall_offset_ns), "duration_ns",
			 ended >= trial->opened_ns && ended
				 ? json_integer((json_int_t)(ended - trial->opened_ns))
				 : json_null());
}

static json_t *pair_rows(const struct trial *trial, uint32_t direction)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < trial->n_pairs && i < TRIAL_PAIRS_MAX; i++) {
		const struct pair *pair = &trial->pairs[i];

		json_array_append_new(rows,
				      json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
						"arm_first", pair->arm_first != 0, "y_base",
						json_number(pair->y_base), "y_arm",
						json_number(pair->y_arm), "d", json_number(pair->d),
						"log_e", json_number(pair->log_e_keep), "effect",
						json_number(gain_ratio(pair->effect, direction)),
						"low",
						json_number(
							gain_ratio(pair->effect_low, direction)),
						"high",
						json_number(
							gain_ratio(pair->effect_high, direction))));
	}
	return rows;
}

static json_t *screened_rows(const struct trial *trial)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < trial->n_screened && i < POLICY_ARMS_MAX; i++)
		json_array_append_new(rows,
				      json_pack("{s:s, s:o}", "value", trial->screened[i].value,
						"y", json_number(trial->screened[i].y)));
	return rows;
}

/* The limit in a sentence: `disk.write.bytes.rate may fall by at most 40.0 %`. */
static void guardrail_text(const struct guardrail *guardrail, const struct json_context *context,
			   char *buffer, size_t size)
{
	static const char *const phrases[GUARDRAIL_KIND_COUNT] = {
		[GUARDRAIL_MAX] = "stays under",
		[GUARDRAIL_MIN] = "stays over",
		[GUARDRAIL_MAX_DROP] = "may fall by at most",
		[GUARDRAIL_MAX_RISE] = "may rise by at most",
	};
	char ref[SIGNAL_REF_TEXT_MAX], limit[64];

	signal_ref_format(&guardrail->ref, context->catalogue, ref, sizeof(ref));
	if (guardrail->kind == GUARDRAIL_MAX || guardrail->kind == GUARDRAIL_MIN)
		value_format(&guardrail->ref, context, guardrail->limit, limit, sizeof(limit));
	else
		quantity_format(guardrail->limit, UNIT_RATIO, limit, sizeof(limit));
	snprintf(buffer, size, "%s %s %s", ref,
		 guardrail->kind < GUARDRAIL_KIND_COUNT ? phrases[guardrail->kind] : "?", limit);
}

static json_t *guardrail_rows(const struct trial *trial, const struct policy *policy,
			      const struct json_context *context)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < policy->n_guardrails && i < POLICY_GUARDRAILS_MAX; i++) {
		const struct guardrail *guardrail = &policy->guardrails[i];
		const struct guardrail_state *state = &trial->guardrails[i];
		char text[SIGNAL_REF_TEXT_MAX + 96], ref[SIGNAL_REF_TEXT_MAX];

		guardrail_text(guardrail, context, text, sizeof(text));
		signal_ref_format(&guardrail->ref, context->catalogue, ref, sizeof(ref));
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:b}",
						"text", text, "signal", ref, "kind",
						guardrail_kind_word(guardrail->kind), "limit",
						json_number(guardrail->limit), "unit",
						unit_word(signal_ref_unit(&guardrail->ref,
									  context->catalogue)),
						"base", json_number(state->base), "arm",
						json_number(state->arm), "worst",
						json_number(state->worst), "breached",
						state->breached != 0));
	}
	return rows;
}

/* Only the buckets that hold something: a fine histogram has 1,024, a measured one some 100. */
static json_t *hist_rows(const struct hist *hist)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		if (hist->buckets[i])
			json_array_append_new(rows, json_pack("[I, I]", (json_int_t)hist_lower(i),
							      (json_int_t)hist->buckets[i]));
	return rows;
}

json_t *json_trial(const struct trial *trial, const struct json_context *context,
		   enum json_detail detail)
{
	const struct policy *policy = &context->policies[trial->policy];
	json_t *object = trial_summary(trial, context), *ready;

	if (!object || detail == JSON_SUMMARY)
		return object;
	ready = json_array();
	for (uint32_t i = 0; i < trial->n_ready && i < TRIAL_READY_WINDOWS; i++)
		json_array_append_new(ready, json_number(trial->ready[i]));
	json_object_set_new(object, "evidence",
			    evidence_rows(trial->evidence, trial->n_evidence, context));
	json_object_set_new(object, "ready", ready);
	json_object_set_new(object, "noise", json_number(trial->noise));
	json_object_set_new(object, "screened", screened_rows(trial));
	json_object_set_new(object, "pairs", pair_rows(trial, policy->objective.direction));
	json_object_set_new(object, "guardrails", guardrail_rows(trial, policy, context));
	json_object_set_new(object, "histograms",
			    json_pack("{s:o, s:o}", "base", hist_rows(&trial->hist[WINDOW_BASE]),
				      "arm", hist_rows(&trial->hist[WINDOW_ARM])));
	json_object_set_new(object, "void", json_integer(trial->n_void));
	return object;
}
