/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finding a row, and adding to it. The includer has defined READ(), a map `rows` whose values begin with a struct row_head,
 * and `shared`, with the table in its `places`.
 */
#ifndef FLYBALL_BPF_ROWS_RECORD_H
#define FLYBALL_BPF_ROWS_RECORD_H

#include "bpf/rows.h"

/* 1 or 0, without a branch for the verifier to follow; both under 2^63. */
#define OVER(value, limit) (((limit) - (value)) >> 63)

/* Global functions, which the verifier looks at once and not at every call. To what one CPU alone writes: */
__noinline int hist_add(struct row_hist *hist, __u64 ns)
{
	if (!hist)
		return 0;
	hist->buckets[hist_index(ns) % HIST_BUCKETS]++;
	hist->sum += ns;
	hist->clamped += OVER(ns, HIST_VALUE_MAX);
	return 0;
}

/* To what several do: */
__noinline int hist_add_together(struct row_hist *hist, __u64 ns)
{
	if (!hist)
		return 0;
	__sync_fetch_and_add(&hist->buckets[hist_index(ns) % HIST_BUCKETS], 1);
	__sync_fetch_and_add(&hist->sum, ns);
	__sync_fetch_and_add(&hist->clamped, OVER(ns, HIST_VALUE_MAX));
	return 0;
}

/* The row of a key; NULL = nobody wants it. */
static __noinline void *row_find(__u64 key)
{
	__u32 first = rows_first(key);

	for (__u32 i = 0; i < ROWS_PROBES; i++) {
		__u64 place = shared.places[(first + i) % ROWS_TABLE];
		struct row_head *row;
		__u32 slot = place >> 32;

		if (place == 0)
			return NULL;
		if ((__u32)place != (__u32)key || place == ROWS_GONE)
			continue;
		row = bpf_map_lookup_elem(&rows, &slot);
		return row && row->key == key ? row : NULL;
	}
	return NULL;
}

/* That of a task's process: a number that is used again is another one. */
static __always_inline void *row_of_process(struct task_struct *task)
{
	struct row_head *row = row_find(rows_key_process(READ(task, tgid)));
	struct task_struct *leader;

	if (!row)
		return NULL;
	leader = READ(task, group_leader);
	return READ(leader, start_boottime) / ROWS_TICK_NS == row->start_ticks ? row : NULL;
}

#endif
