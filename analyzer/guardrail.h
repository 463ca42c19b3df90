/* SPDX-License-Identifier: Apache-2.0 */
/* Guardrails: what must not get worse while an arm is in force. They act at once and need no statistics. */
#ifndef FLYBALL_ANALYZER_GUARDRAIL_H
#define FLYBALL_ANALYZER_GUARDRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/window.h"
#include "include/policy.h"
#include "include/trial.h"

struct guardrails {
	struct window base
		[POLICY_GUARDRAILS_MAX]; /* all of the incumbent's windows, with those of readiness */
	struct window arm[POLICY_GUARDRAILS_MAX]; /* the arm's present window */
	uint32_t n_blind[POLICY_GUARDRAILS_MAX];  /* ticks in a row that showed nothing of it */
};

void guardrails_init(struct guardrails *g, struct trial *trial);

/* Another arm comes: forgets what the one before it did. */
void guardrails_begin(struct guardrails *g, struct trial *trial);

/* The first guardrail that had no usable series in any of the incumbent's windows, or -1. */
int guardrails_blind(const struct guardrails *g, const struct policy *policy);

/* The arm came into force: ticks without a value are counted from here. */
void guardrails_enforced(struct guardrails *g);

/*
 * Counts the ticks without a usable value while the arm is in force. Returns the index of a guardrail that nobody has
 * seen for too long, or -1. A distribution without events is seen: nothing happened that could breach it.
 */
int guardrails_lost(struct guardrails *g, const struct policy *policy, const struct trial *trial,
		    const struct frame *frame);

/* The arm's next window begins. */
void guardrails_window(struct guardrails *g);

/* Takes in a frame that lies inside a measured window of `side`. */
void guardrails_add(struct guardrails *g, const struct policy *policy, struct trial *trial,
		    const struct frame *frame, enum window_side side);

/*
 * Looks at a frame while the arm is in force: hard limits against this tick, relative ones against the arm's window
 * once half of it was measured. Returns the index of a breached guardrail, or -1.
 */
int guardrails_check(const struct guardrails *g, const struct policy *policy, struct trial *trial,
		     const struct frame *frame);

#endif
