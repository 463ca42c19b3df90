/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of a mapping are mapped by this process alone. */
#ifndef FLYBALL_ACTUATOR_NUMA_EXCLUSIVE_H
#define FLYBALL_ACTUATOR_NUMA_EXCLUSIVE_H

#include <stdio.h>
#include <sys/types.h>

#include "actuator/numa_pages.h"

/* A process's mappings, walked once from the lowest address to the highest. */
struct numa_exclusive {
	pid_t pid;
	int pagemap; /* -1: not open */
	FILE *maps;
	unsigned long from, to; /* the mapping that was read last */
};

/*
 * Returns 0 or -errno: -ENOENT also where there is no pagemap, as in a kernel without CONFIG_PROC_PAGE_MONITOR and in a captured
 * sysroot. To be closed in both cases.
 */
int numa_exclusive_open(int root, pid_t pid, struct numa_exclusive *ret_exclusive);
void numa_exclusive_close(struct numa_exclusive *exclusive);

/*
 * Adds the pages of the mapping at `start` that no other process maps, by node. Mappings are asked for in the order of their
 * addresses; one that has gone meanwhile adds nothing. Returns 0, -ESRCH or -errno.
 */
int numa_exclusive_add(struct numa_exclusive *exclusive, unsigned long start,
		       struct numa_pages *pages);

#endif
