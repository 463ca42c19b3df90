/* SPDX-License-Identifier: Apache-2.0 */
/* What a source of signals says of itself: whether it works here, and what it costs. */
#ifndef FLYBALL_SOURCE_H
#define FLYBALL_SOURCE_H

#include <stdint.h>

#include "include/frame.h"

#define SOURCE_NAME_MAX 32
#define SOURCE_TEXT_MAX 192
#define SOURCES_MAX 48
#define SOURCE_METHODS_MAX 8 /* of one source */

enum source_state {
	SOURCE_UNAVAILABLE, /* cannot work here; `text` says why, `remedy` what to do */
	SOURCE_IDLE,        /* works, not attached: nobody demands it */
	SOURCE_ATTACHED,    /* attached and sampled */
	SOURCE_DEGRADED, /* attached through a fallback that gives less; `text` says which and why */
	SOURCE_STATE_COUNT,
};

/* Numbers of tracepoints, in the order of observer/events.c; -errno = not known. */
#define SOURCE_EVENTS_MAX 8

struct source_events {
	int ids[SOURCE_EVENTS_MAX];
};

struct source_status {
	char name[SOURCE_NAME_MAX];
	char method[SOURCE_NAME_MAX]; /* `tp_btf`, `procfs`, … that is or would be used */
	uint32_t state;               /* enum source_state */
	uint32_t
		optional; /* 1: most machines do without it; where it is unavailable nothing is broken */
	char text[SOURCE_TEXT_MAX];
	char remedy[SOURCE_TEXT_MAX];
	uint64_t samples;   /* ticks sampled since attach */
	uint64_t sample_ns; /* CPU time of all of them, in user space */
	uint64_t bpf_runs;  /* 0 where the kernel does not count (kernel.bpf_stats_enabled) */
	uint64_t bpf_run_ns;
	uint64_t losses[LOSS_COUNT];
};

#endif
