// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/sampler.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/hist.h"
#include "base/quantity.h"
#include "base/signal.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "daemon/cli/cli.h"

#define DRAIN_NS (5 * NSEC_PER_MSEC)

/* Root alone can make the folder; in a daemon's own folder the socket is a daemon's, or nobody's. */
static void make_push_folder(struct sampler *sampler, const struct demand *demands, size_t n,
			     const char *run_dir)
{
	const struct account account = { .uid = geteuid(), .gid = getegid() };

	for (size_t i = 0; i < n; i++)
		if (signal_is_app(demands[i].signal)) {
			push_folder_open(run_dir, &account, false, &sampler->push);
			return;
		}
}

int signal_pattern_parse(const char *text, struct signal_pattern *ret_pattern)
{
	char *open, *close;

	*ret_pattern = (struct signal_pattern){ .name = text };
	if (!text || !strchr(text, '['))
		return 0;
	snprintf(ret_pattern->text, sizeof(ret_pattern->text), "%s", text);
	open = strchr(ret_pattern->text, '[');
	close = strrchr(open, ']');
	if (strlen(text) >= sizeof(ret_pattern->text) || !close || close[1] ||
	    close - open > (ptrdiff_t)sizeof(ret_pattern->instance))
		return -EINVAL;
	*open = *close = '\0';
	strcpy(ret_pattern->instance, open + 1);
	ret_pattern->has_instance = true;
	ret_pattern->name = ret_pattern->text;
	return 0;
}

/* `cpu:3`: whatever signal that is asked of, it means a CPU. */
static bool says_kind(const char *instance)
{
	char word[32];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(instance, ":"), instance);
	return strchr(instance, ':') && scope_kind_parse(word) >= 0;
}

size_t signal_pattern_scopes(const struct signal_pattern *pattern, uint32_t signal,
			     struct scope scopes[SCOPE_KIND_COUNT])
{
	const struct signal_row *row = &signal_rows[signal];
	const char *name = pattern->instance;
	enum scope_kind kind;
	bool all_kinds;
	size_t n = 0;

	if (!cli_matches(pattern->name, row->name))
		return 0;
	if (!pattern->has_instance) {
		scopes[0] = (struct scope){ .kind = row->scope };
		return 1;
	}
	all_kinds = !strcmp(name, "*");
	kind = signal_take_kind(row, &name);
	if (kind == SCOPE_KIND_COUNT && !all_kinds && !says_kind(name))
		kind = signal_only_kind(row);
	for (uint32_t i = 0; i < SCOPE_KIND_COUNT; i++) {
		if (!signal_has_scope(row, i) || (i != kind && !all_kinds))
			continue;
		scopes[n] = (struct scope){ .kind = i };
		if (i != SCOPE_HOST && strcmp(name, "*") != 0)
			strcpy(scopes[n].name, name);
		n++;
	}
	return n;
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

/* What is made in the run folder goes before the process does. */
static int hold_back_signals(struct sampler *sampler)
{
	static const int endings[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		sigaddset(&mask, endings[i]);
	sampler->ending = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sampler->ending < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &mask, &sampler->held_back);
	return 0;
}

int sampler_init(struct sampler *sampler, const struct observer_options *wanted,
		 const struct signal_pattern *pattern, const struct scope *only)
{
	struct demand demands[DEMANDS_MAX];
	struct observer_options options = *wanted;
	size_t n;
	int r;

	*sampler = (struct sampler)SAMPLER_NONE;
	sampler->root = sysroot_open("/");
	if (sampler->root < 0)
		return sampler->root;
	sampler->frame = calloc(1, sizeof(*sampler->frame));
	if (!sampler->frame)
		return -ENOMEM;
	options.root = sampler->root;
	r = observer_new(&options, &sampler->observer);
	if (r == 0)
		r = hold_back_signals(sampler);
	if (r < 0)
		return r;
	n = demands_of(pattern, only, demands);
	descriptors_raise();
	make_push_folder(sampler, demands, n, wanted->run_dir);
	r = observer_demand(sampler->observer, demands, n);
	return r < 0 ? r : observer_sample(sampler->observer, clock_now_ns(), sampler->frame);
}

void sampler_deinit(struct sampler *sampler)
{
	observer_free(sampler->observer);
	push_folder_close(&sampler->push);
	free(sampler->frame);
	closep(&sampler->root);
	if (sampler->ending >= 0)
		sigprocmask(SIG_SETMASK, &sampler->held_back, NULL);
	closep(&sampler->ending);
	*sampler = (struct sampler)SAMPLER_NONE;
}

static void sleep_until(uint64_t until_ns)
{
	struct timespec until = { .tv_sec = (time_t)(until_ns / NSEC_PER_SEC),
				  .tv_nsec = (long)(until_ns % NSEC_PER_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

int sampler_step(struct sampler *sampler, uint64_t until_ns)
{
	struct pollfd waiting[] = {
		{ .fd = observer_descriptor(sampler->observer), .events = POLLIN },
		{ .fd = sampler->ending, .events = POLLIN },
	};
	uint64_t now_ns = clock_now_ns(), next_ns;

	/* Takes in at most every DRAIN_NS what is pushed, and sleeps in between. */
	while (now_ns < until_ns) {
		const struct timespec left = { .tv_sec =
						       (time_t)((until_ns - now_ns) / NSEC_PER_SEC),
					       .tv_nsec =
						       (long)((until_ns - now_ns) % NSEC_PER_SEC) };

		if (ppoll(waiting, ARRAY_SIZE(waiting), &left, NULL) > 0) {
			if (waiting[1].revents)
				return -EINTR;
			observer_drain(sampler->observer);
		}
		now_ns = clock_now_ns();
		next_ns = now_ns + DRAIN_NS < until_ns ? now_ns + DRAIN_NS : until_ns;
		sleep_until(next_ns);
		now_ns = clock_now_ns();
	}
	return observer_sample(sampler->observer, clock_now_ns(), sampler->frame);
}

size_t sampler_matches(const struct signal_pattern *pattern)
{
	struct scope scopes[SCOPE_KIND_COUNT];
	size_t n = 0;

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		n += signal_pattern_scopes(pattern, i, scopes) > 0;
	return n;
}

char *sampler_did_you_mean(const char *pattern, char *buffer, size_t size)
{
	const char *names[SIGNAL_ID_COUNT];

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		names[i] = signal_rows[i].name;
	return cli_did_you_mean(pattern, names, SIGNAL_ID_COUNT, buffer, size);
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
