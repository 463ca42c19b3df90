// SPDX-License-Identifier: Apache-2.0
/*
 * The block source. Counters and levels come from /sys/block/NAME/stat, the kernel's own exact accounting, whatever the
 * method; durations by the best method that works:
 *
 *     tp_btf      BPF programs at typed tracepoints: histograms of latency, queue and service time
 *     fentry      the same at the functions behind them, by trampolines
 *     kprobe      the same by breakpoints
 *     tracepoint  plain tracepoints: the same, but for requests that meet at one sector
 *     procfs      the same stat file: count and sum of latencies only (SERIES_SUMS), sums in steps of 1 ms
 *
 * The programs are loaded only while a distribution is demanded, and measure only the disks and operations that are. A
 * disk without requests (md, dm, zram: bio-based) has nothing to trace and gets the sums of its stat file.
 *
 * What the programs did not see is known from the stat file, which counts every request: the sum of all ends since
 * the first tick is held against its count, so that a request that ends between the two readings is late, not lost.
 * The rest is LOSS_EVENT. A tick of a disk is SERIES_LOSSY when more than 1 % of its ended requests were not seen,
 * or had no start.
 */
#include "observer/block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sysroot.h"

#define SCAN_INTERVAL_NS (2 * NSEC_PER_SEC) /* a disk that comes is seen within two seconds */
#define SPARE_SLOTS 8 /* disks that may come without a change of demand: 25 KiB a CPU each */

static void block_probe(const struct source_context *context, struct source_status *status)
{
	if (!sysroot_exists(context->root, "sys/block")) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys", "/sys/block does not exist");
		return;
	}
	if (block_method_choose(context, 0, status) < METHOD_COUNT)
		status->state = SOURCE_IDLE;
}

/* The stages of either operation. */
static uint32_t any_stages(const struct signal_set *signals)
{
	const uint32_t wanted = block_wanted_stages(signals);

	return (wanted | wanted >> BLOCK_STAGE_COUNT) & STAGES_MASK;
}

static void block_forget(struct block *block, struct disk *disk)
{
	if (block->tracer && disk->dev)
		block_tracer_forget(block->tracer, (uint32_t)(disk - block->disks.places),
				    disk->dev);
	disk_drop(disk);
}

/* Brings the programs' table in step with the disks. */
static void block_follow(struct block *block)
{
	block->n_slotless = 0;
	for (uint32_t slot = 0; slot < DISKS_MAX; slot++) {
		struct disk *disk = &block->disks.places[slot];
		const uint32_t wanted = block_wanted_stages(&disk->signals);

		if (disk->dev && !disk->present) {
			block_forget(block, disk);
		} else if (disk->dev && disk->fresh && block->tracer) {
			if (!wanted || !disk->request_based)
				block_tracer_forget(block->tracer, slot, disk->dev);
			else if (block_tracer_watch(block->tracer, slot, disk->dev, wanted) < 0) {
				block->n_slotless++;
				continue; /* stays fresh: tried again at the next scan */
			}
		}
		disk->fresh = false;
	}
}

static uint32_t slots_needed(const struct disks *disks)
{
	uint32_t n = SPARE_SLOTS;

	for (uint32_t i = 0; i < DISKS_MAX; i++)
		if (disks->places[i].dev)
			n = i + 1 + SPARE_SLOTS;
	return n < DISKS_MAX ? n : DISKS_MAX;
}

/* Loads, changes or unloads the programs as the demand needs. Returns 0 or -errno with why in `status`. */
static int block_trace(struct block *block, struct source_status *status)
{
	const uint32_t stages = any_stages(&block->demand.signals);
	int r;

	if (block->tracer && (stages == 0 || block->n_slotless > 0)) {
		block_tracer_close(block->tracer);
		block->tracer = NULL;
	}
	if (stages == 0)
		return 0;
	if (block->tracer) {
		r = block_tracer_stages(block->tracer, stages);
		if (r < 0)
			source_say(status, SOURCE_UNAVAILABLE, "",
				   "cannot attach to block_rq_issue: %s", strerror(-r));
		return r;
	}
	r = block_tracer_open(block->context, (enum block_way)block->method,
			      slots_needed(&block->disks), stages, status, &block->tracer);
	for (size_t i = 0; r == 0 && i < DISKS_MAX; i++)
		block->disks.places[i].fresh = true;
	return r;
}

