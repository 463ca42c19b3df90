/* SPDX-License-Identifier: Apache-2.0 */
/* A trial: one experiment, incumbent against one arm, in randomised windows. */
#ifndef FLYBALL_TRIAL_H
#define FLYBALL_TRIAL_H

#include <stdint.h>

#include "include/hist.h"
#include "include/knob.h"
#include "include/policy.h"
#include "include/scope.h"
#include "include/signal.h"

#define TRIAL_PAIRS_MAX 200 /* upper bound of a policy's max_pairs */
#define TRIAL_READY_WINDOWS \
	6 /* before every trial: five log ratios of neighbours scale the first bets */
#define TRIAL_EVIDENCE_MAX 8 /* comparisons kept as evidence */
#define TRIALS_MAX 8         /* running at once */

enum trial_phase {
	TRIAL_READING,   /* the knob's present value is asked for */
	TRIAL_READY,     /* readiness windows: the incumbent's noise, nothing is written */
	TRIAL_SCREENING, /* one window an arm, only to choose which arm is tested */
	TRIAL_TESTING,   /* the pairs */
	TRIAL_CLOSING,   /* keep or undo was asked for, its outcome is awaited */
	TRIAL_ENDED,
	TRIAL_PHASE_COUNT,
};

enum verdict {
	VERDICT_NONE, /* still running */
	VERDICT_KEPT,
	VERDICT_REVERTED,     /* shown to be harmful, or a guardrail was breached: undone */
	VERDICT_INCONCLUSIVE, /* neither shown to help nor to harm: undone */
	VERDICT_ABORTED,      /* ended by something else: undone, or left to whoever owns it now */
	VERDICT_COUNT,
};

enum reason {
	REASON_NONE,
	REASON_BETTER,    /* kept: the test passed and the effect is large enough */
	REASON_WORSE,     /* reverted: the test on -d passed */
	REASON_GUARDRAIL, /* reverted: a guardrail was breached */
	REASON_FUTILE,    /* inconclusive: the effect is surely under min_effect */
	REASON_MAX_PAIRS, /* inconclusive: max_pairs used up */
	REASON_NO_ARM,    /* inconclusive: no arm that the knob offers differs from the incumbent */
	REASON_FOREIGN,   /* aborted: somebody else changed the knob */
	REASON_GONE,      /* aborted: the scope or the knob vanished */
	REASON_REFUSED,   /* aborted: a limit of the actuator */
	REASON_FAILED,    /* aborted: a write failed */
	REASON_OVER,      /* aborted: the opportunity ended (until) */
	REASON_BLIND,     /* aborted: the objective has no usable values */
	REASON_OPERATOR,  /* aborted: by hand */
	REASON_FROZEN,    /* aborted: freeze */
	REASON_DEADLINE,  /* aborted: the actuator undid it: deadline or heartbeat */
	REASON_PEER,      /* aborted: observer or actuator died */
	REASON_DRY_RUN,   /* aborted: recommend mode; a plan, not a trial */
	REASON_COUNT,
};

enum window_side {
	WINDOW_BASE, /* the incumbent, A */
	WINDOW_ARM,  /* the arm, B */
	WINDOW_SIDE_COUNT,
};

/* One pair of windows. */
struct pair {
	uint64_t time_ns;   /* CLOCK_MONOTONIC, end of the second window */
	uint32_t arm_first; /* what the coin said */
	uint32_t pad;
	double y_base, y_arm; /* the objective in each window, base unit */
	double d;             /* ±ln(y_arm / y_base), positive is better */
	double log_e_keep;    /* ln of the test's mixture after this pair */
	double log_e_harm;    /* the same for -d */
	double effect;        /* estimate after this pair, as ln; positive is better */
	double effect_low,
		effect_high; /* confidence sequence after this pair, as ln; ±INFINITY when open */
};

/* A screened arm: one window each, used only to choose. */
struct screened {
	char value[KNOB_VALUE_MAX];
	double y; /* NAN when its window was not usable */
};

/* The comparisons that made the opportunity, with the values that they had. */
struct evidence {
	struct signal_ref ref;
	uint32_t op; /* enum condition_op */
	uint32_t pad;
	double limit, value;
};

/* Where a guardrail stood. */
struct guardrail_state {
	double base, arm; /* mean over the windows of each side; NAN before the first */
	double worst; /* worst single tick while the arm was in force (hard ones), else smoothed ratio */
	uint32_t breached;
	uint32_t pad;
};

struct trial {
	uint64_t id;     /* given by core at the start, never reused */
	uint64_t txn;    /* of the arm in test; 0 = none open */
	uint32_t policy; /* index into the analyzer's policies */
	uint32_t phase;  /* enum trial_phase */
	uint32_t verdict, reason;
	char reason_text[POLICY_TEXT_MAX];
	struct scope scope;
	char incumbent[KNOB_VALUE_MAX];
	char arm[KNOB_VALUE_MAX]; /* in test; "" before it was chosen */
	uint64_t opened_ns;       /* the opportunity */
	uint64_t begun_ns;        /* first readiness window */
	uint64_t ended_ns;
	double alpha; /* the error that this trial may spend */
	uint32_t n_evidence, n_ready, n_screened, n_pairs;
	uint32_t n_void; /* windows that did not count: lost or missing values */
	uint32_t pad;
	struct evidence evidence[TRIAL_EVIDENCE_MAX];
	double ready[TRIAL_READY_WINDOWS];
	double noise; /* standard deviation of d under the incumbent, from the readiness windows */
	struct screened screened[POLICY_ARMS_MAX];
	struct pair pairs[TRIAL_PAIRS_MAX];
	struct guardrail_state guardrails[POLICY_GUARDRAILS_MAX];
	struct hist hist
		[WINDOW_SIDE_COUNT]; /* of the objective's distribution, all windows of a side; empty for others */
};

#endif
