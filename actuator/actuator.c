// SPDX-License-Identifier: Apache-2.0
/*
 * Transactions: what core may ask for, each guarded, journaled, carried out and read back.
 *
 *     request           state before → after        by                what the system holds afterwards
 *     BEGIN             -    → OPEN                 begin             old (nothing is written)
 *     ARM, BASE         OPEN → OPEN                 switch_to         new; old with its companions
 *     SPLIT             OPEN → OPEN                 switch_to         old; new connections draw old or new
 *     KEEP              OPEN → KEPT                 keep              new
 *     UNDO              OPEN, KEPT, STUCK → FREE    undo              old with its companions
 *     deadline, missed heartbeat, EOF, close        undo              the same
 *     found neither old nor new, or gone → FREE     finish            what was found
 *     old cannot be put back → STUCK                finish            said in the outcome's text
 *     the pause of a STUCK one is over              undo              old with its companions, or STUCK for longer
 */
#include "actuator/actuator.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "actuator/guard.h"
#include "actuator/hand.h"
#include "actuator/intent.h"
#include "actuator/journal.h"
#include "actuator/knobs.h"
#include "actuator/recovery.h"
#include "actuator/restraint.h"
#include "actuator/setting.h"
#include "actuator/txn.h"
#include "base/clock.h"

/* Numbers of ended transactions that are remembered, to refuse one that is used again. */
#define ENDED_MAX 64

struct actuator {
	struct actuator_options options;
	struct journal journal;
	struct hand hand;
	struct txn_table table;
	struct restraint restraint;
	uint64_t heard_ns; /* last sign of life of core */
	bool frozen;
	size_t n_ended;
	uint64_t ended[ENDED_MAX]; /* ring */
};

static void actuator_free(struct actuator *a)
{
	/* Before the journal's lock is given away: who gets it then finds no hand but one that hangs. */
	hand_close(&a->hand);
	journal_close(&a->journal);
	free(a);
}

static int actuator_new(const struct actuator_options *options, uint64_t now_ns,
			struct recovery *ret_recovery, struct actuator **ret_actuator)
{
	struct actuator *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->options = *options;
	a->heard_ns = now_ns;
	r = journal_open(options->root, options->state, &a->journal);
	if (r < 0) {
		free(a);
		return r;
	}
	a->table.knobs = options->knobs;
	hand_open(&a->hand, options);
	r = recovery_run(&a->hand, &a->journal, &a->table, ret_recovery);
	if (r < 0) {
		actuator_free(a);
		return r;
	}
	a->restraint.usage.fd = -1;
	*ret_actuator = a;
	return 0;
}

int actuator_open(const struct actuator_options *options, uint64_t now_ns,
		  struct recovery *ret_recovery, struct actuator **ret_actuator)
{
	int r = actuator_new(options, now_ns, ret_recovery, ret_actuator);

	if (r < 0)
		return r;
	restraint_open(&(*ret_actuator)->restraint, options, (*ret_actuator)->journal.boot, now_ns);

	/* An error shows again at the first request. */
	if (hand_is_alone(&(*ret_actuator)->hand))
		hand_start(&(*ret_actuator)->hand);
	return 0;
}

struct restraint *actuator_restraint(struct actuator *a)
{
	return &a->restraint;
}

const char *actuator_note(const struct actuator *a)
{
	return a->restraint.note;
}

int actuator_read(struct actuator *a, const struct knob_row *row, const struct scope *scope,
		  struct knob_reading *ret_reading)
{
	return hand_read(&a->hand, row, scope, ret_reading);
}

int actuator_recover(const struct actuator_options *options, uint64_t now_ns,
		     struct recovery *ret_recovery)
{
	struct actuator *a;
	int r = actuator_new(options, now_ns, ret_recovery, &a);

	if (r < 0)
		return r;
	actuator_free(a);
	return 0;
}

/* Settles the transaction by what hand_put() found; true in `settled` means that it may be forgotten. */
static void finish(struct actuator *a, struct txn *txn, bool settled, const struct outcome *outcome,
		   uint64_t now_ns)
{
	enum journal_type type = JOURNAL_UNDONE;
	bool was_kept = txn->state == TXN_KEPT && outcome->status == OUTCOME_DONE;

	if (outcome->status == OUTCOME_FOREIGN)
		restraint_foreign(&a->restraint, txn->entry.knob, &txn->entry.scope,
				  outcome->value);
	if (!settled) {
		txn_stick(txn, now_ns);
		return;
	}
	if (outcome->status == OUTCOME_FOREIGN || outcome->status == OUTCOME_GONE)
		type = JOURNAL_ABANDONED;
	restraint_ended(&a->restraint, txn, was_kept, now_ns);
	a->ended[a->n_ended++ % ENDED_MAX] = txn->entry.txn;
	txn_end(&a->journal, txn, type);
}

