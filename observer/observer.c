// SPDX-License-Identifier: Apache-2.0
/* The facade: hands each source its part of the demand, and samples the open ones into a frame. */
#include "observer/observer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/scope.h"
#include "observer/budget.h"
#include "observer/source.h"
#include "observer/thinning.h"
#include "observer/watch.h"

static const struct source_ops *const sources[] = {
	&block_source,         &psi_source,          &cgroup_psi_source, &cpu_source,
	&cpu_state_source,     &cgroup_cpu_source,   &rapl_source,       &memory_source,
	&cgroup_memory_source, &numa_process_source, &task_delay_source, &pmu_source,
	&perf_source,          &sched_source,        &lock_source,       &app_source,
	&tcp_source,           &net_source,          &tcp_split_source,  &service_source,
	&nvml_source,          &drm_source,          &gpu_calls_source,
};

_Static_assert(ARRAY_SIZE(sources) <= SOURCES_MAX, "observer_sources() has room for all");

struct attachment {
	void *state; /* NULL = not open */
	struct source_demand demand;
	struct source_status status; /* also how much it is thinned, and whether a trial needs it */
	uint64_t sampled_ns;         /* the last sample; 0 = a baseline is due */
	bool absent;                 /* left out, as it hung */
	bool rests;                  /* thinned, and detached until it attends again */
};

struct observer {
	struct source_context context;
	struct source_watch *watch; /* NULL = nobody watches */
	uint64_t seq;
	uint64_t sampled_ns; /* of the previous frame; 0 = a baseline is due */
	size_t n_demands;
	struct demand demands[DEMANDS_MAX];
	struct demand parts[DEMANDS_MAX]; /* the same, those on one source together */
	struct attachment attachments[ARRAY_SIZE(sources)];
};

static void attachment_probe(struct observer *observer, size_t i)
{
	struct source_status *status = &observer->attachments[i].status;

	*status = (struct source_status){ .thinning = status->thinning,
					  .on_trial = status->on_trial };
	strcpy(status->name, sources[i]->name);
	observer->attachments[i].absent = watch_absent(observer->watch, i, clock_now_ns());
	if (observer->attachments[i].absent) {
		watch_say(observer->watch, i, clock_now_ns(), status);
		return;
	}
	watch_enter(observer->watch, i, STEP_ATTACH);
	sources[i]->probe(&observer->context, status);
	watch_leave(observer->watch);
}

static void attachment_close(struct observer *observer, size_t i)
{
	struct attachment *attachment = &observer->attachments[i];

	if (!attachment->state)
		return;
	watch_enter(observer->watch, i, STEP_DETACH);
	sources[i]->close(attachment->state);
	watch_leave(observer->watch);
	free(attachment->state);
	attachment->state = NULL;
	attachment->sampled_ns = 0;
	attachment->rests = false;
}

int observer_new(const struct observer_options *options, struct observer **ret_observer)
{
	struct observer *observer = calloc(1, sizeof(*observer));

	if (!observer)
		return -ENOMEM;
	observer->context.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (observer->context.epoll < 0) {
		free(observer);
		return -errno;
	}
	observer->context.root = options->root;
	observer->context.run_dir = options->run_dir;
	observer->context.force = options->force;
	observer->context.services = options->services;
	observer->context.pages = options->pages;
	observer->context.maps = options->maps;
	observer->context.nvml = options->nvml;
	observer->context.gpu_library = options->gpu_library;
	observer->watch = options->watch;
	if (options->events)
		observer->context.events = *options->events;
	else
		observer_events_read(options->root, &observer->context.events);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		attachment_probe(observer, i);
	*ret_observer = observer;
	return 0;
}

void observer_free(struct observer *observer)
{
	if (!observer)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		attachment_close(observer, i);
	close(observer->context.epoll);
	free(observer);
}

static bool demand_valid(const struct demand *demand)
{
	return demand->signal < SIGNAL_ID_COUNT &&
	       signal_has_scope(&signal_rows[demand->signal], demand->scope.kind) &&
	       memchr(demand->scope.name, '\0', SCOPE_NAME_MAX);
}

