/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling in the foreground, for `signals` and `watch`: an observer, its demand, and a frame. */
#ifndef FLYBALL_DAEMON_SAMPLER_H
#define FLYBALL_DAEMON_SAMPLER_H

#include <stdint.h>

#include "daemon/place.h"
#include "include/frame.h"
#include "include/scope.h"
#include "observer/observer.h"

struct sampler {
	int root;
	struct observer *observer;
	struct frame *frame;
	struct push_folder push;
};

#define SAMPLER_NONE       \
	{                  \
		.root = -1 \
	}

/*
 * Looks by `force_block` (see struct observer_options) and demands all signals whose name matches `pattern` (NULL = all), in
 * the scopes of `only` (kind SCOPE_KIND_COUNT = all), what is pushed in `run_dir`, and takes the first sample. Returns 0 or
 * -errno; sampler_deinit() in any case.
 */
int sampler_init(struct sampler *sampler, const char *force_block, const char *pattern,
		 const struct scope *only, const char *run_dir);
void sampler_deinit(struct sampler *sampler);

/* Sleeps until `until_ns` and samples into sampler->frame. Returns 0 or -errno. */
int sampler_step(struct sampler *sampler, uint64_t until_ns);

/* How many rows of the catalogue match. */
size_t sampler_matches(const char *pattern);

/* The nearest signal's name to a pattern that matches none, as `: did you mean 'X'?`; returns `buffer`. */
char *sampler_did_you_mean(const char *pattern, char *buffer, size_t size);

/* The present values of a series in one line: `4.2 GB/s`, `1.2 k/s  p50 50 µs  p90 …`; returns `buffer`. */
char *series_text(const struct series *series, uint64_t interval_ns, char *buffer, size_t size);

#endif