static void fail_journal(struct outcome *outcome, int r)
{
	outcome->status = OUTCOME_FAILED;
	outcome->error = -r;
	snprintf(outcome->text, sizeof(outcome->text),
		 "unable to write '" JOURNAL_NAME "' in the state folder: %s; %s", strerror(-r),
		 r == -ENOSPC || r == -EDQUOT || r == -EFBIG
			 ? "free some space there"
			 : "check the file system and its mount options");
}

static bool is_known(struct actuator *a, uint64_t id)
{
	for (size_t i = 0; i < ENDED_MAX && i < a->n_ended; i++)
		if (a->ended[i] == id)
			return true;
	return txn_find(&a->table, id) != NULL;
}

static struct family_limits family_limits_of(const struct limits *limits)
{
	return (struct family_limits){
		.numa_rate_bytes = (uint64_t)limits->value[LIMIT_NUMA_RATE],
		.numa_free_bytes = (uint64_t)limits->value[LIMIT_NUMA_FREE],
		.load_modules = limits->value[LIMIT_LOAD_MODULES] != 0,
	};
}

static struct guard_view guard_view_of(struct actuator *a, const struct change *change,
				       uint64_t now_ns)
{
	const struct txn *txn =
		change->action == ACTION_BEGIN ? NULL : txn_find(&a->table, change->txn);
	bool named = memchr(change->knob, '\0', sizeof(change->knob)) != NULL;
	struct guard_view view = {
		.now_ns = now_ns,
		.frozen = a->frozen,
		.only = a->options.only,
		.n_kept = txn_count(&a->table, TXN_KEPT),
		.known = is_known(a, change->txn),
		.row = named ? knob_table_find(a->options.knobs, change->knob) : NULL,
	};
	const struct txn *busy = view.row ? txn_busy(&a->table, view.row, &change->scope) : NULL;

	view.n_open = TXNS_MAX - txn_count(&a->table, TXN_FREE) - view.n_kept;
	view.busy = busy ? busy->entry.txn : 0;
	if (txn)
		view.row = txn->row;
	restraint_view(&a->restraint, change, txn, now_ns, &view);
	return view;
}

/* What only the family knows, and the guard cannot: whose the scope is. */
static bool is_allowed(struct actuator *a, const struct guard_view *view,
		       const struct change *change, struct outcome *outcome)
{
	if (knob_allowed(a->options.root, view->row, view->reading, change->new_value,
			 outcome->text, sizeof(outcome->text)) == 0)
		return true;
	outcome->status = OUTCOME_REFUSED;
	return false;
}

/* What recovery would need is there, and is about nothing that another transaction has open. */
static bool capture(struct actuator *a, const struct change *change, struct guard_view *view,
		    struct journal_entry *ret_entry, struct outcome *outcome)
{
	const struct txn *namesake;

	outcome->status = OUTCOME_REFUSED;
	if (intent_make(&a->hand, view->row, change, view->reading->value, ret_entry, outcome->text,
			sizeof(outcome->text)) < 0)
		return false;
	namesake = txn_busy_netns(&a->table, view->row, ret_entry);
	if (namesake) {
		view->namesake = namesake->entry.txn;
		view->namesake_scope = &namesake->entry.scope;
	}
	outcome->status = guard_captured(view, outcome->text, sizeof(outcome->text));
	return outcome->status == OUTCOME_DONE;
}

static const char *why_unread(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "it does not return";
	case -EEXIST:
		return "the namespace is flyball's own: use the scope 'host'";
	default:
		return strerror(-error);
	}
}

static void begin(struct actuator *a, const struct change *change, struct guard_view view,
		  struct outcome *outcome)
{
	struct knob_reading reading;
	struct journal_entry entry;
	struct txn *txn;
	int r;

