// SPDX-License-Identifier: Apache-2.0
/*
 * Counters of perf_event_open(2), one for each event and CPU, of all that runs there: two sources by the same code, what the
 * hardware counts (`pmu`) and what the kernel does (`perf`). The host's value is the sum of the CPUs'. CPUs are looked for when
 * the demand changes.
 */
#include "observer/source.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/perf_count.h"

#define ONLINE_PATH "sys/devices/system/cpu/online"
#define CPUS_MAX 1024

#define PMU_SIGNALS (SIGNAL_PERF_SWITCHES - SIGNAL_PMU_CYCLES + 1)
#define IPC (SIGNAL_PMU_IPC - SIGNAL_PMU_CYCLES) /* of two others: no event of its own */

#define CACHE(cache, op, result)                                          \
	(PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	 PERF_COUNT_HW_CACHE_RESULT_##result << 16)
#define ROW(signal) [(signal)-SIGNAL_PMU_CYCLES]
static const struct {
	uint32_t type;
	uint64_t config;
} events[PMU_SIGNALS] = {
	ROW(SIGNAL_PMU_CYCLES) = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	ROW(SIGNAL_PMU_INSTRUCTIONS) = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	ROW(SIGNAL_PMU_LLC_MISSES) = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	ROW(SIGNAL_PMU_BRANCH_MISSES) = { PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
	ROW(SIGNAL_PMU_REMOTE_LOADS) = { PERF_TYPE_HW_CACHE, CACHE(NODE, READ, MISS) },
	ROW(SIGNAL_PERF_FAULTS) = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
	ROW(SIGNAL_PERF_SWITCHES) = { PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES },
};

struct pmu_cpu {
	unsigned int id;
	struct scope scope;
	struct signal_set signals; /* demanded of it */
	int fds[PMU_SIGNALS];      /* -1 = not needed, or not to be had */
	struct perf_count before[PMU_SIGNALS];
	bool known[PMU_SIGNALS];
	double values[PMU_SIGNALS]; /* of the tick */
};

struct pmu {
	int root;
	bool lacks; /* some event is not to be had here */
	size_t n_cpus;
	struct pmu_cpu *cpus;
};

static struct signal_set needed(const struct source_demand *demand)
{
	struct signal_set signals = demand->signals;

	if (signal_set_has(&signals, SIGNAL_PMU_IPC)) {
		signal_set_add(&signals, SIGNAL_PMU_CYCLES);
		signal_set_add(&signals, SIGNAL_PMU_INSTRUCTIONS);
	}
	return signals;
}

/* Instructions count together with cycles: their ratio then needs no scaling. */
static int leader_of(const struct pmu_cpu *cpu, size_t i)
{
	return i == SIGNAL_PMU_INSTRUCTIONS - SIGNAL_PMU_CYCLES ? cpu->fds[0] : -1;
}

static int cpu_open(struct pmu *pmu, struct pmu_cpu *cpu, const struct signal_set *signals)
{
	for (size_t i = 0; i < PMU_SIGNALS; i++) {
		if (i == IPC || !signal_set_has(signals, SIGNAL_PMU_CYCLES + (uint32_t)i))
			continue;
		cpu->fds[i] = perf_count_open(events[i].type, events[i].config, cpu->id,
					      leader_of(cpu, i));
		if (cpu->fds[i] == -EMFILE || cpu->fds[i] == -ENFILE || cpu->fds[i] == -EACCES ||
		    cpu->fds[i] == -EPERM)
			return cpu->fds[i];
		pmu->lacks |= cpu->fds[i] < 0;
	}
	return 0;
}

/* Backwards: a leader last. */
static void cpus_close(struct pmu *pmu)
{
	for (size_t c = 0; c < pmu->n_cpus; c++)
		for (size_t i = PMU_SIGNALS; i-- > 0;)
			closep(&pmu->cpus[c].fds[i]);
	free(pmu->cpus);
	pmu->cpus = NULL;
	pmu->n_cpus = 0;
}

static void pmu_close(void *state)
{
	cpus_close(state);
}

static int cpus_open(struct pmu *pmu, const struct source_demand *demand)
{
	const struct signal_set signals = needed(demand);
	struct idset online;
	char text[1024];
	int r = (int)sysroot_read(pmu->root, ONLINE_PATH, text, sizeof(text));

	if (r >= 0)
		r = idset_parse(text, &online);
	if (r < 0)
		return r;
	pmu->cpus = calloc(idset_count(&online), sizeof(*pmu->cpus));
	if (!pmu->cpus)
		return -ENOMEM;
	for (unsigned int id = 0; r == 0 && id < CPUS_MAX; id++) {
		struct pmu_cpu *cpu = &pmu->cpus[pmu->n_cpus];

		if (!idset_has(&online, id))
			continue;
		pmu->n_cpus++;
		cpu->id = id;
		cpu->scope.kind = SCOPE_CPU;
		snprintf(cpu->scope.name, sizeof(cpu->scope.name), "%u", id);
		cpu->signals = source_demand_of(demand, &cpu->scope);
		for (size_t i = 0; i < PMU_SIGNALS; i++)
			cpu->fds[i] = -1;
		r = cpu_open(pmu, cpu, &signals);
	}
	return r;
}

static void say_refused(int r, struct source_status *status)
{
	if (r == -EACCES || r == -EPERM)
		source_say(status, SOURCE_UNAVAILABLE,
			   "CAP_PERFMON; where kernel.perf_event_paranoid is 3 or more, "
			   "CAP_SYS_ADMIN",
			   "perf_event_open: %s", strerror(-r));
	else
		source_say(status, SOURCE_UNAVAILABLE,
			   r == -ENOENT ? "a virtual machine has counters only where its host "
					  "gives it some"
					: "",
			   r == -ENOENT ? "the CPU shows no hardware counters: %s"
					: "cannot open the counters: %s",
			   strerror(-r));
}

static int pmu_demand(void *state, const struct source_demand *demand, struct source_status *status)
{
	struct pmu *pmu = state;
	int r;

	cpus_close(pmu);
	pmu->lacks = false;
	r = cpus_open(pmu, demand);
	if (r < 0)
		say_refused(r, status);
	else if (pmu->lacks)
		source_say(status, SOURCE_DEGRADED, "",
			   "this CPU does not count some of the events");
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static int pmu_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct pmu *pmu = state;

	pmu->root = context->root;
	return pmu_demand(pmu, demand, status);
}

/* By one counter, of the first event. */
static void probe_event(size_t i, struct source_status *status)
{
	_cleanup_close_ int fd = perf_count_open(events[i].type, events[i].config, 0, -1);

	strcpy(status->method, "perf_event");
	if (fd >= 0)
		source_say(status, SOURCE_IDLE, "", "%s", "");
	else
		say_refused(fd, status);
}

static void pmu_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1;
	(void)context;
	probe_event(0, status);
}

static void perf_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1;
	(void)context;
	probe_event(SIGNAL_PERF_FAULTS - SIGNAL_PMU_CYCLES, status);
}

