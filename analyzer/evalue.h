/* SPDX-License-Identifier: Apache-2.0 */
/* The test of a trial: a mixture of sign martingales over d_1, d_2, …, and its confidence sequence. Pure numbers. */
#ifndef FLYBALL_ANALYZER_EVALUE_H
#define FLYBALL_ANALYZER_EVALUE_H

#include <stdint.h>

#include "include/trial.h"

#define EVALUE_BETS 3 /* components of the mixture */

/* `d` is ±ln(y_arm / y_base) of each pair, positive is better; `scale` was known before its pair. */
struct evalue {
	double noise; /* standard deviation of d under the incumbent, from readiness */
	uint32_t n;   /* pairs so far, at most TRIAL_PAIRS_MAX */
	double d[TRIAL_PAIRS_MAX];
	double scale[TRIAL_PAIRS_MAX];
};

/* Where the test stands after n pairs; effects are logarithms. */
struct evalue_result {
	double log_e_keep, log_e_harm; /* ln of the mixture for d, and for -d */
	double effect;                 /* Hodges-Lehmann estimate */
	double effect_low,
		effect_high; /* each bound fails with probability α at most; ±INFINITY when open */
};

/* Standard deviation of d, from the log ratios of neighbouring readiness windows; never under EVALUE_NOISE_MIN. */
double evalue_noise(const double *ready, uint32_t n_ready);

/* The same from the d of windows in which both sides had the incumbent: their root mean square. */
double evalue_noise_of(const double *d, uint32_t n);

void evalue_init(struct evalue *e, double noise);

/* Adds one pair's d, which must be finite. Ignored past TRIAL_PAIRS_MAX. */
void evalue_add(struct evalue *e, double d);

/* ln of the mixture over sign * (d_i - shift): the evidence against "the effect is `shift` or less" (sign = 1). */
double evalue_log(const struct evalue *e, double shift, double sign);

struct evalue_result evalue_result(const struct evalue *e, double alpha);

/* The logarithm that means a change by `ratio` in the wanted direction: minimize 0.1 → -ln 0.9, maximize → ln 1.1. */
double evalue_from_ratio(double ratio, enum objective_direction direction);

/* The inverse: how much lower (minimize), or higher (maximize), as a ratio. */
double evalue_to_ratio(double effect, enum objective_direction direction);

#endif
