// SPDX-License-Identifier: Apache-2.0
#include "actuator/guard.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actuator/actuator.h"
#include "actuator/knobs.h"
#include "base/scope.h"

#define MODULE_VALUE_MAX 15 /* letters: TCP_CA_NAME_MAX with its NUL */

static enum outcome_status __attribute__((format(printf, 4, 5)))
answer(enum outcome_status status, char *ret_text, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret_text, size, format, ap);
	va_end(ap);
	return status;
}

#define REFUSE(...) return answer(OUTCOME_REFUSED, ret_text, size, __VA_ARGS__)

static bool is_string(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static enum outcome_status guard_limits(const struct guard_view *view, const struct change *change,
					char *ret_text, size_t size)
{
	if (view->limits_error)
		REFUSE("the limits file is not in order, so nothing begins: %s",
		       view->limits_error);
	if (view->pin)
		REFUSE("%s belongs to admin (by %.40s): 'flyball unpin %s' gives it back",
		       view->row->name, view->pin->by, view->row->name);
	if (!view->limits)
		return OUTCOME_DONE;
	return limits_judge_begin(view->limits, &view->usage, change, ret_text, size);
}

static enum outcome_status guard_begin(const struct guard_view *view, const struct change *change,
				       char *ret_text, size_t size)
{
	char scope[SCOPE_TEXT_MAX];

	if (change->txn == 0 || view->known)
		REFUSE("transaction %" PRIu64 " is or was in use: numbers are never reused",
		       change->txn);
	if (!is_string(change->knob, sizeof(change->knob)) ||
	    !is_string(change->old_value, KNOB_VALUE_MAX) ||
	    !is_string(change->new_value, KNOB_VALUE_MAX) || !scope_valid(&change->scope))
		REFUSE("a knob, scope or value that is no text");
	if (!view->row)
		REFUSE("unknown knob '%.63s'", change->knob);
	scope_format(&change->scope, scope, sizeof(scope));
	if (!knob_fits(view->row, change->scope.kind))
		REFUSE("%s is not a knob of '%.60s'", view->row->name, scope);
	if (view->only.kind != SCOPE_KIND_COUNT && !scope_matches(&change->scope, &view->only))
		REFUSE("'%.60s' is outside of what this daemon may change (--only)", scope);
	if (change->flags & CHANGE_SPLIT && !view->row->splits)
		REFUSE("connections cannot be split by %s: it has no program that does so",
		       view->row->name);
	if (change->flags & CHANGE_SPLIT && change->flags & CHANGE_BY_HAND)
		REFUSE("a change by hand is not split");
	if (change->deadline_ns <= view->now_ns)
		REFUSE("the deadline has passed already");
	if (change->flags & CHANGE_BY_HAND &&
	    change->deadline_ns - view->now_ns > ACTUATOR_HAND_MAX_NS)
		REFUSE("a change by hand lasts 24h at most");
	if (view->busy)
		REFUSE("transaction %" PRIu64 " is open in the same domain of '%.60s'", view->busy,
		       scope);
	if (view->n_open >= ACTUATOR_OPEN_MAX)
		REFUSE("%d transactions are open, which is the limit", ACTUATOR_OPEN_MAX);
	if (view->n_open + view->n_kept >= ACTUATOR_KEPT_MAX)
		REFUSE("%d kept changes are remembered, which is the limit: roll some back first",
		       ACTUATOR_KEPT_MAX);
	return guard_limits(view, change, ret_text, size);
}

enum outcome_status guard_request(const struct guard_view *view, const struct change *change,
				  char *ret_text, size_t size)
{
	if (change->action >= ACTION_COUNT)
		REFUSE("unknown action %" PRIu32, change->action);
	/* Going back is always allowed. */
	if (view->frozen && change->action != ACTION_UNDO && change->action != ACTION_BASE)
		REFUSE("frozen by the operator: `flyball thaw` allows changes again");
	if (change->action == ACTION_BEGIN)
		return guard_begin(view, change, ret_text, size);
	if (view->limits && view->limits->value[LIMIT_FREEZE] != 0 &&
	    change->action != ACTION_UNDO && change->action != ACTION_BASE)
		REFUSE("frozen by the limit 'freeze'");
	/* A value that is kept was tried before, and counted then. */
	if (view->limits && view->row &&
	    (change->action == ACTION_ARM || change->action == ACTION_SPLIT))
		return limits_judge_write(view->limits, &view->usage, &change->scope, ret_text,
					  size);
	return OUTCOME_DONE;
}

/*
 * A value that is not offered, where the operator lets the kernel load modules. A name of the kernel's own alone: from
 * others modprobe makes paths and options.
 */
static bool may_load_module(const struct guard_view *view, const char *value)
{
	return view->row->loads_modules && view->limits &&
	       view->limits->value[LIMIT_LOAD_MODULES] != 0 && value[0] &&
	       strlen(value) <= MODULE_VALUE_MAX &&
	       strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(value);
}

enum outcome_status guard_value(const struct guard_view *view, const struct change *change,
				char *ret_text, size_t size)
{
	const struct knob_reading *reading = view->reading;

	if (reading->flags & KNOB_GONE)
		return answer(OUTCOME_GONE, ret_text, size, "%s does not exist on '%.60s'",
			      view->row->name, change->scope.name[0] ? change->scope.name : "host");
	if (reading->flags & KNOB_HIDDEN)
		REFUSE("%s cannot be read there: start flyball with its capabilities",
		       view->row->name);
	if (!(reading->flags & KNOB_WRITABLE))
		REFUSE("%s is read-only here%s%s", view->row->name, reading->reason[0] ? ": " : "",
		       reading->reason);
	/* Who changes by hand need not know what is in force: core cannot see every knob, and the hand may. */
	if (!view->row->drifts && !knob_same(view->row, reading->value, change->old_value) &&
	    !(change->flags & CHANGE_BY_HAND && !change->old_value[0]))
		return answer(OUTCOME_FOREIGN, ret_text, size,
			      "expected '%.40s', found '%.40s': left", change->old_value,
			      reading->value);
	/* An A/A trial writes nothing: what is in force may be outside of the range that we would choose. */
	if (knob_same(view->row, reading->value, change->new_value))
		return OUTCOME_DONE;
	if (knob_check(view->row, reading, change->new_value, ret_text, size) < 0 &&
	    !may_load_module(view, change->new_value))
		return OUTCOME_REFUSED;
	ret_text[0] = '\0';
	if (!view->limits)
		return OUTCOME_DONE;
	return limits_judge_value(view->limits, view->row, change, reading->value, ret_text, size);
}

enum outcome_status guard_captured(const struct guard_view *view, char *ret_text, size_t size)
{
	char scope[SCOPE_TEXT_MAX];

	if (!view->namesake)
		return OUTCOME_DONE;
	scope_format(view->namesake_scope, scope, sizeof(scope));
	REFUSE("transaction %" PRIu64
	       " is open in the same namespace by another name, '%.40s': use that name alone",
	       view->namesake, scope);
}
