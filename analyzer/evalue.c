// SPDX-License-Identifier: Apache-2.0
/*
 * Under "the arm changes nothing" the coin makes the sign of d_i fair given |d_i| and the past. So for every bet
 * x_i = λ clip(d_i / s_i), odd in d_i and with s_i known before the pair, the factor exp(x_i) / cosh(x_i) has mean 1,
 * and the product is a martingale (de la Peña 1999). It never more than doubles in a pair: 1/0.05 takes 5 pairs.
 */
#include "analyzer/evalue.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Bets per standard deviation: small effects, effects of one deviation, effects that noise hardly touches. */
static const double bets[EVALUE_BETS] = { 0.5, 0.8, 2.0 };

/* Deviations beyond which a pair counts no more: one outlier of a heavy tail must not undo ten ordinary pairs. */
#define EVALUE_CLIP 2.0
/* Pairs that the readiness noise weighs as much as: it comes from five log ratios. */
#define EVALUE_NOISE_WEIGHT 5.0
/* Least noise: percentiles of a histogram are no finer than this. */
#define EVALUE_NOISE_MIN 0.001
/* Standard deviation of a normal distribution with a median absolute deviation of 1. */
#define MAD_TO_SD 1.4826
/* Halvings of a bound's bracket: 40 scales down to under a millionth of one. */
#define BISECTIONS 30
/* Where a bound is looked for beyond the data, in scales: further out every pair is clipped. */
#define BRACKET_SCALES 4.0

double evalue_noise_of(const double *d, uint32_t n)
{
	double sum = 0;

	if (n == 0)
		return EVALUE_NOISE_MIN;
	for (uint32_t i = 0; i < n; i++)
		sum += d[i] * d[i];
	return fmax(sqrt(sum / n), EVALUE_NOISE_MIN);
}

double evalue_noise(const double *ready, uint32_t n_ready)
{
	double d[TRIAL_READY_WINDOWS];

	if (n_ready < 2 || n_ready > TRIAL_READY_WINDOWS)
		return EVALUE_NOISE_MIN;
	for (uint32_t i = 0; i + 1 < n_ready; i++)
		d[i] = log(ready[i + 1] / ready[i]);
	return evalue_noise_of(d, n_ready - 1);
}

void evalue_init(struct evalue *e, double noise)
{
	memset(e, 0, sizeof(*e));
	e->noise = noise;
}

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

/* Quickselect on `v`, which it reorders: the element of rank `k`. */
static double select_rank(double *v, size_t n, size_t k)
{
	size_t low = 0, high = n - 1;

	while (low < high) {
		double pivot = v[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&v[i++], &v[j--]);
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return v[k];
}

static double median(double *v, size_t n)
{
	double upper = select_rank(v, n, n / 2);

	return n % 2 ? upper : (upper + select_rank(v, n, n / 2 - 1)) / 2;
}

/* Spread of the pairs so far around their own median: not inflated by the effect that they share. */
static double spread(const struct evalue *e)
{
	double v[TRIAL_PAIRS_MAX], middle;

	memcpy(v, e->d, e->n * sizeof(v[0]));
	middle = median(v, e->n);
	for (uint32_t i = 0; i < e->n; i++)
		v[i] = fabs(e->d[i] - middle);
	return MAD_TO_SD * median(v, e->n);
}

/* Known before the next pair: readiness and past pairs only. Geometric, so that one lucky tie does not rule. */
static double next_scale(const struct evalue *e)
{
	double weight, observed;

	if (e->n < 2)
		return e->noise;
	weight = e->n - 1;
	observed = fmax(spread(e), e->noise / 10);
	return exp((EVALUE_NOISE_WEIGHT * log(e->noise) + weight * log(observed)) /
		   (EVALUE_NOISE_WEIGHT + weight));
}

void evalue_add(struct evalue *e, double d)
{
	if (e->n >= TRIAL_PAIRS_MAX)
		return;
	e->scale[e->n] = next_scale(e);
	e->d[e->n++] = d;
}

double evalue_log(const struct evalue *e, double shift, double sign)
{
	double product[EVALUE_BETS], sum = 0;

	for (size_t k = 0; k < EVALUE_BETS; k++)
		product[k] = 1;
	/* At most 2^200: a double holds it. */
	for (uint32_t i = 0; i < e->n; i++) {
		double z = sign * (e->d[i] - shift) / e->scale[i];

		z = fmin(fmax(z, -EVALUE_CLIP), EVALUE_CLIP);
		for (size_t k = 0; k < EVALUE_BETS; k++)
			product[k] *= 2 / (1 + exp(-2 * bets[k] * z));
	}
	for (size_t k = 0; k < EVALUE_BETS; k++)
		sum += product[k] / EVALUE_BETS;
	return log(sum);
}

/* Median of all pairwise means: robust as a median, nearly as precise as a mean. Quadratic, so capped. */
static double hodges_lehmann(const struct evalue *e)
{
	enum { NEWEST = 64 };
	double means[NEWEST * (NEWEST + 1) / 2] = { 0 };
	uint32_t first = e->n > NEWEST ? e->n - NEWEST : 0;
	size_t n = 0;

	for (uint32_t i = first; i < e->n; i++)
		for (uint32_t j = i; j < e->n; j++)
			means[n++] = (e->d[i] + e->d[j]) / 2;
	return median(means, n);
}

/* The shift at which the one-sided test stops rejecting; the mixture falls steadily with sign * shift. */
static double bound(const struct evalue *e, double threshold, double sign)
{
	double low = e->d[0], high = e->d[0], width = e->noise, out, in;

	for (uint32_t i = 0; i < e->n; i++) {
		low = fmin(low, e->d[i]);
		high = fmax(high, e->d[i]);
		width = fmax(width, e->scale[i]);
	}
	out = sign > 0 ? low - BRACKET_SCALES * width : high + BRACKET_SCALES * width;
	in = sign > 0 ? high : low;
	if (evalue_log(e, out, sign) < threshold)
		return -sign * INFINITY;
	for (int i = 0; i < BISECTIONS; i++) {
		double middle = (out + in) / 2;

		if (evalue_log(e, middle, sign) >= threshold)
			out = middle;
		else
			in = middle;
	}
	return out;
}

struct evalue_result evalue_result(const struct evalue *e, double alpha)
{
	double threshold = log(1 / alpha);

	if (e->n == 0)
		return (struct evalue_result){ .effect = NAN,
					       .effect_low = -INFINITY,
					       .effect_high = INFINITY };
	return (struct evalue_result){
		.log_e_keep = evalue_log(e, 0, 1),
		.log_e_harm = evalue_log(e, 0, -1),
		.effect = hodges_lehmann(e),
		.effect_low = bound(e, threshold, 1),
		.effect_high = bound(e, threshold, -1),
	};
}

double evalue_from_ratio(double ratio, enum objective_direction direction)
{
	return direction == OBJECTIVE_MINIMIZE ? -log1p(-ratio) : log1p(ratio);
}

double evalue_to_ratio(double effect, enum objective_direction direction)
{
	return direction == OBJECTIVE_MINIMIZE ? -expm1(-effect) : expm1(effect);
}
