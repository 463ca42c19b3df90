// SPDX-License-Identifier: Apache-2.0
/* The programs in a build without BPF: it says so, and nothing else is ever called. */
#include "observer/lock_tracer.h"

#include <errno.h>

int lock_tracer_probe(const struct source_context *context, enum lock_way way,
		      struct source_status *status)
{
	(void)context, (void)way;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
	return -EOPNOTSUPP;
}

int lock_tracer_open(const struct source_context *context, enum lock_way way, uint32_t n_rows,
		     struct source_status *status, struct lock_tracer **ret_tracer)
{
	(void)n_rows, (void)ret_tracer;
	return lock_tracer_probe(context, way, status);
}

void lock_tracer_close(struct lock_tracer *tracer)
{
	(void)tracer;
}

bool lock_tracer_may_rest(const struct lock_tracer *tracer)
{
	(void)tracer;
	return false;
}

int lock_tracer_attend(struct lock_tracer *tracer, bool attends)
{
	(void)tracer, (void)attends;
	return -EOPNOTSUPP;
}

int lock_tracer_add(struct lock_tracer *tracer, uint32_t tgid, uint64_t start_ticks)
{
	(void)tracer, (void)tgid, (void)start_ticks;
	return -EOPNOTSUPP;
}

void lock_tracer_drop(struct lock_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
}

uint32_t lock_tracer_n_cpus(const struct lock_tracer *tracer)
{
	(void)tracer;
	return 0;
}

const struct lock_stats *lock_tracer_cpu(const struct lock_tracer *tracer, uint32_t cpu)
{
	(void)tracer, (void)cpu;
	return NULL;
}

const struct lock_stats *lock_tracer_row(const struct lock_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
	return NULL;
}

void lock_tracer_status(const struct lock_tracer *tracer, struct source_status *status)
{
	(void)tracer, (void)status;
}
