/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions over frames. Distributions are asked over the last second, not over one tick with three values. */
#ifndef FLYBALL_ANALYZER_CONDITION_H
#define FLYBALL_ANALYZER_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/frame.h"
#include "include/policy.h"
#include "include/trial.h"

#define RECENT_MAX 128 /* distributions remembered at once; a condition on more is blind */
#define RECENT_SLOTS 4 /* stretches of RECENT_SLOT_NS that one memory consists of */
#define RECENT_SLOT_NS 250000000ull

/* The last second or so of one distribution. */
struct recent {
	uint32_t signal;
	bool used;
	struct scope scope;
	uint64_t seen_ns;                /* last frame that had it */
	uint32_t newest;                 /* slot that is being filled */
	uint64_t start_ns[RECENT_SLOTS]; /* when a slot was begun; 0 = empty */
	uint64_t covered_ns[RECENT_SLOTS];
	struct hist hist[RECENT_SLOTS];
};

struct recents {
	size_t n_dropped; /* distributions of the last frame that did not fit */
	struct recent recent[RECENT_MAX];
};

void recents_init(struct recents *recents);

/* Takes in the distributions of a frame whose signal is in the bit set `wanted` and forgets what is gone. */
void recents_add(struct recents *recents, const struct frame *frame,
		 const bool wanted[SIGNAL_ID_COUNT]);

enum truth {
	TRUTH_FALSE,
	TRUTH_TRUE,
	TRUTH_BLIND, /* some value is missing: not true, and not known to be false */
};

/* True where the frame left a source out that the condition needs: what it was at the last tick holds on. */
bool condition_skipped(const struct condition *condition, const struct frame *frame);

/* Evaluates `condition` on `scope`; writes its first TRIAL_EVIDENCE_MAX comparisons. An empty condition is false. */
enum truth condition_evaluate(const struct condition *condition, const struct recents *recents,
			      const struct frame *frame, const struct scope *scope,
			      struct evidence *ret_evidence, uint32_t *ret_n_evidence);

#endif
