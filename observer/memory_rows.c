// SPDX-License-Identifier: Apache-2.0
#include "observer/memory_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "observer/observer.h"
#include "observer/text.h"

#define KEYS_MAX 5

/* A sum of lines; those that a kernel has not count as nothing, but one must be there. */
struct memory_keys {
	const char *plus[KEYS_MAX];
	const char *less; /* a line to take off; NULL = none */
};

/* Some line that every text of a file has: without it, nothing is missing, but the text is none. */
static const char *const anchors[MEMORY_FILE_COUNT] = {
	[MEMORY_MEMINFO] = "MemFree:",       [MEMORY_VMSTAT] = "pgfault ",
	[MEMORY_NODE_MEMINFO] = " MemFree:", [MEMORY_NODE_VMSTAT] = "nr_free_pages ",
	[MEMORY_GROUP] = "pgfault ",         [MEMORY_GROUP_V1] = "total_pgfault ",
};

#define ROW(signal) [(signal)-MEMORY_FIRST]
/* Page faults are counted all together, and those that needed a read apart. */
static const struct memory_keys memory_rows[MEMORY_SIGNALS][MEMORY_FILE_COUNT] = {
	ROW(SIGNAL_MEM_AVAILABLE) = { [MEMORY_MEMINFO] = { .plus = { "MemAvailable:" } } },
	ROW(SIGNAL_MEM_FREE) = { [MEMORY_MEMINFO] = { .plus = { "MemFree:" } },
				 [MEMORY_NODE_MEMINFO] = { .plus = { " MemFree:" } } },
	ROW(SIGNAL_MEM_CACHED) = { [MEMORY_MEMINFO] = { .plus = { "Cached:" } },
				   [MEMORY_NODE_MEMINFO] = { .plus = { " FilePages:" },
							     .less = " SwapCached:" },
				   [MEMORY_GROUP] = { .plus = { "file " } },
				   [MEMORY_GROUP_V1] = { .plus = { "total_cache " } } },
	ROW(SIGNAL_MEM_DIRTY) = { [MEMORY_MEMINFO] = { .plus = { "Dirty:" } },
				  [MEMORY_NODE_MEMINFO] = { .plus = { " Dirty:" } },
				  [MEMORY_GROUP] = { .plus = { "file_dirty " } },
				  [MEMORY_GROUP_V1] = { .plus = { "total_dirty " } } },
	ROW(SIGNAL_MEM_WRITEBACK) = { [MEMORY_MEMINFO] = { .plus = { "Writeback:" } },
				      [MEMORY_NODE_MEMINFO] = { .plus = { " Writeback:" } },
				      [MEMORY_GROUP] = { .plus = { "file_writeback " } },
				      [MEMORY_GROUP_V1] = { .plus = { "total_writeback " } } },
	ROW(SIGNAL_MEM_SWAP_USED) = { [MEMORY_MEMINFO] = { .plus = { "SwapTotal:" },
							   .less = "SwapFree:" } },
	ROW(SIGNAL_MEM_FAULTS_MINOR) = { [MEMORY_VMSTAT] = { .plus = { "pgfault " },
							     .less = "pgmajfault " },
					 [MEMORY_GROUP] = { .plus = { "pgfault " },
							    .less = "pgmajfault " },
					 [MEMORY_GROUP_V1] = { .plus = { "total_pgfault " },
							       .less = "total_pgmajfault " } },
	ROW(SIGNAL_MEM_FAULTS_MAJOR) = { [MEMORY_VMSTAT] = { .plus = { "pgmajfault " } },
					 [MEMORY_GROUP] = { .plus = { "pgmajfault " } },
					 [MEMORY_GROUP_V1] = { .plus = { "total_pgmajfault " } } },
	ROW(SIGNAL_MEM_SWAP_IN) = { [MEMORY_VMSTAT] = { .plus = { "pswpin " } },
				    [MEMORY_GROUP] = { .plus = { "pswpin " } } },
	ROW(SIGNAL_MEM_SWAP_OUT) = { [MEMORY_VMSTAT] = { .plus = { "pswpout " } },
				     [MEMORY_GROUP] = { .plus = { "pswpout " } } },
	ROW(SIGNAL_MEM_STALL_RECLAIM) = { [MEMORY_VMSTAT] = { .plus = { "allocstall_dma ",
									"allocstall_dma32 ",
									"allocstall_normal ",
									"allocstall_movable ",
									"allocstall_device " } } },
	ROW(SIGNAL_MEM_STALL_COMPACT) = { [MEMORY_VMSTAT] = { .plus = { "compact_stall " } } },
	ROW(SIGNAL_MEM_SCAN_KSWAPD) = { [MEMORY_VMSTAT] = { .plus = { "pgscan_kswapd " } },
					[MEMORY_GROUP] = { .plus = { "pgscan_kswapd " } } },
	ROW(SIGNAL_MEM_SCAN_DIRECT) = { [MEMORY_VMSTAT] = { .plus = { "pgscan_direct " } },
					[MEMORY_GROUP] = { .plus = { "pgscan_direct " } } },
	/* One line until 5.8. */
	ROW(SIGNAL_MEM_REFAULTS) = { [MEMORY_VMSTAT] = { .plus = { "workingset_refault_anon ",
								   "workingset_refault_file ",
								   "workingset_refault " } },
				     [MEMORY_NODE_VMSTAT] = { .plus = { "workingset_refault_anon ",
									"workingset_refault_file ",
									"workingset_refault " } },
				     [MEMORY_GROUP] = { .plus = { "workingset_refault_anon ",
								  "workingset_refault_file ",
								  "workingset_refault " } },
				     [MEMORY_GROUP_V1] = { .plus = { "total_workingset_refault_"
								     "anon ",
								     "total_workingset_refault_"
								     "file ",
								     "total_workingset_"
								     "refault " } } },
	ROW(SIGNAL_MEM_THP_SUCCESS) = { [MEMORY_VMSTAT] = { .plus = { "thp_fault_alloc ",
								      "thp_collapse_alloc " } },
					[MEMORY_GROUP] = { .plus = { "thp_fault_alloc ",
								     "thp_collapse_alloc " } } },
	ROW(SIGNAL_MEM_THP_FAILURE) = { [MEMORY_VMSTAT] = { .plus = { "thp_fault_fallback ",
								      "thp_collapse_alloc_"
								      "failed " } } },
	/* The same as in numastat of a node: one file has all. */
	ROW(SIGNAL_NUMA_HIT) = { [MEMORY_VMSTAT] = { .plus = { "numa_hit " } },
				 [MEMORY_NODE_VMSTAT] = { .plus = { "numa_hit " } } },
	ROW(SIGNAL_NUMA_MISS) = { [MEMORY_VMSTAT] = { .plus = { "numa_miss " } },
				  [MEMORY_NODE_VMSTAT] = { .plus = { "numa_miss " } } },
	ROW(SIGNAL_NUMA_FOREIGN) = { [MEMORY_VMSTAT] = { .plus = { "numa_foreign " } },
				     [MEMORY_NODE_VMSTAT] = { .plus = { "numa_foreign " } } },
	ROW(SIGNAL_NUMA_LOCAL) = { [MEMORY_VMSTAT] = { .plus = { "numa_local " } },
				   [MEMORY_NODE_VMSTAT] = { .plus = { "numa_local " } } },
	ROW(SIGNAL_NUMA_OTHER) = { [MEMORY_VMSTAT] = { .plus = { "numa_other " } },
				   [MEMORY_NODE_VMSTAT] = { .plus = { "numa_other " } } },
	ROW(SIGNAL_NUMA_HINT_MARKED) = { [MEMORY_VMSTAT] = { .plus = { "numa_pte_updates " } },
					 [MEMORY_GROUP] = { .plus = { "numa_pte_updates " } } },
	ROW(SIGNAL_NUMA_HINT_FAULTS) = { [MEMORY_VMSTAT] = { .plus = { "numa_hint_faults " } },
					 [MEMORY_GROUP] = { .plus = { "numa_hint_faults " } } },
	ROW(SIGNAL_NUMA_HINT_LOCAL) = { [MEMORY_VMSTAT] = { .plus = { "numa_hint_faults_"
								      "local " } } },
	ROW(SIGNAL_NUMA_MIGRATED) = { [MEMORY_VMSTAT] = { .plus = { "numa_pages_migrated " } },
				      [MEMORY_GROUP] = { .plus = { "numa_pages_migrated " } } },
};

