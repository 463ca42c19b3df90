/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of a page of metrics: what became more since the last page, in buckets of ours. Pure.
 *
 *     page_hist_begin → page_hist_take … → page_hist_has_bounds? page_hist_advance → page_hist_keep
 */
#ifndef FLYBALL_OBSERVER_PAGE_HIST_H
#define FLYBALL_OBSERVER_PAGE_HIST_H

#include <stdbool.h>
#include <stddef.h>

#include "include/hist.h"

#define PAGE_BUCKETS_MAX 64 /* of one histogram; one with more is a LOSS_SERIES */

struct page_hist {
	bool used;
	size_t n, n_new; /* buckets of the last page, and of this */
	double le[PAGE_BUCKETS_MAX], cum[PAGE_BUCKETS_MAX];
	double new_le[PAGE_BUCKETS_MAX], new_cum[PAGE_BUCKETS_MAX];
	double sum, new_sum; /* NAN = not there */
	double unit_ns;
	struct hist hist; /* what the next tick gets */
};

/* Begins a page. */
void page_hist_begin(struct page_hist *page);

/*
 * Takes a bucket: how many values are at most `le`. Returns 0, or -EINVAL when it does not go on from the one before.
 * More than PAGE_BUCKETS_MAX are counted in n_new, and not kept.
 */
int page_hist_take(struct page_hist *page, double le, double cum);

/* True when the last page had the same buckets. */
bool page_hist_has_bounds(const struct page_hist *page);

/* Adds what is new in each bucket to `hist`: all of it when it is new, or when a bucket has less than it had. */
void page_hist_advance(struct page_hist *page, bool is_new);

/* The page becomes the last one. */
void page_hist_keep(struct page_hist *page);

#endif
