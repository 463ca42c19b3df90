/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A switch from one task to the next, however the programs come to it.
 *
 * One program on sched_switch is enough. The kernel stamps each task when it is queued (sched_info.last_queued) and adds up how
 * long it waited before it ran (run_delay), which /proc/PID/schedstat shows. What the kernel does not keep, when and how
 * a task left its CPU, is remembered in a table, a place a thread id. A wait in which the balancer moves a task to another
 * queue is stamped anew; its earlier parts are in run_delay, so the whole wait is the increase of that since the task ran
 * last, and what it waits now.
 *
 * All these stamps are of the run queue's clock (sched_clock). A wake-up that is to preempt, or to end idling, has the kernel
 * leave that clock as it is until the switch is over (rq_clock_skip_update): to the kernel's own books such a wait took
 * no time, however late the CPU came out of idle. So how far the clock is behind is measured by CLOCK_MONOTONIC and added: the
 * distance of the two clocks, less the least distance of this CPU in the last two windows, in which it was fresh.
 *
 * READ(pointer, field) and READ_BITS() are the includer's: a load where the verifier knows the type, else a helper's call;
 * and CURRENT(task), the current task, which is `task`, as a pointer that it knows the type of.
 */
#ifndef FLYBALL_BPF_SCHED_RECORD_H
#define FLYBALL_BPF_SCHED_RECORD_H

#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/sched.h"

const volatile struct sched_settings settings = { .abi = SCHED_ABI };

struct sched_shared shared;

struct {
	__uint(type,
	       BPF_MAP_TYPE_ARRAY); /* lookups are compiled in, and user space reads it without a call */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* user space sets it by the number of CPUs before loading */
	__type(key, __u32);
	__type(value, struct sched_stats);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* likewise, by the rows that are wanted */
	__type(key, __u32);
	__type(value, struct sched_stats);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCHED_TASKS);
	__type(key, __u32);
	__type(value, struct sched_task);
} tasks SEC(".maps");

#include "bpf/rows_record.h"

#define SCHED_DELTA_TIMES 3

/* What one task adds to its CPU and to rows, as it leaves or as it begins to run. */
struct sched_delta {
	__u64 ns[SCHED_DELTA_TIMES];
	__u32 time[SCHED_DELTA_TIMES]; /* enum sched_time; SCHED_TIME_COUNT = none */
	__u32 counts;                  /* 1 << enum sched_count: one more of each */
	__u32 moves;                   /* migrations */
};

/* Nobody else writes a CPU's: a switch is neither interrupted nor moved. */
static __always_inline void cpu_add(struct sched_stats *cpu, const struct sched_delta *delta)
{
#pragma unroll
	for (__u32 i = 0; i < SCHED_DELTA_TIMES; i++)
		if (delta->time[i] < SCHED_TIME_COUNT && shared.times >> delta->time[i] & 1)
			hist_add(&cpu->times[delta->time[i]], delta->ns[i]);
#pragma unroll
	for (__u32 i = 0; i < SCHED_COUNTER_COUNT; i++)
		cpu->counts[i] += delta->counts >> i & 1;
	cpu->counts[SCHED_MIGRATIONS] += delta->moves;
}

/* Several CPUs write a row. */
__noinline int row_add(struct sched_stats *row, struct sched_delta *delta)
{
	if (!row || !delta)
		return 0;
	for (__u32 i = 0; i < SCHED_DELTA_TIMES; i++) {
		__u32 time = delta->time[i];
		__u64 ns = delta->ns[i];

		if (time >= SCHED_TIME_COUNT)
			continue;
		hist_add_together(&row->times[time], ns);
	}
	for (__u32 i = 0; i < SCHED_COUNTER_COUNT; i++)
		if (delta->counts >> i & 1)
			__sync_fetch_and_add(&row->counts[i], 1);
	if (delta->moves)
		__sync_fetch_and_add(&row->counts[SCHED_MIGRATIONS], delta->moves);
	return 0;
}

/* Of the task's own cgroup and of those that it lies in. */
static __always_inline void cgroups_add(struct task_struct *task, struct sched_delta *delta)
{
	struct css_set *set = READ(task, cgroups);
	struct cgroup *cgroup = READ(set, dfl_cgrp);

	for (__u32 i = 0; i < SCHED_LEVELS; i++) {
		struct kernfs_node *node = READ(cgroup, kn);
		struct cgroup_subsys_state *parent;
		struct sched_stats *row = row_find(READ(node, id));

		if (row)
			row_add(row, delta);
		parent = READ(cgroup, self.parent);
		if (!parent)
			return;
		cgroup = READ(parent, cgroup);
	}
}

static __noinline int rows_add(struct task_struct *task, struct sched_delta *delta)
{
	struct sched_stats *row;

	if (shared.processes) {
		row = row_of_process(task);
		if (row)
			row_add(row, delta);
	}
	if (shared.cgroups)
		cgroups_add(task, delta);
	return 0;
}

