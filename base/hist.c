// SPDX-License-Identifier: Apache-2.0
#include "base/hist.h"

#include <math.h>
#include <stddef.h>

void hist_add(struct hist *h, uint64_t value)
{
	h->count++;
	h->sum += value;
	if (value > HIST_VALUE_MAX)
		h->clamped++;
	h->buckets[hist_index(value)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	into->count += from->count;
	into->sum += from->sum;
	into->clamped += from->clamped;
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

void hist_settle(struct hist *h)
{
	if (h->clamped > h->count)
		h->clamped = h->count;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t total = 0, seen = 0;
	double rank;

	/* Not h->count: a reader may see a bucket of a value whose count it does not see yet. */
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		total += h->buckets[i];
	if (total == 0)
		return NAN;
	rank = q * (double)total;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		if (h->buckets[i] == 0)
			continue;
		if ((double)(seen + h->buckets[i]) >= rank) {
			double low = (double)hist_lower(i), width = (double)hist_lower(i + 1) - low;
			double inside = (rank - (double)seen) / (double)h->buckets[i];

			return low + width * fmax(inside, 0.0);
		}
		seen += h->buckets[i];
	}
	return (double)HIST_VALUE_MAX;
}

double hist_mean(const struct hist *h)
{
	return h->count == 0 ? NAN : (double)h->sum / (double)h->count;
}
