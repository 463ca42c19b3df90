/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A request as it is issued and as it ends, for programs that are handed a struct request.
 *
 * The kernel stamps a request itself when it is allocated (start_time_ns), so the total time needs one program, at
 * completion, and block_rq_insert is not needed for the queue time: what a request waits before it is inserted is
 * queueing, too. It stamps the issue (io_start_time_ns) where the queue keeps statistics (QUEUE_FLAG_STATS), which
 * writeback throttling, kyber or bfq ask for: nearly everywhere. Where it did not, a second program keeps stamps of
 * its own, and `unstamped` tells user space that it is needed. They lie in a two-way table instead of a hash map: a
 * hash map's update and delete cost some 100 ns each, a set here is 32 bytes that need no lock.
 *
 * Only requests that carry data are measured: no flushes, discards or passthrough. All that the kernel's stat
 * file counts as a read or a write is counted as ended, though, so that user space can tell from the two how many
 * ends were not seen: the kernel skips a program where it would interrupt itself (recursion_misses), and a kernel
 * may refuse to run programs in some contexts without counting that. Measured on a virtual machine's 6.18: none
 * ran where the softirq had interrupted a thread of process 1, while ftrace recorded each of those completions
 * and recursion_misses stayed 0.
 *
 * READ(pointer, field) is the includer's: a load where the verifier knows the type, else a helper's call.
 */
#ifndef FLYBALL_BPF_BLOCK_REQUEST_H
#define FLYBALL_BPF_BLOCK_REQUEST_H

#include "bpf/block_record.h"

#include <bpf/bpf_core_read.h>

struct {
	__uint(type,
	       BPF_MAP_TYPE_ARRAY); /* a lookup with a known size is compiled in, without a call */
	__uint(max_entries, BLOCK_STAMP_SETS);
	__type(key, __u32);
	__type(value, struct block_stamps);
} stamps SEC(".maps");

static __always_inline struct gendisk *request_disk(struct request *rq)
{
	struct request___rq_disk *old = (void *)rq;
	struct request_queue *queue;

	if (bpf_core_field_exists(old->rq_disk))
		return READ(old, rq_disk);
	queue = READ(rq, q);
	return READ(queue, disk);
}

static __always_inline __u64 request_place(struct request *rq)
{
	struct gendisk *disk = request_disk(rq);

	if (!disk)
		return 0;
	return place_of((__u32)READ(disk, major) << KERNEL_MINOR_BITS |
			(__u32)READ(disk, first_minor));
}

/* The verifier allows no arithmetic on a kernel pointer but a copy of its low half, which is enough to hash. */
static __always_inline struct block_stamp *stamp_set(struct request *rq)
{
	__u32 set = ((__u32)(__u64)rq * 0x9e3779b9u) >> (32 - BLOCK_STAMP_BITS);
	struct block_stamps *ways = bpf_map_lookup_elem(&stamps, &set);

	return ways ? ways->ways : NULL;
}

/*
 * A way is claimed by compare-and-swap, so that two CPUs never mix their stamps. When both ways are taken the
 * older stamp gives way, and its request will end as an orphan.
 */
static __always_inline void stamp_put(struct request *rq, __u64 now)
{
	struct block_stamp *way = stamp_set(rq), *other = way + 1;
	__u64 request = (__u64)rq;

	if (!way)
		return; /* never: the verifier cannot know */
	if (way->request != request &&
	    __sync_val_compare_and_swap(&way->request, 0, request) != 0) {
		if (other->request != request &&
		    __sync_val_compare_and_swap(&other->request, 0, request) != 0) {
			if (other->ns < way->ns)
				way = other;
			way->request = request;
		} else {
			way = other;
		}
	}
	way->ns = now;
}

/* When the request was issued, forgetting it; 0 when that was not seen. */
static __always_inline __u64 stamp_take(struct request *rq)
{
	struct block_stamp *way = stamp_set(rq), *other = way + 1;
	__u64 request = (__u64)rq, ns;

	if (!way)
		return 0;
	if (way->request != request) {
		way = other;
		if (way->request != request)
			return 0;
	}
	ns = way->ns;
	way->request = 0;
	return ns;
}

