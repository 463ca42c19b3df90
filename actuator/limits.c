// SPDX-License-Identifier: Apache-2.0
/* A change held against the limits. Pure: what happened so far, the clock and the process are in the view. */
#include "actuator/limits.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "base/scope.h"

static enum outcome_status __attribute__((format(printf, 3, 4)))
refuse(char *ret_text, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret_text, size, format, ap);
	va_end(ap);
	return OUTCOME_REFUSED;
}

/* `cooldown 10min (/etc/flyball/limits.conf:7)`: what every refusal names. */
struct cited {
	char text[LIMITS_FILE_MAX + 160];
};

static struct cited cite(const struct limits *limits, uint32_t id)
{
	char name[48], value[48], from[LIMITS_FILE_MAX + 24];
	struct cited c;

	snprintf(c.text, sizeof(c.text), "%s %s (%s)", limit_name(id, name, sizeof(name)),
		 limit_value_text(id, limits->value[id], value, sizeof(value)),
		 limit_from(limits, &limits->source[id], from, sizeof(from)));
	return c;
}

static struct cited cite_rule(const struct limits *limits, const struct limit_rule *rule)
{
	struct limit_row row;
	struct cited c;

	limit_rule_row(limits, rule, &row);
	snprintf(c.text, sizeof(c.text), "%.60s %.60s (%s)", row.name, row.text, row.from);
	return c;
}

static const char *span(uint64_t ns, char *buffer, size_t size)
{
	return quantity_format((double)ns, UNIT_TIME, buffer, size);
}

/* --- which rules concern a change --- */

static bool rule_fits(const struct limit_rule *rule, const char *knob, const struct scope *scope)
{
	char text[SCOPE_TEXT_MAX];

	if (rule->knob[0] && fnmatch(rule->knob, knob, 0) != 0)
		return false;
	return !rule->text[0] ||
	       fnmatch(rule->text, scope_format(scope, text, sizeof(text)), 0) == 0;
}

static enum outcome_status judge_lists(const struct limits *limits, const struct change *change,
				       char *ret_text, size_t size)
{
	char scope[SCOPE_TEXT_MAX];
	bool allowed = false;

	for (uint32_t i = 0; i < limits->n_rules; i++) {
		const struct limit_rule *rule = &limits->rules[i];

		if (rule->kind == RULE_DENY && rule_fits(rule, change->knob, &change->scope))
			return refuse(ret_text, size, "%s: remove it there to allow this",
				      cite_rule(limits, rule).text);
		allowed |=
			rule->kind == RULE_ALLOW && rule_fits(rule, change->knob, &change->scope);
	}
	if (!allowed)
		return refuse(ret_text, size,
			      "%s of %.50s is not on the list 'allow' of %s: add it there",
			      change->knob, scope_format(&change->scope, scope, sizeof(scope)),
			      limits->file);
	return OUTCOME_DONE;
}

bool limit_is_quiet(const struct limit_rule *rule, uint32_t weekday, uint32_t minute)
{
	uint32_t yesterday = (weekday + 6) % 7;

	if (rule->from < rule->to)
		return rule->days & 1u << weekday && minute >= rule->from && minute < rule->to;
	/* Over midnight: the day on which it began counts. */
	return (rule->days & 1u << weekday && minute >= rule->from) ||
	       (rule->days & 1u << yesterday && minute < rule->to);
}

/* `path` cut to its first `n` components: `/a/b/c`, 2 → `/a/b`. */
static void cut_path(const char *path, size_t n, char *ret_cut, size_t size)
{
	size_t length = 0;

	while (path[length] && (path[length] != '/' || n-- > 0))
		length++;
	snprintf(ret_cut, size, "%.*s", (int)length, path);
}

static size_t path_depth(const char *path)
{
	size_t n = 0;

	for (const char *c = path; *c; c++)
		n += *c == '/' && c[1];
	return n;
}

