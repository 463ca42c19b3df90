/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: the pure function that allows or refuses a change. It knows only what it is handed. */
#ifndef FLYBALL_ACTUATOR_GUARD_H
#define FLYBALL_ACTUATOR_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/limits.h"
#include "include/knob.h"
#include "include/outcome.h"

/* What the guard judges by; the caller fills it in. */
struct guard_view {
	uint64_t now_ns;
	bool frozen;
	struct scope only; /* kind SCOPE_KIND_COUNT = no such limit */
	size_t n_open;     /* with those that are stuck or owed */
	size_t n_kept;
	bool known;    /* the transaction's number is or was in use */
	uint64_t busy; /* the open transaction in the same domain and scope; 0 = none */
	uint64_t
		namesake; /* of BEGIN, for guard_captured(): the one in the same namespace by another name; 0 = none */
	const struct scope *namesake_scope;
	const struct knob_row *row;         /* NULL = no such knob */
	const struct knob_reading *reading; /* of BEGIN, for guard_value() */
	const struct limits *limits;        /* NULL = none */
	const char *limits_error;           /* why there are none to go by; NULL = there are */
	const struct pin *pin; /* the knob and scope belong to somebody else; NULL = they do not */
	struct limits_view usage; /* what limits are held against */
};

/*
 * Judges a request by itself and by the state, before anything is read. Every field of `change` may hold any bytes:
 * who sends it is not trusted. Returns OUTCOME_DONE (allowed) or OUTCOME_REFUSED with the reason.
 */
enum outcome_status guard_request(const struct guard_view *view, const struct change *change,
				  char *ret_text, size_t size);

/*
 * Judges a BEGIN that guard_request() allowed by what was read of the knob. Returns OUTCOME_DONE, OUTCOME_REFUSED,
 * OUTCOME_GONE, or OUTCOME_FOREIGN when the value is not the one that core believes in.
 */
enum outcome_status guard_value(const struct guard_view *view, const struct change *change,
				char *ret_text, size_t size);

/*
 * Judges a BEGIN that guard_value() allowed by what was captured for it: names are what people give, and two of them may mean
 * one namespace. Returns OUTCOME_DONE or OUTCOME_REFUSED.
 */
enum outcome_status guard_captured(const struct guard_view *view, char *ret_text, size_t size);

#endif
