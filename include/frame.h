/* SPDX-License-Identifier: Apache-2.0 */
/* A frame: every demanded signal, sampled at one tick. */
#ifndef FLYBALL_FRAME_H
#define FLYBALL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "include/hist.h"
#include "include/scope.h"
#include "include/signal.h"

#define FRAME_SERIES_MAX 10240 /* series in a frame; what is over it is counted as LOSS_SERIES */
#define FRAME_HISTS_MAX 1024   /* distributions in a frame: 4 KiB each, touched only when used */

/* Ways to lose something. Counts since the source was attached; each is shown to the user. */
enum loss {
	LOSS_ORPHAN_END, /* a completion whose start was not seen */
	LOSS_CLAMPED,    /* a value over the histogram's range */
	LOSS_EVENT, /* an event that the kernel side could not record, a text that is no number, a read that failed */
	LOSS_SERIES,     /* a series that did not fit into the frame */
	LOSS_FRAME,      /* a frame that did not reach its reader */
	LOSS_INSTANCE,   /* a tick of a demanded instance that found no place or no descriptor */
	LOSS_CONNECTION, /* a TCP connection that found no place in the table: not followed */
	LOSS_PIPELINED, /* an answer to a request that came before the one before it was answered */
	LOSS_ROUTE, /* a route without connections that gave its place, and its series, to another one */
	LOSS_COUNT,
};

enum series_flag {
	SERIES_VALID =
		1u << 0, /* the value may be used; else the series exists but has no value yet */
	SERIES_LOSSY =
		1u << 1, /* something of this tick was lost: not to be used in a trial's window */
	SERIES_SUMS = 1u << 2, /* a distribution of which only count and sum are known */
	SERIES_BASE = 1u << 3, /* of a split: what drew the incumbent */
	SERIES_ARM = 1u << 4,  /* of a split: what drew the arm */
};

#define SERIES_SIDES \
	((uint32_t)(SERIES_BASE | SERIES_ARM)) /* never both: two series of one signal and scope */

/* One signal of one scope at one tick. */
struct series {
	uint32_t signal; /* enum signal_id */
	uint32_t flags;  /* enum series_flag */
	struct scope scope;
	double value; /* gauge: level; counter: increase since the previous frame; distribution: see series_covers_ns() */
	struct hist *
		hist; /* distribution: what this tick added; points into the frame's pool; else NULL */
};

/*
 * How long a distribution was filled: since the previous frame, but where its `value` says otherwise, in nanoseconds: of a
 * source that a frame left out it has what was added since then.
 */
static inline uint64_t series_covers_ns(const struct series *series, uint64_t interval_ns)
{
	return series->hist && series->value >= 1 && series->value < 9e18 ? (uint64_t)series->value
									  : interval_ns;
}

/* Where the series of a scope are, by the hash of the scope. Made by frame_index() of base/frame.h. */
#define FRAME_INDEX_SLOTS 16384 /* a power of two, half again as many as series */
struct frame_index {
	size_t n_series;                   /* how many are in it */
	uint16_t first[FRAME_INDEX_SLOTS]; /* 1 + the first series of a slot; 0 = none */
	uint16_t next[FRAME_SERIES_MAX];   /* likewise, the next one of the same slot */
};

_Static_assert(FRAME_SERIES_MAX < UINT16_MAX, "a series' place fits");

/*
 * Belongs to whoever allocated it; nothing in it is allocated apart. 7 MiB, of which only what is used is ever touched:
 * some 280 bytes a series, 4 KiB a distribution.
 */
struct frame {
	uint64_t seq;     /* grows by one a frame */
	uint64_t time_ns; /* CLOCK_MONOTONIC, when it was sampled */
	uint64_t
		interval_ns; /* since the previous frame; 0 for the first after a change of demand */
	uint64_t losses[LOSS_COUNT];
	struct signal_set
		skipped; /* of sources that this tick left out, to keep within the budget */
	size_t n_series;
	size_t n_hists; /* used of the pool */
	struct series series[FRAME_SERIES_MAX];
	struct hist hists[FRAME_HISTS_MAX]; /* the pool that series[].hist points into */
	struct frame_index index;
};

#endif
