/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows that programs count for single processes and control groups, and how they are found: what the two sides share. */
#ifndef FLYBALL_BPF_ROWS_H
#define FLYBALL_BPF_ROWS_H

#include <stdint.h>

#include "include/hist.h"

#define ROWS_MAX 256       /* counted apart at once */
#define ROWS_TABLE_BITS 10 /* log2 of the places in the table: a quarter full at most */
#define ROWS_TABLE (1u << ROWS_TABLE_BITS)
#define ROWS_PROBES 8            /* places that a row may be away from its own */
#define ROWS_TICK_NS 10000000ull /* unit of a process's start in /proc/PID/stat: USER_HZ */

/* A place of the table: row << 32 | the low half of its key; 0 = free, and nothing lies behind it; this = look further. */
#define ROWS_GONE (1ull << 63)

/* What each row begins with. */
struct row_head {
	uint64_t key;         /* a process, or a control group by its inode; 0 = nobody's */
	uint64_t start_ticks; /* of a process, in units of ROWS_TICK_NS since boot */
};

static inline uint64_t rows_key_process(uint32_t tgid)
{
	return 1ull << 63 | tgid;
}

/* Where a key's search begins: Fibonacci hashing. */
static inline uint32_t rows_first(uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> (64 - ROWS_TABLE_BITS));
}

/* Durations. */
struct row_hist {
	uint64_t sum;     /* ns */
	uint64_t clamped; /* over HIST_VALUE_MAX */
	uint32_t buckets[HIST_BUCKETS];
};

#endif
