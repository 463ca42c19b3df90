// SPDX-License-Identifier: Apache-2.0
#include "daemon/spending.h"

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
	spending->step_ns = 0; /* the time without ticks is nobody's */
	spending->report.state = BUDGET_WITHIN;
	spending->report.total_ratio = 0;
	return count_stop(spending);
}

static double bpf_ratio(const struct spending *spending, const struct observer *observer, size_t i)
{
	return spending->bpf_ratio[i] * observer_attends(observer, i);
}

/* The costs of the last ticks; the sum is that of all processes and of all programs. */
static double costs_of(struct spending *spending, const struct observer *observer, uint64_t now_ns,
		       struct budget_cost costs[SOURCES_MAX])
{
	const double time = machine_ns(increase(now_ns, spending->step_ns));
	const uint64_t cpu_ns = all_cpu_ns(spending);
	double total = time > 0 ? (double)increase(cpu_ns, spending->cpu_ns) / time : 0;

	for (size_t i = 0; i < spending->n; i++) {
		const struct source_status *status = &spending->status[i];
		const bool open = status->samples > 0;

		if (!open)
			spending->bpf_ratio[i] = 0;
		spending->ratio[i] = bpf_ratio(spending, observer, i);
		if (open && time > 0)
			spending->ratio[i] +=
				(double)increase(status->sample_ns, spending->sample_ns[i]) / time;
		spending->sample_ns[i] = status->sample_ns;
		total += bpf_ratio(spending, observer, i);
		costs[i] = (struct budget_cost){ .ratio = spending->ratio[i],
						 .wanted = open || status->thinning,
						 .on_trial = status->on_trial };
	}
	spending->step_ns = now_ns;
	spending->cpu_ns = cpu_ns;
	return total;
}

static void say(struct spending *spending, const struct budget_verdict *verdict, double total)
{
	static const char *const what[SOURCE_THINNING_COUNT] = {
		[SOURCE_WHOLE] = "sampled at every tick",
		[SOURCE_HALF] = "sampled at every 2nd tick",
		[SOURCE_QUARTER] = "sampled at every 4th tick",
		[SOURCE_EIGHTH] = "sampled at every 8th tick",
		[SOURCE_DROPPED] = "dropped",
	};
	struct budget_report *report = &spending->report;
	const int i = verdict->changed;

	if (i >= 0)
		snprintf(report->text, sizeof(report->text),
			 "%s is %s, as it took %.3f %% of the machine and all of flyball %.3f %%",
			 spending->status[i].name, what[spending->budget.items[i].thinning],
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
	const bool first = spending->step_ns == 0;
	struct budget_cost costs[SOURCES_MAX];
	struct budget_verdict verdict;
	double total;

	spending->n = observer_sources(observer, spending->status);
	total = costs_of(spending, observer, now_ns, costs);
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
	const uint64_t tick = spending->ticks++;
	unsigned int flags = 0;

	spending->budget.tick_ns = tick_ns;
	if (observer_seq(observer) % SPENDING_COUNT_TICKS == SPENDING_COUNT_FROM)
		flags = window_begin(spending);
	else if (spending->window_ns)
		flags = window_end(spending, observer, now_ns);
	else if (spending->counting)
		window_read(spending, observer, now_ns);
	if (tick % BUDGET_STEP_TICKS == 0)
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
