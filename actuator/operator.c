// SPDX-License-Identifier: Apache-2.0
/* What the operator may ask of the actuator at run time. Core carries it, so nothing here loosens a limit. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/limits_file.h"
#include "actuator/restraint.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/quantity.h"
#include "base/scope.h"

static uint64_t set_until(const struct restraint *r, const char *name)
{
	for (size_t i = 0; i < USAGE_SETS_MAX; i++)
		if (!strcmp(r->usage.state.sets[i].name, name) &&
		    r->usage.state.sets[i].until_ns != UINT64_MAX)
			return r->usage.state.sets[i].until_ns;
	return 0;
}

size_t actuator_limits(const struct actuator *actuator, struct limit_row *ret_rows, size_t max)
{
	const struct restraint *r = actuator_restraint((struct actuator *)actuator);
	const struct limits *limits = &r->limits;
	size_t n = 0;

	for (uint32_t i = 0; i < LIMIT_COUNT && n < max; i++) {
		struct limit_row *row = &ret_rows[n++];

		*row = (struct limit_row){ .id = i, .value = limits->value[i] };
		limit_name(i, row->name, sizeof(row->name));
		limit_value_text(i, limits->value[i], row->text, sizeof(row->text));
		limit_from(limits, &limits->source[i], row->from, sizeof(row->from));
		if (limits->source[i].origin == LIMIT_RUN_TIME)
			row->until_ns = set_until(r, row->name);
	}
	for (uint32_t i = 0; i < limits->n_rules && n < max; i++)
		limit_rule_row(limits, &limits->rules[i], &ret_rows[n++]);
	return LIMIT_COUNT + limits->n_rules;
}

static void errors_text(const struct limits_errors *errors, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < errors->n && i < CONF_ERRORS_MAX && used < size; i++) {
		const struct conf_error *e = &errors->errors[i];

		used += (size_t)snprintf(text + used, size - used, "%s%s:%u:%u: %s", i ? "\n" : "",
					 e->file, e->line, e->column, e->text);
	}
}

int actuator_limits_reload(struct actuator *actuator, uint64_t now_ns, char *ret_text, size_t size)
{
	_cleanup_free_ struct limits_errors *errors = calloc(1, sizeof(*errors));
	struct restraint *r = actuator_restraint(actuator);
	int error;

	if (!errors)
		return -ENOMEM;
	error = r->file ? limits_load(r->file, &r->base, errors) : -ENOENT;
	if (error < 0 && error != -ENOENT) {
		errors_text(errors, ret_text, size);
		if (!ret_text[0])
			snprintf(ret_text, size, "unable to read '%s': %s", r->file,
				 strerror(-error));
		return error;
	}
	if (error == -ENOENT)
		limits_defaults(&r->base);
	r->file_error[0] = '\0';
	restraint_apply(r, now_ns);
	snprintf(ret_text, size,
		 error ? "there is no limits file '%s': what is built in holds"
		       : "the limits of '%s' hold",
		 r->file ? r->file : "");
	return 0;
}

int actuator_limit_set(struct actuator *actuator, const char *name, const char *value,
		       uint64_t for_ns, uint64_t now_ns, char *ret_text, size_t size)
{
	struct restraint *r = actuator_restraint(actuator);
	_cleanup_free_ struct limits *trial = malloc(sizeof(*trial));
	struct usage_set *set = NULL;
	char left[32];
	int error;

	if (!trial)
		return -ENOMEM;
	restraint_apply(r, now_ns);
	*trial = r->limits;
	error = limits_tighten(trial, name, value, ret_text, size);
	if (error < 0)
		return error;
	for (size_t i = 0; i < USAGE_SETS_MAX && !set; i++)
		if (!r->usage.state.sets[i].name[0])
			set = &r->usage.state.sets[i];
	if (!set || strlen(name) >= sizeof(set->name) || strlen(value) >= sizeof(set->value)) {
		snprintf(ret_text, size,
			 "%d limits were set at run time, which is the limit: write "
			 "them into the file",
			 USAGE_SETS_MAX);
		return -ENOSPC;
	}
	snprintf(set->name, sizeof(set->name), "%s", name);
	snprintf(set->value, sizeof(set->value), "%s", value);
	set->until_ns = for_ns ? now_ns + for_ns : UINT64_MAX;
	restraint_apply(r, now_ns);
	usage_save(&r->usage);
	quantity_format((double)for_ns, UNIT_TIME, left, sizeof(left));
	snprintf(ret_text, size, "%s is %s now, %s%s", name, value,
		 for_ns ? "for " : "until the daemon is restarted", for_ns ? left : "");
	return 0;
}

int actuator_pin(struct actuator *actuator, const char *knob, const struct scope *scope,
		 const char *by, char *ret_text, size_t size)
{
	struct restraint *r = actuator_restraint(actuator);
	struct pin pin = { .scope = *scope, .since_ns = clock_wall_ns(), .until_ns = UINT64_MAX };
	char text[SCOPE_TEXT_MAX];
	int error;

	snprintf(pin.knob, sizeof(pin.knob), "%s", knob);
	snprintf(pin.by, sizeof(pin.by), "%s", by);
	error = pins_add(&r->pins, &pin, pin.since_ns);
	scope_format(scope, text, sizeof(text));
	if (error == -ENOSPC)
		snprintf(ret_text, size, "%d knobs are pinned, which is the limit", PINS_MAX);
	else if (error < 0)
		snprintf(ret_text, size,
			 "%s of %s is pinned, but only until the daemon's end: unable to save "
			 "it: %s",
			 knob, text, strerror(-error));
	else
		snprintf(ret_text, size, "%s of %s is owned by admin until 'flyball unpin %s%s%s'",
			 knob, text, knob, scope->kind == SCOPE_HOST ? "" : " --scope ",
			 scope->kind == SCOPE_HOST ? "" : text);
	return error;
}

int actuator_unpin(struct actuator *actuator, const char *knob, const struct scope *scope,
		   char *ret_text, size_t size)
{
	struct restraint *r = actuator_restraint(actuator);
	char text[SCOPE_TEXT_MAX];
	int error = pins_remove(&r->pins, knob, scope);

	scope_format(scope, text, sizeof(text));
	if (error == -ENOENT)
		snprintf(ret_text, size, "%s of %s is not pinned: 'flyball status' shows what is",
			 knob, text);
	else if (error < 0)
		snprintf(ret_text, size,
			 "%s of %s is not pinned any more, but unable to save it: %s", knob, text,
			 strerror(-error));
	else
		snprintf(ret_text, size, "%s of %s may be changed again", knob, text);
	return error;
}

size_t actuator_pins(const struct actuator *actuator, struct pin *ret_pins, size_t max)
{
	const struct pins *pins = &actuator_restraint((struct actuator *)actuator)->pins;
	uint64_t wall_ns = clock_wall_ns();
	size_t n = 0;

	for (size_t i = 0; i < pins->n; i++) {
		if (pins->items[i].until_ns <= wall_ns)
			continue;
		if (n < max)
			ret_pins[n] = pins->items[i];
		n++;
	}
	return n;
}

int actuator_limits_check(const char *path, FILE *err)
{
	_cleanup_free_ struct limits_errors *errors = calloc(1, sizeof(*errors));
	_cleanup_free_ struct limits *limits = malloc(sizeof(*limits));
	int r;

	if (!errors || !limits)
		return -ENOMEM;
	r = limits_load(path, limits, errors);
	for (size_t i = 0; i < errors->n && i < CONF_ERRORS_MAX; i++)
		fprintf(err, "%s:%u:%u: %s\n", errors->errors[i].file, errors->errors[i].line,
			errors->errors[i].column, errors->errors[i].text);
	return r;
}

void actuator_limits_markdown(FILE *out)
{
	limits_markdown(out);
}
