// SPDX-License-Identifier: Apache-2.0
#include "actuator/setting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actuator/failpoint.h"
#include "actuator/family.h"
#include "actuator/knobs.h"
#include "base/clock.h"

#define WRITE_TRIES \
	5 /* of EBUSY, EINTR, EAGAIN: a queue that somebody else is switching just now; of EIO: half a write, too */
#define WRITE_PAUSE_NS \
	1000000ll /* before the second try; doubled for each further one: 15 ms in all */

/* What a knob reads now. 0, -ENODEV when it is gone or another instance has its name, -errno. */
static int setting_read(int root, const struct txn *txn, char *ret_value)
{
	const struct knob_family_ops *ops = knob_family_ops(txn->row);
	struct knob_reading reading;
	int r = knob_read(root, txn->row, &txn->entry.scope, &reading);

	if (r < 0)
		return error_is_gone(r) ? -ENODEV : r;
	if (reading.flags & KNOB_GONE)
		return -ENODEV;
	if (reading.flags & KNOB_HIDDEN)
		return -EPERM;
	if (ops->same_instance) {
		r = ops->same_instance(root, txn->row, &txn->entry.scope, txn->entry.companions);
		if (r <= 0)
			return r < 0 ? r : -ENODEV;
	}
	memcpy(ret_value, reading.value, KNOB_VALUE_MAX);
	return 0;
}

/* Whether the kernel would load a module for a value: it does not offer it yet. */
static bool needs_module(int root, const struct txn *txn, const char *value)
{
	struct knob_reading reading;

	if (!txn->row->loads_modules || knob_read(root, txn->row, &txn->entry.scope, &reading) < 0)
		return false;
	for (uint32_t i = 0; i < reading.n_choices; i++)
		if (!strcmp(reading.choices[i], value))
			return false;
	return true;
}

static int write_patiently(int root, const struct txn *txn, const char *value)
{
	const struct knob_family_ops *ops = knob_family_ops(txn->row);
	struct timespec pause = { .tv_nsec = WRITE_PAUSE_NS };
	int r = 0;

	for (int try = 0; try < WRITE_TRIES; try++) {
		if (ops->write_parts)
			r = ops->write_parts(root, txn->row, &txn->entry.scope,
					     txn->entry.companions, value);
		else
			r = ops->write(root, txn->row, &txn->entry.scope, value);
		if (r != -EBUSY && r != -EINTR && r != -EAGAIN && r != -EIO)
			return r;
		nanosleep(&pause, NULL);
		pause.tv_nsec *= 2;
	}
	return r;
}

/* Writes and reads back; `value` becomes what is in force. -EREMOTEIO: the kernel took something else. */
static int write_verified(int root, struct txn *txn, const char *wanted, char *value)
{
	int r, read;

	txn->touched = true;
	txn->n_writes++;
	FAILPOINT(WRITE_BEFORE);
	r = write_patiently(root, txn, wanted);
	FAILPOINT(WRITE_DONE);
	read = setting_read(root, txn, value);
	FAILPOINT(READ_BACK);
	/*
	 * A write that says ENOENT or ENODEV may mean the value (an algorithm whose module is unloaded): whether the knob
	 * is gone only a look at it tells, and what can be read is still owed its old value.
	 */
	if (read == -ENODEV)
		return -ENODEV;
	if (r < 0)
		return r == -ENODEV ? -ENXIO : r;
	if (read < 0)
		return read;
	return knob_same(txn->row, value, wanted) ? 0 : -EREMOTEIO;
}

static void say_failure(struct outcome *outcome, const char *wanted, int r)
{
	outcome->status = r == -ENODEV ? OUTCOME_GONE : OUTCOME_FAILED;
	outcome->error = -r;
	if (r == -ENODEV)
		snprintf(outcome->text, sizeof(outcome->text),
			 "the knob or its scope does not exist any more");
	else if (r == -ENOENT)
		snprintf(outcome->text, sizeof(outcome->text),
			 "the kernel does not know '%.40s' now: load the module that has it",
			 wanted);
	else if (r == -EREMOTEIO)
		snprintf(outcome->text, sizeof(outcome->text),
			 "wrote '%.40s', but '%.40s' is in force", wanted, outcome->value);
	else
		snprintf(outcome->text, sizeof(outcome->text), "unable to write '%.40s': %s",
			 wanted, strerror(-r));
}

