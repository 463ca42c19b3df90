// SPDX-License-Identifier: Apache-2.0
/*
 * The block source. Counters and levels come from /sys/block/NAME/stat, the kernel's own exact accounting, whatever the
 * method; durations by the best method that works:
 *
 *     tp_btf   BPF programs: histograms of latency, queue and service time
 *     procfs   the same stat file: count and sum of latencies only (SERIES_SUMS), sums in steps of 1 ms
 *
 * The programs are loaded only while a distribution is demanded, and measure only the disks and operations that are. A
 * disk without requests (md, dm, zram: bio-based) has nothing to trace and gets the sums of its stat file.
 *
 * What the programs did not see is known from the stat file, which counts every request: the sum of all ends since
 * the first tick is held against its count, so that a request that ends between the two readings is late, not lost.
 * The rest is LOSS_EVENT. A tick of a disk is SERIES_LOSSY when more than 1 % of its ended requests were not seen,
 * or had no start.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/block_tracer.h"
#include "observer/disks.h"

#define SCAN_INTERVAL_NS NSEC_PER_SEC /* a disk that comes is seen within a second */
#define SPARE_SLOTS 8       /* disks that may come without a change of demand: 25 KiB a CPU each */
#define LOSSY_SHARE 100     /* lossy when more than one in so many was lost */
#define SECTOR_BYTES 512ull /* of the stat file, whatever the disk's own sector is */

/* The signals of an operation lie together: latency, queue, service, bytes, ops. */
#define SIGNALS_OF_OP (SIGNAL_DISK_WRITE_LATENCY - SIGNAL_DISK_READ_LATENCY)
#define STAGES_MASK ((1u << BLOCK_STAGE_COUNT) - 1)

_Static_assert(SIGNAL_DISK_READ_LATENCY == 0 && SIGNALS_OF_OP == 5 &&
		       SIGNAL_DISK_INFLIGHT == 2 * SIGNALS_OF_OP,
	       "wanted_stages() cuts the stages out of a set of signals");
_Static_assert(SIGNAL_DISK_READ_QUEUE - SIGNAL_DISK_READ_LATENCY == BLOCK_QUEUE &&
		       SIGNAL_DISK_READ_SERVICE - SIGNAL_DISK_READ_LATENCY == BLOCK_SERVICE,
	       "stages are in the order of the signals");
_Static_assert(DISKS_MAX == BLOCK_DISKS_MAX && (int)DISK_OPS == (int)BLOCK_OP_COUNT,
	       "a disk's place is its slot");

enum block_method_id {
	METHOD_TP_BTF,
	METHOD_PROCFS,
	METHOD_COUNT,
};

struct block_method {
	const char *name;
	/* 0, or -errno with why and the remedy in `status`; NULL = works everywhere. */
	int (*probe)(const struct source_context *context, struct source_status *status);
};

/* Best first. */
static const struct block_method methods[METHOD_COUNT] = {
	[METHOD_TP_BTF] = { .name = "tp_btf", .probe = block_tracer_probe },
	[METHOD_PROCFS] = { .name = "procfs" },
};

/* The stat file against the programs, for one operation of one disk. */
struct block_check {
	bool known;
	uint64_t ios, ends; /* of either side, at the baseline */
	uint64_t lost;      /* ends not seen since, as far as reported */
};

struct block {
	const struct source_context *context;
	enum block_method_id method;
	struct block_tracer *tracer; /* NULL while no distribution is demanded, and with procfs */
	struct disks disks;
	struct block_check checks[DISKS_MAX][BLOCK_OP_COUNT];
	uint64_t scanned_ns;
	size_t n_slotless; /* disks that came after the spare slots were used up */
	struct demand demands[DEMANDS_MAX];
	struct source_demand demand; /* of `demands` */
	char text[SOURCE_TEXT_MAX];  /* why not the best method; "" */
};

static const char *forced_method(const struct source_context *context)
{
	return context->force_block && context->force_block[0] ? context->force_block : NULL;
}

/*
 * The first method that works, from `first` on; `status` gets its name, and why the better ones do not work. Returns
 * METHOD_COUNT when a forced one does not work or does not exist.
 */
static enum block_method_id method_choose(const struct source_context *context,
					  enum block_method_id first, struct source_status *status)
{
	const char *forced = forced_method(context);

