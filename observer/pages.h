/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of metrics fetched over HTTP, by libcurl and without waiting: between the ticks, as the sockets have something.
 *
 *     pages_open → pages_drain or pages_sample … → pages_close      pages_demand at any time
 *
 * A page that nobody demands is not fetched. libcurl allocates; sample() itself does not.
 */
#ifndef FLYBALL_OBSERVER_PAGES_H
#define FLYBALL_OBSERVER_PAGES_H

#include "include/page.h"
#include "observer/source.h"

#define PAGE_BYTES_MAX (1 << 20) /* of one page; one that is longer is not read */

struct pages;

/* Adds a descriptor to `epoll`. The list must outlive it. Returns 0 or -errno; the caller closes. */
int pages_open(const struct page_list *list, int epoll, struct pages **ret_pages);

/* Accepts NULL, as all of the others. */
void pages_close(struct pages *pages);

void pages_demand(struct pages *pages, const struct source_demand *demand);
void pages_drain(struct pages *pages);

/* Adds the series, and begins to fetch what is due. */
void pages_sample(struct pages *pages, struct sampler *sampler);

/* The trouble of the first page that has any, with its remedy; false = there is none. */
bool pages_trouble(const struct pages *pages, char *ret_text, size_t size, const char **ret_remedy);

#endif
