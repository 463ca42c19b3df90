/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the block programs and user space share: which disks are watched, and the histograms. */
#ifndef FLYBALL_BPF_BLOCK_H
#define FLYBALL_BPF_BLOCK_H

#include <stdint.h>

#include "include/hist.h"

#define BLOCK_ABI 4 /* grows with every change of this file; checked after loading */

#define BLOCK_DISKS_MAX 256 /* disks watched at once, each with a slot */
#define BLOCK_TABLE_BITS 10 /* log2 of the places in the table of disks: a quarter full at most */
#define BLOCK_TABLE (1u << BLOCK_TABLE_BITS)
#define BLOCK_PROBES 8      /* places that a disk may be away from its own */
#define BLOCK_STAMP_BITS 14 /* log2 of the sets of issue stamps: 16,384 sets, 512 KiB */
#define BLOCK_STAMP_SETS (1u << BLOCK_STAMP_BITS)
#define BLOCK_STAMP_WAYS 2  /* at 1,000 requests in flight under 0.01 % find both ways taken */
#define BLOCK_BATCH_MAX 128 /* requests that are ended together and seen */
#define BLOCK_FLIGHTS 16384 /* requests that plain tracepoints follow at once */

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_OP_COUNT,
};

enum block_stage {
	BLOCK_LATENCY, /* from allocation of the request to completion */
	BLOCK_QUEUE,   /* from allocation to the (last) issue to the driver */
	BLOCK_SERVICE, /* from the (last) issue to completion */
	BLOCK_STAGE_COUNT,
};

/* Stages that need the time of issue. */
#define BLOCK_STAGES_ISSUE (1u << BLOCK_QUEUE | 1u << BLOCK_SERVICE)

/*
 * One place of the table of disks, in one word so that it changes at once: the kernel's dev_t in the low half,
 * then the slot (16 bits), then what is wanted, 1 << (op * BLOCK_STAGE_COUNT + stage). 0 = free, and nothing lies
 * behind it; BLOCK_GONE = free, look further.
 */
#define BLOCK_GONE 0xffffffffull

static inline uint64_t block_place(uint32_t dev, uint32_t slot, uint32_t wanted)
{
	return (uint64_t)wanted << 48 | (uint64_t)slot << 32 | dev;
}

static inline uint32_t block_place_dev(uint64_t place)
{
	return (uint32_t)place;
}

static inline uint32_t block_place_slot(uint64_t place)
{
	return place >> 32 & 0xffff;
}

/* The stages that are wanted of one operation, 1 << stage. */
static inline uint32_t block_place_stages(uint64_t place, uint32_t op)
{
	return (uint32_t)(place >> (48 + op * BLOCK_STAGE_COUNT)) & ((1u << BLOCK_STAGE_COUNT) - 1);
}

/* Where a disk's search begins: Fibonacci hashing, the top bits of dev × 2^32/φ. */
static inline uint32_t block_place_first(uint32_t dev)
{
	return (dev * 0x9e3779b9u) >> (32 - BLOCK_TABLE_BITS);
}

/* What the programs are told before they are loaded: all of the object's .rodata. */
struct block_settings {
	uint32_t abi;
	uint32_t queue_first; /* block_rq_issue(queue, request), as before 5.11 */
};

/* What user space tells them while they run: all of the object's .bss. */
struct block_shared {
	uint64_t places[BLOCK_TABLE];       /* the table of disks; see block_place() */
	uint64_t since_ns[BLOCK_DISKS_MAX]; /* of each slot: what began before is not measured */
	uint64_t own_stamps;                /* 1 = as if the kernel stamped no issue; for tests */
};

/* When a request was handed to its driver. */
struct block_stamp {
	uint64_t request; /* its address in the kernel; 0 = free */
	uint64_t ns;      /* CLOCK_MONOTONIC */
};

struct block_stamps {
	struct block_stamp ways[BLOCK_STAMP_WAYS];
};

/* One operation of one disk on one CPU: element slot * BLOCK_OP_COUNT + op. Everything only grows and may wrap. */
struct block_hist {
	uint64_t ends; /* requests that ended, also those without data: as the stat file counts */
	uint64_t
		orphans; /* those with data and with a start that should have been seen and was not */
	uint64_t unstamped; /* those whose issue was asked for and the kernel had not stamped */
	uint64_t sums[BLOCK_STAGE_COUNT];    /* ns */
	uint64_t clamped[BLOCK_STAGE_COUNT]; /* durations over HIST_VALUE_MAX */
	uint32_t buckets[BLOCK_STAGE_COUNT][HIST_BUCKETS];
};

_Static_assert(sizeof(struct block_stamp) == 16, "user space and BPF must agree");
_Static_assert(sizeof(struct block_hist) == 72 + 3 * 4096, "user space and BPF must agree");

#endif
