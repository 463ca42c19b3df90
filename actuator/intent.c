// SPDX-License-Identifier: Apache-2.0
#include "actuator/intent.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "actuator/family.h"
#include "actuator/knobs.h"
#include "base/clock.h"

int intent_make(struct hand *hand, const struct knob_row *row, const struct change *change,
		const char *old, struct journal_entry *ret_entry, char *ret_text, size_t size)
{
	const struct knob_family_ops *ops = knob_family_ops(row);
	size_t used;

	memset(ret_entry, 0, offsetof(struct journal_entry, companions) + 1);
	ret_entry->txn = change->txn;
	ret_entry->trial = change->trial;
	ret_entry->deadline_ns = change->deadline_ns;
	ret_entry->wall_ns = clock_wall_ns();
	ret_entry->scope.kind = change->scope.kind;
	snprintf(ret_entry->scope.name, sizeof(ret_entry->scope.name), "%s", change->scope.name);
	snprintf(ret_entry->knob, sizeof(ret_entry->knob), "%s", row->name);
	snprintf(ret_entry->old_value, sizeof(ret_entry->old_value), "%s", old);
	snprintf(ret_entry->new_value, sizeof(ret_entry->new_value), "%s", change->new_value);
	if (ops->write_parts || ops->wants_new)
		companions_add(ret_entry->companions, sizeof(ret_entry->companions), KNOB_NEW_NAME,
			       change->new_value);
	if (change->flags & CHANGE_SPLIT)
		companions_add(ret_entry->companions, sizeof(ret_entry->companions),
			       KNOB_SPLIT_NAME, "coin");
	if (!ops->capture)
		return 0;
	used = strlen(ret_entry->companions);
	return hand_capture(hand, row, &change->scope, ret_entry->companions + used,
			    sizeof(ret_entry->companions) - used, ret_text, size);
}

/* What may follow an intent: applied, committed and undone; a committed one: undone. */
static size_t bytes_to_end(enum txn_state state, const struct journal_entry *entry)
{
	size_t end = journal_record_bytes(JOURNAL_UNDONE, entry);

	return state == TXN_KEPT ? end : 2 * journal_record_bytes(JOURNAL_APPLIED, entry) + end;
}

static size_t bytes_to_reserve(const struct txn_table *table, const struct journal_entry *entry)
{
	size_t bytes = journal_record_bytes(JOURNAL_INTENT, entry) + bytes_to_end(TXN_OPEN, entry);

	for (size_t i = 0; i < TXNS_MAX; i++)
		if (table->slots[i].state != TXN_FREE)
			bytes += bytes_to_end(table->slots[i].state, &table->slots[i].entry);
	return bytes;
}

int intent_write(struct journal *journal, struct txn_table *table,
		 const struct journal_entry *entry)
{
	int r = txn_settle(journal, table);

	if (r == 0 && journal_is_long(journal))
		r = txn_compact(journal, table, false);
	if (r == 0)
		r = journal_reserve(journal, bytes_to_reserve(table, entry));
	if (r == 0)
		r = journal_append(journal, JOURNAL_INTENT, entry, JOURNAL_SYNCED);
	return r;
}
