// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler source: what tasks wait for and how long, of the host, of CPUs, of control groups (v2) and of processes.
 *
 *     tp_btf          a BPF program at each switch: distributions and counts (bpf/sched_record.h)
 *     raw_tracepoint  the same, where the kernel has no typed tracepoints
 *     procfs          sums of running and waiting: /proc/schedstat of CPUs, /proc/PID/task/TID/schedstat of processes
 *
 * The program is attached only while something is demanded, and counts only what is. Single processes and groups are counted
 * apart only when they are demanded; a group has what happens in the groups below it, too.
 */
#include "observer/sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/methods.h"

#define CPUS_PATH "sys/devices/system/cpu/online"
#define CPUS_TEXT_BYTES 4096

static const char *const method_names[SCHED_METHOD_COUNT] = {
	[SCHED_TP_BTF] = "tp_btf",
	[SCHED_RAW] = "raw_tracepoint",
	[SCHED_PROCFS] = "procfs",
};

static const struct {
	enum scope_kind scope;
	size_t max;
} kinds[SCHED_KIND_COUNT] = {
	[SCHED_KIND_CPU] = { .scope = SCOPE_CPU, .max = SCHED_CPUS_MAX },
	[SCHED_KIND_CGROUP] = { .scope = SCOPE_CGROUP, .max = ROWS_MAX },
	[SCHED_KIND_PROCESS] = { .scope = SCOPE_PROCESS, .max = ROWS_MAX },
};

static int method_probe(const struct source_context *context, uint32_t method,
			struct source_status *status)
{
	if (method != SCHED_PROCFS)
		return sched_tracer_probe(context, (enum sched_way)method, status);
	if (sysroot_exists(context->root, "proc/self/schedstat") ||
	    sysroot_exists(context->root, "proc/schedstat"))
		return 0;
	source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_SCHED_INFO",
		   "neither /proc/schedstat nor /proc/PID/schedstat exists");
	return -ENOENT;
}

static const struct methods methods = {
	.source = "sched",
	.names = method_names,
	.n = SCHED_METHOD_COUNT,
	.probe = method_probe,
};

static const char *sched_method_name(size_t method)
{
	return method < SCHED_METHOD_COUNT ? method_names[method] : NULL;
}

static void sched_try(const struct source_context *context, size_t method,
		      struct source_status *status)
{
	struct sched_tracer *tracer = NULL;

	if (method_probe(context, (uint32_t)method, status) < 0 || method == SCHED_PROCFS)
		return;
	if (sched_tracer_open(context, (enum sched_way)method, 0, status, &tracer) == 0)
		sched_tracer_close(tracer);
}

static void sched_probe(const struct source_context *context, struct source_status *status)
{
	if (methods_choose(&methods, context, 0, status) < SCHED_METHOD_COUNT)
		status->state = SOURCE_IDLE;
}

static int cpus_list(void *source, struct instances *instances)
{
	struct sched_group *group = source;
	char text[CPUS_TEXT_BYTES], name[16];
	struct idset cpus;
	ssize_t n;

	if (!source_demands_kind(instances->demand, SCOPE_CPU))
		return 0;
	n = sysroot_read(group->sched->context->root, CPUS_PATH, text, sizeof(text));
	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	if (idset_parse(text, &cpus) < 0)
		return -EBADMSG;
	for (uint32_t cpu = 0; cpu < SCHED_CPUS_MAX; cpu++) {
		if (!idset_has(&cpus, cpu))
			continue;
		snprintf(name, sizeof(name), "%u", cpu);
		instances_see(instances, name, 0);
	}
	return 0;
}

static int cgroups_all(void *source, struct instances *instances)
{
	const struct sched_group *group = source;

	return group->sched->cgroups.folder < 0 ? 0
						: cgroups_list(&group->sched->cgroups, instances);
}

static int processes_all(void *source, struct instances *instances)
{
	const struct sched_group *group = source;

	return processes_list(&group->sched->processes, instances);
}

/* A row for it; without one it is over the limit, as without a descriptor. */
static int row_take(struct sched *sched, struct sched_owner *owner, uint64_t key, uint64_t start)
{
	const int row = sched_tracer_add(sched->tracer, key, start);

	if (row < 0)
		return -EMFILE;
	owner->row = (uint32_t)row;
	return 0;
}

