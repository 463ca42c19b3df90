/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trial of one knob, for the matrices of faults and crashes: BEGIN, ARM, BASE, ARM (or SPLIT, BASE, SPLIT), then KEEP or
 * UNDO, on this kernel; and the judgement of what it has left. Knows no family: a knob, a scope and a value are all that it is given.
 */
#ifndef FLYBALL_TESTS_ONETRIAL_H
#define FLYBALL_TESTS_ONETRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "actuator/actuator.h"
#include "actuator/family.h"
#include "actuator/knobs.h"

/* Whether two captured texts say the same, where that is not each byte. */
typedef bool (*onetrial_same_fn)(const char *a, const char *b);

struct onetrial {
	const struct knob_row *row;
	struct scope scope;
	char old_value[KNOB_VALUE_MAX], new_value[KNOB_VALUE_MAX];
	bool keep;
	unsigned int stride; /* one cell of so many is tried, where each takes long; 1 = all */
	char before[COMPANIONS_MAX]; /* companions, as the family captures them */
	char after
		[COMPANIONS_MAX]; /* the same where KEEP was answered; learnt from the first trial without faults */
	onetrial_same_fn same;         /* of the companions' text; NULL: every byte */
	char folder[64];               /* with the journal */
	void (*reset)(void);           /* NULL, or what puts back more than the family can */
	uint64_t limit_ns;             /* of the hand */
	const struct split_maps *maps; /* of a trial that splits; NULL = it does not */
	int root, state;
};

/* What the trial was told, in memory that its process shares with the judge. */
struct onetrial_said {
	uint32_t asked;                /* actions answered */
	uint32_t status[ACTION_COUNT]; /* of the last answer to each, OUTCOME_STATUS_COUNT = none */
	uint32_t complained;           /* 1: some answer was not DONE, and said why */
	uint32_t silent;               /* 1: some answer was not DONE, and said nothing */
	uint32_t splits; /* 1: the last was DONE, and something of the split goes on (`text`) */
	char text[OUTCOME_TEXT_MAX]; /* of the last complaint */
};

/* A folder of its own, in memory where there is such a folder; reads what is in force now. */
int onetrial_open(struct onetrial *trial, const char *knob, const struct scope *scope,
		  const char *value, bool keep);
void onetrial_close(struct onetrial *trial);

/* Carries it out; `begun` and `ended` are called before the first and after the last request. */
void onetrial_run(const struct onetrial *trial, struct onetrial_said *ret_said, void (*begun)(void),
		  void (*ended)(void));

/*
 * Recovers and judges: NULL when all is as promised, else what is not. Afterwards the old value is in force and the
 * journal is empty. With `ended` the trial's process has come to its end: what it was told must be true, too.
 */
const char *onetrial_judge(struct onetrial *trial, const struct onetrial_said *said, bool ended);

/* Makes the old value and its companions be in force, however wrong things went, for the next cell. */
void onetrial_reset(const struct onetrial *trial);

#endif
