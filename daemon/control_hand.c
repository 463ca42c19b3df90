// SPDX-License-Identifier: Apache-2.0
/* What the control socket answers about the operator's hand: set, pin, unpin, limits. */
#include <string.h>

#include "actuator/knobs.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/words.h"
#include "daemon/core.h"
#include "daemon/exit_code.h"

static void fail(struct control_client *client, int code, const char *text)
{
	control_reply(client, code, text, NULL);
}

/* The knob and the scope of a request; NULL after an answer. A knob of the host needs no scope. */
static const struct knob_row *take_place(const struct core *core, struct control_client *client,
					 json_t *args, struct scope *ret_scope)
{
	const char *knob = json_string_value(json_object_get(args, "knob"));
	const char *scope = json_string_value(json_object_get(args, "scope"));
	const struct knob_row *row = knob ? knob_table_find(core->options->knobs, knob) : NULL;
	char text[256];

	if (!row) {
		fail(client, EXIT_CODE_ERROR, "no such knob: 'flyball knobs' lists them");
		return NULL;
	}
	*ret_scope = (struct scope){ .kind = SCOPE_HOST };
	if (scope && scope_parse(scope, ret_scope) < 0) {
		fail(client, EXIT_CODE_ERROR, "no such scope: write 'disk:sda' or 'host'");
		return NULL;
	}
	if (!knob_fits(row, ret_scope->kind)) {
		snprintf(text, sizeof(text),
			 "%s is a knob of the kind '%s': give --scope; 'flyball knobs %s' shows "
			 "which "
			 "there are",
			 row->name, scope_kind_word(row->scope), row->name);
		fail(client, EXIT_CODE_ERROR, text);
		return NULL;
	}
	/* `process:123` is the one that has that number now. */
	if (knob_resolve(core->worker.context->root, row, ret_scope) < 0) {
		fail(client, EXIT_CODE_ERROR, "there is no such process");
		return NULL;
	}
	return row;
}

void control_verb_set(struct core *core, struct control_client *client, json_t *args)
{
	const char *value = json_string_value(json_object_get(args, "value"));
	json_int_t for_ns = json_integer_value(json_object_get(args, "for_ns"));
	struct change change = { 0 };
	struct knob_reading reading;
	const struct knob_row *row = take_place(core, client, args, &change.scope);
	uint64_t txn;

	if (!row)
		return;
	if (!value || !value[0] || strlen(value) >= KNOB_VALUE_MAX || for_ns <= 0) {
		fail(client, EXIT_CODE_USAGE, "a change by hand needs a value and a time");
		return;
	}
	if (knob_read(core->worker.context->root, row, &change.scope, &reading) < 0 ||
	    reading.flags & KNOB_GONE) {
		fail(client, EXIT_CODE_ERROR,
		     "the knob does not exist there: 'flyball knobs' shows where it does");
		return;
	}
	snprintf(change.knob, sizeof(change.knob), "%s", row->name);
	snprintf(change.old_value, sizeof(change.old_value), "%s", reading.value);
	snprintf(change.new_value, sizeof(change.new_value), "%s", value);
	txn = core_hand_begin(&change, (uint64_t)for_ns);
	/* The answer may come from inside. */
	control_await(client, txn);
	core_change(core, &change);
}

static void ask_about(struct core *core, struct control_client *client, json_t *args, uint32_t kind)
{
	struct message_request request = { .kind = kind, .uid = control_uid(client) };
	const struct knob_row *row = take_place(core, client, args, &request.scope);

	if (!row)
		return;
	snprintf(request.name, sizeof(request.name), "%s", row->name);
	core_request(core, client, &request);
}

void control_verb_pin(struct core *core, struct control_client *client, json_t *args)
{
	ask_about(core, client, args, REQUEST_PIN);
}

void control_verb_unpin(struct core *core, struct control_client *client, json_t *args)
{
	ask_about(core, client, args, REQUEST_UNPIN);
}

/* {}, {"reload": true}, {"set": NAME, "value": VALUE, "for_ns": N} */
void control_verb_limits(struct core *core, struct control_client *client, json_t *args)
{
	struct message_request request = { .kind = REQUEST_SHOW, .uid = control_uid(client) };
	const char *name = json_string_value(json_object_get(args, "set"));
	const char *value = json_string_value(json_object_get(args, "value"));
	bool reload = json_is_true(json_object_get(args, "reload"));
	json_int_t for_ns = json_integer_value(json_object_get(args, "for_ns"));

	if ((name || reload) && !control_may_change(client)) {
		fail(client, EXIT_CODE_PERMISSION, "only root may change what flyball does");
		return;
	}
	if (reload)
		request.kind = REQUEST_LIMITS_RELOAD;
	if (name) {
		if (!value || strlen(name) >= sizeof(request.name) ||
		    strlen(value) >= sizeof(request.value) || for_ns < 0) {
			fail(client, EXIT_CODE_USAGE, "a limit is set as NAME=VALUE");
			return;
		}
		request.kind = REQUEST_LIMIT_SET;
		request.for_ns = (uint64_t)for_ns;
		snprintf(request.name, sizeof(request.name), "%s", name);
		snprintf(request.value, sizeof(request.value), "%s", value);
	}
	core_request(core, client, &request);
}