	for (enum block_method_id id = first; id < METHOD_COUNT; id++) {
		if (forced && strcmp(methods[id].name, forced))
			continue;
		snprintf(status->method, sizeof(status->method), "%s", methods[id].name);
		if (!methods[id].probe || methods[id].probe(context, status) == 0)
			return id;
		if (forced)
			return METHOD_COUNT;
	}
	if (!status->text[0])
		source_say(status, SOURCE_UNAVAILABLE, "use tp_btf or procfs",
			   "there is no method '%s'", forced);
	return METHOD_COUNT;
}

static void block_probe(const struct source_context *context, struct source_status *status)
{
	if (!sysroot_exists(context->root, "sys/block")) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys", "/sys/block does not exist");
		return;
	}
	if (method_choose(context, METHOD_TP_BTF, status) < METHOD_COUNT)
		status->state = SOURCE_IDLE;
}

/* What is wanted of the programs: 1 << (op * BLOCK_STAGE_COUNT + stage). */
static uint32_t wanted_stages(uint64_t signals)
{
	uint32_t reads = (uint32_t)(signals >> SIGNAL_DISK_READ_LATENCY) & STAGES_MASK;
	uint32_t writes = (uint32_t)(signals >> SIGNAL_DISK_WRITE_LATENCY) & STAGES_MASK;

	return writes << BLOCK_STAGE_COUNT | reads;
}

/* The stages of either operation. */
static uint32_t any_stages(uint64_t signals)
{
	const uint32_t wanted = wanted_stages(signals);

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
		const uint32_t wanted = wanted_stages(disk->signals);

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
	const uint32_t stages = any_stages(block->demand.signals);
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
	r = block_tracer_open(slots_needed(&block->disks), stages, status, &block->tracer);
	for (size_t i = 0; r == 0 && i < DISKS_MAX; i++)
		block->disks.places[i].fresh = true;
	return r;
}

/* The best method did not attach: the next one takes over, and the reason is kept. */
static int block_fall_back(struct block *block, struct source_status *status, int error)
{
	block_tracer_close(block->tracer);
	block->tracer = NULL;
	if (forced_method(block->context))
		return error;
	block->method = method_choose(block->context, block->method + 1, status);
	return block->method < METHOD_COUNT ? 0 : error;
}

static int block_demand(void *state, const struct source_demand *demand,
			struct source_status *status)
{
	struct block *block = state;
	int r;

	memcpy(block->demands, demand->demands, demand->n_demands * sizeof(*demand->demands));
	block->demand = *demand;
	block->demand.demands = block->demands;
	r = disks_scan(&block->disks, &block->demand);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys", "cannot list /sys/block: %s",
			   strerror(-r));
		return r;
	}
	if (block->method == METHOD_TP_BTF) {
		r = block_trace(block, status);
		if (r < 0)
			r = block_fall_back(block, status, r);
		if (r < 0)
			return r;
		if (block->method != METHOD_TP_BTF)
			strcpy(block->text, status->text);
	}
	block_follow(block);
	status->state = block->text[0] ? SOURCE_DEGRADED : SOURCE_ATTACHED;
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
	block->method = method_choose(context, METHOD_TP_BTF, status);
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

		if (!(disk->signals & signal_bit(signal)))
			continue;
		series[stage] = sampler_add(sampler, signal, &disk->scope);
		hists[stage] = series[stage] ? series[stage]->hist : NULL;
	}
	r = block_tracer_read(block->tracer, slot, op, hists, &lost);
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

	if (!(disk->signals & signal_bit(signal)))
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

	if (!(disk->signals & signal_bit(signal)))
		return;
	series = sampler_add(sampler, signal, &disk->scope);
	if (!series || !disk->valid)
		return;
	series->value = value;
	series->flags = SERIES_VALID;
}

static void sample_disk(struct block *block, uint32_t slot, struct sampler *sampler)
{
	const struct disk *disk = &block->disks.places[slot];
	const struct disk_stat *now = &disk->now, *before = &disk->before;
	const uint32_t wanted = wanted_stages(disk->signals);
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
		sample_disk(block, slot, sampler);
	}
}

const struct source_ops block_source = {
	.name = "block",
	.first = SIGNAL_DISK_READ_LATENCY,
	.last = SIGNAL_DISK_BUSY,
	.state_size = sizeof(struct block),
	.probe = block_probe,
	.open = block_open,
	.demand = block_demand,
	.sample = block_sample,
	.close = block_close,
	.status = block_status,
};
