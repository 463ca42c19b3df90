// SPDX-License-Identifier: Apache-2.0
/* What the actuator's answers do to a trial; the phases are in trial.c. */
#include <stdio.h>

#include "analyzer/request.h"
#include "analyzer/trial.h"
#include "analyzer/trial_steps.h"

/* The actuator ended the transaction: nothing is open any more, whatever was asked. */
static void closed_by_actuator(struct experiment *x, const struct step_context *context,
			       const struct outcome *outcome)
{
	static const struct {
		enum reason reason;
		const char *text;
	} rows[OUTCOME_STATUS_COUNT] = {
		[OUTCOME_DONE] = { REASON_DEADLINE, "the actuator undid the arm by itself" },
		[OUTCOME_REFUSED] = { REASON_REFUSED, "the actuator refused" },
		[OUTCOME_FOREIGN] = { REASON_FOREIGN, "somebody else changed the knob" },
		[OUTCOME_GONE] = { REASON_GONE, "the knob or its scope vanished" },
		[OUTCOME_FAILED] = { REASON_FAILED, "a write failed" },
	};

	x->trial.txn = 0;
	x->verdict = VERDICT_ABORTED;
	x->reason = rows[outcome->status].reason;
	snprintf(x->text, sizeof(x->text), "aborted: %s%s%.*s", rows[outcome->status].text,
		 outcome->text[0] ? ": " : "", OUTCOME_TEXT_MAX - 1, outcome->text);
	experiment_end(x, context);
}

/* It came into force between the question and now, whatever the message says. */
static uint64_t in_force_since(const struct experiment *x, const struct step_context *context,
			       const struct outcome *outcome)
{
	return outcome->time_ns < x->asked_ns || outcome->time_ns > context->now_ns
		       ? context->now_ns
		       : outcome->time_ns;
}

/* A new cohort: half of it has the arm, except in the readiness. */
static void cohort_begun(struct experiment *x, const struct step_context *context,
			 const struct outcome *outcome)
{
	enum window_side side = x->trial.phase == TRIAL_READY ? WINDOW_BASE : WINDOW_ARM;

	if (side != x->in_force)
		guardrails_enforced(&x->guardrails);
	x->in_force = side;
	trial_start_window(x, in_force_since(x, context, outcome));
}

static void answered_done(struct experiment *x, const struct step_context *context,
			  const struct outcome *outcome)
{
	bool split = x->policy->trial.split;

	switch (outcome->action) {
	case ACTION_BEGIN:
		if (x->trial.phase == TRIAL_TESTING)
			trial_start_pair(x, context);
		else
			experiment_ask(x, context, split ? ACTION_SPLIT : ACTION_ARM);
		break;
	case ACTION_SPLIT:
		cohort_begun(x, context, outcome);
		break;
	case ACTION_ARM:
	case ACTION_BASE:
		x->in_force = outcome->action == ACTION_ARM ? WINDOW_ARM : WINDOW_BASE;
		guardrails_enforced(&x->guardrails);
		trial_start_washout(x, in_force_since(x, context, outcome));
		break;
	case ACTION_UNDO:
		x->trial.txn = 0;
		x->in_force = WINDOW_BASE;
		x->n_undos = 0;
		if (x->trial.phase == TRIAL_READY)
			trial_begin_trying(x, context);
		else if (x->trial.phase == TRIAL_SCREENING)
			trial_screened_next(x, context);
		else
			experiment_end(x, context);
		break;
	default: /* ACTION_KEEP */
		experiment_end(x, context);
	}
}

bool experiment_outcome(struct experiment *x, const struct step_context *context,
			const struct outcome *outcome)
{
	bool awaited = x->step == STEP_ANSWER && x->proposal.kind == PROPOSAL_CHANGE &&
		       outcome->action == x->proposal.change.action;

	if (x->trial.phase == TRIAL_ENDED || x->trial.txn == 0 || outcome->txn != x->trial.txn ||
	    outcome->status >= OUTCOME_STATUS_COUNT)
		return false;
	if (outcome->status == OUTCOME_DONE && (awaited || !outcome->unasked)) {
		/* Else an undo overtook it: its own answer will come. */
		if (awaited)
			answered_done(x, context, outcome);
	} else if (outcome->status == OUTCOME_REFUSED && !outcome->unasked) {
		if (!awaited)
			return true;
		if (outcome->action == ACTION_BEGIN || outcome->action == ACTION_UNDO) {
			closed_by_actuator(x, context, outcome);
		} else {
			snprintf(x->text, sizeof(x->text), "aborted: the actuator refused: %.*s",
				 OUTCOME_TEXT_MAX - 1, outcome->text);
			experiment_conclude(x, context, VERDICT_ABORTED, REASON_REFUSED);
		}
	} else {
		closed_by_actuator(x, context, outcome);
	}
	return true;
}
