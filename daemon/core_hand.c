// SPDX-License-Identifier: Apache-2.0
/*
 * The operator's hand in core: changes by hand, and requests that the actuator answers. A change by hand is a
 * transaction without a trial:
 *
 *     set → BEGIN → (done) ARM → (done) the client hears of it … its deadline, abort or rollback → UNDO
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quantity.h"
#include "base/scope.h"
#include "base/words.h"
#include "daemon/core.h"
#include "daemon/exit_code.h"

/* Far above what trials are numbered by; a microsecond apart. */
#define HAND_TXN_FIRST (1ull << 62)

static bool is_by_hand(const struct change *begin)
{
	return begin->txn && begin->flags & CHANGE_BY_HAND;
}

uint64_t core_hand_begin(struct change *change, uint64_t for_ns)
{
	change->txn = HAND_TXN_FIRST + clock_wall_ns() / NSEC_PER_USEC;
	change->action = ACTION_BEGIN;
	change->flags = CHANGE_BY_HAND;
	change->deadline_ns = clock_now_ns() + for_ns;
	return change->txn;
}

static void undo(struct core *core, const struct change *begin)
{
	struct change change = *begin;

	change.action = ACTION_UNDO;
	core_change(core, &change);
}

size_t core_hand_undo(struct core *core, struct control_client *client, const char *knob,
		      const struct scope *scope)
{
	uint64_t txns[CORE_CHANGES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < CORE_CHANGES_MAX; i++) {
		const struct change *begin = &core->changes[i].begin;

		if (!is_by_hand(begin) || (knob && strcmp(begin->knob, knob)) ||
		    (scope && !scope_equal(&begin->scope, scope)))
			continue;
		if (client)
			control_wait(client, begin->txn);
		txns[n++] = begin->txn;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < CORE_CHANGES_MAX; k++)
			if (core->changes[k].begin.txn == txns[i])
				undo(core, &core->changes[k].begin);
	return n;
}

static void reply_set(struct core *core, const struct change *begin, const struct outcome *outcome)
{
	struct control_client *client =
		core->control ? control_awaiting(core->control, begin->txn) : NULL;
	char scope[SCOPE_TEXT_MAX], left[32];
	uint64_t now_ns = clock_now_ns();
	bool is_host = begin->scope.kind == SCOPE_HOST;

	if (!client)
		return;
	scope_format(&begin->scope, scope, sizeof(scope));
	quantity_format(begin->deadline_ns > now_ns ? (double)(begin->deadline_ns - now_ns) : 0,
			UNIT_TIME, left, sizeof(left));
	if (outcome->status == OUTCOME_DONE)
		control_reply(client, EXIT_CODE_OK, NULL,
			      json_pack("{si sI ss ss ss ss s[o]}", "schema", 1, "txn",
					(json_int_t)begin->txn, "knob", begin->knob, "scope", scope,
					"old", begin->old_value, "new", begin->new_value, "done",
					json_sprintf("%s of %s is '%s' for %s, then '%s' again; "
						     "'flyball abort %s%s%s' ends it early",
						     begin->knob, scope, outcome->value, left,
						     begin->old_value, begin->knob,
						     is_host ? "" : " --scope ",
						     is_host ? "" : scope)));
	else
		control_reply(client,
			      outcome->status == OUTCOME_REFUSED ? EXIT_CODE_REFUSED
								 : EXIT_CODE_ERROR,
			      outcome->text[0] ? outcome->text
					       : outcome_status_word(outcome->status),
			      NULL);
}

void core_hand_outcome(struct core *core, const struct outcome *outcome, const struct change *begin)
{
	struct change change = *begin;

	if (!is_by_hand(begin))
		return;
	if (outcome->action == ACTION_BEGIN && outcome->status == OUTCOME_DONE) {
		change.action = ACTION_ARM;
		core_change(core, &change);
		return;
	}
	if (outcome->action == ACTION_BEGIN || outcome->action == ACTION_ARM)
		reply_set(core, begin, outcome);
	/* A refusal leaves the transaction open. */
	if (outcome->action == ACTION_ARM && outcome->status == OUTCOME_REFUSED)
		undo(core, begin);
	if (outcome->action == ACTION_UNDO || outcome->status == OUTCOME_DONE)
		log_info("by hand: %s of %s is '%s' now", begin->knob,
			 begin->scope.name[0] ? begin->scope.name : "host", outcome->value);
}

