/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a trial that its files share: trial.c has the phases, trial_answer.c the answers, trial_split.c splits. */
#ifndef FLYBALL_ANALYZER_TRIAL_STEPS_H
#define FLYBALL_ANALYZER_TRIAL_STEPS_H

#include "analyzer/trial.h"

/* The next window begins at `begin_ns`; or a washout after `since_ns`, when the value came into force. */
void trial_start_window(struct experiment *x, uint64_t begin_ns);
void trial_start_washout(struct experiment *x, uint64_t since_ns);

/* After the readiness: screens the arms, or tests the only one. */
void trial_begin_trying(struct experiment *x, const struct step_context *context);

/* The arm in screening is done with, its change undone. */
void trial_screened_next(struct experiment *x, const struct step_context *context);

/* Notes the objective of the arm in screening, NAN for none, and asks for its end. */
void trial_record_screened(struct experiment *x, const struct step_context *context, double y);

/* The first window of a pair, or the only one of a split. */
void trial_start_pair(struct experiment *x, const struct step_context *context);

/* ±ln of what x->y holds of both sides, positive is better. */
double trial_log_ratio(const struct experiment *x);

/* Both sides of a pair are in x->y: adds it and judges. */
void trial_add_pair(struct experiment *x, const struct step_context *context);

/* The window does not count: another one, or the end. */
void trial_void_window(struct experiment *x, const struct step_context *context);

/* Nothing happened in it where the objective wants that something does. */
bool trial_window_is_empty(const struct experiment *x, const struct window *window);

/* Only values that have a logarithm can be compared: nothing seen, or zero, is no measurement. */
bool trial_is_measured(double y);

/* The window of a split is full. */
void trial_finish_split(struct experiment *x, const struct step_context *context);

#endif
