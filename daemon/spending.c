// SPDX-License-Identifier: Apache-2.0
#include "daemon/spending.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/cpu_time.h"

#define FAMILY_DEPTH 2 /* supervisor, its workers, the actuator's hand */

void spending_init(struct spending *spending, int root, pid_t parent, double limit_ratio)
{
	memset(spending, 0, sizeof(*spending));
	spending->root = root;
	spending->parent = parent;
	budget_init(&spending->budget, limit_ratio, 0);
	spending->report.limit_ratio = spending->budget.limit_ratio;
}

/* Where /proc hides other users' processes, at least its own. */
static uint64_t all_cpu_ns(const struct spending *spending)
{
	const uint64_t all = cpu_time_ns(spending->root, spending->parent, FAMILY_DEPTH),
		       own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	return all > own ? all : own;
}

/* A counter starts anew when its source does, a sum of CPU time is less when a process has died. */
static uint64_t increase(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : 0;
}

static double machine_ns(uint64_t time_ns)
{
	return (double)time_ns * (double)sysconf(_SC_NPROCESSORS_ONLN);
}

static unsigned int window_begin(struct spending *spending)
{
	spending->counting = true;
	return SPENDING_COUNT;
}

static void window_read(struct spending *spending, struct observer *observer, uint64_t now_ns)
{
	spending->n = observer_sources(observer, spending->status);
	for (size_t i = 0; i < spending->n; i++)
		spending->run_ns[i] = spending->status[i].bpf_run_ns;
	spending->window_ns = now_ns;
}

static unsigned int count_stop(struct spending *spending)
{
	const bool was_counting = spending->counting;

	spending->counting = false;
	spending->window_ns = 0;
	return was_counting ? SPENDING_NO_COUNT : 0;
}

/* The mean of this window and those before: one is short. */
static unsigned int window_end(struct spending *spending, struct observer *observer,
			       uint64_t now_ns)
{
	const double time = machine_ns(increase(now_ns, spending->window_ns));

	spending->n = observer_sources(observer, spending->status);
	for (size_t i = 0; i < spending->n && time > 0; i++) {
		const double ratio =
			(double)increase(spending->status[i].bpf_run_ns, spending->run_ns[i]) /
			time;
		double *bpf = &spending->bpf_ratio[i];

		*bpf = *bpf > 0 ? (*bpf + ratio) / 2 : ratio;
	}
	return count_stop(spending);
}

unsigned int spending_stop(struct spending *spending)
{
	spending->n_steps = 0; /* the time without ticks is nobody's */
	spending->report.state = BUDGET_WITHIN;
	spending->report.total_ratio = 0;
	return count_stop(spending);
}

static double bpf_ratio(const struct spending *spending, const struct observer *observer, size_t i)
{
	return spending->bpf_ratio[i] * observer_attends(observer, i);
}

/* What a turn of the source takes in user space, over its last ones. A source that was opened anew counts from nothing. */
static void turn_measure(struct spending *spending, size_t i)
{
	const struct source_status *status = &spending->status[i];
	uint64_t turns;

	if (status->samples < spending->samples[i])
		spending->samples[i] = spending->sample_ns[i] = 0;
	turns = status->samples - spending->samples[i];
	if (status->samples == 0)
		spending->turn_ns[i] = 0;
	if (turns == 0)
		return;
	spending->turn_ns[i] =
		(double)increase(status->sample_ns, spending->sample_ns[i]) / (double)turns;
	spending->samples[i] = status->samples;
	spending->sample_ns[i] = status->sample_ns;
}

/* Of each source now; returns the sum of what their programs cost. */
static double costs_of(struct spending *spending, const struct observer *observer,
		       struct budget_cost costs[SOURCES_MAX])
{
	const double tick = machine_ns(spending->budget.tick_ns);
	double bpf = 0;

	for (size_t i = 0; i < spending->n; i++) {
		const struct source_status *status = &spending->status[i];
		const bool open = status->samples > 0;

		turn_measure(spending, i);
		if (!open)
			spending->bpf_ratio[i] = 0;
		spending->ratio[i] = bpf_ratio(spending, observer, i);
		bpf += spending->ratio[i];
		if (tick > 0)
			spending->ratio[i] +=
				spending->turn_ns[i] / tick * thinning_share(status->thinning);
		costs[i] = (struct budget_cost){ .ratio = spending->ratio[i],
						 .wanted = open || status->thinning,
						 .on_trial = status->on_trial };
	}
	return bpf;
}