static bool demand_same(const struct observer *observer, const struct demand *demands,
			size_t n_demands)
{
	if (n_demands != observer->n_demands)
		return false;
	for (size_t i = 0; i < n_demands; i++)
		if (demands[i].signal != observer->demands[i].signal ||
		    !scope_equal(&demands[i].scope, &observer->demands[i].scope))
			return false;
	return true;
}

/* Whether a source has the signal in that kind of scope. */
static bool source_serves(const struct source_ops *ops, uint32_t signal, uint32_t kind)
{
	return signal >= ops->first && signal <= ops->last &&
	       (!ops->scopes || ops->scopes & SCOPE_BIT(kind)) &&
	       signal_has_scope(&signal_rows[signal], kind);
}

/* The demands on one source, put at `parts`. */
static struct source_demand demand_part(const struct observer *observer,
					const struct source_ops *ops, struct demand *parts)
{
	struct source_demand part = { .demands = parts };

	for (size_t i = 0; i < observer->n_demands; i++) {
		const struct demand *demand = &observer->demands[i];

		if (!source_serves(ops, demand->signal, demand->scope.kind))
			continue;
		parts[part.n_demands++] = *demand;
		signal_set_add(&part.signals, demand->signal);
		if (demand->scope.kind == SCOPE_HOST)
			signal_set_add(&part.host, demand->signal);
	}
	return part;
}

const char *observer_source_name(size_t source)
{
	return source < ARRAY_SIZE(sources) ? sources[source]->name : "?";
}

const char *observer_source_of(uint32_t signal, uint32_t kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (source_serves(sources[i], signal, kind))
			return sources[i]->name;
	return NULL;
}

/* Thinned, it is attached for one tick of so many, and costs nothing in the others. */
static bool attachment_in_turns(const struct observer *observer, size_t i)
{
	const struct attachment *attachment = &observer->attachments[i];

	return attachment->state && attachment->status.thinning && sources[i]->may_rest &&
	       sources[i]->may_rest(attachment->state);
}

static void attachment_thin(struct observer *observer, size_t i)
{
	const struct attachment *attachment = &observer->attachments[i];

	if (sources[i]->thin)
		sources[i]->thin(attachment->state, attachment_in_turns(observer, i)
							    ? 0
							    : attachment->status.thinning);
}

/* What it counted before it attends again is of another time: a baseline is due. */
static void attachment_attend(struct observer *observer, size_t i, bool attends)
{
	struct attachment *attachment = &observer->attachments[i];
	uint64_t start_ns;
	int r;

	if (attachment->rests != attends)
		return;
	start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	watch_enter(observer->watch, i, attends ? STEP_ATTACH : STEP_DETACH);
	r = sources[i]->attend(attachment->state, attends);
	watch_leave(observer->watch);
	attachment->status.sample_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	attachment->rests = !attends;
	if (attends)
		attachment->sampled_ns = 0;
	if (r < 0) {
		source_say(&attachment->status, SOURCE_UNAVAILABLE, "",
			   "unable to attach again after a rest: %s", strerror(-r));
		attachment_close(observer, i);
	}
}

/* Opens a source for its first demand. What fails is said by its status, and tried again at the next change. */
static void attachment_open(struct observer *observer, size_t i, const struct source_demand *part)
{
	struct attachment *attachment = &observer->attachments[i];
	struct source_status *status = &attachment->status;
	int r;

	attachment_probe(observer, i);
	if ((status->state == SOURCE_UNAVAILABLE && !sources[i]->comes_later) ||
	    status->thinning == SOURCE_DROPPED)
		return;
	attachment->state = calloc(1, sources[i]->state_size);
	if (!attachment->state) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return;
	}
	watch_enter(observer->watch, i, STEP_ATTACH);
	r = sources[i]->open(attachment->state, &observer->context, part, status);
	watch_leave(observer->watch);
	if (r < 0)
		attachment_close(observer, i);
	else if (status->thinning)
		attachment_thin(observer, i);
}

