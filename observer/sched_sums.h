/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own sums of running and waiting, for where no program can be attached: no distributions. */
#ifndef FLYBALL_OBSERVER_SCHED_SUMS_H
#define FLYBALL_OBSERVER_SCHED_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "observer/instances.h"
#include "observer/processes.h"

#define SUMS_CPUS_MAX 1024

/* `run, waited, stays` of a CPU, a process, or all CPUs. */
struct sched_sum {
	bool known; /* `before` is of the tick before */
	uint64_t run_ns, wait_ns, stays;
	uint64_t parts; /* which CPUs or threads it is of: a hash of their numbers in any order */
};

struct sched_sums {
	int fd;     /* /proc/schedstat; -1 = the kernel has none (CONFIG_SCHEDSTATS) */
	char *text; /* of the tick */
	struct sched_sum host;
	struct sched_sum cpus[SUMS_CPUS_MAX]; /* by number */
	struct sched_sum *processes;          /* by place */
	int *folders;                         /* by place: /proc/PID/task; -1 = none */
};

/* Returns 0 or -ENOMEM. */
int sched_sums_open(struct sched_sums *sums, int root);
void sched_sums_close(struct sched_sums *sums);

/* Takes a process in at a place, and lets it go. Returns 0 or -errno. */
int sched_sums_come(struct sched_sums *sums, const struct processes *processes,
		    const struct instance *instance, size_t place);
void sched_sums_go(struct sched_sums *sums, size_t place);

/* Once a tick, before the others. */
void sched_sums_read(struct sched_sums *sums, struct sampler *sampler);

/* The series sched.run, sched.wait and sched.waiting of the host, of a CPU, of a process: SERIES_SUMS. */
void sched_sums_host(struct sched_sums *sums, struct sampler *sampler);
void sched_sums_cpu(struct sched_sums *sums, const struct instance *instance, uint32_t cpu,
		    struct sampler *sampler);
void sched_sums_process(struct sched_sums *sums, const struct instance *instance, size_t place,
			struct sampler *sampler);

#endif
