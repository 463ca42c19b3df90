/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds the actuator back: the limits in force, what they count, and the knobs that belong to somebody else.
 *
 *     restraint_open → (restraint_view → guard → restraint_began | restraint_wrote …)… → restraint_close
 */
#ifndef FLYBALL_ACTUATOR_RESTRAINT_H
#define FLYBALL_ACTUATOR_RESTRAINT_H

#include "actuator/actuator.h"
#include "actuator/guard.h"
#include "actuator/pins.h"
#include "actuator/txn.h"
#include "actuator/usage.h"

struct restraint {
	int root;
	const char *file;     /* NULL = none */
	struct limits base;   /* built in, and what the file says */
	struct limits limits; /* with what was set at run time: in force */
	char file_error[160]; /* the file cannot be used, and none was before; "" = it can */
	char note[256];       /* for the log */
	uint64_t again_ns;    /* when the next limit of the run time ends */
	struct usage usage;
	struct pins pins;
	char executable[256], command[32]; /* of the process that restraint_view() saw last */
};

/* Reads the limits file, usage and pins. What cannot be read is in `note`; a bad limits file stops every BEGIN. */
void restraint_open(struct restraint *restraint, const struct actuator_options *options,
		    const char *boot, uint64_t now_ns);
void restraint_close(struct restraint *restraint);

/* Fills in limits, usage and pin of the view. `txn` is the one that a request other than BEGIN is about. */
void restraint_view(struct restraint *restraint, const struct change *change, const struct txn *txn,
		    uint64_t now_ns, struct guard_view *view);

/* A change begins; REFUSED with a sentence when there is no room to count it. */
enum outcome_status restraint_began(struct restraint *restraint, const struct change *change,
				    uint64_t now_ns, char *ret_text, size_t size);

/* Its split goes on: each that begins is counted as a write, and as a value not proven yet while new is not old. */
void restraint_split(struct restraint *r, const struct txn *txn, bool is_first, uint64_t now_ns);

/* A side was put in force; `n_before` = the transaction's n_writes before. */
void restraint_put(struct restraint *restraint, const struct txn *txn, bool is_new,
		   uint32_t n_before, uint64_t now_ns);

/* It was kept; `is_back`: it brings back what an earlier kept one had replaced. */
void restraint_kept(struct restraint *restraint, const struct txn *txn, bool is_back,
		    uint64_t now_ns);

/* It ended; `was_kept`: a kept value was undone. What somebody else has changed is theirs from now on. */
void restraint_ended(struct restraint *restraint, const struct txn *txn, bool was_kept,
		     uint64_t now_ns);
void restraint_foreign(struct restraint *restraint, const char *knob, const struct scope *scope,
		       const char *value);

/* Limits in force anew, from the file's and the run time's. */
void restraint_apply(struct restraint *restraint, uint64_t now_ns);

/* The restraint of an actuator: for operator.c. */
struct restraint *actuator_restraint(struct actuator *actuator);

#endif
