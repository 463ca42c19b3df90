// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "base/words.h"
#include "daemon/core.h"

/* --- transactions --- */

static struct core_change *find_change(struct core *core, uint64_t txn)
{
	for (size_t i = 0; i < CORE_CHANGES_MAX; i++)
		if (core->changes[i].begin.txn == txn)
			return &core->changes[i];
	return NULL;
}

static const struct change *find_kept(const struct core *core, uint64_t txn)
{
	for (size_t i = 0; i < core->n_kept; i++)
		if (core->kept[i].txn == txn)
			return &core->kept[i];
	return NULL;
}

size_t core_open_changes(const struct core *core)
{
	size_t n = 0;

	for (size_t i = 0; i < CORE_CHANGES_MAX; i++)
		n += core->changes[i].begin.txn != 0;
	return n;
}

static struct core_change *remember(struct core *core, const struct change *change)
{
	struct core_change *slot = find_change(core, change->txn);

	if (!slot) {
		slot = find_change(core, 0);
		if (slot)
			*slot = (struct core_change){ .begin = *change };
	}
	return slot;
}

void core_kept(struct core *core, const struct change *change)
{
	struct core_change *slot;

	if (change->flags & CHANGE_BY_HAND) {
		slot = remember(core, change);
		if (slot)
			slot->begin.action = ACTION_BEGIN;
		return;
	}
	if (core->n_kept == ACTUATOR_KEPT_MAX || find_kept(core, change->txn))
		return;
	core->kept[core->n_kept++] = *change;
}

static void forget_kept(struct core *core, uint64_t txn)
{
	for (size_t i = 0; i < core->n_kept; i++)
		if (core->kept[i].txn == txn) {
			memmove(&core->kept[i], &core->kept[i + 1],
				(--core->n_kept - i) * sizeof(*core->kept));
			return;
		}
}

/* An outcome that core gives itself, because no actuator can. */
static void answer(struct core *core, const struct change *change, enum outcome_status status,
		   const char *value, const char *text)
{
	struct outcome outcome = {
		.txn = change->txn,
		.action = change->action,
		.status = status,
		.error = status == OUTCOME_FAILED ? ENOTCONN : 0,
		.time_ns = clock_now_ns(),
	};

	snprintf(outcome.value, sizeof(outcome.value), "%s", value);
	snprintf(outcome.text, sizeof(outcome.text), "%s", text);
	core_outcome(core, &outcome);
}

/* The early, clear refusal; the actuator checks again by its own limits. */
static bool guard_refuses(struct core *core, const struct change *change)
{
	const struct knob_row *row = knob_table_find(core->options->knobs, change->knob);
	const struct scope *only = &core->options->only;
	char text[OUTCOME_TEXT_MAX];

	if (!row)
		answer(core, change, OUTCOME_REFUSED, "", "no such knob");
	else if (only->kind != SCOPE_KIND_COUNT && !scope_matches(&change->scope, only))
		answer(core, change, OUTCOME_REFUSED, "", "outside of what --only allows");
	else if (core->frozen || core->stopping)
		answer(core, change, OUTCOME_REFUSED, "", core->frozen ? "frozen" : "stopping");
	else if (!(change->flags & CHANGE_BY_HAND) && core_harm_refuses(core, text, sizeof(text)))
		answer(core, change, OUTCOME_REFUSED, "", text);
	else
		return false;
	return true;
}

void core_change(struct core *core, const struct change *change)
{
	struct core_change *slot;
	struct message message;

	slot = remember(core, change);
	if (!slot) {
		answer(core, change, OUTCOME_REFUSED, "", "too many transactions at once");
		return;
	}
	if (change->action == ACTION_BEGIN && guard_refuses(core, change))
		return;
	message_init(&message, MESSAGE_CHANGE);
	message.change = *change;
	/* The actuator knows a transaction by its number; the rest is as it was begun. */
	if (change->action != ACTION_BEGIN) {
		message.change = slot->begin;
		message.change.action = change->action;
	}
	slot->actions++;
	slot->asked = change->action;
	slot->frame_ns = core->deciding_ns;
	if (worker_send(&core->worker, ROLE_ACTUATOR, &message) == 0)
		return;
	slot->actions--;
	if (change->action == ACTION_UNDO)
		slot->undo_waits = true;
	else
		answer(core, &message.change, OUTCOME_FAILED, "", "the actuator is not there");
}

