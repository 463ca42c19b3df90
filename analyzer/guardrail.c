// SPDX-License-Identifier: Apache-2.0
#include "analyzer/guardrail.h"

#include <math.h>
#include <string.h>

/* Ticks in a row without a value, series missing or invalid, after which an arm runs unguarded. */
#define BLIND_TICKS_MAX 3
/* The same for ticks that are only lossy, which a relative guardrail leaves out: the objective may be patient, too. */
#define LOSSY_TICKS_MAX 12

static bool is_hard(const struct guardrail *rail)
{
	return rail->kind == GUARDRAIL_MAX || rail->kind == GUARDRAIL_MIN;
}

void guardrails_init(struct guardrails *g, struct trial *trial)
{
	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < POLICY_GUARDRAILS_MAX; i++)
		trial->guardrails[i] =
			(struct guardrail_state){ .base = NAN, .arm = NAN, .worst = NAN };
}

void guardrails_begin(struct guardrails *g, struct trial *trial)
{
	guardrails_window(g);
	guardrails_enforced(g);
	for (size_t i = 0; i < POLICY_GUARDRAILS_MAX; i++) {
		trial->guardrails[i].arm = trial->guardrails[i].worst = NAN;
		trial->guardrails[i].breached = 0;
	}
}

int guardrails_blind(const struct guardrails *g, const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->n_guardrails; i++)
		if (g->base[i].frames == 0)
			return (int)i;
	return -1;
}

void guardrails_enforced(struct guardrails *g)
{
	memset(g->n_blind, 0, sizeof(g->n_blind));
}

int guardrails_lost(struct guardrails *g, const struct policy *policy, const struct trial *trial,
		    const struct frame *frame)
{
	for (uint32_t i = 0; i < policy->n_guardrails; i++) {
		const struct guardrail *rail = &policy->guardrails[i];
		const struct series *series =
			frame_find_side(frame, &rail->ref, &trial->scope, SERIES_ARM);
		struct series whole = series ? *series : (struct series){ 0 };
		const bool lossy = whole.flags & SERIES_LOSSY;
		bool seen;

		/* A lossy tick still shows a breach of a hard limit. */
		whole.flags &= ~(uint32_t)SERIES_LOSSY;
		seen = series_usable(&whole, rail->ref.stat);
		g->n_blind[i] = seen && (is_hard(rail) || !lossy) ? 0 : g->n_blind[i] + 1;
		if (g->n_blind[i] >= (seen ? LOSSY_TICKS_MAX : BLIND_TICKS_MAX))
			return (int)i;
	}
	return -1;
}

void guardrails_window(struct guardrails *g)
{
	memset(g->arm, 0, sizeof(g->arm));
}

static void add(const struct signal_ref *ref, const struct series *series,
		const struct frame *frame, struct window *window, double *value)
{
	if (!series_usable(series, ref->stat))
		return;
	window_add(window, series, ref->stat, frame);
	*value = window_value(window, ref->stat);
}

void guardrails_add(struct guardrails *g, const struct policy *policy, struct trial *trial,
		    const struct frame *frame, enum window_side side)
{
	for (uint32_t i = 0; i < policy->n_guardrails; i++) {
		const struct signal_ref *ref = &policy->guardrails[i].ref;
		const struct series *base = frame_find_side(frame, ref, &trial->scope, SERIES_BASE);
		const struct series *arm = frame_find_side(frame, ref, &trial->scope, SERIES_ARM);

		/* Both at once where they run side by side. */
		if (side == WINDOW_BASE || (base && (base->flags & SERIES_BASE)))
			add(ref, base, frame, &g->base[i], &trial->guardrails[i].base);
		if (side == WINDOW_ARM)
			add(ref, arm, frame, &g->arm[i], &trial->guardrails[i].arm);
	}
}

static bool hard_breach(const struct guardrail *rail, struct guardrail_state *state,
			const struct series *series, uint64_t interval_ns)
{
	double value = series_value(series, rail->ref.stat, interval_ns);
	bool is_max = rail->kind == GUARDRAIL_MAX;

	/* fmax and fmin pass over NAN, the first value and a tick without one. */
	state->worst = is_max ? fmax(state->worst, value) : fmin(state->worst, value);
	return is_max ? value > rail->limit : value < rail->limit;
}

static bool relative_breach(const struct guardrail *rail, struct guardrail_state *state,
			    const struct window *arm, uint64_t window_ns)
{
	double value = window_value(arm, rail->ref.stat), ratio;
	bool is_drop = rail->kind == GUARDRAIL_MAX_DROP;

	if (arm->covered_ns < window_ns / 2 || isnan(state->base) || isnan(value) ||
	    state->base < 0)
		return false;
	/* Nothing cannot drop; from nothing every rise is too large. */
	if (state->base == 0)
		return !is_drop && value > 0;
	ratio = value / state->base;
	state->worst = is_drop ? fmin(state->worst, ratio) : fmax(state->worst, ratio);
	return is_drop ? ratio < 1 - rail->limit : ratio > 1 + rail->limit;
}

int guardrails_check(const struct guardrails *g, const struct policy *policy, struct trial *trial,
		     const struct frame *frame)
{
	for (uint32_t i = 0; i < policy->n_guardrails; i++) {
		const struct guardrail *rail = &policy->guardrails[i];
		struct guardrail_state *state = &trial->guardrails[i];
		const struct series *series =
			frame_find_side(frame, &rail->ref, &trial->scope, SERIES_ARM);
		bool breached;

		if (is_hard(rail))
			breached = hard_breach(rail, state, series, frame->interval_ns);
		else
			breached =
				relative_breach(rail, state, &g->arm[i], policy->trial.window_ns);
		if (breached) {
			state->breached = 1;
			return (int)i;
		}
	}
	return -1;
}
