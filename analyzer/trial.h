/* SPDX-License-Identifier: Apache-2.0 */
/* One running trial: the phase machine behind struct trial. See trial.c for its diagram. */
#ifndef FLYBALL_ANALYZER_TRIAL_H
#define FLYBALL_ANALYZER_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/analyzer.h"
#include "analyzer/condition.h"
#include "analyzer/evalue.h"
#include "analyzer/guardrail.h"
#include "analyzer/window.h"
#include "base/rng.h"
#include "include/catalogue.h"
#include "include/decision.h"

#define EXPERIMENT_TXNS_MAX 64 /* transaction ids of one trial: id * 64 + k */

/* What every step of a trial needs from outside. */
struct step_context {
	enum analyzer_mode mode;
	const struct catalogue *catalogue;
	struct rng *rng;
	uint64_t now_ns;
	struct decisions *decisions;
};

enum step {
	STEP_ANSWER,  /* a reading or an outcome is awaited */
	STEP_WASHOUT, /* a value is in force and not measured yet */
	STEP_WINDOW,  /* frames are being counted */
	STEP_COUNT,
};

struct experiment {
	struct trial trial;
	const struct policy *policy;
	uint32_t slot;
	uint32_t target; /* whose opportunity it is */
	bool used;
	bool named;  /* its scope is known by its name alone: no series tells whether it is there */
	bool unsent; /* `proposal` did not fit into the decisions yet */
	bool any_breached; /* some screened arm breached a guardrail */
	bool arm_first;    /* what the coin said of the present pair */

	enum step step;
	struct proposal proposal; /* the last one */
	uint64_t asked_ns;
	uint32_t n_undos; /* times that ACTION_UNDO was asked for in vain */
	uint32_t n_txns;

	uint32_t verdict, reason; /* decided, and in force once the outcome has come */
	char text[POLICY_TEXT_MAX];
	char dropped[POLICY_TEXT_MAX]; /* "; not offered here: x y", or "" */

	enum window_side in_force;
	uint64_t washout_end_ns;
	struct window window;      /* of the objective; of a split: of those that drew the arm */
	struct window base_window; /* of a split: of those that drew the incumbent */
	uint32_t n_void_row;       /* void windows since the last good one */
	uint32_t n_empty[WINDOW_SIDE_COUNT]; /* windows of the test in which nothing happened */
	struct guardrails guardrails;
	uint32_t n_absent;       /* ticks without any series of the scope */
	uint64_t until_since_ns; /* `until` holds since; 0 = it does not */
	uint64_t over_ns;        /* time in incumbent windows since `when` last held there */

	uint32_t half;              /* 0 or 1: window of the pair */
	uint32_t n_arms, screening; /* arms to test, in random order; the one being screened */
	char arms[POLICY_ARMS_MAX][KNOB_VALUE_MAX];

	struct evalue test;
	double y[WINDOW_SIDE_COUNT];
	double ready_d
		[TRIAL_READY_WINDOWS]; /* of a split: ln of the two sides' ratio, both the incumbent's */
};

/* Opens: fills in the slot and asks for the knob's value. */
void experiment_open(struct experiment *x, const struct step_context *context, uint64_t id,
		     const struct policy *policy, uint32_t policy_index, const struct scope *scope,
		     const struct evidence *evidence, uint32_t n_evidence);

void experiment_reading(struct experiment *x, const struct step_context *context,
			const struct knob_reading *reading);

/* Takes an outcome; false when it is of none of this trial's open transactions. */
bool experiment_outcome(struct experiment *x, const struct step_context *context,
			const struct outcome *outcome);

void experiment_tick(struct experiment *x, const struct step_context *context,
		     const struct frame *frame, enum truth when, enum truth until);

/* Ends it for a reason from outside; an open change is proposed as ACTION_UNDO. */
void experiment_abort(struct experiment *x, const struct step_context *context, enum reason reason,
		      const char *text);

/* Puts a proposal that found no room into the decisions, when there is room now. */
void experiment_flush(struct experiment *x, const struct step_context *context);

#endif
