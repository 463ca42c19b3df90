// SPDX-License-Identifier: Apache-2.0
/* What distributions of pages mean, and which one is wanted: numbers alone. */
#include "actuator/numa_pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PRESENT_RATIO 0.05 /* a node with less has strays: stacks, what the loader touched */
#define FLOOR_RATIO 0.10   /* well above, so that it does not come and go */
#define RETURN_RATIO 0.05  /* what an undo may be wrong by */
#define HUGE_PAGES 512     /* or by one huge page, which moves whole */

void numa_pages_present(const struct numa_pages *pages, struct idset *ret_nodes)
{
	*ret_nodes = (struct idset){ 0 };
	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++)
		if (pages->on[node] &&
		    (double)pages->on[node] >= PRESENT_RATIO * (double)pages->total)
			idset_add(ret_nodes, node);
}

/* The nodes' least or most loaded member. */
static unsigned int extreme(const struct idset *nodes, const uint64_t *on, bool most)
{
	unsigned int found = NUMA_NODES_MAX;

	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++)
		if (idset_has(nodes, node) &&
		    (found == NUMA_NODES_MAX ||
		     (most ? on[node] > on[found] : on[node] < on[found])))
			found = node;
	return found;
}

void numa_pages_plan(const struct idset *nodes, const struct numa_pages *now,
		     struct numa_pages *ret_want)
{
	uint64_t floor = (uint64_t)((double)now->total * FLOOR_RATIO), sum = 0;
	uint64_t step = now->total / 128 + 1, n = idset_count(nodes);

	*ret_want = (struct numa_pages){ .total = now->total };
	if (floor > now->total / n)
		floor = now->total / n;
	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++) {
		if (!idset_has(nodes, node))
			continue;
		ret_want->on[node] = now->on[node] > floor ? now->on[node] : floor;
		sum += ret_want->on[node];
	}
	while (sum != now->total) {
		bool over = sum > now->total;
		uint64_t by = over ? sum - now->total : now->total - sum;
		unsigned int node = extreme(nodes, ret_want->on, over);

		if (by > step)
			by = step;
		ret_want->on[node] += over ? -by : by;
		sum += over ? -by : by;
	}
}

int numa_pages_format(const struct numa_pages *pages, char *buffer, size_t size)
{
	size_t used = 0;

	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++) {
		if (pages->on[node] == 0)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%s%u:%" PRIu64,
					 used ? " " : "", node, pages->on[node]);
		if (used >= size)
			return -E2BIG;
	}
	return 0;
}

int numa_pages_parse(const char *text, struct numa_pages *ret_pages)
{
	*ret_pages = (struct numa_pages){ 0 };
	while (*text) {
		unsigned int node;
		uint64_t n;
		int length;

		if (sscanf(text, "%u:%" SCNu64 "%n", &node, &n, &length) != 2 ||
		    node >= NUMA_NODES_MAX || n == 0 || ret_pages->on[node])
			return -EBADMSG;
		ret_pages->on[node] = n;
		ret_pages->total += n;
		text += length;
		text += strspn(text, " ");
	}
	return ret_pages->total ? 0 : -EBADMSG;
}

void numa_pages_scale(const struct numa_pages *old, const struct numa_pages *now,
		      struct numa_pages *ret_want)
{
	uint64_t sum = 0;
	unsigned int largest = 0;

	*ret_want = (struct numa_pages){ .total = now->total };
	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++) {
		ret_want->on[node] =
			(uint64_t)((double)old->on[node] / (double)old->total * (double)now->total);
		sum += ret_want->on[node];
		if (ret_want->on[node] > ret_want->on[largest])
			largest = node;
	}
	ret_want->on[largest] += now->total - sum;
}

uint64_t numa_pages_missing(const struct numa_pages *want, const struct numa_pages *now)
{
	uint64_t n = 0;

	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++)
		if (want->on[node] > now->on[node])
			n += want->on[node] - now->on[node];
	return n <= HUGE_PAGES || (double)n <= RETURN_RATIO * (double)now->total ? 0 : n;
}
