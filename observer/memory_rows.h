/* SPDX-License-Identifier: Apache-2.0 */
/* The signals of memory in the kernel's files: what the sources of the host, of nodes and of control groups have in common. */
#ifndef FLYBALL_OBSERVER_MEMORY_ROWS_H
#define FLYBALL_OBSERVER_MEMORY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/source.h"

#define MEMORY_BYTES 16384 /* of a text: vmstat is some 5 KiB, memory.stat 1 to 3, meminfo 1.5 */
#define MEMORY_FIRST SIGNAL_MEM_AVAILABLE
#define MEMORY_LAST SIGNAL_NUMA_MIGRATED
#define MEMORY_SIGNALS (MEMORY_LAST - MEMORY_FIRST + 1)

enum memory_file {
	MEMORY_MEMINFO,      /* /proc/meminfo */
	MEMORY_VMSTAT,       /* /proc/vmstat */
	MEMORY_NODE_MEMINFO, /* of a node, without the numbers in front: memory_node_lines() */
	MEMORY_NODE_VMSTAT,  /* of a node */
	MEMORY_GROUP,        /* memory.stat of a control group, v2 */
	MEMORY_GROUP_V1,     /* the same of v1, with all below it: total_… */
	MEMORY_FILE_COUNT,
};

/* The counts of the tick before, of one instance. */
struct memory_counts {
	uint64_t counts[MEMORY_SIGNALS];
	bool known[MEMORY_SIGNALS];
};

/* Whether a signal is in that file of some kernel, and whether any of the set is. */
bool memory_has(enum memory_file file, enum signal_id signal);
bool memory_has_any(enum memory_file file, const struct signal_set *signals);

/*
 * What `text`, of that file, says of a signal: a level, or the increase against `counts`, which is replaced. NAN without a
 * tick before; NAN with a LOSS_EVENT for a text that cannot be understood; NAN and the signal in `missing` when this kernel
 * has no such line.
 */
double memory_value(struct memory_counts *counts, enum signal_id signal, enum memory_file file,
		    const char *text, uint64_t *losses, struct signal_set *missing);

/* Takes the node's number off each line of a node's meminfo, so that a key begins it. */
void memory_node_lines(char *text);

/* For status(): names the signals that were demanded and are not there; the state stays as it is. */
void memory_say_missing(const struct signal_set *missing, struct source_status *status);

#endif
