// SPDX-License-Identifier: Apache-2.0
/*
 * Where the memory of processes is, and where their threads last ran: /proc/PID/numa_maps and /proc/PID/task/TID/stat. The kernel
 * walks the process's page tables for each look, and holds off its mappings meanwhile: so a process is looked at every 10
 * seconds, more rarely where a look takes more than one part in 1,000 of one CPU, and in a tick one after the other until
 * 5 ms are used. In between the last look's values stand, and say their age.
 */
#include "observer/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/instances.h"
#include "observer/looks.h"
#include "observer/numa_maps.h"
#include "observer/processes.h"
#include "observer/text.h"

#define LOOK_INTERVAL_NS (10 * NSEC_PER_SEC)
#define LOOK_SHARE \
	1000 /* one part in so many of one CPU is the most that looks at one process take */
#define THREADS_MAX 256 /* of a process; where the first ones ran says enough */
#define MAPS_BYTES 16384
#define DIRENT_BYTES 4096
#define PROCESSOR_FIELD 39 /* proc(5) */
#define NODES_PATH "sys/devices/system/node"

/* What the last look at a process saw. */
struct seen {
	uint64_t at_ns; /* 0 = none yet */
	double local_bytes, remote_bytes;
};

struct numa_process {
	struct processes processes;
	struct instances instances;
	struct looks looks;
	struct seen *seen;           /* INSTANCES_MAX, by place */
	uint16_t node_of[IDSET_MAX]; /* by CPU */
	char text[MAPS_BYTES];
};

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct numa_process *numa = source;

	(void)instance;
	numa->seen[place] = (struct seen){ 0 };
	looks_forget(&numa->looks, place);
	return 0;
}

static void process_go(void *source, size_t place)
{
	(void)source;
	(void)place;
}

static int process_list(void *source, struct instances *instances)
{
	struct numa_process *numa = source;

	return processes_list(&numa->processes, instances);
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

/*
 * 1234 (a name) with) S 1 1234 … 3 0 0 …: field 39 is the CPU that it last ran on.
 */
static int processor_parse(const char *text)
{
	const char *field = strrchr(text, ')');
	uint64_t cpu;

	for (int i = 2; field && i < PROCESSOR_FIELD; i++)
		field = strchr(field + 1, ' ');
	return field && text_numbers(field, &cpu, 1) && cpu < IDSET_MAX ? (int)cpu : -EBADMSG;
}

/* The nodes of the first of a process's threads. */
static int nodes_of_threads(const struct numa_process *numa, int folder, struct idset *ret_nodes)
{
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	size_t n_threads = 0;
	ssize_t n;

	*ret_nodes = (struct idset){ 0 };
	while (n_threads < THREADS_MAX && (n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
			char path[64], text[1024];
			int cpu;

			at += entry->d_reclen;
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%.32s/stat", entry->d_name);
			if (sysroot_read(folder, path, text, sizeof(text)) < 0)
				continue; /* it has ended */
			cpu = processor_parse(text);
			if (cpu < 0)
				return cpu;
			idset_add(ret_nodes, numa->node_of[cpu]);
			n_threads++;
		}
	}
	return n_threads ? 0 : -ESRCH;
}

static int process_look(struct numa_process *numa, const struct scope *process, struct seen *seen)
{
	_cleanup_close_ int maps = processes_open_file(&numa->processes, process, "numa_maps");
	_cleanup_close_ int threads =
		maps < 0 ? maps : processes_open_file(&numa->processes, process, "task");
	uint64_t bytes[NUMA_NODES_MAX] = { 0 };
	struct idset nodes;
	int r;

	if (threads < 0)
		return threads;
	r = numa_maps_read(maps, numa->text, sizeof(numa->text), bytes);
	if (r == 0)
		r = nodes_of_threads(numa, threads, &nodes);
	if (r < 0)
		return r;
	seen->local_bytes = seen->remote_bytes = 0;
	for (unsigned int i = 0; i < NUMA_NODES_MAX; i++)
		*(idset_has(&nodes, i) ? &seen->local_bytes : &seen->remote_bytes) +=
			(double)bytes[i];
	return 0;
}

static int process_visit(void *source, size_t place, struct sampler *sampler,
			 uint64_t *ret_pause_ns)
{
	struct numa_process *numa = source;
	struct seen *seen = &numa->seen[place];
	int r = process_look(numa, &numa->instances.places[place].scope, seen);

	seen->at_ns = r == 0 ? sampler->now_ns : 0;
	*ret_pause_ns = LOOK_INTERVAL_NS;
	return r;
}

static void numa_process_sample(void *state, struct sampler *sampler)
{
	struct numa_process *numa = state;

	if (instances_due(&numa->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&numa->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&numa->instances, sampler);
	looks_visit(&numa->looks, &numa->instances, process_visit, numa, sampler);
	for (size_t i = 0; i < numa->instances.n_places; i++) {
		const struct instance *instance = &numa->instances.places[i];
		const struct seen *seen = &numa->seen[i];

		if (!instance->used)
			continue;
		instance_value(instance, sampler, SIGNAL_NUMA_PAGES_LOCAL,
			       seen->at_ns ? seen->local_bytes : (double)NAN);
		instance_value(instance, sampler, SIGNAL_NUMA_PAGES_REMOTE,
			       seen->at_ns ? seen->remote_bytes : (double)NAN);
		instance_value(instance, sampler, SIGNAL_NUMA_PAGES_AGE,
			       seen->at_ns ? (double)(sampler->now_ns - seen->at_ns) : (double)NAN);
	}
}

static void numa_process_close(void *state)
{
	struct numa_process *numa = state;

	instances_deinit(&numa->instances);
	looks_deinit(&numa->looks);
	free(numa->seen);
	processes_close(&numa->processes);
}

/* Which CPUs a node has. Returns -ENOENT for a node that there is not. */
static int read_node(struct numa_process *numa, int root, unsigned int node)
{
	char path[64], text[4096];
	struct idset cpus;
	int r;

	snprintf(path, sizeof(path), NODES_PATH "/node%u/cpulist", node);
	r = (int)sysroot_read(root, path, text, sizeof(text));
	if (r < 0)
		return r;
	r = idset_parse(text, &cpus);
	for (unsigned int cpu = 0; r == 0 && cpu < IDSET_MAX; cpu++)
		if (idset_has(&cpus, cpu))
			numa->node_of[cpu] = (uint16_t)node;
	return r;
}

static void numa_process_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1;
	strcpy(status->method, "procfs");
	if (sysroot_exists(context->root, "proc/self/numa_maps"))
		source_say(status, SOURCE_IDLE, "", "%s", "");
	else
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_NUMA",
			   "no /proc/self/numa_maps: the kernel knows no nodes");
}

