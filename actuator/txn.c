// SPDX-License-Identifier: Apache-2.0
#include "actuator/txn.h"

#include <string.h>

#include "actuator/in_netns.h"
#include "actuator/knobs.h"
#include "base/clock.h"
#include "base/scope.h"

/* Long enough for most of what passes by itself, and for a system that is short of files or memory to breathe. */
#define RETRY_WAIT_NS NSEC_PER_SEC
#define RETRY_WAIT_MAX_NS (30 * NSEC_PER_SEC) /* an operator who has mended it waits no longer */

void txn_clear(struct txn_table *table)
{
	for (size_t i = 0; i < TXNS_MAX; i++)
		if (table->slots[i].state != TXN_FREE)
			table->slots[i].state = TXN_FREE;
	table->next_order = 0;
}

struct txn *txn_find(struct txn_table *table, uint64_t id)
{
	for (size_t i = 0; i < TXNS_MAX; i++)
		if (table->slots[i].state != TXN_FREE && table->slots[i].entry.txn == id)
			return &table->slots[i];
	return NULL;
}

struct txn *txn_add(struct txn_table *table, enum txn_state state,
		    const struct journal_entry *entry)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (txn->state != TXN_FREE)
			continue;
		/* Only what is used is copied: most of a slot's 17 KiB stay memory that nobody has touched. */
		memset(txn, 0, offsetof(struct txn, entry));
		memcpy(&txn->entry, entry, journal_entry_bytes(entry));
		txn->state = state;
		txn->order = ++table->next_order;
		txn->row = knob_table_find(table->knobs, entry->knob);
		return txn;
	}
	return NULL;
}

struct txn *txn_newest(struct txn_table *table, enum txn_state state)
{
	struct txn *newest = NULL;

	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (txn->state == state && (!newest || txn->order > newest->order))
			newest = txn;
	}
	return newest;
}

struct txn *txn_newest_of_core(struct txn_table *table)
{
	struct txn *newest = NULL;

	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (txn->state == TXN_OPEN && !txn->by_hand &&
		    (!newest || txn->order > newest->order))
			newest = txn;
	}
	return newest;
}

/* How much of a scope's name says what it is in its namespace: all of a route's but the namespace, nothing of a namespace's. */
static size_t length_within(const struct scope *scope)
{
	size_t prefix;

	if (scope->kind != SCOPE_ROUTE)
		return 0;
	prefix = strcspn(scope->name, "@");
	return scope->name[prefix] ? prefix + 1 + strcspn(scope->name + prefix + 1, "@") : prefix;
}

/* One scope, also where its namespace has two names. */
static bool is_one_scope(const struct journal_entry *a, const struct journal_entry *b)
{
	size_t length = length_within(&a->scope);

	if (scope_equal(&a->scope, &b->scope))
		return true;
	return a->scope.kind == b->scope.kind && length == length_within(&b->scope) &&
	       !memcmp(a->scope.name, b->scope.name, length) &&
	       in_netns_is_one(a->companions, b->companions);
}

const struct txn *txn_back_to(const struct txn_table *table, const struct txn *txn)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		const struct txn *other = &table->slots[i];

		if (other != txn && other->state == TXN_KEPT && other->row == txn->row &&
		    is_one_scope(&other->entry, &txn->entry) &&
		    knob_same(txn->row, other->entry.old_value, txn->entry.new_value))
			return other;
	}
	return NULL;
}

size_t txn_count(const struct txn_table *table, enum txn_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < TXNS_MAX; i++)
		n += table->slots[i].state == state;
	return n;
}

struct txn *txn_busy(struct txn_table *table, const struct knob_row *row, const struct scope *scope)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if ((txn->state == TXN_OPEN || txn->state == TXN_STUCK) && txn->row &&
		    txn->row->domain == row->domain &&
		    (knob_scopes_interfere(row->domain, &txn->entry.scope, scope) ||
		     scope_overlaps(&txn->entry.scope, scope)))
			return txn;
	}
	return NULL;
}

const struct txn *txn_busy_netns(const struct txn_table *table, const struct knob_row *row,
				 const struct journal_entry *entry)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		const struct txn *txn = &table->slots[i];

		if ((txn->state == TXN_OPEN || txn->state == TXN_STUCK) && txn->row &&
		    txn->row->domain == row->domain &&
		    in_netns_is_one(txn->entry.companions, entry->companions))
			return txn;
	}
	return NULL;
}

