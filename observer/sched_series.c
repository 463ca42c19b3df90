// SPDX-License-Identifier: Apache-2.0
/*
 * The series of a tick, from what the programs count. The kernel's own count of switches says for each CPU how many the programs
 * did not see (LOSS_EVENT); a task that begins to run, and how it had left its CPU was not seen, is an orphan. Either over
 * 1 % of a CPU's or of the host's switches makes its tick SERIES_LOSSY; a row's by its own orphans, or by what the host did
 * not see.
 */
#include "observer/sched.h"

#include <math.h>
#include <string.h>

#include "base/hist.h"

#define LOSSY_SHARE 100 /* one part in it */
#define FIRST SIGNAL_SCHED_WAKEUP

_Static_assert(SIGNAL_SCHED_PREEMPTED - FIRST == SCHED_PREEMPTED &&
		       SIGNAL_SCHED_RUN - FIRST == SCHED_RUN &&
		       SIGNAL_SCHED_BLOCKED_DISK - FIRST == SCHED_DISK &&
		       SIGNAL_SCHED_BLOCKED_LOCK - FIRST == SCHED_LOCK &&
		       SIGNAL_SCHED_BLOCKED_NETWORK - FIRST == SCHED_NETWORK &&
		       SIGNAL_SCHED_BLOCKED_OTHER - FIRST == SCHED_OTHER &&
		       SIGNAL_SCHED_SLEEP - FIRST == SCHED_SLEEP &&
		       SIGNAL_LOCK_FUTEX_WAIT - FIRST == SCHED_FUTEX,
	       "signals are in the order of the times");
_Static_assert(SIGNAL_SCHED_MIGRATIONS_NODE - SIGNAL_SCHED_SWITCHES == SCHED_MIGRATIONS_NODE &&
		       SIGNAL_SCHED_MIGRATIONS - SIGNAL_SCHED_SWITCHES == SCHED_MIGRATIONS,
	       "signals are in the order of the counts");

#define WAIT_TIMES (1u << SCHED_WAKEUP | 1u << SCHED_PREEMPTED)

uint32_t sched_times(const struct signal_set *signals)
{
	uint32_t times = 0;

	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (signal_set_has(signals, FIRST + time))
			times |= 1u << time;
	if (signal_set_has(signals, SIGNAL_SCHED_WAIT) ||
	    signal_set_has(signals, SIGNAL_SCHED_WAITING))
		times |= WAIT_TIMES;
	return times;
}

/* The programs go on counting meanwhile: each number is read once. */
static void stats_add(struct sched_stats *into, const struct sched_stats *from, uint32_t times)
{
	for (uint32_t i = 0; i < SCHED_COUNTER_COUNT; i++)
		into->counts[i] += from->counts[i];
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++) {
		if (!(times & 1u << time))
			continue;
		into->times[time].sum += from->times[time].sum;
		into->times[time].clamped += from->times[time].clamped;
		for (uint32_t i = 0; i < HIST_BUCKETS; i++)
			into->times[time].buckets[i] += from->times[time].buckets[i];
	}
}

static void stats_clear(struct sched_stats *stats, uint32_t times)
{
	memset(stats->counts, 0, sizeof(stats->counts));
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (times & 1u << time)
			memset(&stats->times[time], 0, sizeof(stats->times[time]));
}

static uint64_t count_since(const struct sched_owner *owner, const struct sched_stats *now,
			    enum sched_count count)
{
	return now->counts[count] - owner->before.counts[count];
}

static bool is_lossy(const struct sched_owner *owner, const struct sched_stats *now)
{
	const uint64_t unseen = count_since(owner, now, SCHED_UNSEEN);

	return (count_since(owner, now, SCHED_ORPHANS) + unseen) * LOSSY_SHARE >
	       count_since(owner, now, SCHED_SWITCHES) + unseen;
}

/* Adds what came to a time, of which the count is that of the buckets: they can never disagree. */
static void hist_since(struct hist *hist, const struct sched_owner *owner,
		       const struct sched_stats *now, uint32_t time)
{
	const struct row_hist *a = &owner->before.times[time], *b = &now->times[time];

	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		const uint32_t more = b->buckets[i] - a->buckets[i];

		hist->buckets[i] += more;
		hist->count += more;
	}
	hist->sum += b->sum - a->sum;
	hist->clamped += b->clamped - a->clamped;
	hist_settle(hist);
}

static double waiting(const struct sched_owner *owner, const struct sched_stats *now,
		      uint64_t interval_ns)
{
	const struct row_hist *a = owner->before.times, *b = now->times;

	return (double)(b[SCHED_WAKEUP].sum - a[SCHED_WAKEUP].sum + b[SCHED_PREEMPTED].sum -
			a[SCHED_PREEMPTED].sum) /
	       (double)interval_ns;
}

/* What one owner did since the tick before. */
struct since {
	const struct sched_owner *owner;
	const struct sched_stats *now;
	struct sampler *sampler;
	const struct scope *scope;
	uint32_t flags; /* SERIES_VALID, SERIES_LOSSY; 0 = a baseline */
};

