/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on histograms: merge, percentiles, mean. Pure. */
#ifndef FLYBALL_BASE_HIST_H
#define FLYBALL_BASE_HIST_H

#include "include/hist.h"

/* Counts one value. */
void hist_add(struct hist *h, uint64_t value);

/* Adds all of `from` to `into`. */
void hist_merge(struct hist *into, const struct hist *from);

/*
 * Of a difference of two readings of what grew meanwhile: a value may be counted in one and be said to be clamped in the next
 * only. No more are clamped then than are counted.
 */
void hist_settle(struct hist *h);

/*
 * The value under which a share `q` (0 to 1) of all values lies, interpolated inside its bucket; NAN when
 * empty or when only sums are known. Within 1/32 (3.1 % at most, 1.6 % typically) of the true one.
 */
double hist_quantile(const struct hist *h, double q);

/* sum / count; NAN when empty. */
double hist_mean(const struct hist *h);

#endif
