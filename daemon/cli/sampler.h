/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sampling in the foreground, for `signals` and `watch`: an observer in a child of its own (daemon/cli/looker.h), its demand,
 * and a frame. A source that hangs is left out, and the user told.
 */
#ifndef FLYBALL_DAEMON_SAMPLER_H
#define FLYBALL_DAEMON_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/cli/looker.h"
#include "daemon/cli/signal_pattern.h"
#include "daemon/place.h"
#include "daemon/spending.h"
#include "include/frame.h"
#include "include/scope.h"
#include "observer/observer.h"

/* What is wanted. */
struct sampling {
	const struct observer_options *
		options; /* root and watch are not used; what it points to must outlive the sampler */
	const struct signal_pattern *pattern; /* all series that match; NULL = none is demanded */
	struct scope only;   /* these scopes instead of those of the pattern; or SCOPE_KIND_COUNT */
	double budget_ratio; /* of the machine; 0 = as much as it needs */
	bool with_sources;   /* at each sample also what the sources say of themselves */
};

/* What the child tells, in memory that is shared with it. */
struct sampled {
	struct source_watch watch;
	struct demand demands[DEMANDS_MAX];
	size_t n_sources;
	struct source_status sources[SOURCES_MAX];
	unsigned int spending; /* a set of enum spending_flag, of the last step */
	struct budget_report report;
	struct frame frame;
};

struct sampler {
	struct looker looker;
	struct sampled *seen;
	struct observer_options options;
	size_t n_demands;
	double budget_ratio;
	bool with_sources;
	int root;
	int counting; /* while it is open the kernel times BPF programs */
	struct push_folder push;

	/* Of the child alone. */
	struct observer *observer;
	struct spending spending;
};

#define SAMPLER_NONE                                              \
	{                                                         \
		.looker = LOOKER_NONE, .root = -1, .counting = -1 \
	}

/*
 * Attaches what is wanted and takes the first sample. Says on `err` what hangs and is left out. Returns 0 or -errno as
 * looker_ask(); sampler_deinit() in any case. The sampler stays where it is.
 */
int sampler_init(struct sampler *sampler, const struct sampling *sampling, FILE *err);
/* Takes away what sampler_init() made. A signal that asked to end was held back until now, and ends the process. */
void sampler_deinit(struct sampler *sampler);

/*
 * Sleeps until `until_ns` and samples into sampler->seen; once more, for as long, after a source hung. Returns 0; -EINTR when
 * it is asked to end; -errno.
 */
int sampler_step(struct sampler *sampler, uint64_t until_ns);

/* The present values of a series in one line: `4.2 GB/s`, `1.2 k/s  p50 50 µs  p90 …`; returns `buffer`. */
char *series_text(const struct series *series, uint64_t interval_ns, char *buffer, size_t size);

#endif
