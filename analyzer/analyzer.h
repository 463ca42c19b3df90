/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analyzer: frames in, proposals and events out. PURE: no I/O, no clock, no allocation; the same inputs in the
 * same order give the same outputs.
 *
 *     analyzer_init
 *     every tick:     analyzer_tick(frame)        → decisions
 *     for each PROPOSAL_READ:   analyzer_reading  → decisions
 *     for each PROPOSAL_CHANGE: analyzer_outcome  → decisions (the outcome may come ticks later)
 *     unasked outcomes of the actuator, too, go to analyzer_outcome
 */
#ifndef FLYBALL_ANALYZER_H
#define FLYBALL_ANALYZER_H

#include <stddef.h>
#include <stdint.h>

#include "include/catalogue.h"
#include "include/decision.h"
#include "include/demand.h"
#include "include/frame.h"
#include "include/knob.h"
#include "include/outcome.h"
#include "include/policy.h"
#include "include/trial.h"

struct analyzer;

#define ANALYZER_TARGETS_MAX \
	256 /* instances of policies watched at once; what is over it is counted */
#define ANALYZER_PINS_MAX 64

enum analyzer_mode {
	ANALYZER_RECOMMEND, /* opportunities open and knobs are read, then the trial ends as VERDICT_ABORTED, REASON_DRY_RUN; no change is proposed */
	ANALYZER_AUTONOMOUS, /* trials run */
};

struct analyzer_options {
	uint64_t seed;
	enum analyzer_mode mode;
	const struct policy *policies; /* must outlive the analyzer */
	size_t n_policies;             /* at most POLICY_MAX */
	const struct catalogue
		*catalogue; /* scopes, names and units of signals; must outlive the analyzer */
	struct scope
		only; /* pattern that instances must match besides the policy's own; kind SCOPE_KIND_COUNT = any */
	uint64_t next_trial; /* id of the first trial; at least 1 */
	uint64_t tick_ns;    /* expected interval of frames */
};

/* Bytes that analyzer_init() needs; the caller allocates them, zeroed or not. */
size_t analyzer_size(void);

/* Returns 0, or -EINVAL for options out of range. */
int analyzer_init(struct analyzer *analyzer, const struct analyzer_options *options);

/* The signals that conditions, objectives and guardrails need at present. At most DEMANDS_MAX; returns how many. */
size_t analyzer_demands(const struct analyzer *analyzer, struct demand *ret_demands);

/* Each of the following adds to what `ret` holds already only by overwriting it: `ret` is reset first. */

/* Of the frame only the index is written. The time is that of the series which policies ask for, not of all. */
void analyzer_tick(struct analyzer *analyzer, struct frame *frame, struct decisions *ret);
void analyzer_reading(struct analyzer *analyzer, uint32_t slot, const struct knob_reading *reading,
		      uint64_t now_ns, struct decisions *ret);
void analyzer_outcome(struct analyzer *analyzer, const struct outcome *outcome, uint64_t now_ns,
		      struct decisions *ret);

/* Ends trial `id` (0 = all) for `reason`; the open change is proposed as ACTION_UNDO. Returns how many it ended. */
size_t analyzer_abort(struct analyzer *analyzer, uint64_t id, enum reason reason, uint64_t now_ns,
		      struct decisions *ret);

/* While frozen no opportunity opens. Running trials are ended by analyzer_abort(). */
void analyzer_freeze(struct analyzer *analyzer, uint32_t frozen);

/*
 * A hand (or another tuner) owns the knob: policies on it pause until `until_ns` (UINT64_MAX = until cleared with 0).
 * The analyzer does this by itself on OUTCOME_FOREIGN, until cleared. At most ANALYZER_PINS_MAX; the pin that ends
 * first makes room.
 */
void analyzer_pin(struct analyzer *analyzer, const char *knob, const struct scope *scope,
		  uint64_t until_ns);

/* The trial in a slot (0 to TRIALS_MAX - 1); NULL when the slot is free. Valid until the next call. */
const struct trial *analyzer_trial(const struct analyzer *analyzer, uint32_t slot);

/* Instances of a policy, for `status`: whether its condition holds, and why it does not start a trial. */
enum target_state {
	TARGET_WATCHING, /* the condition does not hold */
	TARGET_HOLDING,  /* it holds, but not yet for long enough */
	TARGET_ON_TRIAL,
	TARGET_COOLDOWN, /* after a verdict */
	TARGET_PINNED,   /* somebody else owns the knob */
	TARGET_WAITING,  /* another trial runs in the same domain and scope, or no slot is free */
	TARGET_BLIND,    /* a signal of the condition has no value here */
	TARGET_FROZEN,
	TARGET_STATE_COUNT,
};

struct target_view {
	uint32_t policy; /* index */
	uint32_t state;  /* enum target_state */
	struct scope scope;
	uint64_t until_ns; /* of a cooldown or a pin */
	uint32_t n_evidence;
	struct evidence
		evidence[TRIAL_EVIDENCE_MAX]; /* the comparisons of `when` with their values now */
};

/* Fills in up to `max` rows; returns how many there are. */
size_t analyzer_targets(const struct analyzer *analyzer, struct target_view *ret_targets,
			size_t max);

/* Instances and distributions of the last frame that found no room; to be shown to the user when not 0. */
size_t analyzer_dropped(const struct analyzer *analyzer);

#endif
