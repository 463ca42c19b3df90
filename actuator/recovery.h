/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery: from the journal's records to a system in which nothing unfinished is left behind. */
#ifndef FLYBALL_ACTUATOR_RECOVERY_H
#define FLYBALL_ACTUATOR_RECOVERY_H

#include "actuator/hand.h"
#include "actuator/journal.h"
#include "actuator/txn.h"

/*
 * Reads the journal into `table` (which is overwritten but for its knobs), undoes every unfinished transaction of this boot, newest
 * first, and rewrites the journal where something in it is of no use any more. Kept transactions stay in the table;
 * what could not be undone, also because a hand of a former actuator still hangs, stays as TXN_STUCK. Returns 0 or -errno of reading the journal.
 */
int recovery_run(struct hand *hand, struct journal *journal, struct txn_table *table,
		 struct recovery *ret_recovery);

#endif
