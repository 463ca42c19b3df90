/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of metrics (OpenMetrics, Prometheus' text) that the operator's configuration names. */
#ifndef FLYBALL_PAGE_H
#define FLYBALL_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define PAGES_MAX 8
#define PAGE_NAME_MAX 32
#define PAGE_URL_MAX 256
#define PAGE_SOCKET_MAX 108 /* sun_path */

struct page {
	char name[PAGE_NAME_MAX];
	char url[PAGE_URL_MAX];
	char socket[PAGE_SOCKET_MAX]; /* path of a Unix socket to connect to instead; "" = none */
	uint64_t every_ns;
};

struct page_list {
	size_t n;
	struct page items[PAGES_MAX];
};

#endif