static const struct memory_keys *keys_of(enum memory_file file, enum signal_id signal)
{
	return &memory_rows[signal - MEMORY_FIRST][file];
}

bool memory_has(enum memory_file file, enum signal_id signal)
{
	return keys_of(file, signal)->plus[0];
}

bool memory_has_any(enum memory_file file, const struct signal_set *signals)
{
	for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
		if (memory_has(file, i) && signal_set_has(signals, i))
			return true;
	return false;
}

enum found {
	FOUND,
	FOUND_GARBAGE,
	FOUND_NOTHING,
};

/*
 * meminfo:      MemAvailable:   24341388 kB
 * vmstat:       pgmajfault 1093
 * memory.stat:  workingset_refault_file 1407
 */
static enum found find_line(const char *text, const char *key, uint64_t *ret_number)
{
	const char *number = text_line(text, key);

	if (!number)
		return FOUND_NOTHING;
	return text_numbers(number, ret_number, 1) ? FOUND : FOUND_GARBAGE;
}

static enum found find_sum(const char *text, const struct memory_keys *keys, uint64_t *ret_sum)
{
	enum found found = FOUND_NOTHING;
	uint64_t sum = 0, number;

	for (size_t i = 0; i < KEYS_MAX && keys->plus[i]; i++) {
		switch (find_line(text, keys->plus[i], &number)) {
		case FOUND:
			found = FOUND;
			sum += number;
			break;
		case FOUND_GARBAGE:
			return FOUND_GARBAGE;
		case FOUND_NOTHING:
			break;
		}
	}
	if (found != FOUND)
		return found;
	if (keys->less) {
		if (find_line(text, keys->less, &number) != FOUND || number > sum)
			return FOUND_GARBAGE;
		sum -= number;
	}
	*ret_sum = sum;
	return FOUND;
}

