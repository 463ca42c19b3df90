// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of control groups, each with all below it: memory.stat of v2, or of v1 where the controller is still there. The kernel
 * adds up the counts of the CPUs when some 64 for each CPU have come together, or every two seconds: a tick may see them
 * that much late, and loses none.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/cgroups.h"
#include "observer/instances.h"
#include "observer/memory_rows.h"

struct group {
	int fd;
	struct memory_counts counts;
};

struct cgroup_memory {
	struct cgroups cgroups;
	enum memory_file file;     /* of v1 or v2 */
	struct signal_set missing; /* demanded, but not counted by this kernel */
	struct instances instances;
	struct group *groups; /* INSTANCES_MAX, by place */
	char text[MEMORY_BYTES];
};

static int group_come(void *source, const struct instance *instance, size_t place)
{
	struct cgroup_memory *memory = source;
	struct group *group = &memory->groups[place];

	memset(&group->counts, 0, sizeof(group->counts));
	group->fd = cgroups_open_file(&memory->cgroups, &instance->scope, "memory.stat");
	return group->fd < 0 ? group->fd : 0;
}

static void group_go(void *source, size_t place)
{
	struct cgroup_memory *memory = source;

	closep(&memory->groups[place].fd);
}

static int group_list(void *source, struct instances *instances)
{
	struct cgroup_memory *memory = source;

	return cgroups_list(&memory->cgroups, instances);
}

static const struct instances_ops group_ops = {
	.list = group_list,
	.come = group_come,
	.go = group_go,
};

static void cgroup_memory_close(void *state)
{
	struct cgroup_memory *memory = state;

	instances_deinit(&memory->instances);
	free(memory->groups);
	cgroups_close(&memory->cgroups);
}

/* Of v1 the text says what it lacks. */
static int open_hierarchy(struct cgroups *cgroups, const struct source_context *context,
			  struct source_status *status)
{
	int r = cgroups_open_controller(cgroups, context->root, "memory", status);
	struct signal_set lacks = { 0 };

	if (r < 0)
		return r;
	strcpy(status->method, cgroups->v1 ? "cgroup1" : "cgroup2");
	source_say(status, SOURCE_IDLE, "", "%s", "");
	for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
		if (cgroups->v1 && memory_has(MEMORY_GROUP, i) && !memory_has(MEMORY_GROUP_V1, i))
			signal_set_add(&lacks, i);
	memory_say_missing(&lacks, status);
	return 0;
}

static void cgroup_memory_probe(const struct source_context *context, struct source_status *status)
{
	struct cgroups cgroups;

	status->optional = 1;
	strcpy(status->method, "cgroup2");
	open_hierarchy(&cgroups, context, status);
	cgroups_close(&cgroups);
}

static int cgroup_memory_demand(void *state, const struct source_demand *demand,
				struct source_status *status)
{
	struct cgroup_memory *memory = state;

	(void)status;
	memory->missing = (struct signal_set){ 0 };
	instances_scan(&memory->instances, demand, 0);
	return 0;
}

static int cgroup_memory_open(void *state, const struct source_context *context,
			      const struct source_demand *demand, struct source_status *status)
{
	struct cgroup_memory *memory = state;
	int r = open_hierarchy(&memory->cgroups, context, status);

	if (r < 0)
		return r;
	memory->file = memory->cgroups.v1 ? MEMORY_GROUP_V1 : MEMORY_GROUP;
	memory->groups = calloc(INSTANCES_MAX, sizeof(*memory->groups));
	r = memory->groups ? instances_init(&memory->instances, SCOPE_CGROUP, INSTANCES_MAX,
					    &group_ops, memory)
			   : -ENOMEM;
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	status->state = memory->cgroups.v1 ? SOURCE_DEGRADED : SOURCE_ATTACHED;
	return cgroup_memory_demand(memory, demand, status);
}

static double group_value(struct cgroup_memory *memory, struct group *group, enum signal_id signal,
			  uint64_t *losses)
{
	if (memory_has(memory->file, signal))
		return memory_value(&group->counts, signal, memory->file, memory->text, losses,
				    &memory->missing);
	signal_set_add(&memory->missing, signal);
	return NAN;
}

static void group_sample(struct cgroup_memory *memory, size_t place, struct sampler *sampler)
{
	const struct instance *instance = &memory->instances.places[place];
	struct group *group = &memory->groups[place];

	if (sysroot_reread(group->fd, memory->text, MEMORY_BYTES) < 0)
		memory->text[0] = '\0';
	for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
		if (signal_set_has(&instance->signals, i))
			instance_value(instance, sampler, i,
				       group_value(memory, group, i, sampler->losses));
}

static void cgroup_memory_sample(void *state, struct sampler *sampler)
{
	struct cgroup_memory *memory = state;

	if (instances_due(&memory->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&memory->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&memory->instances, sampler);
	for (size_t i = 0; i < memory->instances.n_places; i++)
		if (memory->instances.places[i].used)
			group_sample(memory, i, sampler);
}

static void cgroup_memory_status(void *state, struct source_status *status)
{
	const struct cgroup_memory *memory = state;

	instances_say(&memory->instances, status);
	memory_say_missing(&memory->missing, status);
}

const struct source_ops cgroup_memory_source = {
	.name = "cgroup-memory",
	.first = MEMORY_FIRST,
	.last = MEMORY_LAST,
	.scopes = SCOPE_BIT(SCOPE_CGROUP),
	.state_size = sizeof(struct cgroup_memory),
	.probe = cgroup_memory_probe,
	.open = cgroup_memory_open,
	.demand = cgroup_memory_demand,
	.sample = cgroup_memory_sample,
	.close = cgroup_memory_close,
	.status = cgroup_memory_status,
};
