// SPDX-License-Identifier: Apache-2.0
/* A disk's series of a tick: the programs' histograms held against the stat file, or what that file has alone. */
#include "observer/block.h"

#include <errno.h>
#include <math.h>

#include "base/clock.h"

#define LOSSY_SHARE 100     /* lossy when more than one in so many was lost */
#define SECTOR_BYTES 512ull /* of the stat file, whatever the disk's own sector is */

_Static_assert(SIGNAL_DISK_READ_LATENCY == 0 && SIGNALS_OF_OP == 5 &&
		       SIGNAL_DISK_INFLIGHT == 2 * SIGNALS_OF_OP,
	       "block_wanted_stages() cuts the stages out of a set of signals");
_Static_assert(SIGNAL_DISK_READ_QUEUE - SIGNAL_DISK_READ_LATENCY == BLOCK_QUEUE &&
		       SIGNAL_DISK_READ_SERVICE - SIGNAL_DISK_READ_LATENCY == BLOCK_SERVICE,
	       "stages are in the order of the signals");
_Static_assert(DISKS_MAX == BLOCK_DISKS_MAX && (int)DISK_OPS == (int)BLOCK_OP_COUNT,
	       "a disk's place is its slot");

/*
 * A baseline: the programs' count was read before, so what ends in between is taken for seen, never for lost. Without
 * the stat file, or where the disk does not count, there is nothing to check by.
 */
static void check_begin(struct block_check *check, const struct disk *disk, uint32_t op,
			uint64_t ends)
{
	uint64_t ios[DISK_OPS];

	*check = (struct block_check){ .ends = ends };
	if (!disk->counted || disk_count(disk, ios) < 0)
		return;
	check->ios = ios[op];
	check->known = true;
}

/*
 * How many ends turned out not to have been seen. The stat file was read before the programs' count, and the kernel
 * calls them before it counts (blk_update_request, then blk_account_io_done): what is under way between the two makes
 * the difference too small, never too big, and shows at a later tick.
 */
static uint64_t check_unseen(struct block_check *check, const struct disk *disk, uint32_t op,
			     uint64_t ends)
{
	int64_t unseen;

	if (!disk->valid)
		check->known = false;
	if (!check->known)
		return 0;
	unseen = (int64_t)((disk->now.ios[op] - check->ios) - (ends - check->ends) - check->lost);
	if (unseen <= 0)
		return 0;
	check->lost += (uint64_t)unseen;
	return (uint64_t)unseen;
}

static bool is_lossy(const struct block_losses *lost, uint64_t unseen)
{
	return (lost->orphans + unseen) * LOSSY_SHARE > lost->ends + unseen;
}

/* Histograms of one operation, from the programs. */
static void sample_traced(struct block *block, uint32_t slot, uint32_t op, struct sampler *sampler)
{
	const struct disk *disk = &block->disks.places[slot];
	struct block_check *check = &block->checks[slot][op];
	struct series *series[BLOCK_STAGE_COUNT] = { 0 };
	struct hist *hists[BLOCK_STAGE_COUNT] = { 0 };
	struct block_losses lost;
	uint32_t flags = SERIES_VALID;
	uint64_t unseen;
	int r;

	for (uint32_t stage = 0; stage < BLOCK_STAGE_COUNT; stage++) {
		const uint32_t signal = op * SIGNALS_OF_OP + stage;

		if (!signal_set_has(&disk->signals, signal))
			continue;
		series[stage] = sampler_add(sampler, signal, &disk->scope);
		hists[stage] = series[stage] ? series[stage]->hist : NULL;
	}
	r = block_tracer_read(block->tracer, slot, op, disk_idle(disk), hists, &lost);
	if (r != 0) {
		/* -ENOSPC: no slot, which the status says; 1: a baseline. */
		sampler->losses[LOSS_EVENT] += r < 0 && r != -ENOSPC;
		if (r == 1)
			check_begin(check, disk, op, lost.total);
		return;
	}
	unseen = check_unseen(check, disk, op, lost.total);
	if (!check->known)
		check_begin(check, disk, op, lost.total);
	sampler->losses[LOSS_EVENT] += unseen;
	sampler->losses[LOSS_ORPHAN_END] += lost.orphans;
	sampler->losses[LOSS_CLAMPED] += lost.clamped;
	if (is_lossy(&lost, unseen))
		flags |= SERIES_LOSSY;
	for (uint32_t stage = 0; stage < BLOCK_STAGE_COUNT; stage++)
		if (series[stage])
			series[stage]->flags = flags;
}

/* Count and sum of latencies, from the stat file: all that a disk has without the programs. */
static void sample_sums(const struct disk *disk, uint32_t op, struct sampler *sampler)
{
	const uint32_t signal = op * SIGNALS_OF_OP + BLOCK_LATENCY;
	struct series *series;

	if (!signal_set_has(&disk->signals, signal))
		return;
	series = sampler_add(sampler, signal, &disk->scope);
	if (!series)
		return;
	series->flags = SERIES_SUMS;
	if (!disk->valid)
		return;
	series->flags |= SERIES_VALID;
	series->hist->count = disk->now.ios[op] - disk->before.ios[op];
	series->hist->sum = (disk->now.time_ms[op] - disk->before.time_ms[op]) * NSEC_PER_MSEC;
}

static void sample_value(const struct disk *disk, enum signal_id signal, double value,
			 struct sampler *sampler)
{
	struct series *series;

	if (!signal_set_has(&disk->signals, signal))
		return;
	series = sampler_add(sampler, signal, &disk->scope);
	if (!series || !disk->valid)
		return;
	series->value = value;
	series->flags = SERIES_VALID;
}

void block_series_sample(struct block *block, uint32_t slot, struct sampler *sampler)
{
	const struct disk *disk = &block->disks.places[slot];
	const struct disk_stat *now = &disk->now, *before = &disk->before;
	const uint32_t wanted = block_wanted_stages(&disk->signals);
	double busy;

	for (uint32_t op = 0; op < BLOCK_OP_COUNT; op++) {
		const uint32_t first = op * SIGNALS_OF_OP;

		if (!block->tracer || !disk->request_based)
			sample_sums(disk, op, sampler);
		else if (wanted >> (op * BLOCK_STAGE_COUNT) & STAGES_MASK)
			sample_traced(block, slot, op, sampler);
		sample_value(disk, first + SIGNAL_DISK_READ_BYTES,
			     (double)((now->sectors[op] - before->sectors[op]) * SECTOR_BYTES),
			     sampler);
		sample_value(disk, first + SIGNAL_DISK_READ_OPS,
			     (double)(now->ios[op] - before->ios[op]), sampler);
	}
	sample_value(disk, SIGNAL_DISK_INFLIGHT, (double)now->inflight, sampler);
	/* The kernel counts in its own ticks, which begin and end elsewhere than ours: all is the most. */
	busy = (double)(now->busy_ms - before->busy_ms) * (double)NSEC_PER_MSEC /
	       (double)sampler->interval_ns;
	sample_value(disk, SIGNAL_DISK_BUSY, fmin(busy, 1.0), sampler);
}
