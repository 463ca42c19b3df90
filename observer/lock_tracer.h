/* SPDX-License-Identifier: Apache-2.0 */
/* The lock source's programs: waits for the kernel's locks, counted for each CPU and for single processes. */
#ifndef FLYBALL_OBSERVER_LOCK_TRACER_H
#define FLYBALL_OBSERVER_LOCK_TRACER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/lock.h"
#include "observer/source.h"

struct lock_tracer;

/* How the programs come to their events, best first. */
enum lock_way {
	LOCK_TP_BTF, /* the typed tracepoints contention_begin and contention_end */
	LOCK_RAW,    /* the raw ones */
	LOCK_WAY_COUNT,
};

/* Whether it may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
int lock_tracer_probe(const struct source_context *context, enum lock_way way,
		      struct source_status *status);

/*
 * Loads and attaches the programs, with room for `n_rows` processes. Returns 0 or -errno, with why in text and remedy of
 * `status` and nothing left behind.
 */
int lock_tracer_open(const struct source_context *context, enum lock_way way, uint32_t n_rows,
		     struct source_status *status, struct lock_tracer **ret_tracer);

/* Detaches and unloads; accepts NULL. */
void lock_tracer_close(struct lock_tracer *tracer);

/* Whether its programs may be detached in ticks that are left out; attaches them again, or detaches them: 0 or -errno. */
bool lock_tracer_may_rest(const struct lock_tracer *tracer);
int lock_tracer_attend(struct lock_tracer *tracer, bool attends);

/* Gives a row to a process that began `start_ticks` after boot. Returns the row, or -ENOSPC. */
int lock_tracer_add(struct lock_tracer *tracer, uint32_t tgid, uint64_t start_ticks);
void lock_tracer_drop(struct lock_tracer *tracer, uint32_t row);

/* What is counted, as it is now: it changes while it is read, and each number only grows. */
uint32_t lock_tracer_n_cpus(const struct lock_tracer *tracer);
const struct lock_stats *lock_tracer_cpu(const struct lock_tracer *tracer, uint32_t cpu);
const struct lock_stats *lock_tracer_row(const struct lock_tracer *tracer, uint32_t row);

/* Fills in bpf_runs and bpf_run_ns. */
void lock_tracer_status(const struct lock_tracer *tracer, struct source_status *status);

#endif