static int instance_come(void *source, const struct instance *instance, size_t place)
{
	struct sched_group *group = source;
	struct sched_owner *owner = &group->owners[place];
	const uint32_t number = (uint32_t)strtoul(instance->scope.name, NULL, 10);

	owner->known = false;
	owner->row = instance->scope.kind == SCOPE_CPU ? number : UINT32_MAX;
	if (instance->scope.kind == SCOPE_CPU)
		return group->sched->tracer && number >= sched_tracer_n_cpus(group->sched->tracer)
			       ? -EINVAL
			       : 0;
	if (instance->scope.kind == SCOPE_CGROUP)
		return group->sched->tracer ? row_take(group->sched, owner, instance->identity, 0)
					    : -EOPNOTSUPP;
	if (group->sched->tracer)
		return row_take(group->sched, owner, rows_key_process(number), instance->identity);
	return sched_sums_come(&group->sched->sums, &group->sched->processes, instance, place);
}

static void instance_go(void *source, size_t place)
{
	struct sched_group *group = source;
	struct sched_owner *owner = &group->owners[place];

	if (group->instances.kind == SCOPE_CPU)
		return;
	if (!group->sched->tracer && group->instances.kind == SCOPE_PROCESS)
		sched_sums_go(&group->sched->sums, place);
	else if (group->sched->tracer && owner->row != UINT32_MAX)
		sched_tracer_drop(group->sched->tracer, owner->row);
	owner->row = UINT32_MAX;
}

#define OPS(list_)                                                       \
	{                                                                \
		.list = list_, .come = instance_come, .go = instance_go, \
	}
static const struct instances_ops ops[SCHED_KIND_COUNT] = {
	[SCHED_KIND_CPU] = OPS(cpus_list),
	[SCHED_KIND_CGROUP] = OPS(cgroups_all),
	[SCHED_KIND_PROCESS] = OPS(processes_all),
};

static void groups_close(struct sched *sched)
{
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++) {
		instances_deinit(&sched->groups[kind].instances);
		free(sched->groups[kind].owners);
		sched->groups[kind] = (struct sched_group){ 0 };
	}
}

/* Owners are touched as they are used: 33 KiB each. */
static int groups_open(struct sched *sched)
{
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++) {
		struct sched_group *group = &sched->groups[kind];

		group->sched = sched;
		group->owners = calloc(kinds[kind].max, sizeof(*group->owners));
		if (!group->owners || instances_init(&group->instances, kinds[kind].scope,
						     kinds[kind].max, &ops[kind], group) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void counting_stop(struct sched *sched)
{
	groups_close(sched);
	sched_tracer_close(sched->tracer);
	sched->tracer = NULL;
	sched->host.known = false;
}

/* By the method in use; what does not attach gives way to the next one, and the reason of the first is kept. */
static int counting_start(struct sched *sched, struct source_status *status)
{
	const char *forced = methods_forced(&methods, sched->context);
	int r;

	while (sched->method < SCHED_PROCFS) {
		struct source_status latest = *status;

		r = sched_tracer_open(sched->context, (enum sched_way)sched->method,
				      sched->has_rows ? ROWS_MAX : 0, &latest, &sched->tracer);
		if (r == 0)
			break;
		if (!status->text[0] || forced)
			*status = latest;
		if (forced)
			return r;
		sched->method = methods_choose(&methods, sched->context, sched->method + 1, status);
		strcpy(sched->text, status->text);
	}
	if (sched->method == SCHED_METHOD_COUNT)
		return -EOPNOTSUPP;
	r = groups_open(sched);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	return r;
}

static bool moves_wanted(const struct signal_set *signals)
{
	return signal_set_has(signals, SIGNAL_SCHED_MIGRATIONS) ||
	       signal_set_has(signals, SIGNAL_SCHED_MIGRATIONS_NODE);
}

static int sched_demand(void *state, const struct source_demand *demand,
			struct source_status *status)
{
	const bool rows = source_demands_kind(demand, SCOPE_CGROUP) ||
			  source_demands_kind(demand, SCOPE_PROCESS);
	struct sched *sched = state;
	int r = 0;

	if (!sched->groups[0].owners || rows != sched->has_rows) {
		counting_stop(sched);
		sched->has_rows = rows;
		r = counting_start(sched, status);
	}
	if (r < 0)
		return r;
	if (sched->tracer)
		sched_tracer_want(sched->tracer, sched_times(&demand->signals),
				  moves_wanted(&demand->signals));
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++)
		instances_scan(&sched->groups[kind].instances, demand, 0);
	status->state =
		sched->method == SCHED_PROCFS && sched->text[0] ? SOURCE_DEGRADED : SOURCE_ATTACHED;
	return 0;
}

static int sched_open(void *state, const struct source_context *context,
		      const struct source_demand *demand, struct source_status *status)
{
	struct sched *sched = state;
	struct source_status none; /* without v2 there are no groups, and all else works */
	int r;

	sched->context = context;
	sched->cgroups.folder = -1;
	sched->sums.fd = -1;
	r = processes_open(&sched->processes, context->root);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot open /proc: %s",
			   strerror(-r));
		return r;
	}
	if (cgroups_open(&sched->cgroups, context->root, &none) < 0)
		sched->cgroups.folder = -1;
	r = sched_sums_open(&sched->sums, context->root);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	sched->method = methods_choose(&methods, context, 0, status);
	if (sched->method == SCHED_METHOD_COUNT)
		return -EOPNOTSUPP;
	strcpy(sched->text, status->text);
	return sched_demand(sched, demand, status);
}

