/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler source's BPF methods: what each CPU did, and rows for single processes and control groups, counted by a
 * program at each switch (bpf/sched_record.h). User space reads the counts where the program writes them.
 */
#ifndef FLYBALL_OBSERVER_SCHED_TRACER_H
#define FLYBALL_OBSERVER_SCHED_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/sched.h"
#include "observer/source.h"

struct sched_tracer;

/* How the program comes to its event, best first. */
enum sched_way {
	SCHED_TP_BTF, /* the typed tracepoint sched_switch */
	SCHED_RAW,    /* the raw one: fields are read by a helper's calls */
	SCHED_WAY_COUNT,
};

/* Whether it may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
int sched_tracer_probe(const struct source_context *context, enum sched_way way,
		       struct source_status *status);

/*
 * Loads and attaches the program, with room for `n_rows`. Returns 0 or -errno, with why in text and remedy of `status`
 * and nothing left behind.
 */
int sched_tracer_open(const struct source_context *context, enum sched_way way, uint32_t n_rows,
		      struct source_status *status, struct sched_tracer **ret_tracer);

/* Detaches and unloads; accepts NULL. */
void sched_tracer_close(struct sched_tracer *tracer);

/* Whether its programs may be detached in ticks that are left out; attaches them again, or detaches them: 0 or -errno. */
bool sched_tracer_may_rest(const struct sched_tracer *tracer);
int sched_tracer_attend(struct sched_tracer *tracer, bool attends);

/* Counts these times (1 << enum sched_time) from now on; `moves`: migrations are counted, too. */
void sched_tracer_want(struct sched_tracer *tracer, uint32_t times, bool moves);

/*
 * Gives a row to a process that began `start_ticks` after boot, or to a control group (an inode, `start_ticks` 0). Returns
 * the row, or -ENOSPC.
 */
int sched_tracer_add(struct sched_tracer *tracer, uint64_t key, uint64_t start_ticks);
void sched_tracer_drop(struct sched_tracer *tracer, uint32_t row);

/* What is counted, as it is now: it changes while it is read, and each number only grows. */
uint32_t sched_tracer_n_cpus(const struct sched_tracer *tracer);
const struct sched_stats *sched_tracer_cpu(const struct sched_tracer *tracer, uint32_t cpu);
const struct sched_stats *sched_tracer_row(const struct sched_tracer *tracer, uint32_t row);

/* Fills in bpf_runs and bpf_run_ns. */
void sched_tracer_status(const struct sched_tracer *tracer, struct source_status *status);

#endif
