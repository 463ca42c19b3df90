/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What flyball costs, measured by its observer at every tick, and held against the budget.
 *
 *     spending_init → spending_tick …, spending_stop when the ticks end
 *
 * The CPU time of all of flyball's processes is read from /proc, that of sources by themselves. The kernel times BPF
 * programs only on demand, at some 30 ns a run, which becomes 1 ns in the mean: for the tick in 64 in which all sources attend,
 * between two readings. Who may have it do so is asked to, one tick before.
 */
#ifndef FLYBALL_DAEMON_SPENDING_H
#define FLYBALL_DAEMON_SPENDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "observer/budget.h"
#include "observer/observer.h"
#include "observer/thinning.h"

/* The processes' time is the mean of so many steps: in fewer who is thinned most has no turn, or two. */
#define SPENDING_MARKS ((1u << (SOURCE_DROPPED - 1)) / BUDGET_STEP_TICKS)

/* When programs are timed for the first time: nobody is thinned so early. */
#define SPENDING_FIRST_TICK BUDGET_STEP_TICKS

/* What the caller is to do after a tick. */
enum spending_flag {
	SPENDING_COUNT = 1u << 0,    /* have the kernel time BPF programs */
	SPENDING_NO_COUNT = 1u << 1, /* no more */
	SPENDING_CHANGED =
		1u << 2, /* a source is sampled more or less than before: the report says which */
};

struct spending {
	struct budget budget;
	struct budget_report report;
	int root;
	pid_t parent; /* of all of flyball's processes */
	uint64_t n_steps;
	struct {
		uint64_t at_ns, cpu_ns; /* then, of all processes */
	} marks[SPENDING_MARKS];        /* of the last steps, by n_steps */
	uint64_t
		window_ns; /* when the run times below were read; 0 = the programs are not being timed */
	size_t n;
	struct source_status status[SOURCES_MAX];              /* as of now */
	uint64_t samples[SOURCES_MAX], sample_ns[SOURCES_MAX]; /* at its last turn */
	double turn_ns[SOURCES_MAX];                           /* what one took of late */
	uint64_t run_ns[SOURCES_MAX];
	double bpf_ratio[SOURCES_MAX]; /* of the machine while it is attached, as timed of late */
	double ratio[SOURCES_MAX];     /* with the sampling */
	bool counting;
};

/* `parent` is the supervisor. `limit_ratio` 0: measured, and held by nothing. */
void spending_init(struct spending *spending, int root, pid_t parent, double limit_ratio);

/* After each sample. Restrains sources of the observer as the budget decides; returns a set of enum spending_flag. */
unsigned int spending_tick(struct spending *spending, struct observer *observer, uint64_t tick_ns,
			   uint64_t now_ns);

/* Fills in what each source of the observer costs. */
void spending_show(const struct spending *spending, const struct observer *observer,
		   struct source_status *status, size_t n);

/* No ticks for now. Returns likewise. */
unsigned int spending_stop(struct spending *spending);

#endif
