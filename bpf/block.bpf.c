// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Durations of block requests: queue, service and total time of reads and writes of the watched disks.
 *
 * The kernel stamps a request itself when it is allocated (start_time_ns), so the total time needs one program, at
 * completion, and block_rq_insert is not needed for the queue time: what a request waits before it is inserted
 * is queueing, too. The time of issue is in the request (io_start_time_ns) only where something like wbt or kyber
 * asked for statistics (QUEUE_FLAG_STATS), so a second program, attached only while queue or service times are
 * wanted, keeps its own stamps. They lie in a two-way table in global data instead of a hash map: a hash map's
 * update and delete cost some 100 ns each, a set here is one cache line that needs no lock.
 *
 * Only requests that carry data are measured: no flushes, discards or passthrough. All that the kernel's stat
 * file counts as a read or a write is counted as ended, though, so that user space can tell from the two how many
 * ends were not seen: the kernel skips a program where it would interrupt itself (recursion_misses), and a kernel
 * may refuse to run programs in some contexts without counting that. Measured on a virtual machine's 6.18: none
 * ran where the softirq had interrupted a thread of process 1, while ftrace recorded each of those completions
 * and recursion_misses stayed 0.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "bpf/block.h"

const volatile __u32 abi = BLOCK_ABI;

__u64 places[BLOCK_TABLE];       /* the table of disks, written by user space; see block_place() */
__u64 since_ns[BLOCK_DISKS_MAX]; /* of each slot: requests allocated before are not measured */
struct block_stamp stamps[BLOCK_STAMP_SETS * BLOCK_STAMP_WAYS];

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries,
	       BLOCK_OP_COUNT); /* user space sets it by the number of disks before loading */
	__type(key, __u32);
	__type(value, struct block_hist);
} hists SEC(".maps");

static __always_inline struct gendisk *request_disk(struct request *rq)
{
	struct request___rq_disk *old = (void *)rq;

	if (bpf_core_field_exists(old->rq_disk))
		return old->rq_disk;
	return rq->q->disk;
}

/* The place of the request's disk; 0 when it is not watched. */
static __always_inline __u64 request_place(struct request *rq)
{
	struct gendisk *disk = request_disk(rq);
	__u32 dev, first;

	if (!disk)
		return 0;
	dev = (__u32)disk->major << KERNEL_MINOR_BITS | (__u32)disk->first_minor;
	first = block_place_first(dev);
#pragma unroll
	for (__u32 i = 0; i < BLOCK_PROBES; i++) {
		__u64 place = places[(first + i) % BLOCK_TABLE];

		if (place == 0)
			return 0;
		if (block_place_dev(place) == dev)
			return place;
	}
	return 0;
}

/* The verifier allows no arithmetic on a kernel pointer but a copy of its low half, which is enough to hash. */
static __always_inline struct block_stamp *stamp_set(struct request *rq)
{
	__u32 set = ((__u32)(__u64)rq * 0x9e3779b9u) >> (32 - BLOCK_STAMP_BITS);

	return &stamps[set * BLOCK_STAMP_WAYS];
}

/*
 * A way is claimed by compare-and-swap, so that two CPUs never mix their stamps. When both ways are taken the
 * older stamp gives way, and its request will end as an orphan.
 */
static __always_inline void stamp_put(struct request *rq, __u64 now)
{
	struct block_stamp *way = stamp_set(rq), *other = way + 1;
	__u64 request = (__u64)rq;

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

	if (way->request != request) {
		way = other;
		if (way->request != request)
			return 0;
	}
	ns = way->ns;
	way->request = 0;
	return ns;
}

static __always_inline void hist_count(struct block_hist *hist, enum block_stage stage, __u64 ns)
{
	hist->buckets[stage][hist_index(ns) % HIST_BUCKETS]++;
	hist->sums[stage] += ns;
	if (ns > HIST_VALUE_MAX)
		hist->clamped[stage]++;
}

static __always_inline void request_measure(struct request *rq, struct block_hist *hist,
					    __u64 since, __u32 stages)
{
	__u64 start = rq->start_time_ns, issue = 0, now;

	if (stages & BLOCK_STAGES_ISSUE)
		issue = stamp_take(rq);
	if (start && start < since)
		return; /* in flight when we came: not lost, but not ours */
	now = bpf_ktime_get_ns();
	/* No stamp, one of the request's earlier life, or none by the kernel (queue/iostats is 0 and no scheduler). */
	if (!start || now < start ||
	    ((stages & BLOCK_STAGES_ISSUE) && (issue < start || now < issue))) {
		hist->orphans++;
		return;
	}
	if (stages & 1u << BLOCK_LATENCY)
		hist_count(hist, BLOCK_LATENCY, now - start);
	if (stages & 1u << BLOCK_QUEUE)
		hist_count(hist, BLOCK_QUEUE, issue - start);
	if (stages & 1u << BLOCK_SERVICE)
		hist_count(hist, BLOCK_SERVICE, now - issue);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *rq)
{
	__u32 op = rq->cmd_flags & REQ_OP_MASK;

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
	__u32 left = rq->__data_len;

	return left ? bytes >= left : rq->nr_phys_segments == 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *rq, __u32 error, __u32 bytes)
{
	__u32 request_op = rq->cmd_flags & REQ_OP_MASK, op = request_op & REQ_OP_WRITE, stages,
	      slot, key;
	struct block_hist *hist;
	__u64 place;

	/* As op_stat_group(): what is odd but a discard is a write, so are zone appends and zeroes without data. */
	if (request_op != op &&
	    (!op || request_op == REQ_OP_DISCARD || request_op >= REQ_OP_DRV_IN))
		return 0;
	if (!request_ends(rq, bytes))
		return 0;
	place = request_place(rq);
	stages = block_place_stages(place, op);
	if (!stages)
		return 0;
	slot = block_place_slot(place) % BLOCK_DISKS_MAX;
	key = slot * BLOCK_OP_COUNT + op;
	hist = bpf_map_lookup_elem(&hists, &key);
	if (!hist)
		return 0;
	hist->ends++;
	if (request_op == op && rq->__data_len)
		request_measure(rq, hist, since_ns[slot], stages);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