/* A line that begins with @ says which instance it was, and is no setting. */
static bool has_companions(const struct journal_entry *entry)
{
	for (const char *line = entry->companions; *line;) {
		const char *end = strchr(line, '\n');

		if (*line != '@')
			return true;
		if (!end)
			return false;
		line = end + 1;
	}
	return false;
}

/* `upper` came after `lower` and found what `lower` had made of the knob or of its companions. */
static bool stands_on(const struct txn *upper, const struct txn *lower)
{
	if (!upper->row || !lower->row || upper->order <= lower->order)
		return false;
	if (!is_one_scope(&upper->entry, &lower->entry))
		return false;
	if (upper->row == lower->row)
		return true;
	/* The threads of a process have one mask each, by whichever family. */
	return (upper->row->family == lower->row->family ||
		upper->entry.scope.kind == SCOPE_PROCESS) &&
	       upper->row->domain == lower->row->domain &&
	       (has_companions(&upper->entry) || has_companions(&lower->entry));
}

struct txn *txn_above(struct txn_table *table, const struct txn *txn)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *upper = &table->slots[i];

		if (upper->state != TXN_FREE && upper->state != TXN_OWED && stands_on(upper, txn))
			return upper;
	}
	return NULL;
}

void txn_stick(struct txn *txn, uint64_t now_ns)
{
	uint64_t wait_ns = txn->retry_wait_ns * 2;

	if (wait_ns < RETRY_WAIT_NS)
		wait_ns = RETRY_WAIT_NS;
	if (wait_ns > RETRY_WAIT_MAX_NS)
		wait_ns = RETRY_WAIT_MAX_NS;
	txn->state = TXN_STUCK;
	txn->retry_wait_ns = wait_ns;
	txn->retry_ns = now_ns + wait_ns;
}

static bool is_due(const struct txn *txn, uint64_t now_ns, bool silent)
{
	if (txn->state == TXN_STUCK)
		return txn->retry_ns <= now_ns;
	return txn->state == TXN_OPEN &&
	       ((silent && !txn->by_hand) || txn->entry.deadline_ns <= now_ns);
}

struct txn *txn_due(struct txn_table *table, uint64_t now_ns, bool silent)
{
	struct txn *due = NULL;

	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (is_due(txn, now_ns, silent) && (!due || txn->order > due->order))
			due = txn;
	}
	return due;
}

void txn_end(struct journal *journal, struct txn *txn, enum journal_type type)
{
	if (journal_append(journal, type, &txn->entry, JOURNAL_LAZY) == 0) {
		txn->state = TXN_FREE;
		return;
	}
	txn->state = TXN_OWED;
	txn->owed = type;
}

int txn_settle(struct journal *journal, struct txn_table *table)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (txn->state != TXN_OWED)
			continue;
		txn_end(journal, txn, txn->owed);
		if (txn->state == TXN_OWED)
			return txn_compact(journal, table, false);
	}
	return 0;
}

static enum journal_type txn_record(const struct txn *txn)
{
	if (txn->state == TXN_KEPT)
		return JOURNAL_COMMITTED;
	return txn->touched ? JOURNAL_APPLIED : JOURNAL_INTENT;
}

int txn_compact(struct journal *journal, struct txn_table *table, bool keep_damaged)
{
	const struct journal_entry *entries[TXNS_MAX];
	enum journal_type types[TXNS_MAX];
	uint64_t order = 0;
	size_t n = 0;
	int r;

	for (;;) {
		const struct txn *next = NULL;

		for (size_t i = 0; i < TXNS_MAX; i++) {
			const struct txn *txn = &table->slots[i];

			if (txn->state != TXN_FREE && txn->state != TXN_OWED &&
			    txn->order > order && (!next || txn->order < next->order))
				next = txn;
		}
		if (!next)
			break;
		order = next->order;
		types[n] = txn_record(next);
		entries[n++] = &next->entry;
	}
	r = journal_rewrite(journal, types, entries, n, keep_damaged);
	if (r < 0)
		return r;
	for (size_t i = 0; i < TXNS_MAX; i++)
		if (table->slots[i].state == TXN_OWED)
			table->slots[i].state = TXN_FREE;
	return 0;
}
