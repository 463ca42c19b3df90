/* SPDX-License-Identifier: Apache-2.0 */
/* The table of transactions that are not finished, and their records in the journal. Fixed size, no allocation. */
#ifndef FLYBALL_ACTUATOR_TXN_H
#define FLYBALL_ACTUATOR_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/actuator.h"
#include "actuator/journal.h"
#include "include/knob.h"

/* The guard keeps open and kept ones together under ACTUATOR_KEPT_MAX + ACTUATOR_OPEN_MAX. */
#define TXNS_MAX JOURNAL_LIVE_MAX
_Static_assert(TXNS_MAX == ACTUATOR_KEPT_MAX + ACTUATOR_OPEN_MAX,
	       "a rewrite carries over every transaction");

enum txn_state {
	TXN_FREE,
	TXN_OPEN, /* begun: old or new is in force */
	TXN_KEPT, /* committed: new is in force, can be rolled back */
	TXN_STUCK, /* old could not be put back: tried again by itself, at UNDO, at the end and at recovery */
	TXN_OWED, /* finished, but the journal could not take the record yet */
	TXN_STATE_COUNT,
};

struct txn {
	enum txn_state state;
	enum journal_type owed; /* of TXN_OWED: the record */
	bool splits;            /* begun with CHANGE_SPLIT */
	bool by_hand;           /* no trial: lives until its deadline, also without core */
	uint32_t n_writes;      /* of the knob, so far */
	bool touched;           /* something was written: companions may be disturbed */
	uint64_t order;         /* grows with each BEGIN */
	uint64_t retry_ns;      /* of TXN_STUCK: when it is tried again; 0 = at once */
	uint64_t retry_wait_ns; /* of TXN_STUCK: the pause that ends then; 0 = none yet */
	uint64_t holder;        /* serial of the hand that holds its split; 0 = none ever did */
	uint64_t hung; /* serial of the hand that may still write to it; 0 = none: see hand.c */
	const struct knob_row *row; /* NULL when this version has no such knob */
	struct journal_entry entry; /* last, and large: only what is used of it is copied */
};

struct txn_table {
	const struct knob_table *knobs; /* NULL = the build's */
	struct txn slots[TXNS_MAX];
	uint64_t next_order;
};

/* Frees every slot without touching those that are free: a table of zeros stays memory that nobody has touched. */
void txn_clear(struct txn_table *table);

/* The transaction of that number in any state but FREE; NULL. */
struct txn *txn_find(struct txn_table *table, uint64_t id);

/* A slot with the entry in it, in state `state`; NULL when the table is full. */
struct txn *txn_add(struct txn_table *table, enum txn_state state,
		    const struct journal_entry *entry);

/* The newest in that state; NULL. */
struct txn *txn_newest(struct txn_table *table, enum txn_state state);

/* The newest open one that does not live without core; NULL. */
struct txn *txn_newest_of_core(struct txn_table *table);

/* A kept transaction of the same knob and scope that replaced what this one brings back: a circle; NULL. */
const struct txn *txn_back_to(const struct txn_table *table, const struct txn *txn);

size_t txn_count(const struct txn_table *table, enum txn_state state);

/* The open or stuck transaction in the same domain and scope as the row's; NULL. */
struct txn *txn_busy(struct txn_table *table, const struct knob_row *row,
		     const struct scope *scope);

/*
 * The same by what was captured: the open or stuck transaction in the network namespace of `entry`, under whatever name; NULL.
 * By name no two of them can tell that they are one.
 */
const struct txn *txn_busy_netns(const struct txn_table *table, const struct knob_row *row,
				 const struct journal_entry *entry);

/* A later transaction that stands on this one and must be undone first: the same knob, or companions; NULL. */
struct txn *txn_above(struct txn_table *table, const struct txn *txn);

/* Makes it STUCK, to be tried again after a second, and after twice the last pause (half a minute at most) then. */
void txn_stick(struct txn *txn, uint64_t now_ns);

/*
 * What must be undone now, the newest first: of the open ones those whose deadline has passed, or with `silent` all that are not by hand;
 * of the stuck ones those whose pause is over. NULL.
 */
struct txn *txn_due(struct txn_table *table, uint64_t now_ns, bool silent);

/* Ends a transaction by its record; it becomes FREE, or OWED when the journal cannot take the record now. */
void txn_end(struct journal *journal, struct txn *txn, enum journal_type type);

/* Writes the records that are owed, if need be by rewriting the journal. Returns 0 or -errno. */
int txn_settle(struct journal *journal, struct txn_table *table);

/* Rewrites the journal with the unfinished and the kept transactions alone. Returns 0 or -errno. */
int txn_compact(struct journal *journal, struct txn_table *table, bool keep_damaged);

#endif