	if (!hand_is_alone(&a->hand)) {
		outcome->status = OUTCOME_REFUSED;
		snprintf(outcome->text, sizeof(outcome->text),
			 "a write of the former actuator still hangs: try again when it is over");
		return;
	}
	r = hand_read(&a->hand, view.row, &change->scope, &reading);

	if (r < 0) {
		outcome->status = OUTCOME_FAILED;
		outcome->error = -r;
		snprintf(outcome->text, sizeof(outcome->text), "unable to read %s: %s",
			 view.row->name, why_unread(r));
		return;
	}
	view.reading = &reading;
	memcpy(outcome->value, reading.value, sizeof(outcome->value));
	outcome->status = guard_value(&view, change, outcome->text, sizeof(outcome->text));
	if (outcome->status == OUTCOME_FOREIGN)
		restraint_foreign(&a->restraint, change->knob, &change->scope, reading.value);
	if (outcome->status != OUTCOME_DONE || !is_allowed(a, &view, change, outcome) ||
	    !capture(a, change, &view, &entry, outcome))
		return;
	/* Last, as it takes a place: what is refused anyway must not fill them. */
	outcome->status = restraint_began(&a->restraint, change, view.now_ns, outcome->text,
					  sizeof(outcome->text));
	if (outcome->status != OUTCOME_DONE)
		return;
	r = intent_write(&a->journal, &a->table, &entry);
	if (r < 0) {
		fail_journal(outcome, r);
		return;
	}
	/* The guard left room for one more. */
	txn = txn_add(&a->table, TXN_OPEN, &entry);
	txn->by_hand = change->flags & CHANGE_BY_HAND;
	txn->splits = change->flags & CHANGE_SPLIT;
}

static void switch_to(struct actuator *a, struct txn *txn, enum setting_side side, uint64_t now_ns,
		      struct outcome *outcome)
{
	bool was_touched = txn->touched;
	uint32_t held_before = txn->holder;
	uint32_t n_before = txn->n_writes;
	bool settled = hand_put(&a->hand, txn, side, outcome);

	if (side == SETTING_SPLIT && outcome->status == OUTCOME_DONE)
		restraint_split(&a->restraint, txn, txn->holder != held_before, now_ns);
	else
		restraint_put(&a->restraint, txn, side == SETTING_NEW, n_before, now_ns);
	if (outcome->status != OUTCOME_DONE) {
		finish(a, txn, settled, outcome, now_ns);
		return;
	}
	/* For people who read the journal after a crash; recovery does without, so an error is none. */
	if (side == SETTING_NEW && !was_touched && !txn->splits)
		journal_append(&a->journal, JOURNAL_APPLIED, &txn->entry, JOURNAL_LAZY);
}

static enum setting_side side_of(uint32_t action)
{
	if (action == ACTION_SPLIT)
		return SETTING_SPLIT;
	return action == ACTION_ARM ? SETTING_NEW : SETTING_OLD;
}

static void undo(struct actuator *a, struct txn *txn, uint64_t now_ns, struct outcome *outcome)
{
	const struct txn *above = txn->state == TXN_KEPT ? txn_above(&a->table, txn) : NULL;
	bool settled;

	if (above) {
		outcome->status = OUTCOME_REFUSED;
		snprintf(outcome->text, sizeof(outcome->text),
			 "transaction %" PRIu64 " came later and stands on this one: undo it first",
			 above->entry.txn);
		return;
	}
	settled = hand_put(&a->hand, txn, SETTING_OLD, outcome);
	finish(a, txn, settled, outcome, now_ns);
}

/* A kept change that a crash would undo is no kept change: without its record it is undone now. */
static void keep(struct actuator *a, struct txn *txn, uint64_t now_ns, struct outcome *outcome)
{
	struct outcome undone = { 0 };
	bool settled;
	int r = 0;

	/* The first write of a split: recovery must know of it, or it would take the arm for somebody else's. */
	if (txn->splits)
		r = journal_append(&a->journal, JOURNAL_APPLIED, &txn->entry, JOURNAL_SYNCED);
	if (r == 0) {
		switch_to(a, txn, SETTING_NEW, now_ns, outcome);
		if (outcome->status != OUTCOME_DONE)
			return;
		r = journal_append(&a->journal, JOURNAL_COMMITTED, &txn->entry, JOURNAL_SYNCED);
	}
	if (r == 0) {
		restraint_kept(&a->restraint, txn, txn_back_to(&a->table, txn) != NULL, now_ns);
		txn->state = TXN_KEPT;
		txn->by_hand = false;
		return;
	}
	settled = hand_put(&a->hand, txn, SETTING_OLD, &undone);
	finish(a, txn, settled, &undone, now_ns);
	*outcome = (struct outcome){ .txn = outcome->txn,
				     .action = outcome->action,
				     .time_ns = undone.time_ns,
				     .took_ns = outcome->took_ns + undone.took_ns };
	memcpy(outcome->value, undone.value, sizeof(outcome->value));
	fail_journal(outcome, r);
	if (undone.status != OUTCOME_DONE)
		snprintf(outcome->text, sizeof(outcome->text),
			 "not recorded (%s), and not undone: %.90s", strerror(-r), undone.text);
}

