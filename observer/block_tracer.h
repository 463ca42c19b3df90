/* SPDX-License-Identifier: Apache-2.0 */
/* The block source's BPF methods: histograms of durations by programs (bpf/block*.bpf.c). */
#ifndef FLYBALL_OBSERVER_BLOCK_TRACER_H
#define FLYBALL_OBSERVER_BLOCK_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/block.h"
#include "include/hist.h"
#include "observer/source.h"

struct block_tracer;

/* How the programs come to their events, best first. */
enum block_way {
	BLOCK_TP_BTF,     /* tracepoints with typed arguments: block_rq_issue, block_rq_complete */
	BLOCK_FENTRY,     /* trampolines at the functions that call these */
	BLOCK_KPROBE,     /* breakpoints at the same functions */
	BLOCK_TRACEPOINT, /* plain tracepoints: no request, only places on the disk */
	BLOCK_WAY_COUNT,
};

/* What was lost of one operation of one disk in a tick. */
struct block_losses {
	uint64_t ends;    /* requests that ended */
	uint64_t orphans; /* of these, those whose start was not seen */
	uint64_t clamped; /* durations over the range */
	uint64_t
		total; /* all ends so far, from an arbitrary number on: to be held against the stat file */
};

/* Whether it may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
int block_tracer_probe(const struct source_context *context, enum block_way way,
		       struct source_status *status);

/*
 * Where it works for root alone: says so in text and remedy of `status`. Debian's kernels refuse perf events, which
 * kprobes and plain tracepoints are, to all without CAP_SYS_ADMIN while kernel.perf_event_paranoid is 3.
 */
void block_tracer_caution(const struct source_context *context, enum block_way way,
			  struct source_status *status);

/*
 * Loads the programs, with room for `n_slots` disks, and attaches what `stages` (1 << enum block_stage) need.
 * Returns 0 or -errno, with why in text and remedy of `status` and nothing left behind.
 */
int block_tracer_open(const struct source_context *context, enum block_way way, uint32_t n_slots,
		      uint32_t stages, struct source_status *status,
		      struct block_tracer **ret_tracer);

/* Detaches and unloads; accepts NULL. */
void block_tracer_close(struct block_tracer *tracer);

/* Whether its programs may be detached in ticks that are left out; attaches them again, or detaches them: 0 or -errno. */
bool block_tracer_may_rest(const struct block_tracer *tracer);
int block_tracer_attend(struct block_tracer *tracer, bool attends);

/* Attaches or detaches the program at issue, which only queue and service times may need. Returns 0 or -errno. */
int block_tracer_stages(struct block_tracer *tracer, uint32_t stages);

/*
 * Watches a disk in its slot, from now on; `wanted` as in block_place(). Returns 0; -ENOSPC when there is no such
 * slot or no place in the table.
 */
int block_tracer_watch(struct block_tracer *tracer, uint32_t slot, uint32_t dev, uint32_t wanted);
void block_tracer_forget(struct block_tracer *tracer, uint32_t slot, uint32_t dev);

/*
 * What one operation of a slot added since the previous call, into those histograms that are not NULL. Returns 0;
 * 1 for a baseline (histograms stay empty, only `total` is told); -errno. `idle`: the disk's counters say that nothing ended,
 * which is believed: to read a histogram of each CPU is the dearest thing of a tick.
 */
int block_tracer_read(struct block_tracer *tracer, uint32_t slot, uint32_t op, bool idle,
		      struct hist *hists[BLOCK_STAGE_COUNT], struct block_losses *ret_losses);

/*
 * After all reads of a tick: detaches the program at issue where the kernel stamps every request that ended, attaches
 * it again when it does not. Allocates nothing. Returns 0 or -errno.
 */
int block_tracer_settle(struct block_tracer *tracer);

/* The next block_tracer_read() of every slot is a baseline. */
void block_tracer_restart(struct block_tracer *tracer);

/* Fills in bpf_runs and bpf_run_ns. */
void block_tracer_status(const struct block_tracer *tracer, struct source_status *status);

#endif
