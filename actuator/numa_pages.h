/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the memory of a process lies, and moving it from node to node. What counts is the process's own anonymous
 * memory (heap, stacks, anonymous mappings): files, shared memory, huge pages of hugetlbfs and what a fork left in common
 * with another process have other users, and stay.
 */
#ifndef FLYBALL_ACTUATOR_NUMA_PAGES_H
#define FLYBALL_ACTUATOR_NUMA_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/thread.h"
#include "base/idset.h"

#define NUMA_NODES_MAX 64 /* machines with more are left alone */

/* Limits of one call. Together they bound how long the process and the machine are disturbed. */
#define NUMA_MOVE_BYTES_MAX (1ull << 30) /* of a process; a larger one is refused */
#define NUMA_MOVE_SECONDS_MAX \
	10 /* at the operator's rate; more is refused, or done faster when it goes back: a third of HAND_TOTAL_NS */
#define NUMA_SLICE_PAGES 512 /* looked at, and accounted for, at once: 2 MiB, one huge page */
#define NUMA_SCAN_PAGES_MAX (64ull << 20) /* looked at: 256 GiB of addresses, mostly empty ones */
#define NUMA_RESERVE_RATIO 0.05           /* of a node's memory stays free */

/* Pages by node. */
struct numa_pages {
	uint64_t on[NUMA_NODES_MAX];
	uint64_t total;
};

/* Counts. 0; -ENOENT or -ESRCH when the process is gone, -EACCES, -ERANGE for a node past the last. */
int numa_pages_read(int root, const struct thread *process, struct numa_pages *ret_pages);

/* The nodes that have memory and that the process may use (its cpuset). 0 or -errno. */
int numa_nodes_within(int root, const struct thread *process, struct idset *ret_nodes);

/*
 * How many pages a node can still take; 0 when its free memory is down to the reserve, or to `free_bytes` where these
 * are more. 0 or -errno.
 */
int numa_node_room(int root, unsigned int node, uint64_t free_bytes, uint64_t *ret_pages);

/* What a move holds itself to. */
struct numa_pace {
	uint64_t rate_bytes; /* a second */
	uint64_t free_bytes; /* stays free on a node that pages come to */
};

/*
 * Moves pages until `want` pages are on each node, as far as they can be moved: at the pace, in slices, with signs of
 * progress (family_progress()), and no further when the process ends. Returns 0, also when some could not be moved (numa_pages_read() tells); -ENOMEM when a node
 * has no room left; -EPERM at a rate of 0; -ESRCH; -EFBIG past NUMA_SCAN_PAGES_MAX; -EXDEV when the sysroot is not this machine.
 */
int numa_pages_move(int root, const struct thread *process, const struct numa_pages *want,
		    const struct numa_pace *pace);

/* numa_plan.c: numbers alone */

/* The nodes that hold a part worth naming. */
void numa_pages_present(const struct numa_pages *pages, struct idset *ret_nodes);

/* Nodes outside of the set have nothing, each one inside its floor; as little as possible is moved for that. */
void numa_pages_plan(const struct idset *nodes, const struct numa_pages *now,
		     struct numa_pages *ret_want);

/* `0:5120 1:44`; 0, -E2BIG, -EBADMSG. */
int numa_pages_format(const struct numa_pages *pages, char *buffer, size_t size);
int numa_pages_parse(const char *text, struct numa_pages *ret_pages);

/* The shares of `old` in what there is now. */
void numa_pages_scale(const struct numa_pages *old, const struct numa_pages *now,
		      struct numa_pages *ret_want);

/* How many pages are not where they should be; 0 when they are so few that it is well. */
uint64_t numa_pages_missing(const struct numa_pages *want, const struct numa_pages *now);

#endif