static void carry_out(struct actuator *a, const struct change *change, uint64_t now_ns,
		      struct outcome *outcome)
{
	struct guard_view view;
	struct txn *txn;

	/* First, so that what is owed does not count as open; an error shows again when the intent is written. */
	if (change->action == ACTION_BEGIN)
		txn_settle(&a->journal, &a->table);
	view = guard_view_of(a, change, now_ns);
	a->hand.limits = family_limits_of(&a->restraint.limits);
	txn = txn_find(&a->table, change->txn);
	outcome->status = guard_request(&view, change, outcome->text, sizeof(outcome->text));
	if (outcome->status != OUTCOME_DONE)
		return;
	if (change->action == ACTION_BEGIN) {
		begin(a, change, view, outcome);
		return;
	}
	if (change->action == ACTION_UNDO && txn && txn->state != TXN_OWED) {
		undo(a, txn, now_ns, outcome);
		return;
	}
	if (!txn || txn->state != TXN_OPEN) {
		outcome->status = OUTCOME_REFUSED;
		snprintf(outcome->text, sizeof(outcome->text), "no open transaction %" PRIu64,
			 change->txn);
		return;
	}
	if ((change->action == ACTION_ARM && txn->splits) ||
	    (change->action == ACTION_SPLIT && !txn->splits)) {
		outcome->status = OUTCOME_REFUSED;
		snprintf(outcome->text, sizeof(outcome->text),
			 "transaction %" PRIu64 " was %sbegun as a split", change->txn,
			 txn->splits ? "" : "not ");
		return;
	}
	if (change->action == ACTION_KEEP && txn->by_hand) {
		outcome->status = OUTCOME_REFUSED;
		snprintf(outcome->text, sizeof(outcome->text),
			 "a change by hand is not kept: it ends with its time");
		return;
	}
	if (change->action == ACTION_KEEP)
		keep(a, txn, now_ns, outcome);
	else
		switch_to(a, txn, side_of(change->action), now_ns, outcome);
}

void actuator_change(struct actuator *a, const struct change *change, uint64_t now_ns,
		     struct outcome *ret_outcome)
{
	uint64_t start = clock_now_ns();

	*ret_outcome = (struct outcome){ .txn = change->txn, .action = change->action };
	actuator_heartbeat(a, now_ns);
	carry_out(a, change, now_ns, ret_outcome);
	usage_save(&a->restraint.usage);
	if (ret_outcome->time_ns == 0)
		ret_outcome->time_ns = clock_now_ns();
	ret_outcome->took_ns = clock_now_ns() - start;
}

void actuator_heartbeat(struct actuator *a, uint64_t now_ns)
{
	if (now_ns > a->heard_ns)
		a->heard_ns = now_ns;
}

/* When core counts as dead; UINT64_MAX = never. */
static uint64_t heartbeat_due(const struct actuator *a)
{
	if (a->options.heartbeat_ns == 0 || a->options.heartbeat_ns > UINT64_MAX - a->heard_ns)
		return UINT64_MAX;
	return a->heard_ns + a->options.heartbeat_ns;
}

uint64_t actuator_deadline(const struct actuator *a)
{
	uint64_t deadline = UINT64_MAX;
	bool open = false;

	for (size_t i = 0; i < TXNS_MAX; i++) {
		const struct txn *txn = &a->table.slots[i];

		if (txn->state == TXN_STUCK && txn->retry_ns < deadline)
			deadline = txn->retry_ns;
		if (txn->state != TXN_OPEN)
			continue;
		open |= !txn->by_hand;
		if (txn->entry.deadline_ns < deadline)
			deadline = txn->entry.deadline_ns;
	}
	if (open && heartbeat_due(a) < deadline)
		deadline = heartbeat_due(a);
	return deadline;
}

