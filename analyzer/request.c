// SPDX-License-Identifier: Apache-2.0
#include "analyzer/request.h"

#include <stdio.h>
#include <string.h>

#include "analyzer/text.h"

/* What a transaction's deadline adds to twice its expected length. */
#define DEADLINE_SLACK_NS 30000000000ull

_Static_assert(TRIALS_MAX <= DECISIONS_PROPOSALS_MAX, "each slot has one proposal at most");

void experiment_emit(const struct step_context *context, const struct experiment *x,
		     enum event_kind kind)
{
	struct decisions *decisions = context->decisions;

	if (decisions->n_events < DECISIONS_EVENTS_MAX)
		decisions->events[decisions->n_events++] = (struct event){
			.kind = kind,
			.slot = x->slot,
			.time_ns = context->now_ns,
		};
}

void experiment_flush(struct experiment *x, const struct step_context *context)
{
	struct decisions *decisions = context->decisions;

	if (!x->unsent || decisions->n_proposals >= DECISIONS_PROPOSALS_MAX)
		return;
	decisions->proposals[decisions->n_proposals++] = x->proposal;
	x->unsent = false;
}

/* Replaces what may still be unsent: only an undo comes while something is unanswered. */
void experiment_propose(struct experiment *x, const struct step_context *context,
			enum proposal_kind kind, enum action action)
{
	struct trial *trial = &x->trial;

	x->proposal = (struct proposal){
		.kind = kind,
		.slot = x->slot,
		.change = { .txn = trial->txn,
			    .trial = trial->id,
			    .action = action,
			    .scope = trial->scope },
	};
	memcpy(x->proposal.change.knob, x->policy->knob, KNOB_NAME_MAX);
	memcpy(x->proposal.change.old_value, trial->incumbent, KNOB_VALUE_MAX);
	memcpy(x->proposal.change.new_value, trial->arm, KNOB_VALUE_MAX);
	/* A split is readied with the incumbent on both sides. */
	if (trial->phase == TRIAL_READY)
		memcpy(x->proposal.change.new_value, trial->incumbent, KNOB_VALUE_MAX);
	if (x->policy->trial.split && kind == PROPOSAL_CHANGE)
		x->proposal.change.flags = CHANGE_SPLIT;
	x->unsent = true;
	x->step = STEP_ANSWER;
	x->asked_ns = context->now_ns;
}

void experiment_ask(struct experiment *x, const struct step_context *context, enum action action)
{
	experiment_propose(x, context, PROPOSAL_CHANGE, action);
	experiment_flush(x, context);
}

/* Opens a transaction for the arm; `windows` is how many it will measure at most. */
void experiment_begin(struct experiment *x, const struct step_context *context, uint32_t windows)
{
	const struct trial_params *params = &x->policy->trial;

	x->trial.txn = x->trial.id * EXPERIMENT_TXNS_MAX + x->n_txns++;
	experiment_propose(x, context, PROPOSAL_CHANGE, ACTION_BEGIN);
	x->proposal.change.deadline_ns = context->now_ns + DEADLINE_SLACK_NS +
					 2ull * windows * (params->window_ns + params->washout_ns);
	experiment_flush(x, context);
}

void experiment_end(struct experiment *x, const struct step_context *context)
{
	struct trial *trial = &x->trial;

	trial->txn = 0;
	trial->phase = TRIAL_ENDED;
	trial->verdict = x->verdict;
	trial->reason = x->reason;
	trial->ended_ns = context->now_ns;
	memcpy(trial->reason_text, x->text, sizeof(x->text));
	text_append(trial->reason_text, sizeof(trial->reason_text), x->dropped);
	x->unsent = false;
	experiment_emit(context, x, EVENT_VERDICT);
}

/* Decides for anything but a keep. x->text was written by the caller. */
void experiment_conclude(struct experiment *x, const struct step_context *context,
			 enum verdict verdict, enum reason reason)
{
	x->verdict = verdict;
	x->reason = reason;
	if (x->trial.txn == 0) {
		experiment_end(x, context);
		return;
	}
	x->trial.phase = TRIAL_CLOSING;
	experiment_ask(x, context, ACTION_UNDO);
}

void experiment_abort(struct experiment *x, const struct step_context *context, enum reason reason,
		      const char *text)
{
	bool closing = x->trial.phase == TRIAL_CLOSING;

	/* An undo is under way already: its verdict stands. */
	if (x->trial.phase == TRIAL_ENDED || (closing && x->proposal.change.action == ACTION_UNDO))
		return;
	snprintf(x->text, sizeof(x->text), "aborted: %s", text);
	experiment_conclude(x, context, VERDICT_ABORTED, reason);
}
