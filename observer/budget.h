/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget: decides which source is sampled less, when flyball takes more of the machine than it may, and which comes
 * back when there is room. Pure: costs and time come in, levels come out.
 *
 *     budget_init → budget_step …
 */
#ifndef FLYBALL_OBSERVER_BUDGET_H
#define FLYBALL_OBSERVER_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "include/source.h"

/* In ticks, so that a slower tick, which costs less, is also judged by as many samples. */
#define BUDGET_STEP_TICKS 8 /* between two steps: a cost is the mean of so many */
#define BUDGET_OVER_TICKS \
	40 /* over the budget for so long (10 s by default): less, by what that saves */
#define BUDGET_ROOM_TICKS 240 /* room for so long (60 s): one rung more each, as many as fit */
#define BUDGET_RETRY_TICKS \
	2400 /* within it for so long (10 min): one rung more of one, whatever it may cost */

#define BUDGET_ROOM_RATIO 0.9   /* there is room for what stays under so much of the budget */
#define BUDGET_LEAST_RATIO 0.01 /* who costs less than that of the budget is left alone */
#define BUDGET_DROP_HALVINGS \
	8 /* to be blind is as bad as so many halvings of what one sees: what is dropped saves that much more */

/* One source, as budget_step() sees it. */
struct budget_cost {
	double ratio;      /* of the machine; what is no number, or negative, counts as nothing */
	uint32_t wanted;   /* 1: somebody demands it */
	uint32_t on_trial; /* 1: a running trial needs it */
};

struct budget_item {
	uint32_t thinning;    /* enum source_thinning */
	double dropped_ratio; /* what it cost when it was dropped */
};

struct budget {
	double limit_ratio; /* 0 = without end */
	uint64_t tick_ns;
	uint64_t seen_ns;                     /* the last step */
	uint64_t over_ns, room_ns, within_ns; /* since when; 0 = it is not so */
	struct budget_item items[SOURCES_MAX];
};

/* What a step decided. */
struct budget_verdict {
	uint32_t state; /* enum budget_state */
	int changed;    /* the source that was moved, the first of them; -1 = none was */
	uint32_t n_changed;
	int dearest; /* with BUDGET_TRIAL the dearest that a trial needs; else -1 */
};

void budget_init(struct budget *budget, double limit_ratio, uint64_t tick_ns);

/*
 * Takes what all of flyball costs now, and of it each source, and moves those that have to, or may. Those that are no
 * longer demanded, or that a trial needs now, are whole at once. A total that is no number, or a time that does not advance,
 * decides nothing. `n`: at most SOURCES_MAX are looked at.
 */
void budget_step(struct budget *budget, uint64_t now_ns, double total_ratio,
		 const struct budget_cost *costs, size_t n, struct budget_verdict *ret_verdict);

/* Makes those whole that are not demanded, or that a trial needs: at a new demand, between two steps. */
void budget_release(struct budget *budget, const struct budget_cost *costs, size_t n);

/* Has a source's status say that it is thinned or dropped, and why, before what it says of itself. */
void budget_say(struct source_status *status);

#endif