static __always_inline struct sched_task *task_place(__u32 pid)
{
	__u32 place = pid % SCHED_TASKS;

	return bpf_map_lookup_elem(&tasks, &place);
}

static __always_inline bool file_is_socket(struct task_struct *task, __u64 fd)
{
	struct files_struct *all = READ(task, files);
	struct fdtable *table = READ(all, fdt);
	struct file **files = READ(table, fd), *file = NULL;

	if (fd >= KERNEL_FILES_MAX || bpf_core_read(&file, sizeof(file), &files[fd]) || !file)
		return 0;
	return (BPF_CORE_READ(file, f_inode, i_mode) & KERNEL_S_IFMT) == KERNEL_S_IFSOCK;
}

/* What a task waits for in a system call; `ANY` also where it is in none (the kernel's own tasks, page faults). */
static __always_inline enum sched_call task_call(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(CURRENT(task));
	__u64 number = regs->orig_ax;
	__u8 call;

	if (number >= SCHED_CALLS)
		return SCHED_CALL_ANY;
	call = settings.calls[number];
	if (call != SCHED_CALL_FILE)
		return call;
	return file_is_socket(task, regs->di) ? SCHED_CALL_SOCKET : SCHED_CALL_ANY;
}

static __always_inline enum sched_time task_class(struct task_struct *task, __u32 state)
{
	enum sched_call call;

	if (READ_BITS(task, in_iowait))
		return SCHED_DISK;
	call = READ(task, flags) & KERNEL_PF_KTHREAD ? SCHED_CALL_ANY : task_call(task);
	if (call == SCHED_CALL_FUTEX)
		return SCHED_LOCK;
	if (call == SCHED_CALL_SOCKET)
		return SCHED_NETWORK;
	return (state & (KERNEL_TASK_UNINTERRUPTIBLE | KERNEL_TASK_NOLOAD)) ==
			       KERNEL_TASK_UNINTERRUPTIBLE
		       ? SCHED_OTHER
		       : SCHED_SLEEP;
}

static __always_inline __u16 task_start(struct task_struct *task)
{
	return (__u16)(READ(task, start_time) >> 16);
}

static __always_inline bool place_is(const struct sched_task *place, struct task_struct *task,
				     __u32 pid)
{
	return place->pid == pid && place->start == task_start(task);
}

/* The clocks of two CPUs may be some ns apart. */
static __always_inline __u64 not_negative(__s64 ns)
{
	return (__u64)(ns & ~(ns >> 63));
}

/* A task leaves its CPU; it is still the current one. */
static __always_inline void task_leave(struct task_struct *task, struct sched_stats *cpu, __u64 now,
				       bool involuntary, __u32 state)
{
	struct sched_delta delta = { .time = { SCHED_RUN, SCHED_TIME_COUNT, SCHED_TIME_COUNT },
				     .counts = 1u << SCHED_SWITCHES |
					       (__u32)involuntary << SCHED_INVOLUNTARY };
	__u32 pid = READ(task, pid);
	struct sched_task *place;

	/* A window that ends takes the lateness of the clock with it: what began by the old one may seem to begin later. */
	delta.ns[0] = not_negative((__s64)(now - cpu->began));
	if (!cpu->began)
		delta.time[0] = SCHED_TIME_COUNT; /* it ran when we came */
	cpu_add(cpu, &delta);
	if (shared.rows)
		rows_add(task, &delta);
	if (involuntary || !(shared.times & SCHED_TIMES_CLASS))
		return;
	place = task_place(pid);
	if (!place || !place_is(place, task, pid))
		return;
	if (place->stays != (__u16)READ(task, sched_info.pcount)) {
		/* It was not seen to begin to run. */
		place->stays = (__u16)READ(task, sched_info.pcount);
		place->run_delay = READ(task, sched_info.run_delay);
		place->preemptions = (__u32)READ(task, nivcsw);
	}
	place->left = now;
	place->time = task_class(task, state);
}

/* What is known of a wait that ends: 0, or the task's own place holds nothing of it. */
static __always_inline int task_waited(struct sched_delta *delta, const struct sched_task *place,
				       struct task_struct *task, __u64 wait, __u64 now)
{
	delta->ns[0] = wait;
	delta->moves = (__u16)((__u16)READ(task, se.nr_migrations) - place->migrations);
	if (place->preemptions != (__u32)READ(task, nivcsw)) {
		delta->time[0] = SCHED_PREEMPTED;
	} else if (place->left) {
		delta->time[1] = place->time;
		delta->ns[1] = not_negative((__s64)(now - place->left - delta->ns[0]));
		if (place->time == SCHED_LOCK) {
			delta->time[2] = SCHED_FUTEX;
			delta->ns[2] = delta->ns[1] + wait;
		}
	} else if (shared.times & SCHED_TIMES_CLASS) {
		return -1;
	}
	return 0;
}

