// SPDX-License-Identifier: Apache-2.0
/*
 * The lock source: waits for the kernel's own locks, of the host and of processes. A wait for a spinning lock in an interrupt
 * counts for the process that was interrupted.
 *
 *     tp_btf          BPF programs at contention_begin and contention_end (bpf/lock_record.h)
 *     raw_tracepoint  the same, where the kernel has no typed tracepoints
 *
 * There is no other way: the kernel keeps no sums of these. Waits for futexes are the scheduler source's (lock.futex.wait). A
 * tick is SERIES_LOSSY when more than 1 % of the waits that ended had no begin.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "observer/instances.h"
#include "observer/lock_tracer.h"
#include "observer/methods.h"
#include "observer/processes.h"
#include "observer/rows.h"
#include "observer/source.h"

#define LOSSY_SHARE 100 /* one part in it */
#define FIRST SIGNAL_LOCK_KERNEL_SPIN

_Static_assert(SIGNAL_LOCK_KERNEL_MUTEX - FIRST == LOCK_MUTEX &&
		       SIGNAL_LOCK_KERNEL_RWSEM - FIRST == LOCK_RWSEM &&
		       SIGNAL_LOCK_KERNEL_OTHER - FIRST == LOCK_OTHER,
	       "signals are in the order of the kinds");

/* What is known of the host or of a process from the tick before. */
struct lock_owner {
	bool known;
	uint32_t row; /* of a process */
	struct lock_stats before;
};

struct lock {
	const struct source_context *context;
	uint32_t method; /* enum lock_way */
	bool has_rows;
	struct lock_tracer *tracer;
	struct processes processes;
	struct instances instances;
	struct lock_owner *owners; /* by place */
	struct lock_owner host;
	struct lock_stats now;      /* scratch */
	char text[SOURCE_TEXT_MAX]; /* why not the best method; "" */
};

static const char *const method_names[LOCK_WAY_COUNT] = {
	[LOCK_TP_BTF] = "tp_btf",
	[LOCK_RAW] = "raw_tracepoint",
};

static int method_probe(const struct source_context *context, uint32_t method,
			struct source_status *status)
{
	return lock_tracer_probe(context, (enum lock_way)method, status);
}

static const struct methods methods = {
	.source = "lock",
	.names = method_names,
	.n = LOCK_WAY_COUNT,
	.probe = method_probe,
};

static const char *lock_method_name(size_t method)
{
	return method < LOCK_WAY_COUNT ? method_names[method] : NULL;
}

static void lock_try(const struct source_context *context, size_t method,
		     struct source_status *status)
{
	struct lock_tracer *tracer = NULL;

	if (method_probe(context, (uint32_t)method, status) == 0 &&
	    lock_tracer_open(context, (enum lock_way)method, 0, status, &tracer) == 0)
		lock_tracer_close(tracer);
}

static void lock_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1; /* without BPF there is none, and nothing is broken */
	if (methods_choose(&methods, context, 0, status) < LOCK_WAY_COUNT)
		status->state = SOURCE_IDLE;
}

static int process_list(void *source, struct instances *instances)
{
	const struct lock *lock = source;

	return processes_list(&lock->processes, instances);
}

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct lock *lock = source;
	const uint32_t tgid = (uint32_t)strtoul(instance->scope.name, NULL, 10);
	const int row = lock_tracer_add(lock->tracer, tgid, instance->identity);

	lock->owners[place].known = false;
	lock->owners[place].row = row < 0 ? UINT32_MAX : (uint32_t)row;
	return row < 0 ? -EMFILE : 0; /* over the limit, as without a descriptor */
}

static void process_go(void *source, size_t place)
{
	struct lock *lock = source;

	if (lock->owners[place].row != UINT32_MAX)
		lock_tracer_drop(lock->tracer, lock->owners[place].row);
	lock->owners[place].row = UINT32_MAX;
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

static void lock_stop(struct lock *lock)
{
	instances_deinit(&lock->instances);
	free(lock->owners);
	lock->owners = NULL;
	lock_tracer_close(lock->tracer);
	lock->tracer = NULL;
	lock->host.known = false;
}

/* By the method in use; what does not attach gives way to the next one, and the reason of the first is kept. */
static int lock_start(struct lock *lock, struct source_status *status)
{
	const bool forced = methods_forced(&methods, lock->context);
	int r = -EOPNOTSUPP;

	while (lock->method < LOCK_WAY_COUNT && !lock->tracer) {
		struct source_status latest = *status;

		r = lock_tracer_open(lock->context, (enum lock_way)lock->method,
				     lock->has_rows ? ROWS_MAX : 0, &latest, &lock->tracer);
		if (r < 0 && (forced || !status->text[0]))
			*status = latest;
		if (r < 0 && forced)
			return r;
		if (r < 0)
			lock->method =
				methods_choose(&methods, lock->context, lock->method + 1, status);
		strcpy(lock->text, status->text);
	}
	if (!lock->tracer) {
		status->state = SOURCE_UNAVAILABLE;
		return r;
	}
	lock->owners = calloc(ROWS_MAX, sizeof(*lock->owners));
	r = lock->owners
		    ? instances_init(&lock->instances, SCOPE_PROCESS, ROWS_MAX, &process_ops, lock)
		    : -ENOMEM;
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	return r;
}

static int lock_demand(void *state, const struct source_demand *demand,
		       struct source_status *status)
{
	const bool rows = source_demands_kind(demand, SCOPE_PROCESS);
	struct lock *lock = state;
	int r = 0;

	if (!lock->tracer || rows != lock->has_rows) {
		lock_stop(lock);
		lock->has_rows = rows;
		r = lock_start(lock, status);
	}
	if (r < 0)
		return r;
	instances_scan(&lock->instances, demand, 0);
	status->state = SOURCE_ATTACHED;
	return 0;
}

static int lock_open(void *state, const struct source_context *context,
		     const struct source_demand *demand, struct source_status *status)
{
	struct lock *lock = state;
	int r;

	lock->context = context;
	r = processes_open(&lock->processes, context->root);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot open /proc: %s",
			   strerror(-r));
		return r;
	}
	lock->method = methods_choose(&methods, context, 0, status);
	if (lock->method == LOCK_WAY_COUNT)
		return -EOPNOTSUPP;
	strcpy(lock->text, status->text);
	return lock_demand(lock, demand, status);
}

