// SPDX-License-Identifier: Apache-2.0
/*
 * Pressure of control groups (v2): cpu.pressure, io.pressure, memory.pressure of each that is demanded, kept open. A file
 * that nobody demands a signal of is neither opened nor read. A group that cannot be read any more is an invalid series and
 * a LOSS_EVENT until the next scan sees that it is gone.
 */
#include "observer/psi.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/cgroups.h"
#include "observer/instances.h"

#define PSI_REMEDY "boot with psi=1, or use a kernel with CONFIG_PSI"

static const char *const psi_names[PSI_FILE_COUNT] = {
	[PSI_CPU] = "cpu.pressure",
	[PSI_IO] = "io.pressure",
	[PSI_MEMORY] = "memory.pressure",
};

/* What there is of one group. */
struct group {
	int fds[PSI_FILE_COUNT]; /* -1 = not open */
	struct psi_totals totals;
};

struct cgroup_psi {
	struct cgroups cgroups;
	struct instances instances;
	struct group *groups; /* INSTANCES_MAX, by place */
};

static int group_open(const struct cgroup_psi *psi, const struct instance *instance,
		      struct group *group, uint32_t files)
{
	for (size_t i = 0; i < PSI_FILE_COUNT; i++) {
		if (!(files & 1u << i) || group->fds[i] >= 0)
			continue;
		group->fds[i] = cgroups_open_file(&psi->cgroups, &instance->scope, psi_names[i]);
		if (group->fds[i] < 0)
			return group->fds[i];
	}
	return 0;
}

static int group_come(void *source, const struct instance *instance, size_t place)
{
	struct cgroup_psi *psi = source;
	struct group *group = &psi->groups[place];

	memset(&group->totals, 0, sizeof(group->totals));
	for (size_t i = 0; i < PSI_FILE_COUNT; i++)
		group->fds[i] = -1;
	return group_open(psi, instance, group, psi_files(&instance->signals));
}

static void group_go(void *source, size_t place)
{
	struct cgroup_psi *psi = source;

	for (size_t i = 0; i < PSI_FILE_COUNT; i++)
		closep(&psi->groups[place].fds[i]);
}

static int group_list(void *source, struct instances *instances)
{
	struct cgroup_psi *psi = source;

	return cgroups_list(&psi->cgroups, instances);
}

static const struct instances_ops group_ops = {
	.list = group_list,
	.come = group_come,
	.go = group_go,
};

static void cgroup_psi_close(void *state)
{
	struct cgroup_psi *psi = state;

	instances_deinit(&psi->instances);
	free(psi->groups);
	cgroups_close(&psi->cgroups);
}

/* The root's own file says whether the kernel has any: the others differ by nothing. */
static int open_hierarchy(struct cgroups *cgroups, const struct source_context *context,
			  struct source_status *status)
{
	int r = cgroups_open(cgroups, context->root, status);

	if (r < 0)
		return r;
	if (sysroot_exists(cgroups->folder, psi_names[PSI_IO]))
		return 0;
	source_say(status, SOURCE_UNAVAILABLE, PSI_REMEDY, "control groups have no %s",
		   psi_names[PSI_IO]);
	return -EOPNOTSUPP;
}

static void cgroup_psi_probe(const struct source_context *context, struct source_status *status)
{
	struct cgroups cgroups;

	strcpy(status->method, "cgroup2");
	status->optional = 1; /* a machine with groups of v1 alone is not broken */
	if (open_hierarchy(&cgroups, context, status) == 0)
		source_say(status, SOURCE_IDLE, "", "%s", "");
	cgroups_close(&cgroups);
}

static int cgroup_psi_demand(void *state, const struct source_demand *demand,
			     struct source_status *status)
{
	struct cgroup_psi *psi = state;

	(void)status;
	instances_scan(&psi->instances, demand, 0);
	return 0;
}

static int cgroup_psi_open(void *state, const struct source_context *context,
			   const struct source_demand *demand, struct source_status *status)
{
	struct cgroup_psi *psi = state;
	int r = open_hierarchy(&psi->cgroups, context, status);

	if (r < 0)
		return r;
	psi->groups = calloc(INSTANCES_MAX, sizeof(*psi->groups));
	r = psi->groups
		    ? instances_init(&psi->instances, SCOPE_CGROUP, INSTANCES_MAX, &group_ops, psi)
		    : -ENOMEM;
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return cgroup_psi_demand(psi, demand, status);
}

static void group_sample(struct cgroup_psi *psi, size_t place, struct sampler *sampler)
{
	const struct instance *instance = &psi->instances.places[place];
	const uint32_t files = psi_files(&instance->signals);
	char texts[PSI_FILE_COUNT][PSI_BYTES];
	struct group *group = &psi->groups[place];

	/* What is demanded of it may have changed since it came. */
	group_open(psi, instance, group, files);
	for (size_t i = 0; i < PSI_FILE_COUNT; i++)
		if (files & 1u << i &&
		    (group->fds[i] < 0 || source_reread(group->fds[i], texts[i], PSI_BYTES) < 0))
			texts[i][0] = '\0';
	for (uint32_t i = 0; i < PSI_SIGNALS; i++) {
		const enum signal_id signal = SIGNAL_PSI_CPU_SOME + i;

		if (signal_set_has(&instance->signals, signal))
			instance_value(instance, sampler, signal,
				       psi_share(&group->totals, signal, texts[psi_file_of(signal)],
						 sampler));
		else
			group->totals.known[i] = false;
	}
}

static void cgroup_psi_sample(void *state, struct sampler *sampler)
{
	struct cgroup_psi *psi = state;

	if (instances_due(&psi->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&psi->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&psi->instances, sampler);
	for (size_t i = 0; i < psi->instances.n_places; i++)
		if (psi->instances.places[i].used)
			group_sample(psi, i, sampler);
}

static void cgroup_psi_status(void *state, struct source_status *status)
{
	const struct cgroup_psi *psi = state;

	instances_say(&psi->instances, status);
}

const struct source_ops cgroup_psi_source = {
	.name = "cgroup-psi",
	.first = SIGNAL_PSI_CPU_SOME,
	.last = SIGNAL_PSI_MEMORY_FULL,
	.scopes = SCOPE_BIT(SCOPE_CGROUP),
	.state_size = sizeof(struct cgroup_psi),
	.probe = cgroup_psi_probe,
	.open = cgroup_psi_open,
	.demand = cgroup_psi_demand,
	.sample = cgroup_psi_sample,
	.close = cgroup_psi_close,
	.status = cgroup_psi_status,
};