/* A limit on a group holds for what is below it, and one above it holds for it. */
static bool cgroup_is_protected(const char *pattern, const char *path)
{
	char cut[LIMIT_PATTERN_MAX];
	size_t of_pattern = path_depth(pattern), of_path = path_depth(path);

	if (of_path == 0)
		return true;
	if (of_path < of_pattern) {
		cut_path(pattern, of_path, cut, sizeof(cut));
		return fnmatch(cut, path, FNM_PATHNAME) == 0;
	}
	cut_path(path, of_pattern, cut, sizeof(cut));
	return fnmatch(pattern, cut, FNM_PATHNAME) == 0;
}

/* A pattern with a slash is for the path of the executable, one without for its last part or the command's name. */
static bool process_is_protected(const char *pattern, const struct limits_view *view)
{
	const char *slash = strrchr(view->executable, '/');

	/* Of a program that cannot be seen nobody can say that it is not meant. */
	if (strchr(pattern, '/'))
		return !view->executable[0] || fnmatch(pattern, view->executable, 0) == 0;
	return fnmatch(pattern, slash ? slash + 1 : view->executable, 0) == 0 ||
	       fnmatch(pattern, view->command, 0) == 0;
}

static bool rule_protects(const struct limit_rule *rule, const struct limits_view *view,
			  const struct scope *scope)
{
	switch (rule->kind) {
	case RULE_PID:
		return view->pid && view->pid == rule->pid;
	case RULE_PROCESS:
		return view->pid && process_is_protected(rule->text, view);
	case RULE_CGROUP:
		return scope->kind == SCOPE_CGROUP && cgroup_is_protected(rule->text, scope->name);
	default:
		return false;
	}
}

static enum outcome_status judge_time_and_protection(const struct limits *limits,
						     const struct limits_view *view,
						     const struct change *change, char *ret_text,
						     size_t size)
{
	for (uint32_t i = 0; i < limits->n_rules; i++) {
		const struct limit_rule *rule = &limits->rules[i];

		if (rule->kind == RULE_QUIET && limit_is_quiet(rule, view->weekday, view->minute))
			return refuse(ret_text, size, "%s: nothing begins then",
				      cite_rule(limits, rule).text);
		if (rule_protects(rule, view, &change->scope))
			return refuse(ret_text, size, "'%.60s' is protected by %s",
				      change->scope.name, cite_rule(limits, rule).text);
	}
	return OUTCOME_DONE;
}

/* --- what happened so far --- */

static enum outcome_status judge_pause(const struct limits *limits, const struct limits_view *view,
				       const struct change *change, char *ret_text, size_t size)
{
	uint64_t since = view->now_ns - view->ended_ns;
	char left[32];

	if (view->quarantine_ns > view->now_ns)
		return refuse(ret_text, size, "quarantined for %s more: %s",
			      span(view->quarantine_ns - view->now_ns, left, sizeof(left)),
			      cite(limits, LIMIT_OSCILLATION_FLIPS).text);
	if (view->ended_ns == 0 || view->same_trial || view->by_hand)
		return OUTCOME_DONE;
	if (since < limits->value[LIMIT_COOLDOWN])
		return refuse(ret_text, size, "%s holds for %s more",
			      cite(limits, LIMIT_COOLDOWN).text,
			      span((uint64_t)limits->value[LIMIT_COOLDOWN] - since, left,
				   sizeof(left)));
	for (uint32_t i = 0; i < limits->n_rules; i++) {
		const struct limit_rule *rule = &limits->rules[i];

		if (rule->kind == RULE_KNOB && rule->cooldown.given &&
		    since < rule->cooldown.value && rule_fits(rule, change->knob, &change->scope))
			return refuse(ret_text, size, "%s holds for %s more",
				      cite_rule(limits, rule).text,
				      span((uint64_t)rule->cooldown.value - since, left,
					   sizeof(left)));
	}
	return OUTCOME_DONE;
}

