// SPDX-License-Identifier: Apache-2.0
/*
 * Memory: levels from /proc/meminfo and /sys/devices/system/node/nodeN/meminfo, counts from /proc/vmstat. Each file is read only
 * while something of it is demanded.
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
#include "observer/text.h"

#define MEMORY_BYTES 16384 /* vmstat is some 4 KiB, meminfo 1.5 KiB */
#define NODES_PATH "sys/devices/system/node"
#define NODES_MAX 1024 /* CONFIG_NODES_SHIFT is 10 at most */

enum memory_file {
	MEMORY_MEMINFO,
	MEMORY_VMSTAT,
	MEMORY_FILE_COUNT,
};

static const char *const memory_paths[MEMORY_FILE_COUNT] = {
	[MEMORY_MEMINFO] = "proc/meminfo",
	[MEMORY_VMSTAT] = "proc/vmstat",
};

struct memory_row {
	enum signal_id signal;
	enum memory_file file;
	const char *key;
	const char *less; /* a second level to take off; NULL = none */
	/* The same in a node's meminfo; NULL = nodes have it not. */
	const char *node_key, *node_less;
};

static const struct memory_row memory_rows[] = {
	{ .signal = SIGNAL_MEM_AVAILABLE, .file = MEMORY_MEMINFO, .key = "MemAvailable:" },
	{ .signal = SIGNAL_MEM_FREE,
	  .file = MEMORY_MEMINFO,
	  .key = "MemFree:",
	  .node_key = " MemFree:" },
	{ .signal = SIGNAL_MEM_CACHED,
	  .file = MEMORY_MEMINFO,
	  .key = "Cached:",
	  .node_key = " FilePages:",
	  .node_less = " SwapCached:" },
	{ .signal = SIGNAL_MEM_DIRTY,
	  .file = MEMORY_MEMINFO,
	  .key = "Dirty:",
	  .node_key = " Dirty:" },
	{ .signal = SIGNAL_MEM_WRITEBACK,
	  .file = MEMORY_MEMINFO,
	  .key = "Writeback:",
	  .node_key = " Writeback:" },
	{ .signal = SIGNAL_MEM_SWAP_USED,
	  .file = MEMORY_MEMINFO,
	  .key = "SwapTotal:",
	  .less = "SwapFree:" },
	{ .signal = SIGNAL_MEM_FAULTS_MAJOR, .file = MEMORY_VMSTAT, .key = "pgmajfault " },
	{ .signal = SIGNAL_MEM_SWAP_IN, .file = MEMORY_VMSTAT, .key = "pswpin " },
	{ .signal = SIGNAL_MEM_SWAP_OUT, .file = MEMORY_VMSTAT, .key = "pswpout " },
};

struct memory {
	int root;         /* of the context */
	int nodes_folder; /* -1 = the kernel has no nodes */
	int fds[MEMORY_FILE_COUNT];
	struct instances nodes;
	int node_fds[NODES_MAX]; /* meminfo of each, by place */
	struct {
		uint64_t count;
		bool known;
	} before[ARRAY_SIZE(memory_rows)];
	char texts[MEMORY_FILE_COUNT][MEMORY_BYTES];
};

static int node_come(void *source, const struct instance *instance, size_t place)
{
	struct memory *memory = source;
	char path[96];

	snprintf(path, sizeof(path), NODES_PATH "/node%.16s/meminfo", instance->scope.name);
	memory->node_fds[place] = source_open_file(memory->root, path);
	return memory->node_fds[place] < 0 ? memory->node_fds[place] : 0;
}

static void node_go(void *source, size_t place)
{
	struct memory *memory = source;

	closep(&memory->node_fds[place]);
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

	instances_deinit(&memory->nodes);
	closep(&memory->nodes_folder);
	for (size_t i = 0; i < MEMORY_FILE_COUNT; i++)
		closep(&memory->fds[i]);
}

static int memory_open(void *state, const struct source_context *context,
		       const struct source_demand *demand, struct source_status *status)
{
	struct memory *memory = state;
	int r = 0;

	(void)demand;
	memory->root = context->root;
	memory->nodes_folder =
		openat(context->root, NODES_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < MEMORY_FILE_COUNT; i++) {
		memory->fds[i] = source_open_file(context->root, memory_paths[i]);
		if (memory->fds[i] < 0 && r == 0) {
			r = memory->fds[i];
			source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /%s: %s",
				   memory_paths[i], strerror(-r));
		}
	}
	if (r < 0)
		return r;
	r = instances_init(&memory->nodes, SCOPE_NODE, NODES_MAX, &node_ops, memory);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return r;
}

