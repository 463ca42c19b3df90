/* SPDX-License-Identifier: Apache-2.0 */
/* What is written down before a change: all that recovery would need, and room in the journal for what must follow it. */
#ifndef FLYBALL_ACTUATOR_INTENT_H
#define FLYBALL_ACTUATOR_INTENT_H

#include <stddef.h>

#include "actuator/hand.h"
#include "actuator/journal.h"
#include "actuator/txn.h"
#include "include/knob.h"

/* Fills `ret_entry`, which is large: the caller's. `old`: what is in force. Returns 0, or -errno and why in `ret_text`. */
int intent_make(struct hand *hand, const struct knob_row *row, const struct change *change,
		const char *old, struct journal_entry *ret_entry, char *ret_text, size_t size);

/* Returns 0 when the intent is on the disk and the journal has room for how it may end; -errno, and nothing is begun. */
int intent_write(struct journal *journal, struct txn_table *table,
		 const struct journal_entry *entry);

#endif
