/* SPDX-License-Identifier: Apache-2.0 */
/* What the analyzer returns from a tick: proposals to act on and events to record. */
#ifndef FLYBALL_DECISION_H
#define FLYBALL_DECISION_H

#include <stddef.h>
#include <stdint.h>

#include "include/outcome.h"
#include "include/trial.h"

#define DECISIONS_PROPOSALS_MAX 32
#define DECISIONS_EVENTS_MAX 64

enum proposal_kind {
	PROPOSAL_READ, /* read the knob, answer with analyzer_reading() */
	PROPOSAL_CHANGE, /* hand `change` to the guard and the actuator, answer with analyzer_outcome() */
	PROPOSAL_COUNT,
};

struct proposal {
	uint32_t kind;        /* enum proposal_kind */
	uint32_t slot;        /* of the trial, for analyzer_trial() */
	struct change change; /* READ: only knob and scope */
};

enum event_kind {
	EVENT_OPPORTUNITY, /* a policy's condition holds on a scope: a trial (or in recommend mode a plan entry) opens */
	EVENT_BEGUN,    /* the knob was read, readiness begins */
	EVENT_READY,    /* one readiness window measured: trial.ready[n_ready - 1] */
	EVENT_SCREENED, /* one arm screened: trial.screened[n_screened - 1] */
	EVENT_CHOSEN,   /* the arm is chosen, pairs begin */
	EVENT_PAIR,     /* one pair measured: trial.pairs[n_pairs - 1] */
	EVENT_VOID,     /* a window did not count and is repeated */
	EVENT_VERDICT,  /* the trial ended; its slot is free after this tick */
	EVENT_COUNT,
};

struct event {
	uint32_t kind; /* enum event_kind */
	uint32_t
		slot; /* of the trial, for analyzer_trial(); valid until the next call into the analyzer */
	uint64_t time_ns;
};

/* In the order in which they arose. Full arrays never lose a proposal: what does not fit waits for the next tick. */
struct decisions {
	size_t n_proposals, n_events;
	struct proposal proposals[DECISIONS_PROPOSALS_MAX];
	struct event events[DECISIONS_EVENTS_MAX];
};

#endif