static void sched_close(void *state)
{
	struct sched *sched = state;

	counting_stop(sched);
	sched_sums_close(&sched->sums);
	cgroups_close(&sched->cgroups);
	processes_close(&sched->processes);
}

static void sched_status(void *state, struct source_status *status)
{
	const struct sched *sched = state;

	if (sched->tracer)
		sched_tracer_status(sched->tracer, status);
	strcpy(status->text, sched->text);
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++)
		if (sched->groups[kind].instances.n_over)
			instances_say(&sched->groups[kind].instances, status);
}

static void sched_restart(struct sched *sched)
{
	sched->host.known = false;
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++)
		for (size_t i = 0; i < sched->groups[kind].instances.n_places; i++)
			sched->groups[kind].owners[i].known = false;
}

static void sums_sample(struct sched *sched, struct sampler *sampler)
{
	sched_sums_read(&sched->sums, sampler);
	sched_sums_host(&sched->sums, sampler);
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++) {
		const struct instances *instances = &sched->groups[kind].instances;

		for (size_t place = 0; place < instances->n_places; place++) {
			const struct instance *instance = &instances->places[place];

			if (instance->used && kind == SCHED_KIND_CPU)
				sched_sums_cpu(&sched->sums, instance,
					       sched->groups[kind].owners[place].row, sampler);
			else if (instance->used)
				sched_sums_process(&sched->sums, instance, place, sampler);
		}
	}
}

static void sched_sample(void *state, struct sampler *sampler)
{
	struct sched *sched = state;

	if (sampler->interval_ns == 0)
		sched_restart(sched);
	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++) {
		struct instances *instances = &sched->groups[kind].instances;

		if (instances_due(instances, sampler))
			sampler->losses[LOSS_EVENT] +=
				instances_scan(instances, sampler->demand, sampler->now_ns) < 0;
		instances_count(instances, sampler);
	}
	if (sched->tracer)
		sched_series_sample(sched, sampler);
	else
		sums_sample(sched, sampler);
}

static bool sched_may_rest(const void *state)
{
	const struct sched *sched = state;

	return sched->tracer && sched_tracer_may_rest(sched->tracer);
}

static int sched_attend(void *state, bool attends)
{
	const struct sched *sched = state;

	return sched_tracer_attend(sched->tracer, attends);
}

const struct source_ops sched_source = {
	.name = "sched",
	.first = SIGNAL_SCHED_WAKEUP,
	.last = SIGNAL_SCHED_MIGRATIONS_NODE,
	.state_size = sizeof(struct sched),
	.probe = sched_probe,
	.method = sched_method_name,
	.try_method = sched_try,
	.open = sched_open,
	.demand = sched_demand,
	.sample = sched_sample,
	.may_rest = sched_may_rest,
	.attend = sched_attend,
	.close = sched_close,
	.status = sched_status,
};