void observer_restrain(struct observer *observer, size_t i, enum source_thinning thinning)
{
	struct attachment *attachment = &observer->attachments[i];

	if (attachment->status.thinning == thinning)
		return;
	attachment->status.thinning = thinning;
	if (attachment->demand.n_demands == 0)
		return;
	if (thinning == SOURCE_DROPPED) {
		attachment_close(observer, i);
		attachment_probe(observer, i);
	} else if (!attachment->state) {
		attachment_open(observer, i, &attachment->demand);
	} else {
		attachment_thin(observer, i);
	}
}

/* Whom a trial needs, and whom nobody demands, is whole. */
static void release(struct observer *observer)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct attachment *attachment = &observer->attachments[i];
		uint32_t on_trial = 0;

		for (size_t j = 0; j < observer->n_demands; j++)
			if (source_serves(sources[i], observer->demands[j].signal,
					  observer->demands[j].scope.kind))
				on_trial |= observer->demands[j].on_trial;
		attachment->status.on_trial = on_trial;
		if (on_trial || attachment->demand.n_demands == 0)
			observer_restrain(observer, i, SOURCE_WHOLE);
	}
}

static void attachment_demand(struct observer *observer, size_t i)
{
	struct attachment *attachment = &observer->attachments[i];
	const struct source_demand part = attachment->demand;
	int r;

	attachment_attend(observer, i, true);
	if (part.n_demands == 0) {
		attachment_close(observer, i);
		attachment_probe(observer, i);
	} else if (!attachment->state) {
		attachment_open(observer, i, &part);
	} else if (sources[i]->demand) {
		watch_enter(observer->watch, i, STEP_ATTACH);
		r = sources[i]->demand(attachment->state, &part, &attachment->status);
		watch_leave(observer->watch);
		if (r < 0)
			attachment_close(observer, i);
	}
}

int observer_demand(struct observer *observer, const struct demand *demands, size_t n_demands)
{
	bool same;

	if (n_demands > DEMANDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n_demands; i++)
		if (!demand_valid(&demands[i]))
			return -EINVAL;
	same = demand_same(observer, demands, n_demands);
	if (n_demands > 0)
		memcpy(observer->demands, demands, n_demands * sizeof(*demands));
	observer->n_demands = n_demands;
	if (same) {
		release(observer);
		return 0;
	}
	observer->sampled_ns = 0;
	/* A demand is on one source at most: all parts together have room for all. */
	for (size_t i = 0, at = 0; i < ARRAY_SIZE(sources); i++) {
		struct source_demand *part = &observer->attachments[i].demand;

		*part = demand_part(observer, sources[i], observer->parts + at);
		at += part->n_demands;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		observer->attachments[i].sampled_ns = 0;
		attachment_demand(observer, i);
	}
	release(observer);
	return 0;
}

/*
 * Of a source that was left out: a window with it does not count, an increase is the mean of a tick, and a distribution says how
 * long it covers.
 */
static void series_mark(struct frame *frame, size_t first, uint64_t interval_ns)
{
	for (size_t i = first; i < frame->n_series; i++) {
		struct series *series = &frame->series[i];

		series->flags |= SERIES_LOSSY;
		if (series->hist && interval_ns != frame->interval_ns)
			series->value = (double)interval_ns;
		else if (interval_ns && signal_rows[series->signal].kind == SIGNAL_COUNTER)
			series->value *= (double)frame->interval_ns / (double)interval_ns;
	}
}

/* Of more than that in a tick no double is exact: bytes of 8 PiB, nanoseconds of 104 days. */
#define VALUE_MAX 9007199254740992.0
#define SUM_MAX (1ull << 60) /* of a distribution: 36 years of waiting in a tick */

