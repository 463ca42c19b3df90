// SPDX-License-Identifier: Apache-2.0
#include "observer/net_cpus.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/softirqs.h"

#define SOFTNET_PATH "proc/net/softnet_stat"
#define SOFTIRQS_PATH "proc/softirqs"
#define ONLINE_PATH "sys/devices/system/cpu/online"
#define ONLINE_BYTES 4096

/* Programs at every run of receiving cost most where nothing is squeezed: they are attached from the first squeeze on, so long. */
#define SQUEEZE_QUIET_NS (10 * NSEC_PER_SEC)

static const enum signal_id delta_signals[NET_DELTA_COUNT] = {
	[NET_DELTA_PACKETS] = SIGNAL_NET_PACKETS,
	[NET_DELTA_DROPS_BACKLOG] = SIGNAL_NET_DROPS_BACKLOG,
	[NET_DELTA_DROPS_FLOW_LIMIT] = SIGNAL_NET_DROPS_FLOW_LIMIT,
	[NET_DELTA_SQUEEZES] = SIGNAL_NET_SQUEEZES_ALL,
	[NET_DELTA_SQUEEZES_BUDGET] = SIGNAL_NET_SQUEEZES_BUDGET,
	[NET_DELTA_SQUEEZES_TIME] = SIGNAL_NET_SQUEEZES_TIME,
	[NET_DELTA_RPS] = SIGNAL_NET_RPS,
	[NET_DELTA_BACKLOG] = SIGNAL_NET_BACKLOG,
};

static int cpus_list(void *source, struct instances *instances)
{
	const struct net_cpus *cpus = source;
	char name[16];

	for (size_t i = 0; i < SOFTNET_CPUS_MAX; i++) {
		if (!cpus->now[i].online)
			continue;
		snprintf(name, sizeof(name), "%zu", i);
		instances_see(instances, name, 0);
	}
	return 0;
}

static int cpus_come(void *source, const struct instance *instance, size_t place)
{
	struct net_cpus *cpus = source;

	cpus->cpu_of[place] = (uint16_t)strtoul(instance->scope.name, NULL, 10);
	return 0;
}

static void cpus_go(void *source, size_t place)
{
	(void)source, (void)place;
}

static const struct instances_ops cpus_ops = {
	.list = cpus_list,
	.come = cpus_come,
	.go = cpus_go,
};

static void online_read(struct net_cpus *cpus)
{
	char text[ONLINE_BYTES];
	struct idset online;

	cpus->n_online = 0;
	if (sysroot_read(cpus->context->root, ONLINE_PATH, text, sizeof(text)) < 0 ||
	    idset_parse(text, &online) < 0)
		return;
	for (unsigned int i = 0; i < SOFTNET_CPUS_MAX; i++)
		if (idset_has(&online, i))
			cpus->online[cpus->n_online++] = (uint16_t)i;
}

int net_cpus_open(struct net_cpus *cpus, const struct source_context *context)
{
	cpus->context = context;
	cpus->softirqs = -1;
	cpus->softnet = source_open_file(context->root, SOFTNET_PATH);
	if (cpus->softnet < 0)
		return cpus->softnet;
	/* Without it one signal is not known. */
	cpus->softirqs = source_open_file(context->root, SOFTIRQS_PATH);
	online_read(cpus);
	return instances_init(&cpus->instances, SCOPE_CPU, SOFTNET_CPUS_MAX, &cpus_ops, cpus);
}

void net_cpus_close(struct net_cpus *cpus)
{
	if (!cpus->context)
		return;
	squeeze_close(cpus->squeeze);
	instances_deinit(&cpus->instances);
	closep(&cpus->softnet);
	closep(&cpus->softirqs);
	cpus->context = NULL;
}

void net_cpus_demand(struct net_cpus *cpus, const struct source_demand *demand)
{
	const bool causes = signal_set_has(&demand->signals, SIGNAL_NET_SQUEEZES_BUDGET) ||
			    signal_set_has(&demand->signals, SIGNAL_NET_SQUEEZES_TIME);

	cpus->squeeze_text[0] = '\0';
	if (!causes) {
		squeeze_close(cpus->squeeze);
		cpus->squeeze = NULL;
	} else if (!cpus->squeeze) {
		squeeze_open(cpus->context, &cpus->squeeze, cpus->squeeze_text,
			     sizeof(cpus->squeeze_text));
	}
}

/*
 * The programs count a squeeze before the kernel does. They are read before the file for a baseline, and after it else: what is
 * under way between the two makes the rest too small, never too big, and shows at a later tick.
 */
