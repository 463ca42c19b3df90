/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units in policies, with errors that say what would have been right. */
#ifndef FLYBALL_BASE_CONF_LITERAL_H
#define FLYBALL_BASE_CONF_LITERAL_H

#include <stddef.h>
#include <stdint.h>

#include "include/unit.h"
#include "base/conf_errors.h"

struct literal {
	double value; /* in the unit's base */
	enum unit unit;
	size_t length; /* bytes of the text that it takes */
};

/* What a literal is held against. */
struct literal_target {
	const char *name; /* `disk.read.latency.p99`, `window` */
	enum unit unit;
	const char *
		verb; /* "compare" for signals: "cannot compare X (a time) with 20MB (a size)"; NULL: "X takes …" */
};

/* The literal at text + offset. Returns 0, or -EINVAL with a finding. */
int literal_parse(const char *text, size_t offset, struct findings *findings,
		  struct literal *ret_literal);

/* Whether a literal (at text + offset) can stand for `target`; -EINVAL with a finding when not. */
int literal_fit(const struct literal *literal, const struct literal_target *target,
		const char *text, size_t offset, struct findings *findings);

/* A text that is one literal for `target` and nothing else. */
int literal_parse_for(const char *text, const struct literal_target *target,
		      struct findings *findings, double *ret_value);

#endif
