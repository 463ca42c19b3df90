/* SPDX-License-Identifier: Apache-2.0 */
/* References to signals in policies: `disk.read.latency.p99`, `disk.read.latency[vda].p99`. */
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
