/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waits for the kernel's locks, from the first sign of contention to having the lock, or giving up.
 *
 * A wait for a spinning lock stays on its CPU: the begins of one CPU are a small stack, for an interrupt may have to wait
 * while a task does. A wait for a sleeping lock belongs to its task, which waits for one of them at a time; it is told more
 * than once that it begins (a mutex: spinning, asleep, spinning again), and the first time counts. What ends without a begin
 * is an orphan.
 */
#ifndef FLYBALL_BPF_LOCK_RECORD_H
#define FLYBALL_BPF_LOCK_RECORD_H

#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/lock.h"

#define SPIN_MAX_NS 1000000000ull /* older, and its end was not seen: nobody spins for so long */

const volatile struct lock_settings settings = { .abi = LOCK_ABI };

struct lock_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY); /* as in bpf/sched_record.h */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lock_stats);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lock_stats);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LOCK_TASKS);
	__type(key, __u32);
	__type(value, struct lock_task);
} tasks SEC(".maps");

#include "bpf/rows_record.h"

static __always_inline struct lock_stats *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline struct lock_task *task_place(__u32 pid)
{
	__u32 place = pid % LOCK_TASKS;

	return bpf_map_lookup_elem(&tasks, &place);
}

static __always_inline void spin_begin(struct lock_stats *cpu, __u64 lock, __u64 now)
{
	if (cpu->waits[0].lock &&
	    (now - cpu->waits[0].ns > SPIN_MAX_NS || cpu->waits[0].ns < shared.since_ns))
		cpu->waits[0].lock = 0;
#pragma unroll
	for (__u32 i = 0; i < LOCK_DEPTH; i++) {
		if (cpu->waits[i].lock && cpu->waits[i].lock != lock &&
		    cpu->waits[i].ns >= shared.since_ns)
			continue;
		cpu->waits[i].lock = lock;
		cpu->waits[i].ns = now;
		return;
	}
}

/* When it began; what lies above it has ended unseen. 0 = not here. */
static __always_inline __u64 spin_end(struct lock_stats *cpu, __u64 lock)
{
	__u64 ns = 0;

#pragma unroll
	for (__u32 i = 0; i < LOCK_DEPTH; i++) {
		if (cpu->waits[i].lock == lock && cpu->waits[i].ns >= shared.since_ns)
			ns = cpu->waits[i].ns;
		if (ns)
			cpu->waits[i].lock = 0;
	}
	return ns;
}

static __always_inline enum lock_kind sleeping_kind(__u32 flags)
{
	if (flags & LCB_F_MUTEX)
		return LOCK_MUTEX;
	if (flags & LCB_F_PERCPU || !(flags & (LCB_F_READ | LCB_F_WRITE)))
		return LOCK_OTHER;
	return LOCK_RWSEM;
}

static __always_inline int contention_begin(__u64 lock, __u32 flags)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();
	struct lock_stats *cpu;
	struct lock_task *place;

	if (flags & LCB_F_SPIN && !(flags & LCB_F_MUTEX)) {
		cpu = this_cpu();
		if (cpu)
			spin_begin(cpu, lock, now);
		return 0;
	}
	place = task_place(pid);
	if (!place ||
	    (place->pid == pid && place->wait.lock == lock && place->wait.ns >= shared.since_ns))
		return 0;
	place->pid = pid;
	place->kind = sleeping_kind(flags);
	place->wait.lock = lock;
	place->wait.ns = now;
	return 0;
}

static __always_inline void lock_count(struct lock_stats *cpu, struct lock_stats *row,
				       enum lock_count count)
{
	cpu->counts[count]++;
	if (row)
		__sync_fetch_and_add(&row->counts[count], 1);
}

static __always_inline int contention_end(__u64 lock)
{
	struct task_struct *task = (void *)CURRENT();
	struct lock_stats *cpu = this_cpu(), *row = NULL;
	__u32 pid = READ(task, pid), kind = LOCK_SPIN;
	struct lock_task *place;
	__u64 began, wait;

	if (!cpu)
		return 0;
	if (shared.processes)
		row = row_of_process(task);
	lock_count(cpu, row, LOCK_ENDS);
	began = spin_end(cpu, lock);
	if (!began) {
		place = task_place(pid);
		if (!place || place->pid != pid || place->wait.lock != lock ||
		    place->wait.ns < shared.since_ns) {
			lock_count(cpu, row, LOCK_ORPHANS);
			return 0;
		}
		began = place->wait.ns;
		kind = place->kind;
		place->wait.lock = 0;
	}
	wait = bpf_ktime_get_ns() - began;
	kind %= LOCK_KIND_COUNT; /* as it is: the verifier cannot know */
	hist_add(&cpu->kinds[kind], wait);
	if (row)
		hist_add_together(&row->kinds[kind], wait);
	return 0;
}

#endif
