// SPDX-License-Identifier: Apache-2.0
/* Values of limits as text, and limits made stricter at run time. */
#include "actuator/limits.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/scope.h"
#include "base/words.h"

static int __attribute__((format(printf, 3, 4)))
fail(char *ret_text, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret_text, size, format, ap);
	va_end(ap);
	return -EINVAL;
}

static int switch_parse(const char *text, double *ret_value)
{
	if (strcmp(text, "true") && strcmp(text, "false"))
		return -EINVAL;
	*ret_value = text[0] == 't';
	return 0;
}

static const char *unit_example(enum unit unit)
{
	return unit == UNIT_TIME    ? "a time, such as 10min"
	       : unit == UNIT_BYTES ? "a size, such as 256MiB"
	       : unit == UNIT_RATIO ? "a share, such as 0.5%"
				    : "a whole number";
}

int limit_value_parse(uint32_t id, const char *text, double *ret_value, char *ret_text, size_t size)
{
	const struct limit_number *number = &limit_numbers[id];
	enum unit unit;
	double value;

	if (number->is_switch) {
		if (switch_parse(text, ret_value) < 0)
			return fail(ret_text, size, "'%.40s' is neither true nor false", text);
		return 0;
	}
	if (number->or_never && !strcmp(text, "never")) {
		*ret_value = INFINITY;
		return 0;
	}
	if (quantity_parse_all(text, &value, &unit) < 0 ||
	    (unit != number->unit && !(number->unit == UNIT_RATIO && unit == UNIT_NONE)) ||
	    (unit == UNIT_NONE && number->unit == UNIT_NONE && value != floor(value)))
		return fail(ret_text, size, "'%.40s' is not %s%s", text, unit_example(number->unit),
			    number->or_never ? ", or never" : "");
	if (value < number->min || value > number->max)
		return fail(ret_text, size, "'%.40s' is outside %s to %s", text, number->min_text,
			    number->max_text);
	*ret_value = value;
	return 0;
}

size_t limit_knobs_matched(const char *pattern, const char **ret_nearest)
{
	size_t n = 0, best = 5;

	*ret_nearest = NULL;
	for (size_t i = 0; i < knob_rows_count; i++) {
		size_t distance = words_distance(pattern, knob_rows[i].name, best);

		n += fnmatch(pattern, knob_rows[i].name, 0) == 0;
		if (distance < best) {
			best = distance;
			*ret_nearest = knob_rows[i].name;
		}
	}
	return n;
}

/* The first knob of a pattern whose value is no number, or not of that unit; NULL. */
static const struct knob_row *knob_without(const char *pattern, enum unit unit)
{
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];

		if (fnmatch(pattern, row->name, 0) == 0 &&
		    ((row->type != KNOB_INTEGER && row->type != KNOB_LIMIT) ||
		     (unit != UNIT_NONE && row->unit != unit)))
			return row;
	}
	return NULL;
}

int limit_bound_parse(const char *knob, const char *text, struct limit_bound *ret_bound,
		      char *ret_text, size_t size)
{
	const struct knob_row *odd;
	enum unit unit;
	double value;

	if (quantity_parse_all(text, &value, &unit) < 0)
		return fail(ret_text, size, "'%.40s' is no number", text);
	odd = knob_without(knob[0] ? knob : "*", unit);
	if (odd && odd->type != KNOB_INTEGER && odd->type != KNOB_LIMIT)
		return fail(ret_text, size, "'%s' is no number and has no range", odd->name);
	if (odd)
		return fail(ret_text, size, "'%.40s' is not in the unit of '%s'", text, odd->name);
	*ret_bound = (struct limit_bound){ .value = value, .given = 1, .unit = unit };
	return 0;
}

/* --- quiet hours: `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`, `daily 12:00-13:00` --- */

static int day_parse(const char *text)
{
	static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

	for (int i = 0; i < 7; i++)
		if (!strncasecmp(text, days[i], 3) && !isalpha((unsigned char)text[3]))
			return i;
	return -EINVAL;
}

/* Advances `text` over the days. */
static int days_parse(const char **text, uint32_t *ret_days)
{
	uint32_t days = 0;

	if (!strncasecmp(*text, "daily ", 6)) {
		*text += 6;
		*ret_days = 0x7f;
		return 0;
	}
	for (;;) {
		int from = day_parse(*text), to = from;

		if (from < 0)
			return -EINVAL;
		*text += 3;
		if (**text == '-') {
			to = day_parse(*text + 1);
			if (to < 0)
				return -EINVAL;
			*text += 4;
		}
		for (int day = from;; day = (day + 1) % 7) {
			days |= 1u << day;
			if (day == to)
				break;
		}
		if (**text != ',')
			break;
		(*text)++;
	}
	*ret_days = days;
	return *(*text)++ == ' ' ? 0 : -EINVAL;
}

/* `08:00`; 24:00 is the end of the day. */
static int minute_parse(const char *text, uint32_t *ret_minute)
{
	unsigned int hours, minutes;

	for (int i = 0; i < 5; i++)
		if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i]))
			return -EINVAL;
	hours = (unsigned int)(text[0] - '0') * 10 + (unsigned int)(text[1] - '0');
	minutes = (unsigned int)(text[3] - '0') * 10 + (unsigned int)(text[4] - '0');
	if (minutes > 59 || hours * 60 + minutes > 24 * 60)
		return -EINVAL;
	*ret_minute = hours * 60 + minutes;
	return 0;
}

