// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same at the same functions by kprobes, for kernels without trampolines: a request is read by a helper's calls.
 * What they record: bpf/block_request.h.
 */
#define READ(pointer, field) BPF_CORE_READ(pointer, field)
#include "bpf/block_request.h"

#include <bpf/bpf_tracing.h>

SEC("kprobe/blk_mq_start_request")
int BPF_KPROBE(kprobe_issue, struct request *rq)
{
	return request_issue(rq);
}

SEC("kprobe/blk_update_request")
int BPF_KPROBE(kprobe_complete, struct request *rq, __u32 error, __u32 bytes)
{
	return request_complete(rq, bytes);
}

SEC("kprobe/blk_mq_end_request_batch")
int BPF_KPROBE(kprobe_batch, struct io_comp_batch *batch)
{
	return batch_complete(batch);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
