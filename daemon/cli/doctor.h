/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of `doctor` share. */
#ifndef FLYBALL_DAEMON_DOCTOR_H
#define FLYBALL_DAEMON_DOCTOR_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "observer/observer.h"

struct table;

enum check_state {
	CHECK_OK,
	CHECK_LESS,    /* works, with less */
	CHECK_MISSING, /* does not work */
	CHECK_STATE_COUNT,
};

struct doctor {
	json_t *checks;
	struct table *table;
	int root;
	FILE *err; /* for what takes long */
	uint64_t capabilities;
};

/* Adds one thing that was looked at, as a row and as JSON; `remedy` may be "". */
void check_add(struct doctor *doctor, const char *name, enum check_state state, const char *text,
	       const char *remedy);

/* The sources and their methods, observed as `options` says. Returns them as JSON. */
json_t *check_sources(struct doctor *doctor, struct observer_options *options);

#endif