static void causes_add(struct net_cpu *cpu, uint64_t budget_first, uint64_t budget_now,
		       double added)
{
	const uint64_t budget_before = cpu->budget, time_before = cpu->time;
	const bool known = cpu->causes_known;
	uint64_t by_budget;

	if (!known || isnan(added)) {
		cpu->causes_known = true;
		cpu->budget_start = budget_first;
		cpu->squeezes = 0;
		cpu->budget = 0;
		cpu->time = 0;
		return;
	}
	cpu->squeezes += (uint64_t)added;
	by_budget = budget_now - cpu->budget_start;
	cpu->budget = by_budget < cpu->squeezes ? by_budget : cpu->squeezes;
	if (cpu->squeezes - cpu->budget > cpu->time)
		cpu->time = cpu->squeezes - cpu->budget;
	cpu->deltas[NET_DELTA_SQUEEZES_BUDGET] = (double)(cpu->budget - budget_before);
	cpu->deltas[NET_DELTA_SQUEEZES_TIME] = (double)(cpu->time - time_before);
}

/*
 * The kernel's numbers have 32 bits, and wrap. A packet over the flow limit is counted among the drops, too; the two are read one
 * after the other, so that for a tick there may be one less of these.
 */
static void cpu_add(struct net_cpu *cpu, const struct softnet_cpu *now,
		    const uint64_t *budget_first, const uint64_t *budget)
{
	const struct softnet_cpu *before = &cpu->before;
	double added[SOFTNET_FIELD_COUNT];

	for (size_t i = 0; i < NET_DELTA_COUNT; i++)
		cpu->deltas[i] = NAN;
	for (size_t i = 0; i < SOFTNET_FIELD_COUNT; i++)
		added[i] = cpu->known && now->online
				   ? (double)(uint32_t)(now->fields[i] - before->fields[i])
				   : NAN;
	cpu->known = now->online;
	cpu->before = *now;
	cpu->deltas[NET_DELTA_PACKETS] = added[SOFTNET_PACKETS];
	cpu->deltas[NET_DELTA_DROPS_FLOW_LIMIT] = added[SOFTNET_FLOW_LIMIT];
	cpu->deltas[NET_DELTA_DROPS_BACKLOG] =
		isnan(added[SOFTNET_DROPS])
			? (double)NAN
			: fmax(added[SOFTNET_DROPS] - added[SOFTNET_FLOW_LIMIT], 0);
	cpu->deltas[NET_DELTA_SQUEEZES] = added[SOFTNET_SQUEEZES];
	cpu->deltas[NET_DELTA_RPS] = added[SOFTNET_RPS];
	if (now->online && now->backlog)
		cpu->deltas[NET_DELTA_BACKLOG] = (double)now->fields[SOFTNET_BACKLOG];
	if (budget)
		causes_add(cpu, *budget_first, *budget, added[SOFTNET_SQUEEZES]);
	else
		cpu->causes_known = false;
	if (added[SOFTNET_SQUEEZES] == 0) {
		cpu->deltas[NET_DELTA_SQUEEZES_BUDGET] =
			fmax(cpu->deltas[NET_DELTA_SQUEEZES_BUDGET], 0);
		cpu->deltas[NET_DELTA_SQUEEZES_TIME] =
			fmax(cpu->deltas[NET_DELTA_SQUEEZES_TIME], 0);
	}
}

/* The causes of a tick are known when the programs were there from its beginning to its end, or where there is nothing to know. */
static void squeeze_follow(struct net_cpus *cpus, struct sampler *sampler)
{
	for (size_t i = 0; i < SOFTNET_CPUS_MAX; i++)
		if (cpus->cpus[i].deltas[NET_DELTA_SQUEEZES] > 0)
			cpus->squeezed_ns = sampler->now_ns;
	if (cpus->squeezed_ns && sampler->now_ns - cpus->squeezed_ns < SQUEEZE_QUIET_NS)
		sampler->losses[LOSS_EVENT] += squeeze_attach(cpus->squeeze) < 0;
	else
		squeeze_detach(cpus->squeeze);
}

