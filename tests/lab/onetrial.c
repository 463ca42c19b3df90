// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/onetrial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actuator/journal.h"
#include "actuator/usage.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "tests/lab/splits.h"

#define FAR_NS (3600 * NSEC_PER_SEC)
#define LIMIT_NS \
	(20 * NSEC_PER_SEC) /* of the hand: a busy machine takes long, and nothing hangs here */
#define TXN 1

static struct actuator_options options_of(const struct onetrial *trial)
{
	return (struct actuator_options){ .root = trial->root,
					  .state = trial->state,
					  .heartbeat_ns = FAR_NS,
					  .hand_limit_ns = trial->limit_ns,
					  .maps = trial->maps,
					  .only = { .kind = SCOPE_KIND_COUNT } };
}

static int read_value(const struct onetrial *trial, char *ret_value)
{
	struct knob_reading reading;
	int r = knob_read(trial->root, trial->row, &trial->scope, &reading);

	if (r == 0)
		memcpy(ret_value, reading.value, KNOB_VALUE_MAX);
	return r;
}

static int capture(const struct onetrial *trial, char *ret_companions)
{
	const struct knob_family_ops *ops = knob_family_ops(trial->row);
	char text[OUTCOME_TEXT_MAX];

	ret_companions[0] = '\0';
	return ops->capture ? ops->capture(trial->root, trial->row, &trial->scope, ret_companions,
					   COMPANIONS_MAX, text, sizeof(text))
			    : 0;
}