/* Says what is not back, or was left. Returns 0 also for what does not exist any more; -errno: it must be tried again. */
static int restore_companions(int root, const struct txn *txn, struct outcome *outcome)
{
	const struct knob_family_ops *ops = knob_family_ops(txn->row);
	const struct journal_entry *e = &txn->entry;
	size_t used = strlen(outcome->text);
	char text[OUTCOME_TEXT_MAX] = "";
	int r;

	if (!txn->touched || !ops->restore)
		return 0;
	FAILPOINT(RESTORE_BEFORE);
	r = ops->restore(root, txn->row, &e->scope, e->companions, text, sizeof(text));
	FAILPOINT(RESTORE_DONE);
	if (r < 0)
		outcome->error = -r;
	if (r < 0 && !text[0])
		snprintf(text, sizeof(text), "unable to look at what was changed besides: %s",
			 strerror(-r));
	if (text[0])
		snprintf(outcome->text + used, sizeof(outcome->text) - used, "%s%s",
			 used ? "; " : "", text);
	return error_is_gone(r) ? 0 : r;
}

/*
 * The arm did not take: whatever stands there is of our making, so old is written without asking what it is. Where the kernel
 * refused the arm old is still there, and might refuse to be written, too (an interrupt that cannot be moved).
 */
static bool fall_back(int root, struct txn *txn, struct outcome *outcome)
{
	size_t used = strlen(outcome->text);
	int r = setting_read(root, txn, outcome->value);

	family_limits_go_back();
	if (r < 0 || !knob_same(txn->row, outcome->value, txn->entry.old_value))
		r = write_verified(root, txn, txn->entry.old_value, outcome->value);
	if (r == 0)
		return restore_companions(root, txn, outcome) == 0;
	snprintf(outcome->text + used, sizeof(outcome->text) - used, "; '%.40s' is not back: %s",
		 txn->entry.old_value, strerror(-r));
	return r == -ENODEV;
}

/*
 * The knob itself says nothing of its other parts: a hand that died in the middle has left some as they were. (Those that lack
 * the old value are companions.)
 */
static bool may_lack_parts(const struct txn *txn, enum setting_side side)
{
	return knob_family_ops(txn->row)->write_parts && side == SETTING_NEW && txn->touched &&
	       !knob_same(txn->row, txn->entry.old_value, txn->entry.new_value);
}

/* Somebody wants what is on trial: the arm is in force, and flyball has not put it there. */
static bool is_anothers_arm(const struct txn *txn, const char *value)
{
	return !txn->touched && knob_same(txn->row, value, txn->entry.new_value) &&
	       !knob_same(txn->row, txn->entry.old_value, txn->entry.new_value);
}

/* Somebody else's value is left, and said; of a knob of many parts those that are ours go back all the same. */
static bool leave(int root, const struct txn *txn, struct outcome *outcome)
{
	outcome->status = OUTCOME_FOREIGN;
	outcome->error = 0;
	return !knob_family_ops(txn->row)->write_parts ||
	       restore_companions(root, txn, outcome) == 0;
}