static __always_inline __u32 node_of(__u32 cpu)
{
	return shared.nodes[cpu % SCHED_CPUS_MAX];
}

/* Whether what began at that time of the scheduler's clock is to be known. */
static __always_inline __u32 is_ours(__u64 began)
{
	return shared.since && began >= shared.since;
}

/* A task begins to run: `now`, by its run queue's clock, which is behind by `late`. */
static __always_inline void task_run(struct task_struct *task, struct sched_stats *cpu,
				     __u32 cpu_id, __u64 clock, __u64 late)
{
	struct sched_delta delta = { .time = { SCHED_WAKEUP, SCHED_TIME_COUNT, SCHED_TIME_COUNT } };
	__u64 delay = READ(task, sched_info.run_delay), queued = READ(task, sched_info.last_queued);
	__u64 arrived = READ(task, sched_info.last_arrival), stays = READ(task, sched_info.pcount);
	__u32 pid = READ(task, pid);
	struct sched_task *place = task_place(pid);

	if (!place || !queued)
		return;
	delay += clock - queued;
	if (stays == 0) {
		delta.ns[0] = not_negative((__s64)(delay + late)); /* it is new */
	} else if (place_is(place, task, pid) && place->stays == (__u16)stays) {
		if (task_waited(&delta, place, task,
				not_negative((__s64)(delay - place->run_delay + late)),
				clock + late) < 0)
			delta.counts |= is_ours(arrived) << SCHED_ORPHANS;
		delta.counts |= (__u32)(node_of(cpu_id) != node_of(place->cpu))
				<< SCHED_MIGRATIONS_NODE;
	} else {
		/* Off its CPU since before we came is not lost, but not ours. */
		delta.time[0] = SCHED_TIME_COUNT;
		delta.counts = is_ours(arrived) << SCHED_ORPHANS;
	}
	cpu_add(cpu, &delta);
	if (shared.rows)
		rows_add(task, &delta);
	place->pid = pid;
	place->start = task_start(task);
	place->stays = (__u16)(stays + 1);
	place->left = 0;
	place->run_delay = delay;
	place->preemptions = (__u32)READ(task, nivcsw);
	place->migrations = (__u16)READ(task, se.nr_migrations);
	place->cpu = (__u16)cpu_id;
}

/* A switch that the kernel counted and for which it ran no program shows at the next one of that CPU. */
static __always_inline void cpu_check(struct sched_stats *cpu, const struct rq *rq)
{
	__u64 switches = READ(rq, nr_switches), before = cpu->kernel_switches;

	cpu->kernel_switches = switches;
	if (before && switches != before + 1) {
		cpu->counts[SCHED_UNSEEN] += switches - before - 1;
		cpu->began = 0;
	}
}

/*
 * By how much the clock of the CPU's run queue is behind. Where the last window ended more than a window ago, as on a CPU that
 * idled, the least distance in it is of any age, and the clocks have gone apart since: it says nothing of now.
 */
static __always_inline __u64 cpu_late(struct sched_stats *cpu, __u64 clock)
{
	__u64 now = bpf_ktime_get_ns();
	__s64 distance = (__s64)(now - clock), least;

	if (now >= cpu->window_end) {
		cpu->least[1] = now - cpu->window_end < SCHED_WINDOW_NS ? cpu->least[0] : distance;
		cpu->least[0] = distance;
		cpu->window_end = now + SCHED_WINDOW_NS;
	} else if (distance < cpu->least[0]) {
		cpu->least[0] = distance;
	}
	least = cpu->least[0] < cpu->least[1] ? cpu->least[0] : cpu->least[1];
	return (__u64)(distance - least);
}

/* Until 2f064a59a11f ("sched: Change task_struct::state"), 5.14, it was `state`. */
static __always_inline __u32 task_state(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return READ(task, __state);
	return (__u32)READ(old, state);
}

static __always_inline int task_switch(bool preempt, struct task_struct *prev,
				       struct task_struct *next, __u32 state)
{
	struct cfs_rq *queue = READ(prev, se.cfs_rq);
	struct rq *rq = READ(queue, rq);
	__u64 clock = READ(rq, clock), late;
	__u32 cpu_id = READ(rq, cpu);
	struct sched_stats *cpu = bpf_map_lookup_elem(&cpus, &cpu_id);

	if (!cpu)
		return 0;
	late = shared.times ? cpu_late(cpu, clock) : 0;
	cpu_check(cpu, rq);
	if (!shared.since && shared.attached)
		shared.since = clock;
	if (READ(prev, pid))
		task_leave(prev, cpu, clock + late, preempt || !state, state);
	if (READ(next, pid) && shared.waits)
		task_run(next, cpu, cpu_id, clock, late);
	cpu->began = clock + late;
	return 0;
}

#endif