static void cpu_read(struct pmu_cpu *cpu, uint64_t *losses)
{
	const double *values = cpu->values;
	struct perf_count now;

	for (size_t i = 0; i < PMU_SIGNALS; i++) {
		cpu->values[i] = NAN;
		if (cpu->fds[i] < 0)
			continue;
		if (perf_count_read(cpu->fds[i], &now) < 0) {
			losses[LOSS_EVENT]++;
			cpu->known[i] = false;
			continue;
		}
		if (cpu->known[i])
			cpu->values[i] = perf_count_between(&cpu->before[i], &now);
		cpu->before[i] = now;
		cpu->known[i] = true;
	}
	if (values[0] > 0)
		cpu->values[IPC] = values[SIGNAL_PMU_INSTRUCTIONS - SIGNAL_PMU_CYCLES] / values[0];
}

/* One CPU without a value: the host has none. */
static void host_sample(const struct pmu *pmu, struct sampler *sampler)
{
	double sums[PMU_SIGNALS] = { 0 };

	for (size_t c = 0; c < pmu->n_cpus; c++)
		for (size_t i = 0; i < PMU_SIGNALS; i++)
			sums[i] += pmu->cpus[c].values[i];
	sums[IPC] = sums[0] > 0 ? sums[SIGNAL_PMU_INSTRUCTIONS - SIGNAL_PMU_CYCLES] / sums[0]
				: (double)NAN;
	for (uint32_t i = 0; i < PMU_SIGNALS; i++)
		sampler_host(sampler, SIGNAL_PMU_CYCLES + i, sums[i]);
}

static void pmu_sample(void *state, struct sampler *sampler)
{
	struct pmu *pmu = state;

	for (size_t c = 0; c < pmu->n_cpus; c++) {
		struct pmu_cpu *cpu = &pmu->cpus[c];

		cpu_read(cpu, sampler->losses);
		for (uint32_t i = 0; i < PMU_SIGNALS; i++)
			if (signal_set_has(&cpu->signals, SIGNAL_PMU_CYCLES + i))
				sampler_value(sampler, SIGNAL_PMU_CYCLES + i, &cpu->scope,
					      cpu->values[i]);
	}
	host_sample(pmu, sampler);
}

const struct source_ops pmu_source = {
	.name = "pmu",
	.first = SIGNAL_PMU_CYCLES,
	.last = SIGNAL_PMU_REMOTE_LOADS,
	.state_size = sizeof(struct pmu),
	.probe = pmu_probe,
	.open = pmu_open,
	.demand = pmu_demand,
	.sample = pmu_sample,
	.close = pmu_close,
};

const struct source_ops perf_source = {
	.name = "perf",
	.first = SIGNAL_PERF_FAULTS,
	.last = SIGNAL_PERF_SWITCHES,
	.state_size = sizeof(struct pmu),
	.probe = perf_probe,
	.open = pmu_open,
	.demand = pmu_demand,
	.sample = pmu_sample,
	.close = pmu_close,
};
