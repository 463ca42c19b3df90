/* SPDX-License-Identifier: Apache-2.0 */
/* A counter of perf_event_open(2) on one CPU, and what two looks at it mean. */
#ifndef FLYBALL_OBSERVER_PERF_COUNT_H
#define FLYBALL_OBSERVER_PERF_COUNT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* As read(2) gives it: PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING. */
struct perf_count {
	uint64_t count;
	uint64_t enabled_ns; /* since it was opened */
	uint64_t
		running_ns; /* of it, on the hardware: less where more events than counters share it */
};

/*
 * What was counted between two looks, scaled up to the whole time: the part of it without a counter is taken to have been as
 * the part with one. NAN where it never had one, or the looks are none.
 */
static inline double perf_count_between(const struct perf_count *before,
					const struct perf_count *now)
{
	const double enabled = (double)(now->enabled_ns - before->enabled_ns);
	const double running = (double)(now->running_ns - before->running_ns);

	if (now->count < before->count || now->enabled_ns < before->enabled_ns ||
	    now->running_ns <= before->running_ns)
		return (double)NAN;
	return (double)(now->count - before->count) * (enabled / running);
}

/* Opens a counter of everything on a CPU; `leader` = -1, or one that it shall count together with. Returns it, or -errno. */
int perf_count_open(uint32_t type, uint64_t config, unsigned int cpu, int leader);

/* Returns 0 or -errno; -EIO when the CPU has gone. */
int perf_count_read(int fd, struct perf_count *ret_count);

#endif
