/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling in the foreground, for `signals` and `watch`: an observer, its demand, and a frame. */
#ifndef FLYBALL_DAEMON_SAMPLER_H
#define FLYBALL_DAEMON_SAMPLER_H

#include <signal.h>
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
	int ending;         /* readable once a signal asks this process to end */
	sigset_t held_back; /* signals that were let through before */
};

#define SAMPLER_NONE                     \
	{                                \
		.root = -1, .ending = -1 \
	}

/*
 * Which series `signals` and `watch` show: `NAME`, or `NAME[INSTANCE]` as in `psi.io.full[cgroup:/a]`, `cpu.user[cpu:*]`,
 * `psi.io.full[*]`. Without brackets each signal in its main scope; in brackets the kind may be left out where a signal has
 * one besides the host, and `*` alone stands for all kinds and instances.
 */
struct signal_pattern {
	const char *name; /* as cli_matches() takes it; NULL = all. Of `text`, or of the caller */
	char instance[SCOPE_NAME_MAX]; /* what stands in the brackets */
	bool has_instance;
	char text[SIGNAL_REF_TEXT_MAX];
};

/* Takes a pattern apart (NULL = everything). Returns 0, or -EINVAL for brackets that are not closed. */
int signal_pattern_parse(const char *text, struct signal_pattern *ret_pattern);

/* True when some kind of the signal's scopes is meant; `scopes` gets one pattern for each. Returns how many. */
size_t signal_pattern_scopes(const struct signal_pattern *pattern, uint32_t signal,
			     struct scope scopes[SCOPE_KIND_COUNT]);

/*
 * Looks as `wanted` says (its root is not used) and demands all series that match `pattern`, with `only` (kind not
 * SCOPE_KIND_COUNT) in these scopes instead of those of the pattern, and takes
 * the first sample. Returns 0 or -errno; sampler_deinit() in any case.
 */
int sampler_init(struct sampler *sampler, const struct observer_options *wanted,
		 const struct signal_pattern *pattern, const struct scope *only);
/* Takes away what sampler_init() made. A signal that asked to end was held back until now, and ends the process. */
void sampler_deinit(struct sampler *sampler);

/* Sleeps until `until_ns` and samples into sampler->frame. Returns 0; -EINTR when it is asked to end; -errno. */
int sampler_step(struct sampler *sampler, uint64_t until_ns);

/* What help says of a pattern. */
#define PATTERN_TEXT                                                                               \
	"PATTERN is a part of a signal's name, or has * and ?. Behind it, in brackets, may stand " \
	"which instances are meant: 'cpu.user[cpu:*]', 'psi.*[cgroup:/a/*]', 'mem.free[node:0]'; " \
	"[*] is all of all kinds. Without brackets a signal is shown in its main scope, the "      \
	"first "                                                                                   \
	"of `flyball signals --no-values`."

/* How many rows of the catalogue match. */
size_t sampler_matches(const struct signal_pattern *pattern);

/* The nearest signal's name to a pattern that matches none, as `: did you mean 'X'?`; returns `buffer`. */
char *sampler_did_you_mean(const char *pattern, char *buffer, size_t size);

/* The present values of a series in one line: `4.2 GB/s`, `1.2 k/s  p50 50 µs  p90 …`; returns `buffer`. */
char *series_text(const struct series *series, uint64_t interval_ns, char *buffer, size_t size);

#endif