/* Reads all CPUs' counters into the deltas. */
static void softnet_sample(struct net_cpus *cpus, struct sampler *sampler)
{
	const bool attached = cpus->squeeze && squeeze_attached(cpus->squeeze);
	bool causes =
		attached && squeeze_read(cpus->squeeze, cpus->budget_first, SOFTNET_CPUS_MAX) == 0;
	ssize_t n = sysroot_reread(cpus->softnet, cpus->text, sizeof(cpus->text));

	causes = causes && squeeze_read(cpus->squeeze, cpus->budget, SOFTNET_CPUS_MAX) == 0;

	if (n < 0 || softnet_parse(cpus->text, cpus->online, cpus->n_online, cpus->now) < 0) {
		sampler->losses[LOSS_EVENT]++;
		memset(cpus->now, 0, sizeof(cpus->now));
	}
	sampler->losses[LOSS_EVENT] += attached && !causes;
	for (size_t i = 0; i < SOFTNET_CPUS_MAX; i++) {
		if (sampler->interval_ns == 0)
			cpus->cpus[i].known = cpus->cpus[i].causes_known = false;
		cpu_add(&cpus->cpus[i], &cpus->now[i], &cpus->budget_first[i],
			causes ? &cpus->budget[i] : NULL);
	}
	if (cpus->squeeze)
		squeeze_follow(cpus, sampler);
}

/* Returns how many softirqs of receiving all CPUs had in the tick. */
static double softirqs_sample(struct net_cpus *cpus, struct sampler *sampler)
{
	double total = 0;
	int n = -ENOENT;

	if (cpus->softirqs >= 0 &&
	    sysroot_reread(cpus->softirqs, cpus->text, sizeof(cpus->text)) >= 0)
		n = softirqs_parse(cpus->text, "NET_RX", cpus->irqs, SOFTNET_CPUS_MAX);
	sampler->losses[LOSS_EVENT] += n < 0;
	for (int i = 0; i < SOFTNET_CPUS_MAX; i++) {
		struct net_cpu *cpu = &cpus->cpus[i];
		const bool known = cpu->irqs_known && sampler->interval_ns && i < n;

		cpu->irqs_added = known ? (double)(uint32_t)(cpus->irqs[i] - cpu->irqs) : NAN;
		cpu->irqs_known = i < n;
		cpu->irqs = i < n ? cpus->irqs[i] : 0;
		total += known ? cpu->irqs_added : 0;
	}
	return total;
}

static bool is_cause(size_t delta)
{
	return delta == NET_DELTA_SQUEEZES_BUDGET || delta == NET_DELTA_SQUEEZES_TIME;
}

/* A CPU that has just come has no values yet and adds nothing; but where one CPU's causes are not known the sum's are not. */
static void host_sample(const struct net_cpus *cpus, struct sampler *sampler)
{
	for (size_t i = 0; i < NET_DELTA_COUNT; i++) {
		double sum = NAN;

		for (size_t j = 0; j < SOFTNET_CPUS_MAX; j++) {
			const struct net_cpu *cpu = &cpus->cpus[j];

			if (isnan(cpu->deltas[i]) && is_cause(i) &&
			    cpu->deltas[NET_DELTA_SQUEEZES] > 0) {
				sum = NAN;
				break;
			}
			if (!isnan(cpu->deltas[i]))
				sum = isnan(sum) ? cpu->deltas[i] : sum + cpu->deltas[i];
		}
		sampler_host(sampler, delta_signals[i], sum);
	}
}

void net_cpus_sample(struct net_cpus *cpus, struct sampler *sampler)
{
	const bool share = signal_set_has(&sampler->demand->signals, SIGNAL_NET_SOFTIRQS_SHARE);
	const double softirqs = share ? softirqs_sample(cpus, sampler) : 0;

	softnet_sample(cpus, sampler);
	host_sample(cpus, sampler);
	if (instances_due(&cpus->instances, sampler))
		instances_scan(&cpus->instances, sampler->demand, sampler->now_ns);
	instances_count(&cpus->instances, sampler);
	for (size_t i = 0; i < cpus->instances.n_places; i++) {
		const struct instance *instance = &cpus->instances.places[i];
		const struct net_cpu *cpu = &cpus->cpus[cpus->cpu_of[i]];

		if (!instance->used)
			continue;
		for (size_t j = 0; j < NET_DELTA_COUNT; j++)
			instance_value(instance, sampler, delta_signals[j], cpu->deltas[j]);
		instance_value(instance, sampler, SIGNAL_NET_SOFTIRQS_SHARE,
			       softirqs > 0 ? cpu->irqs_added / softirqs : NAN);
	}
}

/* At once, that the causes of the tick to come are known; who was quiet for long is detached by its baseline. */
int net_cpus_attend(struct net_cpus *cpus, bool attends)
{
	if (attends && cpus->squeezed_ns)
		return squeeze_attach(cpus->squeeze);
	squeeze_detach(cpus->squeeze);
	return 0;
}
