/* SPDX-License-Identifier: Apache-2.0 */
/* What `flyball knobs` shows: the knobs that are here, in order, and those of which there is none. */
#ifndef FLYBALL_DAEMON_KNOB_LISTING_H
#define FLYBALL_DAEMON_KNOB_LISTING_H

#include <jansson.h>
#include <stddef.h>

#include "actuator/knobs.h"

struct knob_listing {
	size_t n, n_absent;
	struct knob_found **found; /* by family, row and scope */
	const struct knob_row *
		*absent; /* rows of which nothing was found, by family; see knob_absent_reason() */
	int error;       /* -E2BIG: a limit leaves some out; -ENOMEM */
};

/*
 * Finds the instances of these rows. `only`: those scopes, of the kind SCOPE_KIND_COUNT all; one that is named in full need
 * not be among those that are listed (a process), and leaves nothing absent. Never NULL but for want of memory.
 */
struct knob_listing *knob_listing_new(int root, const struct knob_row *const *rows, size_t n,
				      const struct scope *only);
void knob_listing_free(struct knob_listing *listing);

/* Marks what a running daemon says is somebody's: `pinned` of its status. NULL: nothing. */
void knob_listing_pin(struct knob_listing *listing, const json_t *pinned);

/* Why it cannot be changed now; "" where it can. */
const char *knob_found_reason(const struct knob_found *found);

/* Why nothing was found of a row, as part of a sentence. */
const char *knob_absent_reason(const struct knob_row *row);

/* As a row of "knobs": json_knob(), or for an absent one the same without a scope. */
json_t *knob_found_json(const struct knob_found *found);
json_t *knob_absent_json(const struct knob_row *row);

static inline void knob_listing_freep(struct knob_listing **listing)
{
	knob_listing_free(*listing);
}

#define _cleanup_listing_ __attribute__((cleanup(knob_listing_freep)))

#endif
