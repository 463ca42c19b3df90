// SPDX-License-Identifier: Apache-2.0
/*
 * Binding a process to the CPUs of nodes. The value is a set of nodes; what is written is the mask of each thread, as the
 * affinity family does it.
 *
 * In force are the nodes that the leader's CPUs belong to: a mask that is a part of a node counts as the node. So BEGIN
 * writes down, besides each thread's own mask, which CPUs a node has that the process may use:
 *
 *     @new=1                  the arm (added by the actuator)
 *     common=0-3              what most threads have, and those that have another one
 *     4711@228994=0
 *     @node0=0-1
 *     @node1=2-3
 *
 * What the arm means does not change then when a CPU comes or goes, and a thread that has it is known by its mask.
 */
#include "actuator/family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actuator/affinity.h"
#include "actuator/knobs.h"
#include "actuator/numa_pages.h"
#include "base/idset.h"
#include "base/sysroot.h"

#define NODE_NAME "@node"
#define LIST_MAX 4096 /* of the CPUs of a node */

static size_t cpus_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			  size_t max)
{
	(void)root;
	(void)row;
	(void)ret_scopes;
	(void)max;
	return 0; /* processes are not listed: name one */
}

static int cpus_resolve(int root, const struct knob_row *row, struct scope *scope)
{
	(void)row;
	return affinity_process_resolve(root, scope);
}

/* sys/devices/system/node/node1/cpulist: `2-3`, empty for a node that is memory alone. Empty, too, where there is no such node. */
static int node_cpus(int root, unsigned int node, const struct idset *within,
		     struct idset *ret_cpus)
{
	char path[64], list[LIST_MAX];
	struct idset cpus;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%u/cpulist", node);
	n = sysroot_read(root, path, list, sizeof(list));
	if (n < 0 && n != -ENOENT)
		return (int)n;
	r = idset_parse(n < 0 ? "" : list, &cpus);
	if (r < 0)
		return r;
	idset_intersect(&cpus, within, ret_cpus);
	return 0;
}

/* Of CPUs: the nodes that they belong to. */
static int nodes_of(int root, const struct idset *cpus, struct idset *ret_nodes)
{
	struct idset nodes = { 0 }, part;
	int r = 0;

	for (unsigned int node = 0; r == 0 && node < NUMA_NODES_MAX; node++) {
		r = node_cpus(root, node, cpus, &part);
		if (r == 0 && idset_count(&part))
			idset_add(&nodes, node);
	}
	if (r == 0)
		*ret_nodes = nodes;
	return r;
}

/* What the process has, and what its cpuset lets it have: as CPUs, and then as nodes in the reading. */
static int reading_translate(int root, struct knob_reading *reading)
{
	struct idset has, may, nodes, offered;
	int r = idset_parse(reading->value, &has);

	if (r == 0)
		r = idset_parse(reading->within, &may);
	if (r == 0)
		r = nodes_of(root, &has, &nodes);
	if (r == 0)
		r = nodes_of(root, &may, &offered);
	if (r == 0)
		r = idset_format(&nodes, reading->value, sizeof(reading->value));
	if (r == 0)
		r = idset_format(&offered, reading->within, sizeof(reading->within));
	if (r < 0)
		return r;
	if (!(reading->flags & KNOB_WRITABLE)) {
		snprintf(reading->reason, sizeof(reading->reason), "a thread of the kernel");
	} else if (idset_count(&offered) < 2) {
		reading->flags &= ~(uint32_t)KNOB_WRITABLE;
		snprintf(reading->reason, sizeof(reading->reason),
			 "the CPUs of one node are all that it may use");
	}
	return 0;
}

static int cpus_read(int root, const struct knob_row *row, const struct scope *scope,
		     struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	int r = affinity_process_read(root, scope, &reading);

	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	if (r == 0 && !(reading.flags & KNOB_GONE))
		r = reading_translate(root, &reading);
	if (r == 0)
		*ret_reading = reading;
	return r;
}

static int cpus_allowed(int root, const struct knob_row *row, const struct scope *scope,
			const struct knob_reading *reading, const char *value, char *ret_text,
			size_t size)
{
	(void)row;
	(void)reading;
	(void)value;
	return affinity_process_allowed(root, scope, ret_text, size);
}

