/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler source's own parts: its methods, and the series of a tick. */
#ifndef FLYBALL_OBSERVER_SCHED_H
#define FLYBALL_OBSERVER_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "observer/cgroups.h"
#include "observer/instances.h"
#include "observer/processes.h"
#include "observer/sched_sums.h"
#include "observer/sched_tracer.h"
#include "observer/source.h"

/* The programs' ways, and the kernel's sums. */
enum sched_method {
	SCHED_PROCFS = SCHED_WAY_COUNT,
	SCHED_METHOD_COUNT,
};

/* Whom it counts for, besides the host. */
enum sched_kind {
	SCHED_KIND_CPU,
	SCHED_KIND_CGROUP,
	SCHED_KIND_PROCESS,
	SCHED_KIND_COUNT,
};

/* What is known of one of these, or of the host, from the tick before. */
struct sched_owner {
	bool known;
	uint32_t row; /* of the programs; the number of a CPU */
	struct sched_stats before;
};

struct sched_group {
	struct sched *sched;
	struct instances instances;
	struct sched_owner *owners; /* by place */
};

struct sched {
	const struct source_context *context;
	uint32_t method;             /* enum sched_way, or SCHED_PROCFS */
	struct sched_tracer *tracer; /* NULL with procfs */
	struct sched_sums sums;      /* of procfs */
	bool has_rows;               /* the programs have room for rows */
	struct cgroups cgroups;
	struct processes processes;
	struct sched_group groups[SCHED_KIND_COUNT];
	struct sched_owner host;
	struct sched_stats now;     /* scratch */
	char text[SOURCE_TEXT_MAX]; /* why not the best method; "" */
};

/* The times that the programs must count for a set of signals, 1 << enum sched_time. */
uint32_t sched_times(const struct signal_set *signals);

/* The series of a tick, counted by the programs. */
void sched_series_sample(struct sched *sched, struct sampler *sampler);

#endif