/* Of all processes over the last steps; a step that is the first has none. */
static double cpu_measure(struct spending *spending, uint64_t now_ns)
{
	const uint64_t n = spending->n_steps++, cpu_ns = all_cpu_ns(spending),
		       oldest = n < SPENDING_MARKS ? 0 : n % SPENDING_MARKS;
	const double time = n ? machine_ns(increase(now_ns, spending->marks[oldest].at_ns)) : 0,
		     ratio = time > 0 ? (double)increase(cpu_ns, spending->marks[oldest].cpu_ns) /
						time
				      : 0;

	spending->marks[n % SPENDING_MARKS].at_ns = now_ns;
	spending->marks[n % SPENDING_MARKS].cpu_ns = cpu_ns;
	return ratio;
}

static void say(struct spending *spending, const struct budget_verdict *verdict, double total)
{
	struct budget_report *report = &spending->report;
	const int i = verdict->changed;
	char others[48] = "";

	if (i >= 0 && verdict->n_changed > 1)
		snprintf(others, sizeof(others), " and %" PRIu32 " other source%s %s often",
			 verdict->n_changed - 1, verdict->n_changed > 2 ? "s" : "",
			 verdict->state == BUDGET_OVER ? "less" : "more");
	if (i >= 0)
		snprintf(report->text, sizeof(report->text),
			 "%s is %s%s, as it took %.3f %% of the machine and all of flyball %.3f %%",
			 spending->status[i].name,
			 thinning_text(spending->budget.items[i].thinning), others,
			 100 * spending->ratio[i], 100 * total);
	else if (verdict->state == BUDGET_TRIAL)
		snprintf(report->text, sizeof(report->text),
			 "a running trial needs %s, which takes %.3f %% of the machine, of %.3f %%",
			 spending->status[verdict->dearest].name,
			 100 * spending->ratio[verdict->dearest], 100 * total);
	else if (verdict->state == BUDGET_NOTHING)
		snprintf(report->text, sizeof(report->text),
			 "no source is left that takes enough of the machine to be thinned");
	report->state = verdict->state;
	report->total_ratio = total;
}

static unsigned int step(struct spending *spending, struct observer *observer, uint64_t now_ns)
{
	const bool first = spending->n_steps == 0;
	struct budget_cost costs[SOURCES_MAX];
	struct budget_verdict verdict;
	double total;

	spending->n = observer_sources(observer, spending->status);
	total = costs_of(spending, observer, costs) + cpu_measure(spending, now_ns);
	/* What a demand made whole since. */
	for (size_t i = 0; i < spending->n; i++)
		spending->budget.items[i].thinning = spending->status[i].thinning;
	if (first)
		return 0;
	budget_step(&spending->budget, now_ns, total, costs, spending->n, &verdict);
	for (size_t i = 0; i < spending->n; i++)
		observer_restrain(observer, i, spending->budget.items[i].thinning);
	say(spending, &verdict, total);
	return verdict.changed >= 0 ? SPENDING_CHANGED : 0;
}

unsigned int spending_tick(struct spending *spending, struct observer *observer, uint64_t tick_ns,
			   uint64_t now_ns)
{
	const uint64_t seq = observer_seq(observer);
	unsigned int flags = 0;

	spending->budget.tick_ns = tick_ns;
	if (thinning_meets(seq + 2) || seq + 2 == SPENDING_FIRST_TICK)
		flags = window_begin(spending);
	else if (spending->window_ns)
		flags = window_end(spending, observer, now_ns);
	else if (spending->counting)
		window_read(spending, observer, now_ns);
	/* When a turn of each is over. */
	if ((seq + 1) % BUDGET_STEP_TICKS == 0)
		flags |= step(spending, observer, now_ns);
	return flags;
}

void spending_show(const struct spending *spending, const struct observer *observer,
		   struct source_status *status, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		status[i].cpu_ratio = status[i].samples ? spending->ratio[i] : 0;
		status[i].bpf_ratio = status[i].samples ? bpf_ratio(spending, observer, i) : 0;
	}
}
