/* SPDX-License-Identifier: Apache-2.0 */
/* Putting one of a transaction's two values in force: read first, write, read back. The only caller of writes; in the hand. */
#ifndef FLYBALL_ACTUATOR_SETTING_H
#define FLYBALL_ACTUATOR_SETTING_H

#include <stdbool.h>

#include "actuator/txn.h"
#include "include/outcome.h"

enum setting_side {
	SETTING_OLD,   /* the incumbent, with its companions */
	SETTING_NEW,   /* the arm */
	SETTING_SPLIT, /* the incumbent; what is new draws the incumbent or the arm */
};

/*
 * Puts that side in force, and fills in status, error, value, text and both times. What is neither old nor new is left
 * as it is (OUTCOME_FOREIGN). A split that goes on ends with every answer but DONE to SETTING_SPLIT. When new cannot be put in force, old is put back at once (OUTCOME_FAILED). Returns
 * true when nothing of the transaction is left behind in the system or it is as asked; false when old or one of its
 * companions is not back: the transaction must not be forgotten.
 */
bool setting_put(int root, struct txn *txn, enum setting_side side, struct outcome *outcome);

#endif
