/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to signals in policies: `signal[instance].stat`, as in `disk.read.latency.p99`, `disk.read.latency[vda].p99`,
 * `psi.io.full[cgroup:/a/b]`, `psi.io.full[host]`.
 *
 * An instance says its kind where the signal has several besides the host. Without one the reference is to the policy's
 * own scope where the signal has that kind, else to the host where it has one; else it is an error.
 */
#ifndef FLYBALL_POLICIES_REFERENCE_H
#define FLYBALL_POLICIES_REFERENCE_H

#include "include/catalogue.h"
#include "base/conf_errors.h"

/*
 * Parses the `length` bytes at text + offset. `scope` is the policy's; SCOPE_KIND_COUNT where it is not known, and
 * then any scope fits. Returns 0, or -EINVAL with a finding.
 */
int reference_parse(const char *text, size_t offset, size_t length,
		    const struct catalogue *catalogue, enum scope_kind scope,
		    struct findings *findings, struct signal_ref *ret_ref);

/* Bytes of a reference at the start of `text`, its brackets and what is in them, too; 0 where there is none. */
size_t reference_length(const char *text);

/* "a disk", "the host": what instances of a scope are called in a sentence. */
const char *scope_phrase(enum scope_kind scope);

#endif
