// SPDX-License-Identifier: Apache-2.0
/*
 * Each source is on one rung of a ladder:
 *
 *     WHOLE ──► HALF ──► … ──► THIRTY_SECOND ──► DROPPED      over for BUDGET_OVER_TICKS
 *        ◄──────── ◄── … ◄── ◄──────────────────────         room for BUDGET_ROOM_TICKS
 *
 * A rung is expected to halve what a source costs. Down, that is done in thought, always to who saves the most by it, until
 * the rest fits, and then at once: so the dear ones come to cost the same. Whether it does is seen before the next time; who does
 * not become cheaper stays the dearest, until to drop it is the lesser evil. Up, each gets one rung at most, the cheapest
 * first, and as many as fit by what they cost now, under this load.
 */
#include "observer/budget.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "observer/thinning.h"

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

/* What one rung less would save, as it counts: who would be blind has to save more. */
static double saving(const struct budget_item *item, double ratio)
{
	return item->thinning == SOURCE_DROPPED - 1 ? ratio / BUDGET_DROP_HALVINGS : ratio / 2;
}

/* Who saves the most, of those that are on a trial, or that are not; -1 when none costs enough. */
static int dearest(const struct budget *budget, const struct budget_cost *costs,
		   const double *ratios, size_t n, bool on_trial)
{
	const double least = budget->limit_ratio * BUDGET_LEAST_RATIO;
	double most = 0;
	int found = -1;

	for (size_t i = 0; i < n; i++) {
		const struct budget_item *item = &budget->items[i];

		if (!costs[i].wanted || (costs[i].on_trial != 0) != on_trial ||
		    item->thinning == SOURCE_DROPPED || ratios[i] <= least ||
		    saving(item, ratios[i]) <= most)
			continue;
		most = saving(item, ratios[i]);
		found = (int)i;
	}
	return found;
}

/* By how much a source that is one rung up would cost more. */
static double cost_of_return(const struct budget_item *item, double ratio)
{
	return item->thinning == SOURCE_DROPPED ? item->dropped_ratio : ratio;
}

/* The thinned one that is cheapest to have back; -1 when none is left. */
static int cheapest_return(const struct budget *budget, const double *ratios, const bool *moved,
			   size_t n, double *ret_more)
{
	int found = -1;

	for (size_t i = 0; i < n; i++) {
		const struct budget_item *item = &budget->items[i];
		double more;

		if (item->thinning == SOURCE_WHOLE || moved[i])
			continue;
		more = cost_of_return(item, ratios[i]);
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

static void note_move(struct budget_verdict *verdict, int i, bool *moved)
{
	if (verdict->changed < 0)
		verdict->changed = i;
	verdict->n_changed += !moved[i];
	moved[i] = true;
}

/* One rung down; returns what that is expected to save. */
static double descend(struct budget_item *item, double *ratio)
{
	const double before = *ratio;

	*ratio = ++item->thinning == SOURCE_DROPPED ? 0 : before / 2;
	if (item->thinning == SOURCE_DROPPED)
		item->dropped_ratio = before;
	return before - *ratio;
}

static void step_down(struct budget *budget, uint64_t now_ns, double total_ratio,
		      const struct budget_cost *costs, size_t n, struct budget_verdict *verdict)
{
	const double room = budget->limit_ratio * BUDGET_ROOM_RATIO;
	double ratios[SOURCES_MAX];
	bool moved[SOURCES_MAX] = { false };
	int i;

	budget->room_ns = 0;
	budget->within_ns = 0;
	verdict->state = BUDGET_OVER;
	if (!lasted(budget, &budget->over_ns, now_ns, BUDGET_OVER_TICKS))
		return;
	for (size_t j = 0; j < n; j++)
		ratios[j] = cost_ratio(&costs[j]);
	while (total_ratio > room && (i = dearest(budget, costs, ratios, n, false)) >= 0) {
		/* Nobody is blind by thought alone. */
		if (verdict->changed >= 0 && budget->items[i].thinning == SOURCE_DROPPED - 1)
			break;
		total_ratio -= descend(&budget->items[i], &ratios[i]);
		note_move(verdict, i, moved);
		if (budget->items[i].thinning == SOURCE_DROPPED)
			break;
	}
	if (verdict->changed >= 0) {
		times_restart(budget);
		return;
	}
	verdict->dearest = dearest(budget, costs, ratios, n, true);
	verdict->state = verdict->dearest < 0 ? BUDGET_NOTHING : BUDGET_TRIAL;
}

static void step_up(struct budget *budget, uint64_t now_ns, double total_ratio,
		    const struct budget_cost *costs, size_t n, struct budget_verdict *verdict)
{
	const double room = budget->limit_ratio * BUDGET_ROOM_RATIO;
	double ratios[SOURCES_MAX], more = 0;
	bool moved[SOURCES_MAX] = { false };
	int i;

	for (size_t j = 0; j < n; j++)
		ratios[j] = cost_ratio(&costs[j]);
	i = cheapest_return(budget, ratios, moved, n, &more);
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
	do {
		budget->items[i].thinning--;
		note_move(verdict, i, moved);
		total_ratio += more;
		i = cheapest_return(budget, ratios, moved, n, &more);
	} while (i >= 0 && total_ratio + more <= room);
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
		step_down(budget, now_ns, total_ratio, costs, n, ret_verdict);
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
			 "%s, to keep flyball within its budget", thinning_text(status->thinning));
		return;
	}
	status->state = SOURCE_DEGRADED;
	snprintf(status->text, sizeof(status->text),
		 "%s, to keep flyball within its budget%s%.100s", thinning_text(status->thinning),
		 own[0] ? "; " : "", own);
}
