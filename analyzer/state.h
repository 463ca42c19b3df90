/* SPDX-License-Identifier: Apache-2.0 */
/* All state of the analyzer: fixed arrays, given by the caller in one piece. */
#ifndef FLYBALL_ANALYZER_STATE_H
#define FLYBALL_ANALYZER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/analyzer.h"
#include "analyzer/condition.h"
#include "analyzer/trial.h"
#include "base/rng.h"

/* One policy on one scope. */
struct target {
	bool used;
	bool on_trial;
	uint32_t policy;
	uint32_t state;         /* enum target_state */
	enum truth when, until; /* at the last frame */
	struct scope scope;
	uint64_t seen_ns;           /* last frame that had a series of it */
	uint64_t hold_since_ns;     /* `when` holds at every tick since; 0 = it does not */
	uint64_t cooldown_until_ns; /* 0 = none */
	uint32_t n_evidence;
	struct evidence evidence[TRIAL_EVIDENCE_MAX];
};

/* Where the target of a policy on a scope is, by a hash of both; as struct frame_index. Made anew each tick. */
#define TARGET_SLOTS 512 /* a power of two */
struct target_index {
	uint16_t first[TARGET_SLOTS];
	uint16_t next[ANALYZER_TARGETS_MAX];
};

struct pin {
	bool used;
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	uint64_t until_ns;
};

struct analyzer {
	struct analyzer_options options;
	struct rng rng;
	bool frozen;
	uint64_t next_trial;
	uint64_t now_ns;              /* of the last call */
	bool wanted[SIGNAL_ID_COUNT]; /* distributions that conditions ask for */
	struct recents recents;
	size_t n_dropped; /* instances of the last frame without a target */
	struct signal_set
		discoverers[POLICY_MAX]; /* signals whose series make instances of a policy */
	struct target targets[ANALYZER_TARGETS_MAX];
	struct target_index index;
	struct pin pins[ANALYZER_PINS_MAX];
	struct experiment experiments[TRIALS_MAX];
};

/* The signals whose series in the policy's scope make instances of it. */
struct signal_set policy_discoverers(const struct policy *policy);

/*
 * True when no signal makes instances of the policy, and `match` names the only one: it exists by itself, and whether
 * the knob is there is seen when it is read.
 */
bool policy_names_instance(const struct policy *policy, struct scope *ret_scope);

/* True when the options allow the policy to have instances at all. */
bool policy_allowed(const struct analyzer *analyzer, const struct policy *policy);

/* Finds new instances in the frame, evaluates all of them, and sets their states. */
void targets_update(struct analyzer *analyzer, const struct frame *frame);

/* When the pin of a knob in a scope ends; 0 = it is not pinned. */
uint64_t pin_until(const struct analyzer *analyzer, const char *knob, const struct scope *scope);

#endif
