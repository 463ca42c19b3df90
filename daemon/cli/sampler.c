// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/sampler.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/hist.h"
#include "base/quantity.h"
#include "base/signal.h"
#include "base/sysroot.h"

#define DRAIN_NS (5 * NSEC_PER_MSEC)

/* Root alone can make the folder; in a daemon's own folder the socket is a daemon's, or nobody's. */
static void make_push_folder(struct sampler *sampler)
{
	const struct account account = { .uid = geteuid(), .gid = getegid() };

	for (size_t i = 0; i < sampler->n_demands; i++)
		if (signal_is_app(sampler->seen->demands[i].signal)) {
			push_folder_open(sampler->options.run_dir, &account, false, &sampler->push);
			return;
		}
}

/* The demands of a pattern, or of the scopes that --only says. Returns how many; what is over DEMANDS_MAX is left out. */
static size_t demands_of(const struct signal_pattern *pattern, const struct scope *only,
			 struct demand demands[DEMANDS_MAX])
{
	struct scope scopes[SCOPE_KIND_COUNT];
	size_t n = 0;

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		size_t n_scopes = signal_pattern_scopes(pattern, i, scopes);

		if (only->kind != SCOPE_KIND_COUNT && n_scopes > 0) {
			n_scopes = signal_has_scope(&signal_rows[i], only->kind);
			scopes[0] = *only;
		}
		for (size_t j = 0; j < n_scopes && n < DEMANDS_MAX; j++)
			demands[n++] = (struct demand){ .signal = i, .scope = scopes[j] };
	}
	return n;
}

/* --- in the child --- */

