/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pages of a process are: its numa_maps added up. */
#ifndef FLYBALL_OBSERVER_NUMA_MAPS_H
#define FLYBALL_OBSERVER_NUMA_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMA_NODES_MAX 1024 /* CONFIG_NODES_SHIFT is 10 at most */

/*
 * Adds the bytes that one line of numa_maps says to those of the nodes. Returns false, with some of it added, for a line
 * that cannot be understood.
 */
bool numa_maps_line(const char *line, uint64_t bytes[NUMA_NODES_MAX]);

/*
 * Reads a numa_maps to its end through a buffer. Returns 0 or -errno; -EBADMSG for a line that cannot be understood or
 * does not fit into the buffer.
 */
int numa_maps_read(int fd, char *buffer, size_t size, uint64_t bytes[NUMA_NODES_MAX]);

#endif
