/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demanded series of one page: what was read last, and what it makes of a tick.
 *
 *     page_series_read (a page) … → page_series_sample (a tick) …      page_series_fail: a page that could not be read
 *
 * A counter's increase between two pages is spread over the ticks until the next one is due, so that a rate has no gaps
 * and no heaps; what the next page is late by is taken off again. A histogram's goes into the first tick after the page.
 */
#ifndef FLYBALL_OBSERVER_PAGE_SERIES_H
#define FLYBALL_OBSERVER_PAGE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/scope.h"
#include "observer/page_hist.h"
#include "observer/source.h"

#define PAGE_SERIES_MAX 128 /* demanded ones of one page; a further one is a LOSS_SERIES */
#define PAGE_HISTS_MAX 8    /* of them histograms, 6 KiB each; likewise */
#define PAGE_GONE_MAX 60    /* pages in a row without a series, and it is forgotten */

struct page_series {
	bool used;
	bool seen;     /* in the page that is being read */
	bool known;    /* its value is: a counter's from the second page on */
	uint32_t gone; /* pages in a row that did not have it */
	bool primed;   /* a counter: `raw` is of the last page */
	uint32_t signal;
	char name[SCOPE_NAME_MAX], family[SCOPE_NAME_MAX];
	double new_raw, raw;         /* as the page has it */
	double new_created, created; /* NAN = not there */
	double pending;              /* of a counter: what ticks have not had yet */
	double per_ns;               /* and how much of it they get */
	struct page_hist *hist;      /* of app.latency */
};

struct page_table {
	uint64_t crowded,
		long_names; /* series for which there was no room, or no name, in the last page */
	uint64_t n_seen;    /* series in the last page */
	bool fresh;         /* the last page could be read */
	struct page_series series[PAGE_SERIES_MAX];
	struct page_hist hists[PAGE_HISTS_MAX];
};

/* How far apart the pages are. */
struct page_times {
	uint64_t every_ns;
	uint64_t elapsed_ns; /* since the last one that could be read; 0 = it is the first */
};

/*
 * Takes a whole page, which is written into; all of it or nothing. Returns 0, or -EINVAL with a sentence that names the
 * line: the table is then as after page_series_fail().
 */
int page_series_read(struct page_table *table, const char *page, char *bytes, bool ends_with_eof,
		     const struct source_demand *demand, const struct page_times *times,
		     char *ret_why, size_t size);

/* Nothing is known any more until the next page. */
void page_series_fail(struct page_table *table);

/* Adds all series that were ever read while they are demanded. */
void page_series_sample(struct page_table *table, struct sampler *sampler);

/* Forgets what is not demanded. */
void page_series_keep(struct page_table *table, const struct source_demand *demand);

/* True when a demand may be of that page. */
bool page_series_wants(const struct source_demand *demand, const char *page);

#endif
