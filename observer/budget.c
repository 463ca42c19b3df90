// SPDX-License-Identifier: Apache-2.0
/*
 * Each source is on one rung of a ladder:
 *
 *     WHOLE ──► HALF ──► QUARTER ──► EIGHTH ──► DROPPED      over for BUDGET_OVER_TICKS: the dearest, one rung
 *        ◄──────── ◄──────── ◄──────── ◄────────             room for BUDGET_ROOM_TICKS: the cheapest to have back
 *
 * One rung of one source at a time, and the time starts anew with each: what it did is seen before the next. There is
 * room when the total and what the source did cost more on the rung above stay under BUDGET_ROOM_RATIO of the budget;
 * as that was measured under another load, it is tried anyway after BUDGET_RETRY_TICKS within the budget.
 */
#include "observer/budget.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void budget_init(struct budget *budget, double limit_ratio, uint64_t tick_ns)
{
	memset(budget, 0, sizeof(*budget));
	budget->limit_ratio = isfinite(limit_ratio) && limit_ratio > 0 ? limit_ratio : 0;
	budget->tick_ns = tick_ns;
}

static double cost_ratio(const struct budget_cost *cost)
{
	return isfinite(cost->ratio) && cost->ratio > 0 ? cost->ratio : 0;
}

static size_t bounded(size_t n)
{
	return n < SOURCES_MAX ? n : SOURCES_MAX;
}

void budget_release(struct budget *budget, const struct budget_cost *costs, size_t n)
{
	for (size_t i = 0; i < bounded(n); i++)
		if (!costs[i].wanted || costs[i].on_trial)
			budget->items[i].thinning = SOURCE_WHOLE;
}

/* The dearest that is on a trial, or that is not; -1 when none costs enough. */
static int dearest(const struct budget *budget, const struct budget_cost *costs, size_t n,
		   bool on_trial)
{
	double most = budget->limit_ratio * BUDGET_LEAST_RATIO;
	int found = -1;

	for (size_t i = 0; i < n; i++) {
		if (!costs[i].wanted || (costs[i].on_trial != 0) != on_trial ||
		    budget->items[i].thinning == SOURCE_DROPPED || cost_ratio(&costs[i]) <= most)
			continue;
		most = cost_ratio(&costs[i]);
		found = (int)i;
	}
	return found;
}

/* By how much a source that is one rung up would cost more, by what it did cost there. */
static double cost_of_return(const struct budget_item *item, const struct budget_cost *cost)
{
	const double more = item->before[item->thinning] - cost_ratio(cost);

	return more > 0 ? more : 0;
}

/* The thinned one that is cheapest to have back; -1 when none is thinned. */
static int cheapest_return(const struct budget *budget, const struct budget_cost *costs, size_t n,
			   double *ret_more)
{
	int found = -1;

	for (size_t i = 0; i < n; i++) {
		const struct budget_item *item = &budget->items[i];
		double more;

		if (item->thinning == SOURCE_WHOLE)
			continue;
		more = cost_of_return(item, &costs[i]);
		if (found >= 0 && more >= *ret_more)
			continue;
		found = (int)i;
		*ret_more = more;
	}
	return found;
}

/* Whether `since` is set for so many ticks; sets it when it is not. */
static bool lasted(const struct budget *budget, uint64_t *since_ns, uint64_t now_ns, uint64_t ticks)
{
	if (*since_ns == 0)
		*since_ns = now_ns;
	return now_ns - *since_ns >= ticks * budget->tick_ns;
}

static void times_restart(struct budget *budget)
{
	budget->over_ns = 0;
	budget->room_ns = 0;
	budget->within_ns = 0;
}

static void step_down(struct budget *budget, uint64_t now_ns, const struct budget_cost *costs,
		      size_t n, struct budget_verdict *verdict)
{
	struct budget_item *item;
	int i;

	budget->room_ns = 0;
	budget->within_ns = 0;
	verdict->state = BUDGET_OVER;
	if (!lasted(budget, &budget->over_ns, now_ns, BUDGET_OVER_TICKS))
		return;
	i = dearest(budget, costs, n, false);
	if (i < 0) {
		verdict->dearest = dearest(budget, costs, n, true);
		verdict->state = verdict->dearest < 0 ? BUDGET_NOTHING : BUDGET_TRIAL;
		return;
	}
	item = &budget->items[i];
	item->before[++item->thinning] = cost_ratio(&costs[i]);
	verdict->changed = i;
	times_restart(budget);
}

static void step_up(struct budget *budget, uint64_t now_ns, double total_ratio,
		    const struct budget_cost *costs, size_t n, struct budget_verdict *verdict)
{
	const double room = budget->limit_ratio * BUDGET_ROOM_RATIO;
	double more = 0;
	int i = cheapest_return(budget, costs, n, &more);

	budget->over_ns = 0;
	verdict->state = BUDGET_WITHIN;
	if (total_ratio + more > room)
		budget->room_ns = 0;
	if (total_ratio > room)
		budget->within_ns = 0;
	if (i < 0 || total_ratio > room)
		return;
	if (!lasted(budget, &budget->within_ns, now_ns, BUDGET_RETRY_TICKS) &&
	    (total_ratio + more > room ||
	     !lasted(budget, &budget->room_ns, now_ns, BUDGET_ROOM_TICKS)))
		return;
	budget->items[i].thinning--;
	verdict->changed = i;
	times_restart(budget);
}

void budget_step(struct budget *budget, uint64_t now_ns, double total_ratio,
		 const struct budget_cost *costs, size_t n, struct budget_verdict *ret_verdict)
{
	*ret_verdict = (struct budget_verdict){ BUDGET_WITHIN, .changed = -1, .dearest = -1 };
	n = bounded(n);
	budget_release(budget, costs, n);
	if (budget->limit_ratio <= 0 || !isfinite(total_ratio) || total_ratio < 0 || now_ns == 0)
		return;
	if (now_ns <= budget->seen_ns) {
		times_restart(budget);
		budget->seen_ns = now_ns;
		return;
	}
	budget->seen_ns = now_ns;
	if (total_ratio > budget->limit_ratio)
		step_down(budget, now_ns, costs, n, ret_verdict);
	else
		step_up(budget, now_ns, total_ratio, costs, n, ret_verdict);
}

void budget_say(struct source_status *status)
{
	char own[SOURCE_TEXT_MAX];

	if (status->thinning == SOURCE_WHOLE)
		return;
	memcpy(own, status->text, sizeof(own));
	snprintf(status->remedy, sizeof(status->remedy), "demand less, or raise --budget");
	if (status->thinning == SOURCE_DROPPED) {
		status->state = SOURCE_UNAVAILABLE;
		snprintf(status->text, sizeof(status->text),
			 "dropped, to keep flyball within its budget");
		return;
	}
	status->state = SOURCE_DEGRADED;
	snprintf(status->text, sizeof(status->text),
		 "sampled every %s tick, to keep flyball within its budget%s%.100s",
		 status->thinning == SOURCE_HALF      ? "2nd"
		 : status->thinning == SOURCE_QUARTER ? "4th"
						      : "8th",
		 own[0] ? "; " : "", own);
}
