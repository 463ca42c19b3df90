// SPDX-License-Identifier: Apache-2.0
/* The BPF methods in a build without BPF programs: it says so, and nothing else is ever called. */
#include "observer/sched_tracer.h"

#include <errno.h>

int sched_tracer_probe(const struct source_context *context, enum sched_way way,
		       struct source_status *status)
{
	(void)context, (void)way;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
	return -EOPNOTSUPP;
}

int sched_tracer_open(const struct source_context *context, enum sched_way way, uint32_t n_rows,
		      struct source_status *status, struct sched_tracer **ret_tracer)
{
	(void)n_rows, (void)ret_tracer;
	return sched_tracer_probe(context, way, status);
}

void sched_tracer_close(struct sched_tracer *tracer)
{
	(void)tracer;
}

bool sched_tracer_may_rest(const struct sched_tracer *tracer)
{
	(void)tracer;
	return false;
}

int sched_tracer_attend(struct sched_tracer *tracer, bool attends)
{
	(void)tracer, (void)attends;
	return -EOPNOTSUPP;
}

void sched_tracer_want(struct sched_tracer *tracer, uint32_t times, bool moves)
{
	(void)tracer, (void)times, (void)moves;
}

int sched_tracer_add(struct sched_tracer *tracer, uint64_t key, uint64_t start_ticks)
{
	(void)tracer, (void)key, (void)start_ticks;
	return -EOPNOTSUPP;
}

void sched_tracer_drop(struct sched_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
}

uint32_t sched_tracer_n_cpus(const struct sched_tracer *tracer)
{
	(void)tracer;
	return 0;
}

const struct sched_stats *sched_tracer_cpu(const struct sched_tracer *tracer, uint32_t cpu)
{
	(void)tracer, (void)cpu;
	return NULL;
}

const struct sched_stats *sched_tracer_row(const struct sched_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
	return NULL;
}

void sched_tracer_status(const struct sched_tracer *tracer, struct source_status *status)
{
	(void)tracer, (void)status;
}
