// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Waits for locks by typed tracepoints. What is recorded: bpf/lock_record.h. */
#define READ(pointer, field) ((pointer)->field)
#define CURRENT() bpf_get_current_task_btf()
#include "bpf/lock_record.h"

SEC("tp_btf/contention_begin")
int tp_btf_begin(__u64 *ctx)
{
	return contention_begin(ctx[0], (__u32)ctx[1]);
}

SEC("tp_btf/contention_end")
int tp_btf_end(__u64 *ctx)
{
	return contention_end(ctx[0]);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
