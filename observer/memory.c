// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of the host and of nodes: levels from /proc/meminfo and /sys/devices/system/node/nodeN/meminfo, counts from the files
 * vmstat beside them. Each file is read only while something of it is demanded.
 */
#include "observer/source.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/instances.h"
#include "observer/memory_rows.h"

#define NODES_PATH "sys/devices/system/node"
#define NODES_MAX 1024 /* CONFIG_NODES_SHIFT is 10 at most */

#define HOST_FILES 2 /* MEMORY_MEMINFO, MEMORY_VMSTAT */
static const char *const host_paths[HOST_FILES] = { "proc/meminfo", "proc/vmstat" };

#define NODE_FILES 2 /* MEMORY_NODE_MEMINFO, MEMORY_NODE_VMSTAT */
static const char *const node_names[NODE_FILES] = { "meminfo", "vmstat" };

struct node {
	int fds[NODE_FILES];
	struct memory_counts counts;
};

struct memory {
	int root;         /* of the context */
	int nodes_folder; /* -1 = the kernel has no nodes */
	int fds[HOST_FILES];
	struct memory_counts counts;
	struct signal_set missing; /* demanded, but not counted by this kernel */
	struct instances instances;
	struct node nodes[NODES_MAX]; /* by place */
	char text[MEMORY_BYTES];
};

static int node_come(void *source, const struct instance *instance, size_t place)
{
	struct memory *memory = source;
	struct node *node = &memory->nodes[place];
	char path[96];

	memset(&node->counts, 0, sizeof(node->counts));
	for (size_t i = 0; i < NODE_FILES; i++)
		node->fds[i] = -1;
	for (size_t i = 0; i < NODE_FILES; i++) {
		snprintf(path, sizeof(path), NODES_PATH "/node%.16s/%s", instance->scope.name,
			 node_names[i]);
		node->fds[i] = source_open_file(memory->root, path);
		if (node->fds[i] < 0)
			return node->fds[i];
	}
	return 0;
}

static void node_go(void *source, size_t place)
{
	struct memory *memory = source;

	for (size_t i = 0; i < NODE_FILES; i++)
		closep(&memory->nodes[place].fds[i]);
}

static int node_list(void *source, struct instances *instances)
{
	struct memory *memory = source;

	return memory->nodes_folder < 0
		       ? 0
		       : instances_see_folder(instances, memory->nodes_folder, "node");
}

static const struct instances_ops node_ops = {
	.list = node_list,
	.come = node_come,
	.go = node_go,
};

static void memory_close(void *state)
{
	struct memory *memory = state;

	instances_deinit(&memory->instances);
	closep(&memory->nodes_folder);
	for (size_t i = 0; i < HOST_FILES; i++)
		closep(&memory->fds[i]);
}

static int memory_open_files(int fds[HOST_FILES], const struct source_context *context,
			     struct source_status *status)
{
	int r = 0;

	for (size_t i = 0; i < HOST_FILES; i++) {
		fds[i] = source_open_file(context->root, host_paths[i]);
		if (fds[i] < 0 && r == 0) {
			r = fds[i];
			source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /%s: %s",
				   host_paths[i], strerror(-r));
		}
	}
	return r;
}

static int memory_open(void *state, const struct source_context *context,
		       const struct source_demand *demand, struct source_status *status)
{
	struct memory *memory = state;
	int r;

	(void)demand;
	memory->root = context->root;
	memory->nodes_folder =
		openat(context->root, NODES_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = memory_open_files(memory->fds, context, status);
	if (r < 0)
		return r;
	r = instances_init(&memory->instances, SCOPE_NODE, NODES_MAX, &node_ops, memory);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static void memory_probe(const struct source_context *context, struct source_status *status)
{
	int fds[HOST_FILES];

	strcpy(status->method, "procfs");
	if (memory_open_files(fds, context, status) == 0)
		source_say(status, SOURCE_IDLE, "", "%s", "");
	for (size_t i = 0; i < HOST_FILES; i++)
		closep(&fds[i]);
}

static void memory_read(struct memory *memory, int fd)
{
	if (sysroot_reread(fd, memory->text, MEMORY_BYTES) < 0)
		memory->text[0] = '\0';
}

static void node_sample_file(struct memory *memory, size_t place, enum memory_file file,
			     struct sampler *sampler)
{
	const struct instance *instance = &memory->instances.places[place];
	struct node *node = &memory->nodes[place];

	if (!memory_has_any(file, &instance->signals))
		return;
	memory_read(memory, node->fds[file - MEMORY_NODE_MEMINFO]);
	if (file == MEMORY_NODE_MEMINFO)
		memory_node_lines(memory->text);
	for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
		if (memory_has(file, i) && signal_set_has(&instance->signals, i))
			instance_value(instance, sampler, i,
				       memory_value(&node->counts, i, file, memory->text,
						    sampler->losses, &memory->missing));
}

static void memory_sample_nodes(struct memory *memory, struct sampler *sampler)
{
	if (instances_due(&memory->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&memory->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&memory->instances, sampler);
	for (size_t i = 0; i < memory->instances.n_places; i++) {
		if (!memory->instances.places[i].used)
			continue;
		node_sample_file(memory, i, MEMORY_NODE_MEMINFO, sampler);
		node_sample_file(memory, i, MEMORY_NODE_VMSTAT, sampler);
	}
}

static void memory_sample(void *state, struct sampler *sampler)
{
	struct memory *memory = state;

	if (sampler->interval_ns == 0) /* the demand may be another one */
		memory->missing = (struct signal_set){ 0 };
	for (enum memory_file file = MEMORY_MEMINFO; file <= MEMORY_VMSTAT; file++) {
		if (!memory_has_any(file, &sampler->demand->host))
			continue;
		memory_read(memory, memory->fds[file]);
		for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
			if (memory_has(file, i) && sampler_wants_host(sampler, i))
				sampler_host(sampler, i,
					     memory_value(&memory->counts, i, file, memory->text,
							  sampler->losses, &memory->missing));
	}
	memory_sample_nodes(memory, sampler);
}

static void memory_status(void *state, struct source_status *status)
{
	const struct memory *memory = state;

	instances_say(&memory->instances, status);
	memory_say_missing(&memory->missing, status);
}

const struct source_ops memory_source = {
	.name = "memory",
	.first = MEMORY_FIRST,
	.last = MEMORY_LAST,
	.scopes = SCOPE_BIT(SCOPE_HOST) | SCOPE_BIT(SCOPE_NODE),
	.state_size = sizeof(struct memory),
	.probe = memory_probe,
	.open = memory_open,
	.sample = memory_sample,
	.close = memory_close,
	.status = memory_status,
};
