// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Calls of CUDA and HIP, from call to return, by probes at the functions of the driver's library. The cookie of a probe tells
 * the kind of the call and the library.
 *
 * Calls lie in one another: a copy launches and waits, one function of the library calls another one. The outermost alone counts, and
 * the stack pointer tells: a call from within lies lower than the one that it is in, and the return that belongs to a call has the stack pointer
 * of its beginning, past the return address. So a call that never returns (longjmp(3), a probe that the kernel could not place) is
 * in nobody's way: the next one that is not below it shows that it is gone. A function that ends by jumping into another one
 * begins twice in the same place; the second is taken for the first, and of its two returns the second for none.
 *
 * The programs may be preempted, and another thread may run them on the same CPU meanwhile: so additions are atomic.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

#include "bpf/gpu_calls.h"

#define READ(pointer, field) ((pointer)->field)
#define RETURN_BYTES 8 /* a return address: what a return takes from the stack */

const volatile struct gpu_calls_settings settings = { .abi = GPU_CALLS_ABI };

struct gpu_calls_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY); /* as in bpf/sched_record.h */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gpu_calls_stats);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gpu_calls_stats);
} rows SEC(".maps");

/* Not in the storage of tasks: until 6.2 that is not to be had while another thread is preempted in it on the same CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GPU_CALLS_THREADS);
	__type(key, __u32);
	__type(value, struct gpu_call);
} threads SEC(".maps");

#include "bpf/rows_record.h"

static __always_inline struct gpu_calls_stats *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline void count(struct gpu_calls_stats *stats, enum gpu_calls_count which)
{
	if (stats)
		__sync_fetch_and_add(&stats->counts[which], 1);
}

static __always_inline void count_both(struct task_struct *task, enum gpu_calls_count which)
{
	count(this_cpu(), which);
	if (shared.processes)
		count(row_of_process(task), which);
}

/* By constants, which the verifier of 6.1 can follow. */
static __always_inline struct row_hist *hist_of(struct gpu_calls_stats *stats, __u32 kind)
{
	if (kind == GPU_CALL_LAUNCH)
		return &stats->kinds[GPU_CALL_LAUNCH];
	if (kind == GPU_CALL_WAIT)
		return &stats->kinds[GPU_CALL_WAIT];
	return &stats->kinds[GPU_CALL_COPY];
}

static __always_inline void add_both(struct task_struct *task, __u32 kind, __u64 ns)
{
	struct gpu_calls_stats *cpu = this_cpu(), *row = NULL;

	if (!cpu)
		return;
	if (shared.processes)
		row = row_of_process(task);
	count(cpu, GPU_CALLS_ENDS);
	hist_add_together(hist_of(cpu, kind), ns);
	if (!row)
		return;
	count(row, GPU_CALLS_ENDS);
	hist_add_together(hist_of(row, kind), ns);
}

static __always_inline struct gpu_call *call_place(struct task_struct *task)
{
	__u32 place = (__u32)task->pid % GPU_CALLS_THREADS;

	return bpf_map_lookup_elem(&threads, &place);
}

static __always_inline bool call_is_of(const struct gpu_call *call, struct task_struct *task)
{
	return call->tid == (__u32)task->pid && call->start_ns == task->start_time;
}

static __always_inline bool call_is_on(const struct gpu_call *call)
{
	return call->begin_ns &&
	       call->begin_ns >= shared.since_ns[call->library % GPU_CALLS_LIBRARIES];
}

SEC("uprobe")
int call_begin(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	const __u64 cookie = bpf_get_attach_cookie(ctx), sp = ctx->sp;
	struct gpu_call *call = call_place(task);

	if (!call)
		return 0;
	if (call_is_of(call, task) && call_is_on(call)) {
		if (sp < call->sp)
			return 0; /* from within */
		if (sp > call->sp)
			count_both(task, GPU_CALLS_UNENDED);
	}
	call->tid = (__u32)task->pid;
	call->start_ns = task->start_time;
	call->kind = cookie & 0xff;
	call->library = (__u16)(cookie >> 8);
	call->sp = sp;
	call->begin_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("uretprobe")
int call_end(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	const __u64 now_ns = bpf_ktime_get_ns(), sp = ctx->sp - RETURN_BYTES;
	struct gpu_call *call = call_place(task);

	if (!call)
		return 0;
	if (!call_is_of(call, task)) {
		count_both(task, GPU_CALLS_ORPHANS);
		return 0;
	}
	if (call_is_on(call) && sp == call->sp) {
		add_both(task, call->kind, now_ns - call->begin_ns);
		call->begin_ns = 0;
		return 0;
	}
	if (call_is_on(call) && sp < call->sp)
		return 0; /* from within */
	if (!call->begin_ns && sp == call->sp)
		return 0; /* the other one of a function that ended in another one */
	count_both(task, GPU_CALLS_ORPHANS);
	call->begin_ns = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