static bool series_absurd(const struct series *series)
{
	if (!(series->flags & SERIES_VALID) || signal_is_app(series->signal))
		return false; /* what a service says of itself may be anything */
	if (series->hist)
		return (double)series->hist->count > VALUE_MAX || series->hist->sum > SUM_MAX;
	return !(fabs(series->value) <= VALUE_MAX);
}

/* A number that cannot be is a file that was garbled, or a kernel that counts below zero: no value, and a loss. */
static void series_judge(const struct sampler *sampler, size_t first)
{
	for (size_t i = first; i < sampler->frame->n_series; i++) {
		struct series *series = &sampler->frame->series[i];

		if (!series_absurd(series))
			continue;
		series->flags &= ~(uint32_t)SERIES_VALID;
		sampler->losses[LOSS_EVENT]++;
	}
}

static bool attachment_due(const struct observer *observer, size_t i, uint64_t seq)
{
	return thinning_due(seq, observer->attachments[i].status.thinning);
}

/* A baseline is never left out. */
static bool attachment_skipped(const struct observer *observer, size_t i)
{
	return observer->attachments[i].sampled_ns && !attachment_due(observer, i, observer->seq);
}

/* Adds its series to the frame. */
static void attachment_read(struct observer *observer, size_t i, uint64_t now_ns,
			    struct frame *frame)
{
	struct attachment *attachment = &observer->attachments[i];
	struct source_status *status = &attachment->status;
	struct sampler sampler = {
		.frame = frame,
		.now_ns = now_ns,
		.interval_ns = frame->interval_ns && attachment->sampled_ns
				       ? now_ns - attachment->sampled_ns
				       : 0,
		.demand = &attachment->demand,
		.losses = status->losses,
	};
	const size_t first = frame->n_series;
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	watch_enter(observer->watch, i, STEP_SAMPLE);
	sources[i]->sample(attachment->state, &sampler);
	watch_leave(observer->watch);
	status->sample_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	attachment->sampled_ns = now_ns;
	series_judge(&sampler, first);
	if (status->thinning || sampler.interval_ns != frame->interval_ns)
		series_mark(frame, first, sampler.interval_ns);
}

/* The tick before it is due: what it counts from now on is of that one alone. The frame gets nothing of it. */
static void attachment_wake(struct observer *observer, size_t i, uint64_t now_ns,
			    struct frame *frame)
{
	const size_t n_series = frame->n_series, n_hists = frame->n_hists;

	attachment_attend(observer, i, true);
	if (!observer->attachments[i].state)
		return;
	attachment_read(observer, i, now_ns, frame);
	frame->n_series = n_series;
	frame->n_hists = n_hists;
}

static void attachment_sample(struct observer *observer, size_t i, uint64_t now_ns,
			      struct frame *frame)
{
	struct attachment *attachment = &observer->attachments[i];
	bool next;

	if (attachment->absent && attachment->demand.n_demands > 0 &&
	    !watch_absent(observer->watch, i, now_ns))
		attachment_open(observer, i, &attachment->demand);
	next = attachment_due(observer, i, observer->seq + 1);
	if (attachment->state && attachment_skipped(observer, i)) {
		signal_set_merge(&frame->skipped, &attachment->demand.signals);
		if (attachment->rests && next)
			attachment_wake(observer, i, now_ns, frame);
	} else if (attachment->state) {
		attachment_attend(observer, i, true);
		if (attachment->state) {
			attachment_read(observer, i, now_ns, frame);
			attachment->status.samples++;
		}
	}
	if (!next && attachment_in_turns(observer, i))
		attachment_attend(observer, i, false);
	for (size_t loss = 0; loss < LOSS_COUNT; loss++)
		frame->losses[loss] += attachment->status.losses[loss];
}

int observer_sample(struct observer *observer, uint64_t now_ns, struct frame *frame)
{
	/* Not the whole frame: a megabyte of histograms is cleared one by one as they are used. */
	frame->seq = ++observer->seq;
	frame->time_ns = now_ns;
	frame->interval_ns = observer->sampled_ns && now_ns > observer->sampled_ns
				     ? now_ns - observer->sampled_ns
				     : 0;
	frame->skipped = (struct signal_set){ 0 };
	frame->n_series = 0;
	frame->n_hists = 0;
	memset(frame->losses, 0, sizeof(frame->losses));
	observer->sampled_ns = now_ns;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		attachment_sample(observer, i, now_ns, frame);
	return 0;
}