static bool put(int root, struct txn *txn, enum setting_side side, struct outcome *outcome)
{
	const struct journal_entry *e = &txn->entry;
	const char *wanted = side == SETTING_NEW ? e->new_value : e->old_value;
	uint32_t n_writes;
	bool loads, again;
	int r = txn->row ? setting_read(root, txn, outcome->value) : -EOPNOTSUPP;

	if (side == SETTING_OLD)
		family_limits_go_back();
	if (r == -ENODEV) {
		say_failure(outcome, wanted, r);
		return true;
	}
	if (r < 0) {
		outcome->status = OUTCOME_FAILED;
		outcome->error = -r;
		snprintf(outcome->text, sizeof(outcome->text), "unable to read %.60s: %s", e->knob,
			 strerror(-r));
		return false;
	}
	if (!txn->row->drifts && !knob_same(txn->row, outcome->value, e->old_value) &&
	    !knob_same(txn->row, outcome->value, e->new_value)) {
		snprintf(outcome->text, sizeof(outcome->text),
			 "found '%.30s', which is neither '%.30s' nor '%.30s': left",
			 outcome->value, e->old_value, e->new_value);
		return leave(root, txn, outcome);
	}
	if (!txn->row->drifts && is_anothers_arm(txn, outcome->value)) {
		snprintf(outcome->text, sizeof(outcome->text),
			 "found '%.40s', which flyball has not written: left", outcome->value);
		return leave(root, txn, outcome);
	}
	if (!knob_same(txn->row, outcome->value, wanted) || may_lack_parts(txn, side)) {
		loads = needs_module(root, txn, wanted);
		n_writes = txn->n_writes;
		again = knob_same(txn->row, outcome->value, wanted);
		r = write_verified(root, txn, wanted, outcome->value);
		/* It does not count against the operator's limits that it was done twice. */
		if (again)
			txn->n_writes = n_writes;
		/* All parts that are ours are back: what still reads otherwise is a part that somebody else has set. */
		if (r == -EREMOTEIO && side == SETTING_OLD &&
		    knob_family_ops(txn->row)->write_parts) {
			snprintf(outcome->text, sizeof(outcome->text),
				 "'%.40s' is in force by somebody else's hand: left",
				 outcome->value);
			return leave(root, txn, outcome);
		}
		if (r < 0) {
			say_failure(outcome, wanted, r);
			return r == -ENODEV ||
			       (side == SETTING_NEW && fall_back(root, txn, outcome));
		}
		if (loads)
			snprintf(outcome->text, sizeof(outcome->text),
				 "the kernel has loaded a module for '%.40s', which stays", wanted);
	}
	outcome->status = OUTCOME_DONE;
	outcome->error = 0;
	if (side == SETTING_OLD && restore_companions(root, txn, outcome) < 0) {
		outcome->status = OUTCOME_FAILED;
		return false;
	}
	return true;
}

/* The incumbent is in force for all that is not new, and is read as ever: somebody else's value ends the split. */
static bool put_split(int root, struct txn *txn, struct outcome *outcome)
{
	const struct knob_family_ops *ops = txn->row ? knob_family_ops(txn->row) : NULL;
	const struct journal_entry *e = &txn->entry;
	bool settled = put(root, txn, SETTING_OLD, outcome);
	int r;

	if (outcome->status != OUTCOME_DONE)
		return settled;
	if (!ops || !ops->split)
		r = -EOPNOTSUPP;
	else
		r = ops->split(root, txn->row, &e->scope, e->old_value, e->new_value, outcome->text,
			       sizeof(outcome->text));
	if (r < 0) {
		outcome->status = OUTCOME_FAILED;
		outcome->error = -r;
	}
	return settled;
}

/* Whatever else comes of a transaction: its split goes on only where that was asked and worked. */
static void end_split(const struct txn *txn)
{
	const struct knob_family_ops *ops = txn->row ? knob_family_ops(txn->row) : NULL;

	if (ops && ops->split_end)
		ops->split_end(&txn->entry.scope);
}

/* The one place that looks at the clock: how long a switch takes is known only after it. */
bool setting_put(int root, struct txn *txn, enum setting_side side, struct outcome *outcome)
{
	uint64_t start = clock_now_ns();
	bool settled;

	if (side == SETTING_SPLIT) {
		settled = put_split(root, txn, outcome);
		if (outcome->status != OUTCOME_DONE)
			end_split(txn);
	} else {
		end_split(txn);
		settled = put(root, txn, side, outcome);
	}
	outcome->time_ns = clock_now_ns();
	outcome->took_ns = outcome->time_ns - start;
	return settled;
}
