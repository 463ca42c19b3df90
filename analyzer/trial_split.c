// SPDX-License-Identifier: Apache-2.0
/* The windows of a split trial: one measures both sides. */
#include <math.h>

#include "analyzer/request.h"
#include "analyzer/trial.h"
#include "analyzer/trial_steps.h"
#include "base/hist.h"

/* ±ln of the two sides, positive is better. */
double trial_log_ratio(const struct experiment *x)
{
	double d = log(x->y[WINDOW_ARM] / x->y[WINDOW_BASE]);

	return x->policy->objective.direction == OBJECTIVE_MINIMIZE ? -d : d;
}

static void split_ready(struct experiment *x, const struct step_context *context)
{
	struct trial *trial = &x->trial;

	x->ready_d[trial->n_ready] = trial_log_ratio(x);
	trial->ready[trial->n_ready++] = x->y[WINDOW_BASE];
	if (trial->n_ready == TRIAL_READY_WINDOWS)
		trial->noise = evalue_noise_of(x->ready_d, trial->n_ready);
	experiment_emit(context, x, EVENT_READY);
	experiment_ask(x, context,
		       trial->n_ready < TRIAL_READY_WINDOWS ? ACTION_SPLIT : ACTION_UNDO);
}

static void split_pair(struct experiment *x, const struct step_context *context)
{
	hist_merge(&x->trial.hist[WINDOW_BASE], &x->base_window.hist);
	hist_merge(&x->trial.hist[WINDOW_ARM], &x->window.hist);
	trial_add_pair(x, context);
}

/* Both sides or none: what makes a window void must not depend on which side is which. */
void trial_finish_split(struct experiment *x, const struct step_context *context)
{
	uint32_t stat = x->policy->objective.ref.stat;

	x->y[WINDOW_BASE] = window_value(&x->base_window, stat);
	x->y[WINDOW_ARM] = window_value(&x->window, stat);
	if (!trial_is_measured(x->y[WINDOW_BASE]) || !trial_is_measured(x->y[WINDOW_ARM])) {
		if (x->trial.phase == TRIAL_TESTING) {
			bool base = trial_window_is_empty(x, &x->base_window),
			     arm = trial_window_is_empty(x, &x->window);

			x->n_empty[WINDOW_BASE] += base && !arm;
			x->n_empty[WINDOW_ARM] += arm && !base;
		}
		trial_void_window(x, context);
		return;
	}
	x->n_void_row = 0;
	if (x->trial.phase == TRIAL_READY)
		split_ready(x, context);
	else if (x->trial.phase == TRIAL_SCREENING)
		trial_record_screened(x, context, x->y[WINDOW_ARM]);
	else
		split_pair(x, context);
}
