/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all block programs share, however they come to their events: the watched disks and the histograms.
 *
 * One .bpf.c includes it once: it defines the maps of that object.
 */
#ifndef FLYBALL_BPF_BLOCK_RECORD_H
#define FLYBALL_BPF_BLOCK_RECORD_H

#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

#include "bpf/block.h"

const volatile struct block_settings settings = { .abi = BLOCK_ABI };

struct block_shared shared;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries,
	       BLOCK_OP_COUNT); /* user space sets it by the number of disks before loading */
	__type(key, __u32);
	__type(value, struct block_hist);
} hists SEC(".maps");

/* What was taken of one request. */
struct block_times {
	__u64 start, issue; /* ns; 0 = not seen */
};

/* The place of a disk; 0 when it is not watched. */
static __always_inline __u64 place_of(__u32 dev)
{
	__u32 first = block_place_first(dev);

#pragma unroll
	for (__u32 i = 0; i < BLOCK_PROBES; i++) {
		__u64 place = shared.places[(first + i) % BLOCK_TABLE];

		if (place == 0)
			return 0;
		if (block_place_dev(place) == dev)
			return place;
	}
	return 0;
}

/* The histograms of one operation of a watched disk; NULL = not watched. */
static __always_inline struct block_hist *place_hist(__u64 place, __u32 op)
{
	__u32 key = block_place_slot(place) % BLOCK_DISKS_MAX * BLOCK_OP_COUNT + op;

	return block_place_stages(place, op) ? bpf_map_lookup_elem(&hists, &key) : NULL;
}

static __always_inline __u64 place_since(__u64 place)
{
	return shared.since_ns[block_place_slot(place) % BLOCK_DISKS_MAX];
}

static __always_inline void hist_count(struct block_hist *hist, enum block_stage stage, __u64 ns)
{
	hist->buckets[stage][hist_index(ns) % HIST_BUCKETS]++;
	hist->sums[stage] += ns;
	if (ns > HIST_VALUE_MAX)
		hist->clamped[stage]++;
}

/*
 * Counts one request into the stages that are wanted. A start or an issue that was not seen, or lies in an earlier life of
 * the request, is an orphan, never a duration.
 */
static __always_inline void hist_measure(struct block_hist *hist, __u32 stages,
					 const struct block_times *times, __u64 now)
{
	const __u64 start = times->start, issue = times->issue;

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

#endif
