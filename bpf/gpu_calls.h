/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs at calls of CUDA and HIP and user space share. */
#ifndef FLYBALL_BPF_GPU_CALLS_H
#define FLYBALL_BPF_GPU_CALLS_H

#include <stdint.h>

#include "bpf/rows.h"

#define GPU_CALLS_ABI 1 /* grows with every change of this file; checked after loading */

#define GPU_CALLS_CPUS_MAX 1024
#define GPU_CALLS_LIBRARIES 8    /* with probes at once; a power of two */
#define GPU_CALLS_THREAD_BITS 14 /* log2 of the threads that are in calls at once: 512 KiB */
#define GPU_CALLS_THREADS (1u << GPU_CALLS_THREAD_BITS)

/* What a call is for: the low byte of its probes' cookie; above it is the number of the library. In the order of the signals. */
enum gpu_call_kind {
	GPU_CALL_LAUNCH, /* hands work to a GPU */
	GPU_CALL_WAIT,   /* waits for a GPU */
	GPU_CALL_COPY,   /* copies, and waits for the copy */
	GPU_CALL_KIND_COUNT,
};

enum gpu_calls_count {
	GPU_CALLS_ENDS, /* outermost calls that returned */
	GPU_CALLS_ORPHANS, /* returns of calls whose begin was not seen, or lost its place to another thread's */
	GPU_CALLS_UNENDED, /* calls that were left without a return that was seen: by longjmp(3), or no probe was to be had */
	GPU_CALLS_COUNTER_COUNT,
};

#define GPU_CALLS_COOKIE(kind, library) ((uint64_t)(kind) | (uint64_t)(library) << 8)

/* What the programs are told before they are loaded: all of the object's .rodata. */
struct gpu_calls_settings {
	uint32_t abi;
	uint32_t pad;
};

/* What user space tells them while they run: all of the object's .bss. */
struct gpu_calls_shared {
	uint32_t processes; /* rows */
	uint32_t pad;
	uint64_t since_ns
		[GPU_CALLS_LIBRARIES]; /* CLOCK_MONOTONIC: what began before may have ended unseen */
	uint64_t places[ROWS_TABLE];   /* see bpf/rows.h */
};

/* A thread's outermost call, in the place that its number says. */
struct gpu_call {
	uint64_t begin_ns; /* CLOCK_MONOTONIC; 0 = it is in none */
	uint64_t sp;       /* where its return address lies */
	uint64_t start_ns; /* of the thread: a number that is used again is another one */
	uint32_t tid;
	uint16_t kind, library;
};

/* One CPU, or one process. Counts and times only grow and may wrap. */
struct gpu_calls_stats {
	struct row_head head; /* of a process */
	uint64_t counts[GPU_CALLS_COUNTER_COUNT];
	uint64_t pad[5];
	struct row_hist kinds[GPU_CALL_KIND_COUNT];
};

_Static_assert(sizeof(struct gpu_calls_stats) % 64 == 0, "CPUs share no cache line");

#endif