void core_settle(struct core *core)
{
	for (size_t i = 0; i < CORE_CHANGES_MAX; i++) {
		struct core_change *slot = &core->changes[i];
		const struct knob_row *row =
			knob_table_find(core->options->knobs, slot->begin.knob);
		struct knob_reading reading = { 0 };
		struct change undo = slot->begin;

		if (slot->begin.txn == 0)
			continue;
		undo.action = ACTION_UNDO;
		if (!row || knob_read(core->worker.context->root, row, &undo.scope, &reading) < 0 ||
		    reading.flags & KNOB_GONE)
			answer(core, &undo, OUTCOME_GONE, "", "gone after the actuator's death");
		else if (!(reading.flags & KNOB_HIDDEN) &&
			 knob_same(row, reading.value, undo.old_value))
			answer(core, &undo, OUTCOME_DONE, reading.value, "restored by recovery");
		else if ((reading.flags & KNOB_HIDDEN) ||
			 knob_same(row, reading.value, undo.new_value))
			/* Kept just before the actuator died, or what recovery could not undo: the new one knows it. */
			core_change(core, &undo);
		else
			answer(core, &undo, OUTCOME_FOREIGN, reading.value,
			       "neither value after recovery");
	}
}

/* True when the outcome ends its transaction. */
static bool ends_transaction(const struct outcome *outcome)
{
	switch (outcome->status) {
	case OUTCOME_DONE:
		return outcome->action == ACTION_KEEP || outcome->action == ACTION_UNDO;
	case OUTCOME_REFUSED:
		return outcome->action == ACTION_BEGIN || outcome->action == ACTION_UNDO;
	default:
		return true;
	}
}

static void log_outcome(const struct change *begin, const struct outcome *outcome)
{
	char scope[SCOPE_TEXT_MAX];

	if (outcome->status != OUTCOME_DONE)
		log_warning("%s%.0llu: %s of %s on %s: %s: %s",
			    begin->flags & CHANGE_BY_HAND ? "by hand" : "trial ",
			    (unsigned long long)begin->trial, action_word(outcome->action),
			    begin->knob, scope_format(&begin->scope, scope, sizeof(scope)),
			    outcome_status_word(outcome->status), outcome->text);
}

void core_outcome(struct core *core, const struct outcome *outcome)
{
	struct core_change *slot = outcome->txn ? find_change(core, outcome->txn) : NULL;
	struct decisions *decisions = malloc(sizeof(*decisions));
	struct change begin = { 0 };
	uint64_t frame_ns = 0;

	if (!decisions)
		return;
	if (slot) {
		if (!outcome->unasked && outcome->action == slot->asked)
			frame_ns = slot->frame_ns;
		slot->actions -= slot->actions > 0 && !outcome->unasked;
		/* Of a change by hand to a knob that core cannot see, the actuator says what it found. */
		if (outcome->action == ACTION_BEGIN && outcome->status == OUTCOME_DONE)
			memcpy(slot->begin.old_value, outcome->value, sizeof(outcome->value));
		begin = slot->begin;
	} else if (find_kept(core, outcome->txn)) {
		begin = *find_kept(core, outcome->txn);
	}
	history_outcome(core->history, begin.txn ? &begin : NULL, outcome, frame_ns,
			core->json.wall_offset_ns);
	log_outcome(&begin, outcome);
	if (outcome->status == OUTCOME_DONE && outcome->action == ACTION_KEEP && slot)
		core_kept(core, &begin);
	if (outcome->action == ACTION_UNDO && outcome->status != OUTCOME_FAILED &&
	    outcome->status != OUTCOME_REFUSED)
		forget_kept(core, outcome->txn);
	if (slot && ends_transaction(outcome))
		slot->begin.txn = 0;
	if (core->control)
		control_broadcast(core->control, "outcome",
				  json_outcome(outcome, begin.txn ? &begin : NULL, frame_ns));
	analyzer_outcome(core->analyzer, outcome, clock_now_ns(), decisions);
	core_decide(core, decisions);
	history_hold(core->history, core_open_changes(core) > 0);
	free(decisions);
	if (core->control)
		control_outcome(core->control, outcome, &begin);
	core_hand_outcome(core, outcome, &begin);
	if (core->stopping && core_open_changes(core) == 0)
		sd_event_exit(core->worker.event, 0);
}

/* --- decisions --- */