static enum outcome_status judge_rates(const struct limits *limits, const struct limits_view *view,
				       const char *knob, const struct scope *scope, char *ret_text,
				       size_t size)
{
	if (view->changes >= limits->value[LIMIT_CHANGES_PER_HOUR])
		return refuse(ret_text, size, "%s is used up: wait, or raise it there",
			      cite(limits, LIMIT_CHANGES_PER_HOUR).text);
	if (view->changes_knob >= limits->value[LIMIT_CHANGES_PER_HOUR_KNOB])
		return refuse(ret_text, size, "%s is used up: wait, or raise it there",
			      cite(limits, LIMIT_CHANGES_PER_HOUR_KNOB).text);
	for (uint32_t i = 0; i < limits->n_rules; i++) {
		const struct limit_rule *rule = &limits->rules[i];

		if (rule->kind == RULE_KNOB && rule->changes_per_hour.given &&
		    view->changes_knob >= rule->changes_per_hour.value &&
		    rule_fits(rule, knob, scope))
			return refuse(ret_text, size, "%s is used up: wait, or raise it there",
				      cite_rule(limits, rule).text);
	}
	return OUTCOME_DONE;
}

enum outcome_status limits_judge_write(const struct limits *limits, const struct limits_view *view,
				       const struct scope *scope, char *ret_text, size_t size)
{
	if (limits->value[LIMIT_FREEZE] != 0)
		return refuse(ret_text, size, "%s: nothing is changed",
			      cite(limits, LIMIT_FREEZE).text);
	return judge_rates(limits, view, view->row->name, scope, ret_text, size);
}

enum outcome_status limits_judge_begin(const struct limits *limits, const struct limits_view *view,
				       const struct change *change, char *ret_text, size_t size)
{
	enum outcome_status status = judge_lists(limits, change, ret_text, size);
	char used[32];

	if (status == OUTCOME_DONE)
		status = limits_judge_write(limits, view, &change->scope, ret_text, size);
	if (status == OUTCOME_DONE)
		status = judge_time_and_protection(limits, view, change, ret_text, size);
	if (status == OUTCOME_DONE)
		status = judge_pause(limits, view, change, ret_text, size);
	if (status != OUTCOME_DONE)
		return status;
	if (view->n_open >= limits->value[LIMIT_TRIALS_AT_ONCE])
		return refuse(ret_text, size, "%zu changes are open: %s", view->n_open,
			      cite(limits, LIMIT_TRIALS_AT_ONCE).text);
	if (!view->by_hand && view->arm_time_ns >= limits->value[LIMIT_HARM_TIME])
		return refuse(ret_text, size, "%s of a day is used up: %s",
			      cite(limits, LIMIT_HARM_TIME).text,
			      span(view->arm_time_ns, used, sizeof(used)));
	return OUTCOME_DONE;
}

/* --- values --- */

/* A value of the kernel in what the bound is in. */
static double in_unit_of(const struct limit_bound *bound, const struct knob_row *row, double value)
{
	return bound->unit == UNIT_NONE ? value : value * (double)row->unit_scale;
}

static bool number_of(const char *text, double *ret_number)
{
	char *end;

	*ret_number = strtod(text, &end);
	return end != text && !*end && isfinite(*ret_number);
}

enum outcome_status limits_judge_value(const struct limits *limits, const struct knob_row *row,
				       const struct change *change, const char *present,
				       char *ret_text, size_t size)
{
	double wanted, now;

	for (uint32_t i = 0; i < limits->n_rules; i++) {
		const struct limit_rule *rule = &limits->rules[i];

		if (rule->kind != RULE_KNOB || !rule_fits(rule, change->knob, &change->scope))
			continue;
		/* `max` of a limit is no number: more than any. */
		if (row->type == KNOB_LIMIT && !strcmp(change->new_value, "max"))
			wanted = INFINITY;
		else if (!number_of(change->new_value, &wanted))
			continue;
		if (rule->min.given && in_unit_of(&rule->min, row, wanted) < rule->min.value)
			return refuse(ret_text, size, "'%.40s' is less than %s", change->new_value,
				      cite_rule(limits, rule).text);
		if (rule->max.given && in_unit_of(&rule->max, row, wanted) > rule->max.value)
			return refuse(ret_text, size, "'%.40s' is more than %s", change->new_value,
				      cite_rule(limits, rule).text);
		if (rule->step.given &&
		    (!number_of(present, &now) ||
		     fabs(in_unit_of(&rule->step, row, wanted - now)) > rule->step.value))
			return refuse(ret_text, size, "from '%.20s' to '%.20s' is too far: %s",
				      present, change->new_value, cite_rule(limits, rule).text);
	}
	return OUTCOME_DONE;
}