void core_request(struct core *core, struct control_client *client,
		  const struct message_request *request)
{
	struct message message;

	message_init(&message, MESSAGE_REQUEST);
	message.request = *request;
	message.request.id = ++core->last_request;
	if (worker_send(&core->worker, ROLE_ACTUATOR, &message) < 0) {
		control_reply(client, EXIT_CODE_ERROR, "the actuator is not there: try again",
			      NULL);
		return;
	}
	control_await(client, message.request.id);
}

static json_t *limits_json(const struct core *core)
{
	json_t *list = json_array();

	for (size_t i = 0; i < core->n_limits; i++) {
		const struct limit_row *row = &core->limits[i];
		json_t *json = json_pack("{ss ss ss}", "name", row->name, "value", row->text,
					 "from", row->from);

		json_object_set_new(json, "left_s",
				    row->until_ns > clock_now_ns()
					    ? json_real((double)(row->until_ns - clock_now_ns()) /
							NSEC_PER_SEC)
					    : json_null());
		json_array_append_new(list, json);
	}
	return list;
}

void core_answer(struct core *core, const struct message_answer *answer)
{
	struct control_client *client =
		core->control ? control_awaiting(core->control, answer->id) : NULL;
	json_t *data;

	if (!client)
		return;
	if (answer->error) {
		control_reply(client,
			      answer->error == EINVAL || answer->error == ENOSPC ? EXIT_CODE_REFUSED
										 : EXIT_CODE_ERROR,
			      answer->text[0] ? answer->text : strerror(answer->error), NULL);
		return;
	}
	data = json_pack("{si so sf}", "schema", 1, "limits", limits_json(core), "loss",
			 core_harm(core));
	if (answer->text[0])
		json_object_set_new(data, "done", json_pack("[s]", answer->text));
	control_reply(client, EXIT_CODE_OK, NULL, data);
}

void core_limit(struct core *core, const struct message_limit *limit)
{
	if (limit->index >= CORE_LIMITS_MAX)
		return;
	core->limits[limit->index] = limit->row;
	core->n_limits = limit->index + 1;
}

/* Policies pause, and go on, where the actuator would refuse, or not any more. */
static void pin_policies(struct core *core, const struct pin *pin, bool holds)
{
	uint64_t wall_ns = clock_wall_ns(), until_ns = 0;

	if (holds && pin->until_ns > wall_ns)
		until_ns = pin->until_ns == UINT64_MAX ? UINT64_MAX
						       : clock_now_ns() + (pin->until_ns - wall_ns);
	analyzer_pin(core->analyzer, pin->knob, &pin->scope, until_ns);
}

void core_pin(struct core *core, const struct message_pin *pin)
{
	/* The first of a list ends the one before it. */
	for (size_t i = 0; pin->index == 0 && i < core->n_pins; i++)
		pin_policies(core, &core->pins[i], false);
	core->n_pins = pin->total > 0 ? pin->index + 1 : 0;
	if (pin->total == 0)
		return;
	core->pins[pin->index] = pin->pin;
	pin_policies(core, &pin->pin, true);
}

json_t *core_pins_json(const struct core *core)
{
	uint64_t wall_ns = clock_wall_ns();
	json_t *list = json_array();
	char scope[SCOPE_TEXT_MAX];

	for (size_t i = 0; i < core->n_pins; i++) {
		const struct pin *pin = &core->pins[i];
		json_t *row;

		if (pin->until_ns <= wall_ns)
			continue;
		row = json_pack("{ss ss ss ss ss sf}", "knob", pin->knob, "scope",
				scope_format(&pin->scope, scope, sizeof(scope)), "owner", "admin",
				"by", pin->by, "value", pin->value, "since",
				(double)pin->since_ns / NSEC_PER_SEC);
		json_object_set_new(row, "until",
				    pin->until_ns == UINT64_MAX
					    ? json_null()
					    : json_real((double)pin->until_ns / NSEC_PER_SEC));
		json_array_append_new(list, row);
	}
	return list;
}

json_t *core_hands_json(const struct core *core)
{
	json_t *list = json_array();
	char scope[SCOPE_TEXT_MAX];

	for (size_t i = 0; i < CORE_CHANGES_MAX; i++) {
		const struct change *c = &core->changes[i].begin;
		uint64_t now_ns = clock_now_ns();

		if (is_by_hand(c))
			json_array_append_new(list, json_pack("{sI ss ss ss ss sf}", "txn",
							      (json_int_t)c->txn, "knob", c->knob,
							      "scope",
							      scope_format(&c->scope, scope,
									   sizeof(scope)),
							      "old", c->old_value, "new",
							      c->new_value, "left_s",
							      c->deadline_ns > now_ns
								      ? (double)(c->deadline_ns -
										 now_ns) /
										NSEC_PER_SEC
								      : 0.0));
	}
	return list;
}
