// SPDX-License-Identifier: Apache-2.0
#include "actuator/recovery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"

/* Records arrive oldest first; the table holds the transactions of one boot. */
struct replay {
	struct txn_table *table;
	struct recovery *recovery;
	char boot[JOURNAL_BOOT_MAX]; /* of the record before */
	uint32_t lost;               /* transactions without room in the table */
};

static void __attribute__((format(printf, 2, 3)))
note(struct recovery *recovery, const char *format, ...)
{
	size_t used = strlen(recovery->text);
	va_list ap;

	used += (size_t)snprintf(recovery->text + used, sizeof(recovery->text) - used, "%s",
				 used ? "; " : "");
	if (used >= sizeof(recovery->text))
		return;
	va_start(ap, format);
	vsnprintf(recovery->text + used, sizeof(recovery->text) - used, format, ap);
	va_end(ap);
}

/* Boots follow each other in the file: with the first record of the next one, all that came before is over. */
static void end_boot(struct replay *replay)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &replay->table->slots[i];

		replay->recovery->other_boot += txn->state != TXN_FREE;
		txn->state = TXN_FREE;
	}
	replay->lost = 0;
}

/* A transaction on the same knob had ended before this one began, even if the record of its end is lost. */
static void end_superseded(struct txn_table *table, const struct journal_entry *entry)
{
	for (size_t i = 0; i < TXNS_MAX; i++) {
		struct txn *txn = &table->slots[i];

		if (txn->state == TXN_OPEN && txn->entry.txn != entry->txn &&
		    !strcmp(txn->entry.knob, entry->knob) &&
		    scope_equal(&txn->entry.scope, &entry->scope))
			txn->state = TXN_FREE;
	}
}

static bool is_split(const struct journal_entry *entry)
{
	return strstr(entry->companions, KNOB_SPLIT_NAME "=");
}

static void replay_record(const struct journal_record *record, void *context)
{
	struct replay *replay = context;
	struct txn *txn;

	if (strcmp(replay->boot, record->boot))
		end_boot(replay);
	memcpy(replay->boot, record->boot, sizeof(replay->boot));
	txn = txn_find(replay->table, record->entry.txn);
	if (record->type == JOURNAL_UNDONE || record->type == JOURNAL_ABANDONED) {
		if (txn)
			txn->state = TXN_FREE;
		return;
	}
	if (record->type == JOURNAL_INTENT)
		end_superseded(replay->table, &record->entry);
	if (!txn)
		txn = txn_add(replay->table, TXN_OPEN, &record->entry);
	if (!txn) {
		replay->lost++;
		return;
	}
	/*
	 * A crash may have come between the first write and its record: companions are looked at in any case. A split writes
	 * nothing before its value is kept, and says so first.
	 */
	txn->touched |= record->type != JOURNAL_INTENT || !is_split(&record->entry);
	if (record->type == JOURNAL_COMMITTED)
		txn->state = TXN_KEPT;
}

static void undo(struct hand *hand, struct journal *journal, struct txn *txn,
		 struct recovery *recovery)
{
	const struct journal_entry *e = &txn->entry;
	struct outcome outcome = { .txn = e->txn };
	char scope[SCOPE_TEXT_MAX];
	bool settled = hand_put(hand, txn, SETTING_OLD, &outcome);

	scope_format(&e->scope, scope, sizeof(scope));
	if (!settled) {
		recovery->failed++;
		txn->state = TXN_STUCK;
		note(recovery, "unable to restore %s of %s to '%.40s': %s", e->knob, scope,
		     e->old_value, outcome.text);
		return;
	}
	recovery->foreign += outcome.status == OUTCOME_FOREIGN;
	recovery->gone += outcome.status == OUTCOME_GONE;
	recovery->restored += outcome.status == OUTCOME_DONE;
	if (outcome.status == OUTCOME_DONE && is_split(e))
		note(recovery,
		     "%s of %s is '%.40s' as before; the split of its connections ended with the "
		     "process that held it%s%s",
		     e->knob, scope, e->old_value, outcome.text[0] ? ", but " : "", outcome.text);
	else if (outcome.status == OUTCOME_DONE)
		note(recovery, "restored %s of %s to '%.40s'%s%s", e->knob, scope, e->old_value,
		     outcome.text[0] ? ", but " : "", outcome.text);
	else
		note(recovery, "%s of %s: %s", e->knob, scope, outcome.text);
	txn_end(journal, txn, outcome.status == OUTCOME_DONE ? JOURNAL_UNDONE : JOURNAL_ABANDONED);
}

static void note_damage(struct recovery *recovery, const struct journal_scan *scan, uint32_t lost)
{
	recovery->torn = scan->torn;
	recovery->corrupt = scan->corrupt;
	if (scan->corrupt)
		note(recovery,
		     "%" PRIu32 " damaged places in '" JOURNAL_NAME
		     "' were skipped, kept as '" JOURNAL_DAMAGED_NAME "'",
		     scan->corrupt);
	if (lost) {
		recovery->failed += lost;
		note(recovery,
		     "%" PRIu32 " more transactions than the %d that fit were not looked at", lost,
		     TXNS_MAX);
	}
}

int recovery_run(struct hand *hand, struct journal *journal, struct txn_table *table,
		 struct recovery *ret_recovery)
{
	struct recovery recovery = { 0 };
	struct replay replay = { .table = table, .recovery = &recovery };
	struct journal_scan scan;
	struct txn *txn;
	int r;

	txn_clear(table);
	memcpy(replay.boot, journal->boot, sizeof(replay.boot));
	r = journal_scan(journal, replay_record, &replay, &scan);
	if (r < 0)
		return r;
	if (strcmp(replay.boot, journal->boot))
		end_boot(&replay);
	while ((txn = txn_newest(table, TXN_OPEN)))
		undo(hand, journal, txn, &recovery);
	recovery.kept = (uint32_t)txn_count(table, TXN_KEPT);
	if (recovery.other_boot)
		note(&recovery,
		     "%" PRIu32 " change%s of another boot in '" JOURNAL_NAME
		     "': the kernel began anew, nothing is to be undone",
		     recovery.other_boot, recovery.other_boot == 1 ? "" : "s");
	note_damage(&recovery, &scan, replay.lost);
	/* A rewrite that fails costs nothing: the old journal says the same, at greater length. */
	if (replay.lost == 0 && (recovery.other_boot || recovery.torn || recovery.corrupt ||
				 txn_count(table, TXN_OWED))) {
		r = txn_compact(journal, table, recovery.corrupt > 0);
		if (r < 0)
			note(&recovery, "unable to rewrite '" JOURNAL_NAME "': %s", strerror(-r));
	}
	*ret_recovery = recovery;
	return 0;
}
