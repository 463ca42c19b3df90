/* SPDX-License-Identifier: Apache-2.0 */
/* The block source's own parts: its methods, and a disk's series of a tick. */
#ifndef FLYBALL_OBSERVER_BLOCK_H
#define FLYBALL_OBSERVER_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/block.h"
#include "observer/block_tracer.h"
#include "observer/disks.h"
#include "observer/source.h"

/* The signals of an operation lie together: latency, queue, service, bytes, ops. */
#define SIGNALS_OF_OP (SIGNAL_DISK_WRITE_LATENCY - SIGNAL_DISK_READ_LATENCY)
#define STAGES_MASK ((1u << BLOCK_STAGE_COUNT) - 1)

/* The BPF programs' ways, and the stat file. */
enum block_method_id {
	METHOD_PROCFS = BLOCK_WAY_COUNT,
	METHOD_COUNT,
};

/* The stat file against the programs, for one operation of one disk. */
struct block_check {
	bool known;
	uint64_t ios, ends; /* of either side, at the baseline */
	uint64_t lost;      /* ends not seen since, as far as reported */
};

struct block {
	const struct source_context *context;
	uint32_t method;             /* enum block_way, or METHOD_PROCFS */
	struct block_tracer *tracer; /* NULL while no distribution is demanded, and with procfs */
	struct disks disks;
	struct block_check checks[DISKS_MAX][BLOCK_OP_COUNT];
	uint64_t scanned_ns;
	size_t n_slotless; /* disks that came after the spare slots were used up */
	struct source_demand demand;
	char text[SOURCE_TEXT_MAX]; /* why not the best method; "" */
};

/* The methods' names, best first; NULL past the end. */
const char *block_method_name(size_t method);

/* As struct source_ops has it. */
void block_method_try(const struct source_context *context, size_t method,
		      struct source_status *status);

/*
 * The first method that may work, from `first` on; `status` gets its name, and why the best does not work. Returns
 * METHOD_COUNT when a forced one does not work or does not exist.
 */
uint32_t block_method_choose(const struct source_context *context, uint32_t first,
			     struct source_status *status);

bool block_method_forced(const struct source_context *context);

/* What is wanted of the programs: 1 << (op * BLOCK_STAGE_COUNT + stage). */
static inline uint32_t block_wanted_stages(const struct signal_set *signals)
{
	/* All of them in the first word: see the assertions in block_series.c. */
	uint32_t reads = (uint32_t)(signals->words[0] >> SIGNAL_DISK_READ_LATENCY) & STAGES_MASK;
	uint32_t writes = (uint32_t)(signals->words[0] >> SIGNAL_DISK_WRITE_LATENCY) & STAGES_MASK;

	return writes << BLOCK_STAGE_COUNT | reads;
}

/* The series of one disk, whose stat file was read. */
void block_series_sample(struct block *block, uint32_t slot, struct sampler *sampler);

#endif
