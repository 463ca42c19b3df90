// SPDX-License-Identifier: Apache-2.0
/*
 * How control groups run into their limit of CPU time: cpu.stat of v2, or of v1 where the controller is still there. A group
 * without a limit has no periods, and so is never throttled.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "observer/cgroups.h"
#include "observer/instances.h"
#include "observer/text.h"

#define STAT_BYTES 2048 /* some 300 */

struct throttling {
	uint64_t periods, throttled, throttled_ns;
};

struct group {
	int fd;
	bool known;
	struct throttling before;
};

struct cgroup_cpu {
	struct cgroups cgroups;
	struct instances instances;
	struct group *groups; /* INSTANCES_MAX, by place */
};

static int group_come(void *source, const struct instance *instance, size_t place)
{
	struct cgroup_cpu *cpu = source;
	struct group *group = &cpu->groups[place];

	*group = (struct group){ 0 };
	group->fd = cgroups_open_file(&cpu->cgroups, &instance->scope, "cpu.stat");
	return group->fd < 0 ? group->fd : 0;
}

static void group_go(void *source, size_t place)
{
	struct cgroup_cpu *cpu = source;

	closep(&cpu->groups[place].fd);
}

static int group_list(void *source, struct instances *instances)
{
	struct cgroup_cpu *cpu = source;

	return cgroups_list(&cpu->cgroups, instances);
}

static const struct instances_ops group_ops = {
	.list = group_list,
	.come = group_come,
	.go = group_go,
};

static void cgroup_cpu_close(void *state)
{
	struct cgroup_cpu *cpu = state;

	instances_deinit(&cpu->instances);
	free(cpu->groups);
	cgroups_close(&cpu->cgroups);
}

static void cgroup_cpu_probe(const struct source_context *context, struct source_status *status)
{
	struct cgroups cgroups;

	status->optional = 1;
	strcpy(status->method, "cgroup2");
	if (cgroups_open_controller(&cgroups, context->root, "cpu", status) == 0) {
		strcpy(status->method, cgroups.v1 ? "cgroup1" : "cgroup2");
		source_say(status, SOURCE_IDLE, "", "%s", "");
	}
	cgroups_close(&cgroups);
}

static int cgroup_cpu_demand(void *state, const struct source_demand *demand,
			     struct source_status *status)
{
	struct cgroup_cpu *cpu = state;

	(void)status;
	instances_scan(&cpu->instances, demand, 0);
	return 0;
}

static int cgroup_cpu_open(void *state, const struct source_context *context,
			   const struct source_demand *demand, struct source_status *status)
{
	struct cgroup_cpu *cpu = state;
	int r = cgroups_open_controller(&cpu->cgroups, context->root, "cpu", status);

	if (r < 0)
		return r;
	cpu->groups = calloc(INSTANCES_MAX, sizeof(*cpu->groups));
	r = cpu->groups
		    ? instances_init(&cpu->instances, SCOPE_CGROUP, INSTANCES_MAX, &group_ops, cpu)
		    : -ENOMEM;
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return cgroup_cpu_demand(cpu, demand, status);
}

static bool find(const char *text, const char *key, uint64_t *ret_number)
{
	const char *number = text_line(text, key);

	return number && text_numbers(number, ret_number, 1);
}

/*
 * v2:  usage_usec 815021              v1:  nr_periods 120
 *      nr_periods 120                      nr_throttled 31
 *      nr_throttled 31                     throttled_time 1205341123
 *      throttled_usec 1205341
 * The root of v2 has no limit, and none of these lines but the first. Returns 0; -ENOENT without them.
 */
static int parse(const char *text, bool v1, struct throttling *ret_throttling)
{
	struct throttling now = { 0 };

	if (!v1 && text_line(text, "usage_usec ") && !text_line(text, "nr_periods "))
		return -ENOENT;
	if (!find(text, "nr_periods ", &now.periods) ||
	    !find(text, "nr_throttled ", &now.throttled) ||
	    !find(text, v1 ? "throttled_time " : "throttled_usec ", &now.throttled_ns))
		return -EBADMSG;
	if (!v1)
		now.throttled_ns *= NSEC_PER_USEC;
	*ret_throttling = now;
	return 0;
}

static void group_values(struct group *group, const struct throttling *now,
			 const struct instance *instance, struct sampler *sampler)
{
	const struct throttling *before = &group->before;
	const double periods = (double)(now->periods - before->periods);

	instance_value(instance, sampler, SIGNAL_CPU_THROTTLED,
		       periods > 0 ? (double)(now->throttled - before->throttled) / periods : 0.0);
	instance_value(instance, sampler, SIGNAL_CPU_THROTTLED_TIME,
		       (double)(now->throttled_ns - before->throttled_ns));
}

static void group_sample(struct cgroup_cpu *cpu, size_t place, struct sampler *sampler)
{
	const struct instance *instance = &cpu->instances.places[place];
	struct group *group = &cpu->groups[place];
	struct throttling now = { 0 };
	char text[STAT_BYTES];
	int r = -EIO;

	if (source_reread(group->fd, text, sizeof(text)) >= 0)
		r = parse(text, cpu->cgroups.v1, &now);
	if (r == 0 && group->known &&
	    (now.periods < group->before.periods || now.throttled < group->before.throttled ||
	     now.throttled_ns < group->before.throttled_ns))
		r = -EBADMSG;
	sampler->losses[LOSS_EVENT] += r < 0 && r != -ENOENT;
	if (r == 0 && group->known) {
		group_values(group, &now, instance, sampler);
	} else {
		instance_value(instance, sampler, SIGNAL_CPU_THROTTLED, NAN);
		instance_value(instance, sampler, SIGNAL_CPU_THROTTLED_TIME, NAN);
	}
	group->known = r == 0;
	group->before = now;
}

static void cgroup_cpu_sample(void *state, struct sampler *sampler)
{
	struct cgroup_cpu *cpu = state;

	if (instances_due(&cpu->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&cpu->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&cpu->instances, sampler);
	for (size_t i = 0; i < cpu->instances.n_places; i++)
		if (cpu->instances.places[i].used)
			group_sample(cpu, i, sampler);
}

static void cgroup_cpu_status(void *state, struct source_status *status)
{
	const struct cgroup_cpu *cpu = state;

	instances_say(&cpu->instances, status);
}

const struct source_ops cgroup_cpu_source = {
	.name = "cgroup-cpu",
	.first = SIGNAL_CPU_THROTTLED,
	.last = SIGNAL_CPU_THROTTLED_TIME,
	.state_size = sizeof(struct cgroup_cpu),
	.probe = cgroup_cpu_probe,
	.open = cgroup_cpu_open,
	.demand = cgroup_cpu_demand,
	.sample = cgroup_cpu_sample,
	.close = cgroup_cpu_close,
	.status = cgroup_cpu_status,
};