static void add_times(const struct since *since, enum signal_id signal, uint32_t times)
{
	struct series *series = sampler_add(since->sampler, signal, since->scope);

	if (!series || !since->flags)
		return;
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (times & 1u << time)
			hist_since(series->hist, since->owner, since->now, time);
	series->flags = since->flags;
}

static void add_value(const struct since *since, enum signal_id signal, double value)
{
	struct series *series = sampler_add(since->sampler, signal, since->scope);

	if (!series || !since->flags)
		return;
	series->value = value;
	series->flags = since->flags;
}

static void add_all(const struct since *since, const struct signal_set *signals)
{
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (signal_set_has(signals, FIRST + time))
			add_times(since, FIRST + time, 1u << time);
	if (signal_set_has(signals, SIGNAL_SCHED_WAIT))
		add_times(since, SIGNAL_SCHED_WAIT, WAIT_TIMES);
	if (signal_set_has(signals, SIGNAL_SCHED_WAITING))
		add_value(since, SIGNAL_SCHED_WAITING,
			  since->flags
				  ? waiting(since->owner, since->now, since->sampler->interval_ns)
				  : 0);
	for (uint32_t i = SIGNAL_SCHED_SWITCHES; i <= SIGNAL_SCHED_MIGRATIONS_NODE; i++)
		if (signal_set_has(signals, i))
			add_value(since, i,
				  (double)count_since(since->owner, since->now,
						      i - SIGNAL_SCHED_SWITCHES));
}

/* The owner's series; `now` becomes what was before. */
static void owner_sample(struct sched_owner *owner, const struct sched_stats *now,
			 const struct scope *scope, const struct signal_set *signals, bool lossy,
			 struct sampler *sampler)
{
	const uint32_t times = sched_times(signals);
	struct since since = {
		.owner = owner,
		.now = now,
		.sampler = sampler,
		.scope = scope,
	};

	if (owner->known && sampler->interval_ns)
		since.flags = SERIES_VALID | (lossy || is_lossy(owner, now) ? SERIES_LOSSY : 0);
	add_all(&since, signals);
	memcpy(owner->before.counts, now->counts, sizeof(now->counts));
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (times & 1u << time)
			owner->before.times[time] = now->times[time];
	owner->known = true;
}

/* What was lost on all CPUs. Returns whether the programs saw too little of the tick to go by. */
static bool host_losses(const struct sched *sched, const struct sched_stats *now,
			struct sampler *sampler)
{
	const struct sched_owner *host = &sched->host;
	uint64_t unseen;

	if (!host->known || !sampler->interval_ns)
		return false;
	unseen = count_since(host, now, SCHED_UNSEEN);
	sampler->losses[LOSS_EVENT] += unseen;
	sampler->losses[LOSS_ORPHAN_END] += count_since(host, now, SCHED_ORPHANS);
	for (uint32_t time = 0; time < SCHED_TIME_COUNT; time++)
		if (sched_times(&sampler->demand->host) & 1u << time)
			sampler->losses[LOSS_CLAMPED] +=
				now->times[time].clamped - host->before.times[time].clamped;
	return unseen * LOSSY_SHARE > count_since(host, now, SCHED_SWITCHES) + unseen;
}

static bool host_sample(struct sched *sched, struct sampler *sampler)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	const uint32_t times = sched_times(&sampler->demand->host);
	bool lossy;

	stats_clear(&sched->now, times);
	for (uint32_t cpu = 0; cpu < sched_tracer_n_cpus(sched->tracer); cpu++)
		stats_add(&sched->now, sched_tracer_cpu(sched->tracer, cpu), times);
	lossy = host_losses(sched, &sched->now, sampler);
	owner_sample(&sched->host, &sched->now, &host, &sampler->demand->host, false, sampler);
	return lossy;
}

static void instance_sample(struct sched *sched, uint32_t kind, size_t place, bool lossy,
			    struct sampler *sampler)
{
	const struct instance *instance = &sched->groups[kind].instances.places[place];
	struct sched_owner *owner = &sched->groups[kind].owners[place];
	const uint32_t times = sched_times(&instance->signals);

	stats_clear(&sched->now, times);
	stats_add(&sched->now,
		  kind == SCHED_KIND_CPU ? sched_tracer_cpu(sched->tracer, owner->row)
					 : sched_tracer_row(sched->tracer, owner->row),
		  times);
	owner_sample(owner, &sched->now, &instance->scope, &instance->signals,
		     kind != SCHED_KIND_CPU && lossy, sampler);
}

void sched_series_sample(struct sched *sched, struct sampler *sampler)
{
	const bool lossy = host_sample(sched, sampler);

	for (uint32_t kind = 0; kind < SCHED_KIND_COUNT; kind++) {
		const struct instances *instances = &sched->groups[kind].instances;

		for (size_t place = 0; place < instances->n_places; place++)
			if (instances->places[place].used)
				instance_sample(sched, kind, place, lossy, sampler);
	}
}
