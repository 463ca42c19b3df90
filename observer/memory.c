// SPDX-License-Identifier: Apache-2.0
/* Memory: levels from /proc/meminfo, counts from /proc/vmstat. Each file is read only while something of it is demanded. */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/text.h"

#define MEMORY_BYTES 16384 /* vmstat is some 4 KiB, meminfo 1.5 KiB */

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
};

static const struct memory_row memory_rows[] = {
	{ .signal = SIGNAL_MEM_AVAILABLE, .file = MEMORY_MEMINFO, .key = "MemAvailable:" },
	{ .signal = SIGNAL_MEM_FREE, .file = MEMORY_MEMINFO, .key = "MemFree:" },
	{ .signal = SIGNAL_MEM_CACHED, .file = MEMORY_MEMINFO, .key = "Cached:" },
	{ .signal = SIGNAL_MEM_DIRTY, .file = MEMORY_MEMINFO, .key = "Dirty:" },
	{ .signal = SIGNAL_MEM_WRITEBACK, .file = MEMORY_MEMINFO, .key = "Writeback:" },
	{ .signal = SIGNAL_MEM_SWAP_USED,
	  .file = MEMORY_MEMINFO,
	  .key = "SwapTotal:",
	  .less = "SwapFree:" },
	{ .signal = SIGNAL_MEM_FAULTS_MAJOR, .file = MEMORY_VMSTAT, .key = "pgmajfault " },
	{ .signal = SIGNAL_MEM_SWAP_IN, .file = MEMORY_VMSTAT, .key = "pswpin " },
	{ .signal = SIGNAL_MEM_SWAP_OUT, .file = MEMORY_VMSTAT, .key = "pswpout " },
};

struct memory {
	int fds[MEMORY_FILE_COUNT];
	struct {
		uint64_t count;
		bool known;
	} before[ARRAY_SIZE(memory_rows)];
	char texts[MEMORY_FILE_COUNT][MEMORY_BYTES];
};

static void memory_close(void *state)
{
	struct memory *memory = state;

	for (size_t i = 0; i < MEMORY_FILE_COUNT; i++)
		closep(&memory->fds[i]);
}

static int memory_open(void *state, const struct source_context *context,
		       const struct source_demand *demand, struct source_status *status)
{
	struct memory *memory = state;
	int r = 0;

	(void)demand;
	for (size_t i = 0; i < MEMORY_FILE_COUNT; i++) {
		memory->fds[i] = source_open_file(context->root, memory_paths[i]);
		if (memory->fds[i] < 0 && r == 0) {
			r = memory->fds[i];
			source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /%s: %s",
				   memory_paths[i], strerror(-r));
		}
	}
	if (r == 0)
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

static double memory_level(const struct memory_row *row, const char *text, uint64_t *losses)
{
	uint64_t level_kib, less_kib = 0;

	if (!memory_find(text, row->key, &level_kib) ||
	    (row->less && !memory_find(text, row->less, &less_kib)) || less_kib > level_kib) {
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

static void memory_sample(void *state, struct sampler *sampler)
{
	bool read[MEMORY_FILE_COUNT] = { 0 };
	struct memory *memory = state;

	for (size_t i = 0; i < ARRAY_SIZE(memory_rows); i++) {
		const struct memory_row *row = &memory_rows[i];
		char *text = memory->texts[row->file];
		double value;

		if (!(sampler->signals & signal_bit(row->signal))) {
			memory->before[i].known = false;
			continue;
		}
		if (!read[row->file] &&
		    sysroot_reread(memory->fds[row->file], text, MEMORY_BYTES) < 0)
			text[0] = '\0';
		read[row->file] = true;
		value = row->file == MEMORY_MEMINFO
				? memory_level(row, text, sampler->losses)
				: memory_count(memory, i, text, sampler->losses);
		sampler_host(sampler, row->signal, value);
	}
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
