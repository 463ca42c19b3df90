/* SPDX-License-Identifier: Apache-2.0 */
/* What the actuator answers to a request, and the changes it is asked for. */
#ifndef FLYBALL_OUTCOME_H
#define FLYBALL_OUTCOME_H

#include <stdint.h>

#include "include/knob.h"
#include "include/scope.h"

#define OUTCOME_TEXT_MAX 160

enum action {
	ACTION_BEGIN, /* open a transaction: journal old and new, change nothing yet */
	ACTION_ARM,   /* put the arm (new) in force */
	ACTION_BASE,  /* put the incumbent (old) in force, transaction stays open */
	ACTION_KEEP,  /* commit: the arm in force stays (it is put in force if it is not) */
	ACTION_UNDO,  /* put old in force and end the transaction; also of a kept one (rollback) */
	ACTION_SPLIT, /* old stays in force, and what is new from now on (a connection) draws old or new by a coin; asked again: a new cohort */
	ACTION_COUNT,
};

enum outcome_status {
	OUTCOME_DONE,    /* done and read back */
	OUTCOME_REFUSED, /* the guard said no; nothing was written */
	OUTCOME_FOREIGN, /* the value was neither old nor new: left as found, transaction ended */
	OUTCOME_GONE,    /* the scope or the knob is gone, transaction ended */
	OUTCOME_FAILED, /* an error (`error`); old is back in force unless `text` says otherwise, transaction ended */
	OUTCOME_STATUS_COUNT,
};

enum change_flag {
	CHANGE_BY_HAND =
		1u << 0, /* BEGIN: no trial; it lives until its deadline, also without core */
	CHANGE_SPLIT =
		1u
		<< 1, /* BEGIN: it will be split (ACTION_SPLIT), and no arm in force for all before KEEP */
};

/* One change that is asked for. */
struct change {
	uint64_t txn;    /* transaction, chosen by core, never reused */
	uint64_t trial;  /* the trial that it serves */
	uint32_t action; /* enum action */
	uint32_t flags;  /* enum change_flag */
	uint64_t
		deadline_ns; /* CLOCK_MONOTONIC; the actuator undoes by itself when it passes (BEGIN) */
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	/* BEGIN: what core believes to be in force; of a change by hand "" where core cannot see it */
	char old_value[KNOB_VALUE_MAX];
	char new_value[KNOB_VALUE_MAX]; /* BEGIN: the arm */
};

struct outcome {
	uint64_t txn;
	uint32_t action;  /* what it answers; ACTION_UNDO also when the actuator undid by itself */
	uint32_t status;  /* enum outcome_status */
	int32_t error;    /* errno of a failure, else 0 */
	uint32_t unasked; /* 1: the actuator did it by itself (deadline, heartbeat) */
	uint64_t time_ns; /* CLOCK_MONOTONIC, when the value was in force */
	uint64_t took_ns; /* of the whole change */
	char value[KNOB_VALUE_MAX];  /* in force now */
	char text[OUTCOME_TEXT_MAX]; /* for people: the reason */
};

#endif