static void lock_close(void *state)
{
	struct lock *lock = state;

	lock_stop(lock);
	processes_close(&lock->processes);
}

static void lock_status(void *state, struct source_status *status)
{
	const struct lock *lock = state;

	if (lock->tracer)
		lock_tracer_status(lock->tracer, status);
	strcpy(status->text, lock->text);
	if (lock->instances.n_over)
		instances_say(&lock->instances, status);
}

/* The programs go on counting meanwhile: each number is read once. */
static void stats_add(struct lock_stats *into, const struct lock_stats *from)
{
	for (uint32_t i = 0; i < LOCK_COUNTER_COUNT; i++)
		into->counts[i] += from->counts[i];
	for (uint32_t kind = 0; kind < LOCK_KIND_COUNT; kind++)
		row_hist_add(&into->kinds[kind], &from->kinds[kind]);
}

static void add_kinds(const struct lock_owner *owner, const struct lock_stats *now,
		      const struct scope *scope, enum signal_id signal, uint32_t kinds,
		      uint32_t flags, struct sampler *sampler)
{
	struct series *series = sampler_add(sampler, signal, scope);

	if (!series || !flags)
		return;
	for (uint32_t kind = 0; kind < LOCK_KIND_COUNT; kind++)
		if (kinds & 1u << kind)
			row_hist_since(&now->kinds[kind], &owner->before.kinds[kind], series->hist);
	series->flags = flags;
}

/* The owner's series; `now` becomes what was before. Returns the orphans of the tick. */
static uint64_t owner_sample(struct lock_owner *owner, const struct lock_stats *now,
			     const struct scope *scope, const struct signal_set *signals,
			     struct sampler *sampler)
{
	const uint64_t orphans = now->counts[LOCK_ORPHANS] - owner->before.counts[LOCK_ORPHANS];
	const uint64_t ends = now->counts[LOCK_ENDS] - owner->before.counts[LOCK_ENDS];
	const bool valid = owner->known && sampler->interval_ns;
	uint32_t flags = valid ? SERIES_VALID : 0;

	if (valid && orphans * LOSSY_SHARE > ends)
		flags |= SERIES_LOSSY;
	for (uint32_t kind = 0; kind < LOCK_KIND_COUNT; kind++)
		if (signal_set_has(signals, FIRST + kind))
			add_kinds(owner, now, scope, FIRST + kind, 1u << kind, flags, sampler);
	if (signal_set_has(signals, SIGNAL_LOCK_KERNEL_WAIT))
		add_kinds(owner, now, scope, SIGNAL_LOCK_KERNEL_WAIT, (1u << LOCK_KIND_COUNT) - 1,
			  flags, sampler);
	owner->before = *now;
	owner->known = true;
	return valid ? orphans : 0;
}

static void lock_sample(void *state, struct sampler *sampler)
{
	static const struct scope host = { .kind = SCOPE_HOST };
	struct lock *lock = state;

	if (instances_due(&lock->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&lock->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&lock->instances, sampler);
	memset(&lock->now, 0, sizeof(lock->now));
	for (uint32_t cpu = 0; cpu < lock_tracer_n_cpus(lock->tracer); cpu++)
		stats_add(&lock->now, lock_tracer_cpu(lock->tracer, cpu));
	sampler->losses[LOSS_ORPHAN_END] +=
		owner_sample(&lock->host, &lock->now, &host, &sampler->demand->host, sampler);
	for (size_t place = 0; place < lock->instances.n_places; place++) {
		const struct instance *instance = &lock->instances.places[place];
		struct lock_owner *owner = &lock->owners[place];

		if (!instance->used)
			continue;
		if (sampler->interval_ns == 0)
			owner->known = false;
		memset(&lock->now, 0, sizeof(lock->now));
		stats_add(&lock->now, lock_tracer_row(lock->tracer, owner->row));
		owner_sample(owner, &lock->now, &instance->scope, &instance->signals, sampler);
	}
}

static bool lock_may_rest(const void *state)
{
	const struct lock *lock = state;

	return lock->tracer && lock_tracer_may_rest(lock->tracer);
}

static int lock_attend(void *state, bool attends)
{
	const struct lock *lock = state;

	return lock_tracer_attend(lock->tracer, attends);
}

const struct source_ops lock_source = {
	.name = "lock",
	.first = SIGNAL_LOCK_KERNEL_SPIN,
	.last = SIGNAL_LOCK_KERNEL_WAIT,
	.state_size = sizeof(struct lock),
	.probe = lock_probe,
	.method = lock_method_name,
	.try_method = lock_try,
	.open = lock_open,
	.demand = lock_demand,
	.sample = lock_sample,
	.may_rest = lock_may_rest,
	.attend = lock_attend,
	.close = lock_close,
	.status = lock_status,
};
