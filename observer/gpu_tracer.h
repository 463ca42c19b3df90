/* SPDX-License-Identifier: Apache-2.0 */
/* The gpu-calls source's programs: calls of CUDA and HIP, counted for each CPU and for single processes. */
#ifndef FLYBALL_OBSERVER_GPU_TRACER_H
#define FLYBALL_OBSERVER_GPU_TRACER_H

#include <stdint.h>

#include "bpf/gpu_calls.h"
#include "observer/gpu_library.h"
#include "observer/source.h"

#define GPU_LIBRARIES_MAX GPU_CALLS_LIBRARIES /* with probes at once */

struct gpu_tracer;

/* How the programs come to the calls, best first. */
enum gpu_way {
	GPU_MULTI, /* one link for all functions of a library */
	GPU_PERF,  /* a perf event for each */
	GPU_WAY_COUNT,
};

/* Whether it may work here, by a quick look; when not, -errno and why in text and remedy of `status`. */
int gpu_tracer_probe(const struct source_context *context, enum gpu_way way,
		     struct source_status *status);

/* Says what is to be said of a way that works. */
void gpu_tracer_caution(enum gpu_way way, struct source_status *status);

/*
 * Loads the programs, with room for `n_rows` processes, and has them count a call of a function of our own, to see that
 * they do. Returns 0 or -errno, with why in text and remedy of `status` and nothing left behind.
 */
int gpu_tracer_open(const struct source_context *context, enum gpu_way way, uint32_t n_rows,
		    struct source_status *status, struct gpu_tracer **ret_tracer);

/* Detaches and unloads; accepts NULL. */
void gpu_tracer_close(struct gpu_tracer *tracer);

/*
 * Attaches to all places of a library, under a number below GPU_LIBRARIES_MAX that has none; allocates nothing. Returns 0, or -errno
 * with nothing attached.
 */
int gpu_tracer_attach(struct gpu_tracer *tracer, size_t number, const struct gpu_library *library);
void gpu_tracer_detach(struct gpu_tracer *tracer, size_t number);

/* Gives a row to a process that began `start_ticks` after boot. Returns the row, or -ENOSPC. */
int gpu_tracer_add(struct gpu_tracer *tracer, uint32_t tgid, uint64_t start_ticks);
void gpu_tracer_drop(struct gpu_tracer *tracer, uint32_t row);

/* What is counted, as it is now: it changes while it is read, and each number only grows. */
uint32_t gpu_tracer_n_cpus(const struct gpu_tracer *tracer);
const struct gpu_calls_stats *gpu_tracer_cpu(const struct gpu_tracer *tracer, uint32_t cpu);
const struct gpu_calls_stats *gpu_tracer_row(const struct gpu_tracer *tracer, uint32_t row);

/*
 * Fills in bpf_runs and bpf_run_ns: the kernel times the programs alone, which is the lesser part; so each run counts as what it cost
 * when it was tried.
 */
void gpu_tracer_status(const struct gpu_tracer *tracer, struct source_status *status);

#endif
