/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened so far, as far as limits count it: writes of the last hour, kept values that flip, time with an
 * unproven value in force. Kept in the file `usage` of the run folder, so that an actuator that dies again and again
 * does not begin anew each time; a reboot does, as it does with every value.
 */
#ifndef FLYBALL_ACTUATOR_USAGE_H
#define FLYBALL_ACTUATOR_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/limits.h"
#include "base/day.h"
#include "include/knob.h"
#include "include/scope.h"

#define USAGE_NAME "usage"
#define USAGE_PLACES_MAX \
	128 /* knobs in scopes that were changed within the last hour or are quarantined */
#define USAGE_FLIPS_MAX 16
#define USAGE_BOOT_MAX 40
#define USAGE_MINUTES 60
/* Changes that one trial may begin: each arm that it screens, and the one that it tests. */
#define USAGE_TRIAL_TXNS_MAX 17
#define USAGE_SETS_MAX 16

/* Counts of the last hour by minutes; what is older falls out. */
struct usage_hour {
	uint64_t minute; /* number of the last minute in it */
	uint32_t counts[USAGE_MINUTES];
};

/* One knob in one scope. */
struct usage_place {
	char knob[KNOB_NAME_MAX]; /* "" = free */
	struct scope scope;
	struct usage_hour writes;
	uint64_t used_ns;  /* last begin or write */
	uint64_t ended_ns; /* of its last change; 0 = none */
	uint64_t trial;    /* that the last change served */
	uint32_t n_txns;   /* changes of that trial */
	uint32_t n_flips;
	uint64_t flips_ns[USAGE_FLIPS_MAX]; /* ring: when a kept value went back */
	uint64_t quarantine_ns;             /* until when; 0 = never was */
	uint64_t quarantine_length_ns;      /* of the last one */
};

/* A limit that was made stricter at run time. */
struct usage_set {
	char name[LIMIT_NAME_MAX]; /* "" = free */
	char value[LIMIT_TEXT_MAX];
	uint64_t until_ns; /* UINT64_MAX = as long as the daemon runs */
};

/* What is written to the file; every time is CLOCK_MONOTONIC of one boot. */
struct usage_state {
	struct usage_hour writes; /* of all knobs */
	struct day arm_ns;        /* with an unproven value in force */
	struct {
		uint64_t txn, since_ns;
	} armed[8];      /* changes whose new value is in force and not proven */
	uint64_t daemon; /* that `sets` were made in: another daemon begins without them */
	struct usage_set sets[USAGE_SETS_MAX];
	struct usage_place places[USAGE_PLACES_MAX];
};

struct usage {
	int fd; /* of the file; -1 = it could not be opened, `error` says why */
	int error;
	uint64_t seq;
	char boot[USAGE_BOOT_MAX];
	struct usage_state state;
};

/*
 * Reads the file in the folder `dir` (made when it is missing). What was in force when the last actuator died counts
 * until now. Returns 0, 1 when there was a file that could not be understood, -errno; usable in every case.
 */
int usage_open(struct usage *usage, int dir, const char *boot, uint64_t now_ns);
void usage_close(struct usage *usage);

/* Writes it down; the death of the process loses nothing after it. Returns 0 or -errno. */
int usage_save(struct usage *usage);

/* A change begins. -ENOSPC when too many places are in use. */
int usage_begin(struct usage *usage, const char *knob, const struct scope *scope, uint64_t trial,
		uint64_t now_ns);

/* A value to try or to keep was written. */
void usage_write(struct usage *usage, const char *knob, const struct scope *scope, uint64_t now_ns);

/* From now on an unproven value is in force, or is no more. */
void usage_arm(struct usage *usage, uint64_t txn, uint64_t now_ns);
void usage_disarm(struct usage *usage, uint64_t txn, uint64_t now_ns);

/* A change ended. */
void usage_end(struct usage *usage, const char *knob, const struct scope *scope, uint64_t now_ns);

/* A kept value was undone, or one came back that had been replaced: quarantines the place when that was once too often. */
void usage_flip(struct usage *usage, const char *knob, const struct scope *scope,
		const struct limits *limits, uint64_t now_ns);

/* Fills in what limits ask for of that place. */
void usage_view(const struct usage *usage, const char *knob, const struct scope *scope,
		uint64_t trial, uint64_t now_ns, struct limits_view *view);

#endif