int onetrial_open(struct onetrial *trial, const char *knob, const struct scope *scope,
		  const char *value, bool keep)
{
	int r;

	*trial = (struct onetrial){
		.row = knob_find(knob), .scope = *scope, .keep = keep, .limit_ns = LIMIT_NS
	};
	if (!trial->row)
		return -EINVAL;
	snprintf(trial->folder, sizeof(trial->folder), "%s/flyball-matrix-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(trial->folder))
		return -errno;
	trial->state = open(trial->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	trial->root = sysroot_open("/");
	snprintf(trial->new_value, sizeof(trial->new_value), "%s", value);
	r = read_value(trial, trial->old_value);
	return r < 0 ? r : capture(trial, trial->before);
}

/* Usage, too: each cell is an hour of its own, its keeps and rollbacks do not count against the next. */
static void remove_files(const struct onetrial *trial)
{
	static const char *const names[] = { JOURNAL_NAME, JOURNAL_DAMAGED_NAME,
					     "." JOURNAL_NAME ".new", USAGE_NAME };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(trial->state, names[i], 0);
}

void onetrial_close(struct onetrial *trial)
{
	remove_files(trial);
	unlinkat(trial->state, "hand.lock", 0);
	close(trial->state);
	close(trial->root);
	rmdir(trial->folder);
}

static void note(struct onetrial_said *said, const struct outcome *outcome)
{
	said->asked++;
	said->status[outcome->action] = outcome->status;
	if (outcome->status == OUTCOME_DONE)
		return;
	said->complained |= outcome->text[0] != '\0';
	said->silent |= outcome->text[0] == '\0';
	memcpy(said->text, outcome->text, sizeof(said->text));
}

/* While the hand lives: with it a split ends in any case. */
static void look_for_split(const struct onetrial *trial, struct onetrial_said *said)
{
	const char *left = splits_left(trial->root, &trial->scope, trial->maps,
				       trial->keep ? trial->new_value : trial->old_value);

	said->splits = left != NULL;
	if (left)
		snprintf(said->text, sizeof(said->text), "said to be over, but %s", left);
}

void onetrial_run(const struct onetrial *trial, struct onetrial_said *ret_said, void (*begun)(void),
		  void (*ended)(void))
{
	const enum action second = trial->maps ? ACTION_SPLIT : ACTION_ARM,
			  actions[] = { ACTION_BEGIN, second, ACTION_BASE, second,
					trial->keep ? ACTION_KEEP : ACTION_UNDO };
	struct actuator_options options = options_of(trial);
	struct change change = { .txn = TXN,
				 .trial = 1,
				 .flags = trial->maps ? CHANGE_SPLIT : 0,
				 .scope = trial->scope };
	struct actuator *actuator;
	struct recovery recovery;
	struct outcome outcome;

	memset(ret_said, 0, sizeof(*ret_said));
	for (size_t i = 0; i < ACTION_COUNT; i++)
		ret_said->status[i] = OUTCOME_STATUS_COUNT;
	snprintf(change.knob, sizeof(change.knob), "%s", trial->row->name);
	memcpy(change.old_value, trial->old_value, sizeof(change.old_value));
	memcpy(change.new_value, trial->new_value, sizeof(change.new_value));
	change.deadline_ns = clock_now_ns() + FAR_NS;
	if (actuator_open(&options, clock_now_ns(), &recovery, &actuator) < 0)
		return;
	begun();
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		change.action = actions[i];
		actuator_change(actuator, &change, clock_now_ns(), &outcome);
		note(ret_said, &outcome);
	}
	ended();
	if (trial->maps && outcome.status == OUTCOME_DONE)
		look_for_split(trial, ret_said);
	actuator_close(actuator, clock_now_ns());
}

static bool is_same(const struct onetrial *trial, const char *before)
{
	static char now[COMPANIONS_MAX];

	if (capture(trial, now) < 0)
		return false;
	return trial->same ? trial->same(before, now) : !strcmp(before, now);
}

static const char *judge_kept(struct onetrial *trial, const char *value)
{
	if (!knob_same(trial->row, value, trial->new_value))
		return "kept, but the new value is not in force";
	if (trial->after[0] == '\0')
		return capture(trial, trial->after) < 0 ? "the companions cannot be read" : NULL;
	return is_same(trial, trial->after) ? NULL : "kept, but only a part of it is in force";
}

/* Old and its companions, or new and what it has made of them. */
static const char *judge_value(struct onetrial *trial, bool kept)
{
	char value[KNOB_VALUE_MAX];

	if (read_value(trial, value) < 0)
		return "the knob cannot be read";
	if (kept)
		return judge_kept(trial, value);
	if (!knob_same(trial->row, value, trial->old_value))
		return "the old value is not in force";
	return is_same(trial, trial->before) ? NULL : "the companions are not what they were";
}

static const char *judge_said(struct onetrial *trial, const struct onetrial_said *said)
{
	if (said->silent)
		return "an answer was not DONE and did not say why";
	if (said->splits)
		return said->text;
	if (said->status[ACTION_KEEP] == OUTCOME_DONE)
		return judge_value(trial, true);
	if (said->status[ACTION_UNDO] == OUTCOME_DONE || !said->complained)
		return judge_value(trial, false);
	return NULL;
}

static const char *roll_back(struct onetrial *trial)
{
	struct actuator_options options = options_of(trial);
	struct change change = { .txn = TXN, .action = ACTION_UNDO };
	static char text[OUTCOME_TEXT_MAX + 64];
	struct actuator *actuator;
	struct recovery recovery;
	struct outcome outcome;

	if (actuator_open(&options, clock_now_ns(), &recovery, &actuator) < 0)
		return "the actuator does not open";
	actuator_change(actuator, &change, clock_now_ns(), &outcome);
	actuator_close(actuator, clock_now_ns());
	if (outcome.status != OUTCOME_DONE) {
		snprintf(text, sizeof(text), "what was kept cannot be rolled back: %s",
			 outcome.text);
		return text;
	}
	return judge_value(trial, false);
}

const char *onetrial_judge(struct onetrial *trial, const struct onetrial_said *said, bool ended)
{
	struct actuator_options options = options_of(trial);
	const char *wrong = ended ? judge_said(trial, said) : NULL;
	bool kept_said = said->status[ACTION_KEEP] == OUTCOME_DONE;
	static char text[640];
	struct recovery recovery;
	int r;

	if (wrong)
		return wrong;
	r = actuator_recover(&options, clock_now_ns(), &recovery);
	if (r < 0) {
		snprintf(text, sizeof(text), "the journal cannot be recovered: %s", strerror(-r));
		return text;
	}
	if (recovery.failed) {
		snprintf(text, sizeof(text), "recovery could not undo: %s", recovery.text);
		return text;
	}
	if (recovery.corrupt)
		return "the journal is damaged";
	if (kept_said && !recovery.kept)
		return "said to be kept, and forgotten";
	wrong = judge_value(trial, recovery.kept > 0);
	if (!wrong && recovery.kept)
		wrong = trial->keep ? roll_back(trial) : "kept what nobody asked to keep";
	if (!wrong && trial->maps)
		wrong = splits_left(trial->root, &trial->scope, trial->maps, trial->old_value);
	return wrong;
}

void onetrial_reset(const struct onetrial *trial)
{
	const struct knob_family_ops *ops = knob_family_ops(trial->row);
	static char companions[COMPANIONS_MAX];
	char value[KNOB_VALUE_MAX], text[OUTCOME_TEXT_MAX];
	bool is_old =
		read_value(trial, value) == 0 && knob_same(trial->row, value, trial->old_value);

	companions[0] = '\0';
	companions_add(companions, sizeof(companions), KNOB_NEW_NAME, trial->new_value);
	strcat(companions, trial->before);
	if (!is_old && ops->write_parts)
		ops->write_parts(trial->root, trial->row, &trial->scope, companions,
				 trial->old_value);
	else if (!is_old)
		ops->write(trial->root, trial->row, &trial->scope, trial->old_value);
	if (ops->restore)
		ops->restore(trial->root, trial->row, &trial->scope,
			     ops->write_parts ? companions : trial->before, text, sizeof(text));
	if (trial->reset)
		trial->reset();
	remove_files(trial);
}