int quiet_hours_parse(const char *text, struct limit_rule *rule, char *ret_text, size_t size)
{
	const char *rest = text;

	if (days_parse(&rest, &rule->days) < 0 || minute_parse(rest, &rule->from) < 0 ||
	    rest[5] != '-' || minute_parse(rest + 6, &rule->to) < 0 || rest[11] ||
	    rule->from == 24 * 60)
		return fail(ret_text, size,
			    "'%.40s' is no time of the week: write \"mon-fri 08:00-18:00\", "
			    "\"sat,sun 22:00-06:00\" or \"daily 12:00-13:00\"",
			    text);
	rule->kind = RULE_QUIET;
	return 0;
}

/* --- stricter at run time --- */

static int add_rule(struct limits *limits, const struct limit_rule *rule, char *ret_text,
		    size_t size)
{
	if (limits->n_rules == LIMIT_RULES_MAX) {
		fail(ret_text, size,
		     "%d rules are in force, which is the limit: restart to "
		     "forget those of the run time",
		     LIMIT_RULES_MAX);
		return -ENOSPC;
	}
	limits->rules[limits->n_rules] = *rule;
	limits->rules[limits->n_rules++].source = (struct limit_source){ .origin = LIMIT_RUN_TIME };
	return 0;
}

/* `block.* disk:sda`: a pattern of knobs, and of scopes. */
static int deny_parse(const char *value, struct limit_rule *rule, char *ret_text, size_t size)
{
	size_t length = strcspn(value, " ");
	const char *scope = value + length + (value[length] == ' '), *nearest;
	struct scope parsed;

	if (length == 0 || length >= sizeof(rule->knob) || strlen(scope) >= sizeof(rule->text))
		return fail(ret_text, size, "write deny=KNOB, or deny='KNOB SCOPE'");
	memcpy(rule->knob, value, length);
	strcpy(rule->text, scope);
	if (limit_knobs_matched(rule->knob, &nearest) == 0)
		return fail(ret_text, size, "no knob matches '%s'%s%s", rule->knob,
			    nearest ? ": did you mean " : "", nearest ? nearest : "");
	if (scope[0] && scope_parse(scope, &parsed) < 0)
		return fail(ret_text, size, "'%.60s' is no scope: write disk:sda or 'disk:nvme*'",
			    scope);
	rule->kind = RULE_DENY;
	return 0;
}

/* `vm.swappiness.max`: a bound of one knob. 0, -ENOENT when it is no such name, -EINVAL. */
static int bound_parse(const char *name, const char *value, struct limit_rule *rule, char *ret_text,
		       size_t size)
{
	const struct {
		const char *word;
		struct limit_bound *bound;
	} bounds[] = {
		{ ".min", &rule->min },
		{ ".max", &rule->max },
		{ ".step", &rule->step },
	};
	const char *dot = strrchr(name, '.'), *nearest;

	for (size_t i = 0; dot && i < ARRAY_SIZE(bounds); i++) {
		if (strcmp(dot, bounds[i].word) || (size_t)(dot - name) >= sizeof(rule->knob))
			continue;
		memcpy(rule->knob, name, (size_t)(dot - name));
		rule->kind = RULE_KNOB;
		if (limit_knobs_matched(rule->knob, &nearest) == 0)
			return fail(ret_text, size, "no knob matches '%s'%s%s", rule->knob,
				    nearest ? ": did you mean " : "", nearest ? nearest : "");
		return limit_bound_parse(rule->knob, value, bounds[i].bound, ret_text, size);
	}
	return -ENOENT;
}

static int number_tighten(struct limits *limits, uint32_t id, const char *text, char *ret_text,
			  size_t size)
{
	char name[48], now[48], from[LIMITS_FILE_MAX + 24];
	double present = limits->value[id], value = present;
	int r = limit_value_parse(id, text, &value, ret_text, size);

	if (r < 0)
		return r;
	if (value == present)
		return 0;
	if ((value < present) != limit_numbers[id].less_is_tighter)
		return fail(ret_text, size,
			    "%s is %s (%s), and '%.40s' would loosen it: that needs the file, and "
			    "'flyball limits --reload'",
			    limit_name(id, name, sizeof(name)),
			    limit_value_text(id, present, now, sizeof(now)),
			    limit_from(limits, &limits->source[id], from, sizeof(from)), text);
	limits->value[id] = value;
	limits->source[id] = (struct limit_source){ .origin = LIMIT_RUN_TIME };
	return 0;
}

static int fail_name(const char *name, char *ret_text, size_t size)
{
	char names[LIMIT_COUNT][48];
	const char *list[LIMIT_COUNT + 2] = { "deny", "quiet_hours" }, *nearest;

	for (uint32_t i = 0; i < LIMIT_COUNT; i++)
		list[i + 2] = limit_name(i, names[i], sizeof(names[i]));
	nearest = words_nearest(name, list, ARRAY_SIZE(list));
	if (nearest)
		return fail(ret_text, size, "unknown limit '%.60s': did you mean '%s'?", name,
			    nearest);
	return fail(ret_text, size,
		    "unknown limit '%.60s': 'flyball limits' lists them, and "
		    "KNOB.min, KNOB.max, KNOB.step, deny, quiet_hours can be set",
		    name);
}

int limits_tighten(struct limits *limits, const char *name, const char *value, char *ret_text,
		   size_t size)
{
	struct limit_rule rule = { 0 };
	char known[48];
	int r;

	for (uint32_t i = 0; i < LIMIT_COUNT; i++)
		if (!strcmp(name, limit_name(i, known, sizeof(known))))
			return number_tighten(limits, i, value, ret_text, size);
	if (!strcmp(name, "deny"))
		r = deny_parse(value, &rule, ret_text, size);
	else if (!strcmp(name, "quiet_hours"))
		r = quiet_hours_parse(value, &rule, ret_text, size);
	else
		r = bound_parse(name, value, &rule, ret_text, size);
	if (r == -ENOENT)
		return fail_name(name, ret_text, size);
	return r < 0 ? r : add_rule(limits, &rule, ret_text, size);
}
