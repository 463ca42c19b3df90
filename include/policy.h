/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as the analyzer uses it: checked, with all units resolved. */
#ifndef FLYBALL_POLICY_H
#define FLYBALL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "include/knob.h"
#include "include/scope.h"
#include "include/signal.h"

#define POLICY_NAME_MAX 64
#define POLICY_TEXT_MAX 256 /* `about`, and a condition's own text, with the NUL */
#define POLICY_FILE_MAX 256 /* path of the file that it came from */
#define POLICY_NODES_MAX 32 /* comparisons and operators of one condition */
#define POLICY_ARMS_MAX 16
#define POLICY_GUARDRAILS_MAX 8
#define POLICY_MAX 64 /* policies in force at once */

enum condition_op {
	CONDITION_LESS,          /* ref < limit */
	CONDITION_LESS_EQUAL,    /* ref <= limit */
	CONDITION_GREATER,       /* ref > limit */
	CONDITION_GREATER_EQUAL, /* ref >= limit */
	CONDITION_AND,           /* of the two results before it */
	CONDITION_OR,
	CONDITION_NOT, /* of the result before it */
	CONDITION_OP_COUNT,
};

struct condition_node {
	uint32_t op; /* enum condition_op */
	struct signal_ref ref;
	double limit; /* in the unit's base: ns, bytes, ratio, number; per second for .rate */
};

/* In postfix order; empty (n_nodes == 0) where the policy does not give it. */
struct condition {
	uint32_t n_nodes;
	struct condition_node nodes[POLICY_NODES_MAX];
	uint64_t for_ns; /* it must hold at every tick for so long; 0 = at once */
	char text[POLICY_TEXT_MAX];
};

enum guardrail_kind {
	GUARDRAIL_MAX, /* hard: over the limit for one tick ends the arm */
	GUARDRAIL_MIN, /* hard: under the limit for one tick ends the arm */
	GUARDRAIL_MAX_DROP, /* relative to the incumbent's windows, smoothed: limit 0.4 = may fall by 40 % */
	GUARDRAIL_MAX_RISE, /* relative to the incumbent's windows, smoothed */
	GUARDRAIL_KIND_COUNT,
};

struct guardrail {
	struct signal_ref
		ref;   /* in the policy's scope, or of the host where the signal is the host's */
	uint32_t kind; /* enum guardrail_kind */
	double limit;
};

enum objective_direction {
	OBJECTIVE_MINIMIZE,
	OBJECTIVE_MAXIMIZE,
	OBJECTIVE_DIRECTION_COUNT,
};

struct objective {
	struct signal_ref ref;
	uint32_t direction;
	double min_effect; /* ratio: 0.10 = keep only what improves by 10 % or more */
};

enum ladder_kind {
	LADDER_NONE,   /* arms[] as listed */
	LADDER_FACTOR, /* incumbent * factor and incumbent / factor, within min and max */
	LADDER_COUNT,
};

struct trial_params {
	uint64_t window_ns;  /* measured length of a window */
	uint64_t washout_ns; /* not measured, before each window */
	uint32_t max_pairs;  /* give up as inconclusive after so many */
	uint32_t calibrate;  /* 1: the arm is the incumbent itself (A/A), to measure false keeps */
	uint32_t
		split; /* 1: no windows in turn; new connections draw the incumbent or the arm each */
	double error; /* α: the chance to keep a useless arm */
	uint64_t
		cooldown_ns; /* no new trial of this policy on this scope for so long after a verdict */
};

struct policy {
	char name[POLICY_NAME_MAX];
	char about[POLICY_TEXT_MAX];
	char file[POLICY_FILE_MAX];
	uint32_t scope;                   /* enum scope_kind */
	char scope_match[SCOPE_NAME_MAX]; /* fnmatch(3) pattern of instances; "" = all */
	struct condition when, until;
	char knob[KNOB_NAME_MAX];
	uint32_t knob_domain; /* enum knob_domain, from the knob's row */
	uint32_t n_arms;
	char arms[POLICY_ARMS_MAX][KNOB_VALUE_MAX]; /* as the kernel takes them */
	uint32_t ladder;                            /* enum ladder_kind */
	double factor;
	int64_t ladder_min, ladder_max; /* in the kernel's own number */
	struct objective objective;
	uint32_t n_guardrails;
	struct guardrail guardrails[POLICY_GUARDRAILS_MAX];
	struct trial_params trial;
};

#endif