double memory_value(struct memory_counts *counts, enum signal_id signal, enum memory_file file,
		    const char *text, uint64_t *losses, struct signal_set *missing)
{
	const bool is_kib = file == MEMORY_MEMINFO || file == MEMORY_NODE_MEMINFO;
	const size_t i = signal - MEMORY_FIRST;
	const uint64_t before = counts->counts[i];
	const bool known = counts->known[i];
	uint64_t sum;

	counts->known[i] = false;
	switch (find_sum(text, keys_of(file, signal), &sum)) {
	case FOUND:
		break;
	case FOUND_NOTHING:
		if (text_line(text, anchors[file])) {
			signal_set_add(missing, signal);
			return NAN;
		}
		__attribute__((fallthrough));
	case FOUND_GARBAGE:
		losses[LOSS_EVENT]++;
		return NAN;
	}
	if (signal_rows[signal].kind == SIGNAL_GAUGE)
		return (double)sum * (is_kib ? 1024.0 : 1.0);
	if (known && sum < before) {
		losses[LOSS_EVENT]++;
		return NAN;
	}
	counts->counts[i] = sum;
	counts->known[i] = true;
	return known ? (double)(sum - before) : NAN;
}

/*
 * Node 0 MemFree:        21310128 kB
 * Node 0 Dirty:               908 kB
 */
void memory_node_lines(char *text)
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

void memory_say_missing(const struct signal_set *missing, struct source_status *status)
{
	char names[SOURCE_TEXT_MAX - 32];
	size_t used = 0;

	if (signal_set_empty(missing))
		return;
	for (enum signal_id i = MEMORY_FIRST; i <= MEMORY_LAST; i++)
		if (signal_set_has(missing, i) && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", signal_rows[i].name);
	source_say(status, (enum source_state)status->state, "", "not counted by this kernel: %s",
		   names);
}