static void sleep_until(uint64_t until_ns)
{
	struct timespec until = { .tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
				  .tv_nsec = (long)(until_ns % NSEC_PER_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Takes in at most every DRAIN_NS what is pushed, and sleeps in between. */
static int drain_until(struct sampler *sampler, int parent, uint64_t until_ns)
{
	struct pollfd waiting[] = {
		{ .fd = observer_descriptor(sampler->observer), .events = POLLIN },
		{ .fd = parent, .events = POLLIN },
	};
	uint64_t now_ns = clock_now_ns(), next_ns;

	while (now_ns < until_ns) {
		const struct timespec left = { .tv_sec =
						       (time_t)((until_ns - now_ns) / NSEC_PER_SEC),
					       .tv_nsec =
						       (long)((until_ns - now_ns) % NSEC_PER_SEC) };

		if (ppoll(waiting, ARRAY_SIZE(waiting), &left, NULL) > 0) {
			if (waiting[1].revents)
				return -EPIPE;
			observer_drain(sampler->observer);
		}
		now_ns = clock_now_ns();
		next_ns = now_ns + DRAIN_NS < until_ns ? now_ns + DRAIN_NS : until_ns;
		sleep_until(next_ns);
		now_ns = clock_now_ns();
	}
	return 0;
}

static int begin(struct sampler *sampler)
{
	int r;

	descriptors_raise();
	r = observer_new(&sampler->options, &sampler->observer);
	if (r < 0)
		return r;
	spending_init(&sampler->spending, sampler->root, getppid(), sampler->budget_ratio);
	sampler->seen->spending |= SPENDING_NO_COUNT; /* what a child before this one asked for */
	return observer_demand(sampler->observer, sampler->seen->demands, sampler->n_demands);
}

static void spend(struct sampler *sampler)
{
	struct sampled *seen = sampler->seen;

	seen->spending |= spending_tick(&sampler->spending, sampler->observer,
					seen->frame.interval_ns, clock_now_ns());
	seen->report = sampler->spending.report;
}

/* The first time it is a baseline. */
static int look(void *data, int parent, uint64_t until_ns)
{
	struct sampler *sampler = data;
	struct sampled *seen = sampler->seen;
	const bool first = !sampler->observer;
	int r = first ? begin(sampler) : drain_until(sampler, parent, until_ns);

	if (r == 0)
		r = observer_sample(sampler->observer, clock_now_ns(), &seen->frame);
	if (r == 0 && !first && sampler->budget_ratio > 0)
		spend(sampler);
	if (r == 0 && sampler->with_sources)
		seen->n_sources = observer_sources(sampler->observer, seen->sources);
	return r;
}

static void end(void *data)
{
	struct sampler *sampler = data;

	observer_free(sampler->observer);
}

/* --- in its parent --- */

static int first_look(struct sampler *sampler)
{
	int r;

	do
		r = looker_ask(&sampler->looker, 0);
	while (r == LOOKER_HUNG);
	return r;
}

int sampler_init(struct sampler *sampler, const struct sampling *sampling, FILE *err)
{
	struct looker_work work = { .look = look, .end = end, .data = sampler, .err = err };
	int r;

	*sampler = (struct sampler)SAMPLER_NONE;
	sampler->options = *sampling->options;
	sampler->budget_ratio = sampling->budget_ratio;
	sampler->with_sources = sampling->with_sources;
	sampler->root = work.root = sampler->options.root = sysroot_open("/");
	if (sampler->root < 0)
		return sampler->root;
	sampler->seen = looker_memory(sizeof(*sampler->seen));
	if (!sampler->seen)
		return -ENOMEM;
	work.watch = sampler->options.watch = &sampler->seen->watch;
	r = looker_open(&sampler->looker, &work);
	if (r < 0)
		return r;
	if (sampling->pattern)
		sampler->n_demands =
			demands_of(sampling->pattern, &sampling->only, sampler->seen->demands);
	make_push_folder(sampler);
	return first_look(sampler);
}

void sampler_deinit(struct sampler *sampler)
{
	closep(&sampler->counting);
	looker_stop(&sampler->looker);
	push_folder_close(&sampler->push);
	looker_close(&sampler->looker);
	if (sampler->seen)
		munmap(sampler->seen, sizeof(*sampler->seen));
	closep(&sampler->root);
	*sampler = (struct sampler)SAMPLER_NONE;
}

/* Here, so that the kernel ends to time programs though the child hangs. */
static void count_runs(struct sampler *sampler)
{
	const unsigned int flags = sampler->seen->spending;

	if (!(flags & (SPENDING_COUNT | SPENDING_NO_COUNT)))
		return;
	closep(&sampler->counting);
	sampler->counting = flags & SPENDING_COUNT ? observer_count_runs() : -1;
}

int sampler_step(struct sampler *sampler, uint64_t until_ns)
{
	const uint64_t now_ns = clock_now_ns(),
		       length_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	int r;

	sampler->seen->spending = 0;
	while ((r = looker_ask(&sampler->looker, until_ns)) == LOOKER_HUNG) {
		r = first_look(sampler);
		if (r < 0)
			return r;
		until_ns = clock_now_ns() + length_ns;
	}
	count_runs(sampler);
	return r;
}

char *series_text(const struct series *series, uint64_t interval_ns, char *buffer, size_t size)
{
	const struct signal_row *row = &signal_rows[series->signal];
	double seconds = (double)series_covers_ns(series, interval_ns) / (double)NSEC_PER_SEC;
	char rate[32], p50[32], p90[32], p99[32];

	if (!(series->flags & SERIES_VALID) || (row->kind != SIGNAL_GAUGE && interval_ns == 0)) {
		snprintf(buffer, size, "-");
	} else if (row->kind == SIGNAL_GAUGE) {
		quantity_format(series->value, row->unit, buffer, size);
	} else if (row->kind == SIGNAL_COUNTER) {
		snprintf(buffer, size, "%s/s",
			 quantity_format(series->value / seconds, row->unit, rate, sizeof(rate)));
	} else if (!series->hist || series->hist->count == 0) {
		snprintf(buffer, size, "0/s");
	} else if (series->flags & SERIES_SUMS) {
		snprintf(buffer, size, "%s/s  mean %s",
			 quantity_format((double)series->hist->count / seconds, UNIT_NONE, rate,
					 sizeof(rate)),
			 quantity_format(hist_mean(series->hist), row->unit, p50, sizeof(p50)));
	} else {
		snprintf(buffer, size, "%s/s  p50 %s  p90 %s  p99 %s",
			 quantity_format((double)series->hist->count / seconds, UNIT_NONE, rate,
					 sizeof(rate)),
			 quantity_format(hist_quantile(series->hist, 0.5), row->unit, p50,
					 sizeof(p50)),
			 quantity_format(hist_quantile(series->hist, 0.9), row->unit, p90,
					 sizeof(p90)),
			 quantity_format(hist_quantile(series->hist, 0.99), row->unit, p99,
					 sizeof(p99)));
	}
	return buffer;
}