/*
 * The kernel's stamp of the issue, else our own. The kernel clears its own with each life of a request. Since da4c8c3d0975
 * ("block: cache current nsec time in struct blk_plug"), 6.9, it is the time at which the issuing task filled its
 * plug, which may be before another task's request was allocated: that one was issued at once.
 */
static __always_inline __u64 request_issued(struct request *rq, struct block_hist *hist,
					    __u64 start)
{
	__u64 issue = READ(rq, io_start_time_ns);

	if (!issue || shared.own_stamps) {
		hist->unstamped++;
		return stamp_take(rq);
	}
	return issue < start ? start : issue;
}

static __always_inline void request_measure(struct request *rq, struct block_hist *hist,
					    __u64 since, __u32 stages)
{
	struct block_times times = { .start = READ(rq, start_time_ns) };

	if (stages & BLOCK_STAGES_ISSUE)
		times.issue = request_issued(rq, hist, times.start);
	if (times.start && times.start < since)
		return; /* in flight when we came: not lost, but not ours */
	hist_measure(hist, stages, &times, bpf_ktime_get_ns());
}

/* To be called when a request goes to its driver. */
static __always_inline int request_issue(struct request *rq)
{
	__u32 op = READ(rq, cmd_flags) & REQ_OP_MASK;

	if (op > REQ_OP_WRITE)
		return 0;
	if (block_place_stages(request_place(rq), op) & BLOCK_STAGES_ISSUE)
		stamp_put(rq, bpf_ktime_get_ns());
	return 0;
}

/*
 * Whether the stat file will count this end. blk_update_request() calls before it takes `bytes` off: less than all is a
 * part, and the end comes later. A write that went through the flush machinery is ended a second time, then with 0
 * bytes left (blk_flush_complete_seq); an empty flush only then, and it never had a segment.
 */
static __always_inline bool request_ends(struct request *rq, __u32 bytes)
{
	__u32 left = READ(rq, __data_len);

	return left ? bytes >= left : READ(rq, nr_phys_segments) == 0;
}

/* To be called when `bytes` of a request have come to their end, before the kernel takes them off it. */
static __always_inline int request_complete(struct request *rq, __u32 bytes)
{
	__u32 request_op = READ(rq, cmd_flags) & REQ_OP_MASK, op = request_op & REQ_OP_WRITE;
	struct block_hist *hist;
	__u64 place;

	/* As op_stat_group(): what is odd but a discard is a write, so are zone appends and zeroes without data. */
	if (request_op != op &&
	    (!op || request_op == REQ_OP_DISCARD || request_op >= REQ_OP_DRV_IN))
		return 0;
	if (!request_ends(rq, bytes))
		return 0;
	place = request_place(rq);
	hist = place_hist(place, op);
	if (!hist)
		return 0;
	hist->ends++;
	if (request_op == op && READ(rq, __data_len))
		request_measure(rq, hist, place_since(place), block_place_stages(place, op));
	return 0;
}

/*
 * Requests that the kernel ends together, which blk_update_request() does not see. It took the list's type out of the
 * pointer in a3396b99990d ("block: add a rq_list type"), 6.13.
 */
static __always_inline struct request *batch_first(struct io_comp_batch *batch)
{
	struct io_comp_batch___list *list = (void *)batch;

	if (bpf_core_field_exists(list->req_list.head))
		return READ(list, req_list.head);
	return READ(batch, req_list);
}

static long batch_step(__u32 i, void *data)
{
	struct request **next = data, *rq = *next;

	if (!rq)
		return 1;
	request_complete(rq, READ(rq, __data_len));
	*next = READ(rq, rq_next);
	return 0;
}

/* What is over the limit is known as lost, by the stat file. A plain loop has too many states for the verifier. */
static __always_inline int batch_complete(struct io_comp_batch *batch)
{
	struct request *next = batch_first(batch);

	bpf_loop(BLOCK_BATCH_MAX, batch_step, &next, 0);
	return 0;
}

#endif