static void memory_probe(const struct source_context *context, struct source_status *status)
{
	strcpy(status->method, "procfs");
	for (size_t i = 0; i < MEMORY_FILE_COUNT; i++) {
		_cleanup_close_ int fd = source_open_file(context->root, memory_paths[i]);

		if (fd < 0) {
			source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /%s: %s",
				   memory_paths[i], strerror(-fd));
			return;
		}
	}
	source_say(status, SOURCE_IDLE, "", "%s", "");
}

/*
 * meminfo:  MemAvailable:   24341388 kB
 * vmstat:   pgmajfault 1093
 */
static bool memory_find(const char *text, const char *key, uint64_t *ret_number)
{
	const char *number = text_line(text, key);

	return number && text_numbers(number, ret_number, 1);
}

static double memory_level(const char *text, const char *key, const char *less, uint64_t *losses)
{
	uint64_t level_kib, less_kib = 0;

	if (!memory_find(text, key, &level_kib) || (less && !memory_find(text, less, &less_kib)) ||
	    less_kib > level_kib) {
		losses[LOSS_EVENT]++;
		return NAN;
	}
	return (double)(level_kib - less_kib) * 1024.0;
}

static double memory_count(struct memory *memory, size_t i, const char *text, uint64_t *losses)
{
	uint64_t count, before = memory->before[i].count;
	const bool known = memory->before[i].known;

	memory->before[i].known = memory_find(text, memory_rows[i].key, &count);
	if (!memory->before[i].known || (known && count < before)) {
		losses[LOSS_EVENT]++;
		return NAN;
	}
	memory->before[i].count = count;
	return known ? (double)(count - before) : NAN;
}

/*
 * Node 0 MemFree:        21310128 kB
 * The node's number is in front of every line: taken off, so that a key begins one.
 */
static void node_lines(char *text)
{
	char *to = text;

	for (const char *line = text; *line;) {
		const char *end = strchr(line, '\n'), *key;
		size_t length = end ? (size_t)(end - line) + 1 : strlen(line);

		key = !strncmp(line, "Node ", 5) ? memchr(line + 5, ' ', length - 5) : NULL;
		if (key) {
			memmove(to, key, length - (size_t)(key - line));
			to += length - (size_t)(key - line);
		}
		line += length;
	}
	*to = '\0';
}

static void node_sample(struct memory *memory, size_t place, struct sampler *sampler)
{
	const struct instance *node = &memory->nodes.places[place];
	/* The host's own text is done with by now. */
	char *text = memory->texts[MEMORY_MEMINFO];

	if (sysroot_reread(memory->node_fds[place], text, MEMORY_BYTES) < 0)
		text[0] = '\0';
	node_lines(text);
	for (size_t i = 0; i < ARRAY_SIZE(memory_rows); i++) {
		const struct memory_row *row = &memory_rows[i];

		if (row->node_key && signal_set_has(&node->signals, row->signal))
			instance_value(node, sampler, row->signal,
				       memory_level(text, row->node_key, row->node_less,
						    sampler->losses));
	}
}

static void memory_sample_nodes(struct memory *memory, struct sampler *sampler)
{
	if (instances_due(&memory->nodes, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&memory->nodes, sampler->demand, sampler->now_ns) < 0;
	instances_count(&memory->nodes, sampler);
	for (size_t i = 0; i < memory->nodes.n_places; i++)
		if (memory->nodes.places[i].used)
			node_sample(memory, i, sampler);
}

static void memory_sample(void *state, struct sampler *sampler)
{
	bool read[MEMORY_FILE_COUNT] = { 0 };
	struct memory *memory = state;

	for (size_t i = 0; i < ARRAY_SIZE(memory_rows); i++) {
		const struct memory_row *row = &memory_rows[i];
		char *text = memory->texts[row->file];
		double value;

		if (!sampler_wants_host(sampler, row->signal)) {
			memory->before[i].known = false;
			continue;
		}
		if (!read[row->file] &&
		    sysroot_reread(memory->fds[row->file], text, MEMORY_BYTES) < 0)
			text[0] = '\0';
		read[row->file] = true;
		value = row->file == MEMORY_MEMINFO
				? memory_level(text, row->key, row->less, sampler->losses)
				: memory_count(memory, i, text, sampler->losses);
		sampler_host(sampler, row->signal, value);
	}
	memory_sample_nodes(memory, sampler);
}

const struct source_ops memory_source = {
	.name = "memory",
	.first = SIGNAL_MEM_AVAILABLE,
	.last = SIGNAL_MEM_SWAP_OUT,
	.state_size = sizeof(struct memory),
	.probe = memory_probe,
	.open = memory_open,
	.sample = memory_sample,
	.close = memory_close,
};
