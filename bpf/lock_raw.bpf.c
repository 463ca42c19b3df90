// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same by raw tracepoints, where the kernel has no typed ones. */
#define READ(pointer, field) BPF_CORE_READ(pointer, field)
#define CURRENT() bpf_get_current_task()
#include "bpf/lock_record.h"

SEC("raw_tp/contention_begin")
int raw_begin(__u64 *ctx)
{
	return contention_begin(ctx[0], (__u32)ctx[1]);
}

SEC("raw_tp/contention_end")
int raw_end(__u64 *ctx)
{
	return contention_end(ctx[0]);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
