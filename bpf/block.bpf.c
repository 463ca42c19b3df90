// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Durations of block requests by programs whose arguments the verifier knows: tp_btf and fentry. User space loads
 * those of one method. What they record: bpf/block_request.h.
 */
#define READ(pointer, field) ((pointer)->field)
#include "bpf/block_request.h"

#include <bpf/bpf_tracing.h>

/*
 * The request is the first argument since a54895fa057c ("block: remove the request_queue to argument request based
 * tracepoints"), 5.11 and 5.10.137; block_rq_complete never had the queue. In branches that the compiler cannot merge: the
 * verifier allows no arithmetic on the context.
 */
SEC("tp_btf/block_rq_issue")
int tp_btf_issue(__u64 *ctx)
{
	struct request *rq;

	if (settings.queue_first) {
		rq = (struct request *)ctx[1];
		barrier_var(rq);
	} else {
		rq = (struct request *)ctx[0];
		barrier_var(rq);
	}
	return request_issue(rq);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(tp_btf_complete, struct request *rq, __u32 error, __u32 bytes)
{
	return request_complete(rq, bytes);
}

SEC("fentry/blk_mq_start_request")
int BPF_PROG(fentry_issue, struct request *rq)
{
	return request_issue(rq);
}

SEC("fentry/blk_update_request")
int BPF_PROG(fentry_complete, struct request *rq, __u32 error, __u32 bytes)
{
	return request_complete(rq, bytes);
}

/* Since f794f3351f26 ("block: add support for blk_mq_end_request_batch()"), 5.16. */
SEC("fentry/blk_mq_end_request_batch")
int BPF_PROG(fentry_batch, struct io_comp_batch *batch)
{
	return batch_complete(batch);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