static int capture_nodes(int root, const struct scope *scope, char *companions, size_t size)
{
	struct knob_reading reading = { .scope = *scope };
	char name[32], list[KNOB_VALUE_MAX];
	struct idset may, cpus;
	int r = affinity_process_read(root, scope, &reading);

	if (r == 0)
		r = reading.flags & KNOB_GONE ? -ESRCH : idset_parse(reading.within, &may);
	for (unsigned int node = 0; r == 0 && node < NUMA_NODES_MAX; node++) {
		r = node_cpus(root, node, &may, &cpus);
		if (r < 0 || idset_count(&cpus) == 0)
			continue;
		snprintf(name, sizeof(name), NODE_NAME "%u", node);
		r = idset_format(&cpus, list, sizeof(list));
		if (r == 0)
			r = companions_add(companions, size, name, list);
	}
	return r;
}

static int cpus_capture(int root, const struct knob_row *row, const struct scope *scope,
			char *ret_companions, size_t size, char *ret_text, size_t text_size)
{
	int r;

	(void)row;
	ret_companions[0] = '\0';
	r = affinity_process_capture(root, scope, ret_companions, size, ret_text, text_size);
	if (r < 0)
		return r;
	r = capture_nodes(root, scope, ret_companions, size);
	if (r < 0)
		snprintf(ret_text, text_size, "unable to write down the CPUs of the nodes: %s",
			 strerror(-r));
	return r;
}

/* The CPUs that the nodes of the arm had at BEGIN; `ret_new` is its value. */
static int arm_of(const char *companions, struct idset *ret_cpus, char *ret_new, size_t size)
{
	char name[THREAD_NAME_MAX], list[KNOB_VALUE_MAX];
	struct idset nodes, part, cpus = { 0 };
	unsigned int node;
	size_t found = 0;
	int r = companions_find(companions, KNOB_NEW_NAME, ret_new, size);

	if (r < 0 || idset_parse(ret_new, &nodes) < 0 || idset_count(&nodes) == 0)
		return -EBADMSG;
	while ((r = companions_next(&companions, name, sizeof(name), list, sizeof(list))) > 0) {
		if (sscanf(name, NODE_NAME "%u", &node) != 1 || !idset_has(&nodes, node))
			continue;
		if (idset_parse(list, &part) < 0)
			return -EBADMSG;
		idset_unite(&cpus, &part, &cpus);
		found++;
	}
	if (r < 0 || found != idset_count(&nodes))
		return -EBADMSG;
	*ret_cpus = cpus;
	return 0;
}

static int cpus_write(int root, const struct knob_row *row, const struct scope *scope,
		      const char *companions, const char *value)
{
	char new_value[KNOB_VALUE_MAX];
	struct idset arm;
	int r = arm_of(companions, &arm, new_value, sizeof(new_value));

	if (r < 0)
		return r;
	return affinity_threads_switch(root, scope, companions, &arm,
				       knob_same(row, value, new_value) ? AFFINITY_TO_ARM
									: AFFINITY_TO_CAPTURED,
				       NULL, 0);
}

static int cpus_restore(int root, const struct knob_row *row, const struct scope *scope,
			const char *companions, char *ret_text, size_t size)
{
	char new_value[KNOB_VALUE_MAX];
	struct idset arm;
	int r = arm_of(companions, &arm, new_value, sizeof(new_value));

	(void)row;
	if (r == 0)
		r = affinity_threads_switch(root, scope, companions, &arm, AFFINITY_TO_CAPTURED,
					    ret_text, size);
	return r == -ESRCH ? -ENOENT : r;
}

static int cpus_command(int root, const struct knob_row *row, const struct scope *scope,
			const char *value, char *buffer, size_t size)
{
	struct knob_reading reading = { .scope = *scope };
	struct idset nodes, may, part, cpus = { 0 };
	char list[KNOB_VALUE_MAX];
	int n, r = affinity_process_read(root, scope, &reading);

	(void)row;
	if (r == 0)
		r = idset_parse(value, &nodes);
	if (r == 0)
		r = idset_parse(reading.within, &may);
	for (unsigned int node = 0; r == 0 && node < NUMA_NODES_MAX; node++) {
		if (!idset_has(&nodes, node))
			continue;
		r = node_cpus(root, node, &may, &part);
		idset_unite(&cpus, &part, &cpus);
	}
	if (r == 0)
		r = idset_format(&cpus, list, sizeof(list));
	if (r < 0)
		return r;
	n = snprintf(buffer, size, "taskset -a -c -p %s %.*s", list, (int)strcspn(scope->name, "@"),
		     scope->name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

const struct knob_family_ops family_numa_cpus = {
	.scopes = cpus_scopes,
	.resolve = cpus_resolve,
	.read = cpus_read,
	.allowed = cpus_allowed,
	.command = cpus_command,
	.write_parts = cpus_write,
	.capture = cpus_capture,
	.restore = cpus_restore,
};