static void log_event(struct core *core, uint32_t kind, const struct trial *trial)
{
	const struct policy *policy = &core->options->policies->policies[trial->policy];
	char scope[SCOPE_TEXT_MAX];

	scope_format(&trial->scope, scope, sizeof(scope));
	if (kind == EVENT_OPPORTUNITY)
		log_info("trial %llu: policy %s holds on %s: %s", (unsigned long long)trial->id,
			 policy->name, scope, policy->when.text);
	else if (kind == EVENT_CHOSEN)
		log_info("trial %llu: testing %s = %s against %s on %s",
			 (unsigned long long)trial->id, policy->knob, trial->arm, trial->incumbent,
			 scope);
	else if (kind == EVENT_VERDICT)
		log_info("trial %llu: %s: %s %s → %s on %s (policy %s): %s",
			 (unsigned long long)trial->id, verdict_word(trial->verdict), policy->knob,
			 trial->incumbent, trial->arm[0] ? trial->arm : "-", scope, policy->name,
			 trial->reason_text);
}

static void on_event(struct core *core, const struct event *event)
{
	const struct trial *trial = analyzer_trial(core->analyzer, event->slot);
	int r;

	if (!trial)
		return;
	log_event(core, event->kind, trial);
	if (event->kind == EVENT_PAIR && core->options->mode == ANALYZER_AUTONOMOUS)
		core_harm_pair(core, trial);
	r = history_trial(core->history, trial, &core->json);
	if (r < 0 && !core->history_note[0]) {
		snprintf(core->history_note, sizeof(core->history_note),
			 "unable to record in the history: %s", strerror(-r));
		log_warning("%s", core->history_note);
	} else if (r == 0) {
		core->history_note[0] = '\0';
	}
	if (event->kind == EVENT_VERDICT && trial->reason == REASON_DRY_RUN)
		plan_add(core, trial);
	if (core->control)
		control_broadcast(core->control, event_kind_word(event->kind),
				  json_trial(trial, &core->json, JSON_FULL));
}

void core_reading(struct core *core, uint32_t slot, const struct knob_reading *reading)
{
	struct decisions *decisions = malloc(sizeof(*decisions));

	if (!decisions)
		return;
	analyzer_reading(core->analyzer, slot, reading, clock_now_ns(), decisions);
	core_decide(core, decisions);
	free(decisions);
}

/* Core may not enter a namespace, nor see the memory of a process; the actuator may, where there is one. */
static bool read_by_actuator(struct core *core, uint32_t slot, const struct knob_reading *hidden)
{
	struct message message;

	message_init(&message, MESSAGE_READ);
	message.reading.slot = slot;
	memcpy(message.reading.reading.knob, hidden->knob, sizeof(hidden->knob));
	message.reading.reading.scope = hidden->scope;
	return worker_send(&core->worker, ROLE_ACTUATOR, &message) == 0;
}

static void on_read(struct core *core, const struct proposal *proposal)
{
	const struct knob_row *row = knob_table_find(core->options->knobs, proposal->change.knob);
	struct knob_reading reading = { .flags = KNOB_GONE, .scope = proposal->change.scope };
	int r = row ? knob_read(core->worker.context->root, row, &proposal->change.scope, &reading)
		    : -ENOENT;

	if (r < 0) {
		reading.flags = KNOB_GONE;
		log_warning("unable to read %s of '%s': %s", proposal->change.knob,
			    proposal->change.scope.name, strerror(-r));
	}
	snprintf(reading.knob, sizeof(reading.knob), "%s", proposal->change.knob);
	if ((reading.flags & KNOB_HIDDEN) && read_by_actuator(core, proposal->slot, &reading))
		return;
	core_reading(core, proposal->slot, &reading);
}

static bool is_undo(const struct proposal *proposal)
{
	return proposal->kind == PROPOSAL_CHANGE && proposal->change.action == ACTION_UNDO;
}

/* Sends what undoes before anything waits for a disk; an answer never comes from inside. */
static void send_undos(struct core *core, const struct decisions *decisions)
{
	for (size_t i = 0; i < decisions->n_proposals; i++)
		if (is_undo(&decisions->proposals[i]))
			core_change(core, &decisions->proposals[i].change);
}

void core_decide(struct core *core, const struct decisions *decisions)
{
	send_undos(core, decisions);
	for (size_t i = 0; i < decisions->n_events; i++)
		on_event(core, &decisions->events[i]);
	for (size_t i = 0; i < decisions->n_proposals; i++) {
		const struct proposal *proposal = &decisions->proposals[i];

		if (proposal->kind == PROPOSAL_READ)
			on_read(core, proposal);
		else if (!is_undo(proposal))
			core_change(core, &proposal->change);
	}
}

size_t core_abort(struct core *core, uint64_t id, enum reason reason)
{
	struct decisions *decisions = malloc(sizeof(*decisions));
	size_t n;

	if (!decisions)
		return 0;
	n = analyzer_abort(core->analyzer, id, reason, clock_now_ns(), decisions);
	core_decide(core, decisions);
	free(decisions);
	return n;
}
