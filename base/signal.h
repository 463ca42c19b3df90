/* SPDX-License-Identifier: Apache-2.0 */
/* References to signals as text, and the kinds of scopes of a signal in a sentence. Pure. */
#ifndef FLYBALL_BASE_SIGNAL_H
#define FLYBALL_BASE_SIGNAL_H

#include <stddef.h>

#include "include/signal.h"

#define SIGNAL_SCOPES_TEXT_MAX 128 /* `host, cpu, cgroup` of all kinds, with its NUL */

/*
 * Writes `disk.read.latency[vda].p99`, with the instance's kind where the name alone would be read otherwise; returns
 * `buffer`. `rows` is the catalogue.
 */
char *signal_ref_text(const struct signal_ref *ref, const struct signal_row *rows, char *buffer,
		      size_t size);

/* True when an instance must say its kind: the signal has several kinds besides the host. */
bool signal_needs_kind(const struct signal_row *row);

/* The kind that an instance must be of that does not say so: the only one besides the host; SCOPE_KIND_COUNT = none. */
enum scope_kind signal_only_kind(const struct signal_row *row);

/*
 * Takes `cgroup:` off the instance `*instance`, when that is a kind of the signal's, or all of `host`. Returns the
 * kind; SCOPE_KIND_COUNT when it says none.
 */
enum scope_kind signal_take_kind(const struct signal_row *row, const char **instance);

/* Writes the kinds of a set of SCOPE_BIT()s, `main` first: `host, cpu, cgroup`; returns `buffer`. */
char *signal_scopes_text(uint32_t scopes, enum scope_kind main, char *buffer, size_t size);

#endif
