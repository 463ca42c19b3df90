// SPDX-License-Identifier: Apache-2.0
/* The programs in a build without BPF: it says so, and nothing else is ever called. */
#include "observer/gpu_tracer.h"

#include <errno.h>

int gpu_tracer_probe(const struct source_context *context, enum gpu_way way,
		     struct source_status *status)
{
	(void)context, (void)way;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
	return -EOPNOTSUPP;
}

void gpu_tracer_caution(enum gpu_way way, struct source_status *status)
{
	(void)way, (void)status;
}

int gpu_tracer_open(const struct source_context *context, enum gpu_way way, uint32_t n_rows,
		    struct source_status *status, struct gpu_tracer **ret_tracer)
{
	(void)n_rows, (void)ret_tracer;
	return gpu_tracer_probe(context, way, status);
}

void gpu_tracer_close(struct gpu_tracer *tracer)
{
	(void)tracer;
}

int gpu_tracer_attach(struct gpu_tracer *tracer, size_t number, const struct gpu_library *library)
{
	(void)tracer, (void)number, (void)library;
	return -EOPNOTSUPP;
}

void gpu_tracer_detach(struct gpu_tracer *tracer, size_t number)
{
	(void)tracer, (void)number;
}

int gpu_tracer_add(struct gpu_tracer *tracer, uint32_t tgid, uint64_t start_ticks)
{
	(void)tracer, (void)tgid, (void)start_ticks;
	return -EOPNOTSUPP;
}

void gpu_tracer_drop(struct gpu_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
}

uint32_t gpu_tracer_n_cpus(const struct gpu_tracer *tracer)
{
	(void)tracer;
	return 0;
}

const struct gpu_calls_stats *gpu_tracer_cpu(const struct gpu_tracer *tracer, uint32_t cpu)
{
	(void)tracer, (void)cpu;
	return NULL;
}

const struct gpu_calls_stats *gpu_tracer_row(const struct gpu_tracer *tracer, uint32_t row)
{
	(void)tracer, (void)row;
	return NULL;
}

void gpu_tracer_status(const struct gpu_tracer *tracer, struct source_status *status)
{
	(void)tracer, (void)status;
}