/* By the method in use; what does not attach gives way to the next one, and the reason of the first is kept. */
static int block_trace_somehow(struct block *block, struct source_status *status)
{
	int r = 0;

	while (block->method != METHOD_PROCFS) {
		struct source_status latest = *status;

		r = block_trace(block, &latest);
		if (r == 0 || block_method_forced(block->context) || !status->text[0])
			*status = latest;
		if (r == 0 || block_method_forced(block->context))
			break;
		block_tracer_close(block->tracer);
		block->tracer = NULL;
		block->method = block_method_choose(block->context, block->method + 1, status);
		strcpy(block->text, status->text);
		r = 0;
	}
	return r;
}

static int block_demand(void *state, const struct source_demand *demand,
			struct source_status *status)
{
	struct block *block = state;
	int r;

	block->demand = *demand;
	r = disks_scan(&block->disks, &block->demand);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys", "cannot list /sys/block: %s",
			   strerror(-r));
		return r;
	}
	r = block_trace_somehow(block, status);
	if (r < 0)
		return r;
	block_follow(block);
	/* Only the last two give less than the first. */
	status->state = block->text[0] && block->method >= BLOCK_TRACEPOINT ? SOURCE_DEGRADED
									    : SOURCE_ATTACHED;
	return 0;
}

static int block_open(void *state, const struct source_context *context,
		      const struct source_demand *demand, struct source_status *status)
{
	struct block *block = state;
	int r;

	block->context = context;
	r = disks_open(&block->disks, context->root);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys", "cannot open /sys/block: %s",
			   strerror(-r));
		return r;
	}
	block->method = block_method_choose(context, 0, status);
	if (block->method == METHOD_COUNT)
		return -EOPNOTSUPP;
	strcpy(block->text, status->text);
	return block_demand(block, demand, status);
}

static void block_close(void *state)
{
	struct block *block = state;

	block_tracer_close(block->tracer);
	disks_close(&block->disks);
}

static void block_status(void *state, struct source_status *status)
{
	struct block *block = state;
	const struct disks *disks = &block->disks;

	if (block->tracer)
		block_tracer_status(block->tracer, status);
	if (disks->n_over)
		snprintf(status->text, sizeof(status->text), "%zu disks are over the limit of %d",
			 disks->n_over, DISKS_MAX);
	else if (block->n_slotless)
		snprintf(status->text, sizeof(status->text),
			 "%zu disks have no histograms until the demand changes: more than %d came "
			 "since it did",
			 block->n_slotless, SPARE_SLOTS);
	else if (disks->n_uncounted)
		snprintf(status->text, sizeof(status->text),
			 "queue/iostats is 0 on %zu disks: they do not count", disks->n_uncounted);
	else
		strcpy(status->text, block->text);
}

static void block_restart(struct block *block)
{
	for (size_t i = 0; i < DISKS_MAX; i++)
		block->disks.places[i].known = false;
	if (block->tracer)
		block_tracer_restart(block->tracer);
}

static void block_sample(void *state, struct sampler *sampler)
{
	struct block *block = state;

	if (sampler->interval_ns == 0)
		block_restart(block);
	if (sampler->interval_ns == 0 || sampler->now_ns - block->scanned_ns >= SCAN_INTERVAL_NS) {
		sampler->losses[LOSS_EVENT] += disks_scan(&block->disks, &block->demand) < 0;
		block->scanned_ns = sampler->now_ns;
		block_follow(block);
	}
	sampler->losses[LOSS_INSTANCE] += block->disks.n_over + block->n_slotless;
	for (uint32_t slot = 0; slot < DISKS_MAX; slot++) {
		struct disk *disk = &block->disks.places[slot];
		int r;

		if (!disk->dev)
			continue;
		r = disk_read(disk);
		if (r == -ENODEV) {
			block_forget(block, disk);
			continue;
		}
		sampler->losses[LOSS_EVENT] += r < 0;
		block_series_sample(block, slot, sampler);
	}
	if (block->tracer)
		sampler->losses[LOSS_EVENT] += block_tracer_settle(block->tracer) < 0;
}

static bool block_may_rest(const void *state)
{
	const struct block *block = state;

	return block->tracer && block_tracer_may_rest(block->tracer);
}

static int block_attend(void *state, bool attends)
{
	const struct block *block = state;

	return block_tracer_attend(block->tracer, attends);
}

const struct source_ops block_source = {
	.name = "block",
	.first = SIGNAL_DISK_READ_LATENCY,
	.last = SIGNAL_DISK_BUSY,
	.state_size = sizeof(struct block),
	.probe = block_probe,
	.method = block_method_name,
	.try_method = block_method_try,
	.open = block_open,
	.demand = block_demand,
	.sample = block_sample,
	.may_rest = block_may_rest,
	.attend = block_attend,
	.close = block_close,
	.status = block_status,
};