static void undo_unasked(struct actuator *a, struct txn *txn, const char *why, uint64_t now_ns,
			 struct outcome *ret_outcome)
{
	struct outcome outcome = { .txn = txn->entry.txn, .action = ACTION_UNDO, .unasked = 1 };

	snprintf(outcome.text, sizeof(outcome.text), "%s", why);
	undo(a, txn, now_ns, &outcome);
	usage_save(&a->restraint.usage);
	*ret_outcome = outcome;
}

static const char *due_why(const struct txn *txn, uint64_t now_ns)
{
	if (txn->state == TXN_STUCK)
		return "could not be put back before";
	if (txn->entry.deadline_ns <= now_ns)
		return txn->by_hand ? "its time is over" : "deadline";
	return "no heartbeat of core, which sends one with each frame of the observer";
}

/* A stuck one that stays stuck was said when it got stuck; its pause has begun anew, so the loop ends. */
int actuator_expire(struct actuator *a, uint64_t now_ns, struct outcome *ret_outcome)
{
	bool silent = now_ns >= heartbeat_due(a);
	struct outcome outcome;
	struct txn *due;

	while ((due = txn_due(&a->table, now_ns, silent))) {
		bool was_stuck = due->state == TXN_STUCK;

		undo_unasked(a, due, due_why(due, now_ns), now_ns, &outcome);
		if (was_stuck && due->state == TXN_STUCK)
			continue;
		*ret_outcome = outcome;
		return 1;
	}
	return 0;
}

int actuator_undo_next(struct actuator *a, uint64_t now_ns, struct outcome *ret_outcome)
{
	struct txn *txn = txn_newest_of_core(&a->table);

	if (!txn)
		return 0;
	undo_unasked(a, txn, "core is gone", now_ns, ret_outcome);
	return 1;
}

/* What could not be put back before is tried a last time; then the journal keeps it for the next recovery. */
void actuator_close(struct actuator *a, uint64_t now_ns)
{
	struct outcome outcome;
	struct txn *open;

	if (!a)
		return;
	while ((open = txn_newest(&a->table, TXN_OPEN)))
		undo_unasked(a, open, "the actuator ends", now_ns, &outcome);
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &a->table.slots[i];

		outcome = (struct outcome){ 0 };
		if (txn->state == TXN_STUCK)
			undo(a, txn, now_ns, &outcome);
	}
	/* An error leaves the transaction's intent: recovery will find old in force. */
	txn_settle(&a->journal, &a->table);
	restraint_close(&a->restraint);
	actuator_free(a);
}

void actuator_freeze(struct actuator *a, bool frozen)
{
	a->frozen = frozen;
}

/* Those in a state, oldest first, as the BEGIN that made them. */
static size_t list(const struct actuator *a, enum txn_state state, bool by_hand,
		   struct change *ret_changes, size_t max)
{
	uint64_t order = 0;
	size_t n = 0;

	while (n < max) {
		const struct txn *next = NULL;
		struct change *change = &ret_changes[n];

		for (size_t i = 0; i < TXNS_MAX; i++) {
			const struct txn *txn = &a->table.slots[i];

			if (txn->state == state && txn->by_hand >= by_hand && txn->order > order &&
			    (!next || txn->order < next->order))
				next = txn;
		}
		if (!next)
			break;
		order = next->order;
		*change = (struct change){ .txn = next->entry.txn,
					   .trial = next->entry.trial,
					   .action = ACTION_BEGIN,
					   .flags = next->by_hand ? CHANGE_BY_HAND : 0,
					   .deadline_ns = next->entry.deadline_ns,
					   .scope = next->entry.scope };
		memcpy(change->knob, next->entry.knob, sizeof(change->knob));
		memcpy(change->old_value, next->entry.old_value, sizeof(change->old_value));
		memcpy(change->new_value, next->entry.new_value, sizeof(change->new_value));
		n++;
	}
	return n;
}

size_t actuator_kept(const struct actuator *a, struct change *ret_changes, size_t max)
{
	return list(a, TXN_KEPT, false, ret_changes, max);
}

size_t actuator_hands(const struct actuator *a, struct change *ret_changes, size_t max)
{
	return list(a, TXN_OPEN, true, ret_changes, max);
}
