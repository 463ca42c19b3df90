/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actuator: the only code that changes the system. Every change is guarded, journaled before it happens, read
 * back, and undone when its deadline or the heartbeat passes. What touches the system is done by a child, the hand
 * (hand.h), so that no call here blocks for longer than its limit.
 *
 *     actuator_open (recovers what a crash left)
 *     actuator_change(BEGIN) → (ARM | BASE | SPLIT)… → KEEP | UNDO
 *     actuator_heartbeat at least every heartbeat_ns while a transaction is open
 *     actuator_expire at actuator_deadline()
 *     actuator_close (undoes what is open)
 */
#ifndef FLYBALL_ACTUATOR_H
#define FLYBALL_ACTUATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "include/limits.h"
#include "include/outcome.h"
#include "include/split.h"

struct actuator;
struct knob_table;

/* Open transactions at once. */
#define ACTUATOR_OPEN_MAX 8
/* Kept changes that are remembered for rollback. */
#define ACTUATOR_KEPT_MAX 64
/* A change by hand is undone after so long at the latest. */
#define ACTUATOR_HAND_MAX_NS (24 * 3600 * 1000000000ull)

struct actuator_options {
	int root;  /* sysroot descriptor; must outlive the actuator */
	int state; /* descriptor of the state folder (the journal's); must outlive the actuator */
	uint64_t heartbeat_ns; /* undo everything open after so long without a heartbeat */
	struct scope only;     /* refuse changes elsewhere; kind SCOPE_KIND_COUNT = no such limit */
	const char *limits_file; /* NULL = what is built in; one that is missing is no error */
	int pins; /* descriptor of the folder that pins are kept in; 0 = they are not kept */
	uint64_t daemon_ns; /* tells one daemon from the next: limits of the run time end with it */
	const struct knob_table *knobs; /* must outlive the actuator; NULL = the build's */
	const struct split_maps *maps;  /* of connections that are split; NULL = none can be */
	uint64_t hand_limit_ns;         /* a read or write that takes longer hangs; 0 = 2 s */
	uint64_t hand_total_ns;         /* the same where signs of progress come; 0 = 30 s */
};

/* What recovery did; texts are for the log. */
struct recovery {
	uint32_t restored; /* old value put back */
	uint32_t foreign;  /* somebody else's value found and left */
	uint32_t gone;     /* the scope does not exist any more */
	uint32_t failed;   /* the old value could not be written; stays in the journal */
	uint32_t kept;     /* kept changes of this boot, still in force */
	uint32_t torn;     /* 1: the journal ended in a torn record */
	uint32_t corrupt;  /* records in the middle whose checksum is wrong; skipped and reported */
	uint32_t other_boot; /* transactions of another boot: nothing to undo */
	char text[512];      /* one line, what and why; "" when there was nothing */
};

/*
 * Opens the journal, recovers, and is ready for changes. -EAGAIN when another actuator holds the lock of the
 * journal. The caller closes it.
 */
int actuator_open(const struct actuator_options *options, uint64_t now_ns,
		  struct recovery *ret_recovery, struct actuator **ret_actuator);

/* Undoes what is open (newest first) and closes; accepts NULL. Kept changes stay. */
void actuator_close(struct actuator *actuator, uint64_t now_ns);

/* Recovers without staying: for the supervisor after a death, and at start. Returns 0 or -errno. */
int actuator_recover(const struct actuator_options *options, uint64_t now_ns,
		     struct recovery *ret_recovery);

/* Carries out one change; always fills in `ret_outcome`. */
void actuator_change(struct actuator *actuator, const struct change *change, uint64_t now_ns,
		     struct outcome *ret_outcome);

/* As knob_read(), under the time limit of every other access; -ETIMEDOUT when it does not return. */
int actuator_read(struct actuator *actuator, const struct knob_row *row, const struct scope *scope,
		  struct knob_reading *ret_reading);

/*
 * Makes the maps of split connections, which the actuator writes and the observer reads; before the two part. The caller
 * closes all four. Returns 0 or -errno.
 */
int split_maps_open(struct split_maps *ret_actuator, struct split_maps *ret_observer);
void split_maps_close(struct split_maps *maps);

/* Core is alive. */
void actuator_heartbeat(struct actuator *actuator, uint64_t now_ns);

/* When actuator_expire() must be called next; UINT64_MAX = never. */
uint64_t actuator_deadline(const struct actuator *actuator);

/*
 * Undoes what is due, which includes what could not be put back before: that is tried again after 1 s, 2 s, and so on
 * to every 30 s, and is heard of again only when it ends. Returns 1 with an unasked outcome, 0 when nothing (more) is
 * due. Call until 0.
 */
int actuator_expire(struct actuator *actuator, uint64_t now_ns, struct outcome *ret_outcome);

/*
 * Undoes one open transaction whatever its deadline (core died); like actuator_expire(), which must be called at
 * actuator_deadline() afterwards too, for what could not be put back. Call until 0.
 */
int actuator_undo_next(struct actuator *actuator, uint64_t now_ns, struct outcome *ret_outcome);

/* While frozen BEGIN, ARM and KEEP are refused. */
void actuator_freeze(struct actuator *actuator, bool frozen);

/* What is wrong with limits, usage or pins, for the log; "" = nothing. */
const char *actuator_note(const struct actuator *actuator);

/* Changes by hand that are open, as the BEGIN that made them. Returns how many, at most `max`. */
size_t actuator_hands(const struct actuator *actuator, struct change *ret_changes, size_t max);

/* --- operator.c: what the operator may ask for at run time --- */

/* Limits in force, one row each. Returns how many there are. */
size_t actuator_limits(const struct actuator *actuator, struct limit_row *ret_rows, size_t max);

/*
 * Reads the limits file again. On an error the limits stay as they are and all errors are in `ret_text`, a line each.
 * Returns 0 or -errno; 0 comes with a sentence, too.
 */
int actuator_limits_reload(struct actuator *actuator, uint64_t now_ns, char *ret_text, size_t size);

/*
 * Makes one limit stricter, for a time (0 = as long as the daemon runs). Returns 0, or -EINVAL or -ENOSPC with a
 * sentence.
 */
int actuator_limit_set(struct actuator *actuator, const char *name, const char *value,
		       uint64_t for_ns, uint64_t now_ns, char *ret_text, size_t size);

/* Gives a knob in a scope to the operator, or takes it back. 0, -ENOENT, -ENOSPC, or -errno; always with a sentence. */
int actuator_pin(struct actuator *actuator, const char *knob, const struct scope *scope,
		 const char *by, char *ret_text, size_t size);
int actuator_unpin(struct actuator *actuator, const char *knob, const struct scope *scope,
		   char *ret_text, size_t size);

/* Pins that hold. Returns how many there are. */
size_t actuator_pins(const struct actuator *actuator, struct pin *ret_pins, size_t max);

/* Checks a limits file; all errors go to `err`. Returns 0, -ENOENT, or -EINVAL. */
int actuator_limits_check(const char *path, FILE *err);

/* The tables of docs/limits.md. */
void actuator_limits_markdown(FILE *out);

/* Kept changes of this boot, oldest first: as the BEGIN that made them. Returns how many, at most `max`. */
size_t actuator_kept(const struct actuator *actuator, struct change *ret_changes, size_t max);

#endif
