// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same durations by plain tracepoints, which name no request but a place on a disk: the events of one request are
 * brought together by disk, operation and first sector, in a bounded table.
 *
 *     block_getrq          a request is allocated for a bio: the start
 *     block_bio_frontmerge its first sector moves down
 *     block_rq_merge       another request takes it in: it has no end of its own
 *     block_rq_issue       it goes to its driver, with all that was merged into it
 *     block_rq_complete    some or all of its sectors are done
 *
 * Two requests of one operation in flight at the same sector cannot be told apart: both are orphans, and so is what
 * lost its row to a newer one, what was in flight when the programs came, and what the flush machinery made of a bio.
 */
#include "bpf/block_record.h"

#include <bpf/bpf_core_read.h>

#define FLIGHT_MAX_NS \
	60000000000ull /* older, and its end was not seen: drivers give up after 30 s */

struct flight_key {
	__u64 sector;
	__u32 dev;
	__u32 op; /* enum block_op */
};

struct flight {
	struct block_times times;
	__u32 left;    /* sectors to be completed; 0 = not issued yet */
	__u32 twins;   /* others at the same place, besides this one */
	__u16 mixed;   /* there were others: nothing is measured until all have ended */
	__u16 flushes; /* it will be ended a second time, with 0 sectors (blk_flush_complete_seq) */
	__u32 ended;   /* the first of these two ends came */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BLOCK_FLIGHTS);
	__type(key, struct flight_key);
	__type(value, struct flight);
} flights SEC(".maps");

/*
 * `R`, `WS`, `FWFS`: F for a flush before, the operation, F for a write-through, flags. Returns an enum block_op, or
 * BLOCK_OP_COUNT for what is no read and no write with data (`D`, `N`, `WZ`, `ZA`).
 */
static __always_inline __u32 event_op(char first, char second)
{
	char op = first == 'F' ? second : first;

	if (op == 'R')
		return BLOCK_READ;
	if (op == 'W' && second != 'Z')
		return BLOCK_WRITE;
	return BLOCK_OP_COUNT;
}

#define EVENT_OP(ctx) event_op((ctx)->rwbs[0], (ctx)->rwbs[1])
#define EVENT_KEY(ctx, key_op)                                                  \
	{                                                                       \
		.sector = (ctx)->sector, .dev = (__u32)(ctx)->dev, .op = key_op \
	}

SEC("tracepoint/block/block_getrq")
int tracepoint_start(struct trace_event_raw_block_bio *ctx)
{
	struct flight_key key = EVENT_KEY(ctx, EVENT_OP(ctx));
	struct flight fresh = { 0 }, *flight;
	__u64 now;

	if (key.op == BLOCK_OP_COUNT || !ctx->nr_sector ||
	    !block_place_stages(place_of(key.dev), key.op))
		return 0;
	now = bpf_ktime_get_ns();
	flight = bpf_map_lookup_elem(&flights, &key);
	if (flight && !flight->ended && now - flight->times.start < FLIGHT_MAX_NS) {
		flight->mixed = 1;
		__sync_fetch_and_add(&flight->twins, 1);
		return 0;
	}
	fresh.times.start = now;
	fresh.flushes = ctx->rwbs[0] == 'F' || ctx->rwbs[1] == 'F';
	bpf_map_update_elem(&flights, &key, &fresh, BPF_ANY);
	return 0;
}

/* Moves a row to another first sector. */
static __always_inline void flight_move(struct flight_key *key, const struct flight *flight,
					__u64 sector)
{
	struct flight copy = *flight;

	bpf_map_delete_elem(&flights, key);
	key->sector = sector;
	bpf_map_update_elem(&flights, key, &copy, BPF_ANY);
}

SEC("tracepoint/block/block_bio_frontmerge")
int tracepoint_frontmerge(struct trace_event_raw_block_bio *ctx)
{
	struct flight_key key = EVENT_KEY(ctx, EVENT_OP(ctx));
	struct flight *flight;

	key.sector += ctx->nr_sector;
	flight = bpf_map_lookup_elem(&flights, &key);
	if (flight && !flight->mixed)
		flight_move(&key, flight, ctx->sector);
	return 0;
}

SEC("tracepoint/block/block_rq_merge")
int tracepoint_merge(struct trace_event_raw_block_rq *ctx)
{
	struct flight_key key = EVENT_KEY(ctx, EVENT_OP(ctx));
	struct flight *flight = bpf_map_lookup_elem(&flights, &key);

	if (flight && !flight->mixed)
		bpf_map_delete_elem(&flights, &key);
	return 0;
}

SEC("tracepoint/block/block_rq_issue")
int tracepoint_issue(struct trace_event_raw_block_rq *ctx)
{
	struct flight_key key = EVENT_KEY(ctx, EVENT_OP(ctx));
	struct flight *flight;

	if (key.op == BLOCK_OP_COUNT || !block_place_stages(place_of(key.dev), key.op))
		return 0;
	flight = bpf_map_lookup_elem(&flights, &key);
	if (!flight)
		return 0;
	flight->times.issue = bpf_ktime_get_ns();
	flight->left = ctx->nr_sector;
	return 0;
}

/* The last sectors of a request, or of one of several that cannot be told apart. */
static __always_inline void flight_end(struct flight_key *key, struct flight *flight,
				       struct block_hist *hist, __u64 place)
{
	if (!flight || flight->ended) {
		hist->orphans++;
		return;
	}
	if (flight->mixed) {
		hist->orphans++;
		if (flight->twins) {
			__sync_fetch_and_add(&flight->twins, -1);
			return;
		}
	} else if (flight->times.start >= place_since(place)) {
		hist_measure(hist, block_place_stages(place, key->op), &flight->times,
			     bpf_ktime_get_ns());
	}
	if (flight->flushes)
		flight->ended = 1;
	else
		bpf_map_delete_elem(&flights, key);
}

/* Without sectors: an empty flush, or the second end of a write that flushed. Only the first is one more. */
static __always_inline void flush_end(struct flight_key *key, struct flight *flight,
				      struct block_hist *hist)
{
	if (flight && flight->ended)
		bpf_map_delete_elem(&flights, key);
	else
		hist->ends++;
}

SEC("tracepoint/block/block_rq_complete")
int tracepoint_complete(struct trace_event_raw_block_rq_completion *ctx)
{
	__u32 op = EVENT_OP(ctx), sectors = ctx->nr_sector;
	struct flight_key key = EVENT_KEY(ctx, op);
	__u64 place = place_of(key.dev);
	struct block_hist *hist;
	struct flight *flight;

	/* Zeroes without data are writes to the stat file; discards and flushes of the machinery are not. */
	if (op == BLOCK_OP_COUNT && (ctx->rwbs[0] == 'D' || ctx->rwbs[0] == 'F'))
		return 0;
	hist = place_hist(place, op == BLOCK_READ ? BLOCK_READ : BLOCK_WRITE);
	if (!hist)
		return 0;
	if (op == BLOCK_OP_COUNT) {
		hist->ends += sectors != 0;
		return 0;
	}
	flight = bpf_map_lookup_elem(&flights, &key);
	if (!sectors) {
		flush_end(&key, flight, hist);
	} else if (flight && !flight->mixed && !flight->ended && sectors < flight->left) {
		flight->left -= sectors;
		flight_move(&key, flight, key.sector + sectors);
	} else {
		hist->ends++;
		flight_end(&key, flight, hist, place);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