static const struct source_ops *source_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (sources[i]->method && strlen(sources[i]->name) == length &&
		    !strncmp(sources[i]->name, name, length))
			return sources[i];
	return NULL;
}

int observer_force(struct observer_options *options, const char *text, char *complaint, size_t size)
{
	const size_t length = strcspn(text, "=");
	const struct source_ops *source = source_find(text, length);
	const char *method;
	int used;

	if (!source || !text[length]) {
		snprintf(complaint, size,
			 "needs SOURCE=METHOD, such as block=kprobe; 'block' and 'sched' have "
			 "several");
		return -EINVAL;
	}
	used = snprintf(complaint, size, "'%s' has no method '%s'; use one of", source->name,
			text + length + 1);
	for (size_t i = 0; (method = source->method(i)); i++) {
		if (!strcmp(method, text + length + 1)) {
			options->force = text;
			return 0;
		}
		if (used >= 0 && (size_t)used < size)
			used += snprintf(complaint + used, size - (size_t)used, "%s %s",
					 i ? "," : "", method);
	}
	return -EINVAL;
}

size_t observer_methods(struct observer *observer, size_t source, struct source_status *ret_methods)
{
	struct source_context context = observer->context;
	const struct source_ops *ops = sources[source];
	const char *name;
	size_t i;

	if (observer->attachments[source].absent)
		return 0;
	context.force = NULL;
	for (i = 0; ops->method && i < SOURCE_METHODS_MAX && (name = ops->method(i)); i++) {
		memset(&ret_methods[i], 0, sizeof(ret_methods[i]));
		snprintf(ret_methods[i].name, SOURCE_NAME_MAX, "%s", ops->name);
		snprintf(ret_methods[i].method, SOURCE_NAME_MAX, "%s", name);
		ret_methods[i].state = SOURCE_IDLE;
		watch_enter(observer->watch, source, STEP_ATTACH);
		ops->try_method(&context, i, &ret_methods[i]);
		watch_leave(observer->watch);
	}
	return i;
}

int observer_thin(struct observer *observer, const char *source, uint32_t step)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct attachment *attachment = &observer->attachments[i];

		if (strcmp(sources[i]->name, source) || !sources[i]->thin || !attachment->state)
			continue;
		sources[i]->thin(attachment->state, step);
		return 0;
	}
	return -EOPNOTSUPP;
}

int observer_descriptor(const struct observer *observer)
{
	return observer->context.epoll;
}

void observer_drain(struct observer *observer)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct attachment *attachment = &observer->attachments[i];
		uint64_t start_ns;

		if (!attachment->state || !sources[i]->drain)
			continue;
		start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		watch_enter(observer->watch, i, STEP_SAMPLE);
		sources[i]->drain(attachment->state);
		watch_leave(observer->watch);
		attachment->status.sample_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	}
}

uint64_t observer_seq(const struct observer *observer)
{
	return observer->seq;
}

double observer_attends(const struct observer *observer, size_t i)
{
	return attachment_in_turns(observer, i)
		       ? thinning_share(observer->attachments[i].status.thinning)
		       : 1.0;
}

size_t observer_sources(struct observer *observer, struct source_status *ret_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct attachment *attachment = &observer->attachments[i];

		if (attachment->state && sources[i]->status) {
			watch_enter(observer->watch, i, STEP_SAMPLE);
			sources[i]->status(attachment->state, &attachment->status);
			watch_leave(observer->watch);
		} else if (attachment->absent) {
			watch_say(observer->watch, i, clock_now_ns(), &attachment->status);
		}
		ret_status[i] = attachment->status;
		budget_say(&ret_status[i]);
	}
	return ARRAY_SIZE(sources);
}
