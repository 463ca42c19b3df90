/* SPDX-License-Identifier: Apache-2.0 */
/* How the command line says which series are meant: `disk.read.*`, `cpu.user[cpu:3]`. */
#ifndef FLYBALL_DAEMON_SIGNAL_PATTERN_H
#define FLYBALL_DAEMON_SIGNAL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/scope.h"
#include "include/signal.h"

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

/* What help says of a pattern. */
#define PATTERN_TEXT                                                                               \
	"PATTERN is a part of a signal's name, or has * and ?. Behind it, in brackets, may stand " \
	"which instances are meant: 'cpu.user[cpu:*]', 'psi.*[cgroup:/a/*]', 'mem.free[node:0]'; " \
	"[*] is all of all kinds. Without brackets a signal is shown in its main scope, the "      \
	"first "                                                                                   \
	"of `flyball signals --no-values`."

/* How many rows of the catalogue match. */
size_t signal_pattern_matches(const struct signal_pattern *pattern);

/* The nearest signal's name to a pattern that matches none, as `: did you mean 'X'?`; returns `buffer`. */
char *signal_pattern_hint(const char *pattern, char *buffer, size_t size);

#endif
