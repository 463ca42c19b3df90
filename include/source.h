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

/* How much of a source is left out, to keep flyball within its budget. */
enum source_thinning {
	SOURCE_WHOLE, /* sampled at every tick */
	SOURCE_HALF, /* at one in 2 (observer/thinning.h), and at rest in the others, if it may rest */
	SOURCE_QUARTER, /* one in 4 */
	SOURCE_EIGHTH,
	SOURCE_SIXTEENTH,
	SOURCE_THIRTY_SECOND,
	SOURCE_DROPPED, /* detached */
	SOURCE_THINNING_COUNT,
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
	uint64_t sample_ns; /* CPU time of all of them, with what it took to attach for them */
	uint64_t
		bpf_runs; /* as far as the kernel counted (kernel.bpf_stats_enabled, BPF_ENABLE_STATS) */
	uint64_t bpf_run_ns;
	uint64_t losses[LOSS_COUNT];
	uint32_t thinning; /* enum source_thinning */
	uint32_t on_trial; /* 1: a running trial needs it, so it is never thinned */
	double cpu_ratio; /* of the machine, of late: sampling and BPF; filled in by who measures it */
	double bpf_ratio; /* of it, BPF alone */
};

/* What the observer is in the middle of. */
enum source_step {
	STEP_NONE, /* between two sources */
	STEP_ATTACH, /* looks whether it works, attaches, takes over a demand: that may load programs */
	STEP_SAMPLE, /* reads it */
	STEP_DETACH,
	STEP_COUNT,
};

#define HANG_WHAT_MAX 96

/* Of a source that did not return: it is left out. */
struct source_hang {
	uint64_t until_ns; /* until then; UINT64_MAX = until `pid` is gone; 0 = it has never hung */
	uint64_t seen_ns;  /* when it was last found hanging */
	uint32_t times;    /* in a row */
	int32_t pid;       /* of the observer that hangs in it */
	char what[HANG_WHAT_MAX]; /* "a read of '/proc/pressure/io'" */
};

/* In memory that the observer shares with who watches over it: where it is, and what it has to leave out. */
struct source_watch {
	uint32_t serial; /* one more with each step */
	uint32_t step;   /* enum source_step */
	uint32_t source; /* of the step, an index of observer_sources() */
	uint32_t pad;
	struct source_hang hangs[SOURCES_MAX];
};

enum budget_state {
	BUDGET_WITHIN,  /* or no longer over it for the time */
	BUDGET_OVER,    /* not for long enough yet, or just thinned */
	BUDGET_TRIAL,   /* over it, and what could be thinned a running trial needs */
	BUDGET_NOTHING, /* over it, and no source costs enough to be thinned */
	BUDGET_STATE_COUNT,
};

#define BUDGET_RATIO_DEFAULT 0.005 /* of the machine: all CPUs */

/* What all of flyball costs, against its budget. */
struct budget_report {
	double limit_ratio, total_ratio; /* of the machine; limit 0 = none */
	uint32_t state;                  /* enum budget_state */
	uint32_t pad;
	char text[SOURCE_TEXT_MAX]; /* what was done last, and why; "" = nothing yet */
};

#endif
