/* SPDX-License-Identifier: Apache-2.0 */
/* What a trial asks of others and tells them: proposals, events, and how it is concluded. */
#ifndef FLYBALL_ANALYZER_REQUEST_H
#define FLYBALL_ANALYZER_REQUEST_H

#include "analyzer/trial.h"

void experiment_emit(const struct step_context *context, const struct experiment *x,
		     enum event_kind kind);

/* Makes the proposal the last one, unsent; the trial then awaits its answer. */
void experiment_propose(struct experiment *x, const struct step_context *context,
			enum proposal_kind kind, enum action action);

/* Proposes an action of the open transaction. */
void experiment_ask(struct experiment *x, const struct step_context *context, enum action action);

/* Opens a transaction for trial.arm; `windows` is how many it will measure at most. */
void experiment_begin(struct experiment *x, const struct step_context *context, uint32_t windows);

/* Ends the trial with what was decided: x->verdict, x->reason, x->text. */
void experiment_end(struct experiment *x, const struct step_context *context);

/* Decides for anything but a keep, and undoes what is open first. x->text was written by the caller. */
void experiment_conclude(struct experiment *x, const struct step_context *context,
			 enum verdict verdict, enum reason reason);

#endif