static int numa_process_open(void *state, const struct source_context *context,
			     const struct source_demand *demand, struct source_status *status)
{
	struct numa_process *numa = state;
	int r = processes_open(&numa->processes, context->root);

	(void)demand;
	for (unsigned int node = 0; r == 0 && node < NUMA_NODES_MAX; node++) {
		r = read_node(numa, context->root, node);
		if (r == -ENOENT)
			r = 0; /* numbers have gaps */
	}
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc and /sys",
			   "cannot read /proc or /" NODES_PATH ": %s", strerror(-r));
		return r;
	}
	numa->seen = calloc(INSTANCES_MAX, sizeof(*numa->seen));
	r = numa->seen ? looks_init(&numa->looks, LOOK_SHARE) : -ENOMEM;
	if (r == 0)
		r = instances_init(&numa->instances, SCOPE_PROCESS, INSTANCES_MAX, &process_ops,
				   numa);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static void numa_process_status(void *state, struct source_status *status)
{
	const struct numa_process *numa = state;
	const size_t n_denied = looks_denied(&numa->looks, &numa->instances);

	instances_say(&numa->instances, status);
	if (n_denied > 0 && !numa->instances.n_over)
		source_say(status, (enum source_state)status->state,
			   "a newer kernel: 6.18 lets CAP_PERFMON look, older ones want "
			   "CAP_SYS_PTRACE",
			   "%zu processes may not be looked at", n_denied);
}

const struct source_ops numa_process_source = {
	.name = "numa-process",
	.first = SIGNAL_NUMA_PAGES_LOCAL,
	.last = SIGNAL_NUMA_PAGES_AGE,
	.state_size = sizeof(struct numa_process),
	.probe = numa_process_probe,
	.open = numa_process_open,
	.sample = numa_process_sample,
	.close = numa_process_close,
	.status = numa_process_status,
};
