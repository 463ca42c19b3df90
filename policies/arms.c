// SPDX-License-Identifier: Apache-2.0
/* `try`: the values that a policy may put in force, as the kernel takes them. */
#include "policies/reader.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/idset.h"

#define FACTOR_MIN 1.1
#define FACTOR_MAX 16.0

/* What one step of the kernel's number is in the unit's base. A ratio's row counts per cent. */
static double kernel_step(const struct knob_row *row)
{
	double scale = row->unit_scale > 0 ? (double)row->unit_scale : 1;

	return row->unit == UNIT_RATIO ? scale / 100 : scale;
}

static int check_range(struct reader *reader, const config_setting_t *setting, double number)
{
	const struct knob_row *row = reader->knob;

	if (number >= (double)row->min && number <= (double)row->max)
		return 0;
	if (config_setting_is_number(setting))
		reader_fail(reader, setting,
			    "%s is outside the range of '%s': %" PRId64 " to %" PRId64,
			    reader_value(reader, setting).text, row->name, row->min, row->max);
	else
		reader_fail(reader, setting,
			    "'%s' (%.0f for the kernel) is outside the range of '%s': %" PRId64
			    " to %" PRId64,
			    reader_value(reader, setting).text, number, row->name, row->min,
			    row->max);
	return -EINVAL;
}

/* What a row's unit_scale counts. */
static const char *const step_units[UNIT_COUNT] = {
	[UNIT_NONE] = "",
	[UNIT_TIME] = "ns",
	[UNIT_BYTES] = "B",
	[UNIT_RATIO] = "%",
};

/* A text with a unit ("256KiB") as the kernel's number. */
static int convert_quantity(struct reader *reader, const config_setting_t *setting,
			    double *ret_number)
{
	const struct knob_row *row = reader->knob;
	struct literal_target target = { .name = row->name, .unit = row->unit };
	double value, number;
	int r = reader_quantity(reader, setting, &target, &value);

	if (r < 0)
		return r;
	number = value / kernel_step(row);
	/* A relative 1e-9 for what decimal fractions lose: 0.3ms is 300 µs. */
	if (fabs(number - nearbyint(number)) > 1e-9 * fmax(1, fabs(number))) {
		reader_fail(reader, setting,
			    "'%s' is no whole number for the kernel: '%s' goes in steps of %" PRId64
			    "%s",
			    reader_value(reader, setting).text, row->name,
			    row->unit_scale > 0 ? row->unit_scale : 1, step_units[row->unit]);
		return -EINVAL;
	}
	*ret_number = nearbyint(number);
	return 0;
}

/* One value of an integer knob: the kernel's own number, or a text with the row's unit. `range`: within the row's. */
static int parse_number(struct reader *reader, const config_setting_t *setting, bool range,
			int64_t *ret_number)
{
	double number;
	int r;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		number = (double)config_setting_get_int64(setting);
		break;
	case CONFIG_TYPE_STRING:
		r = convert_quantity(reader, setting, &number);
		if (r < 0)
			return r;
		break;
	default:
		reader_fail(reader, setting,
			    "'%s' takes whole numbers or strings with a unit, found %s",
			    reader->knob->name,
			    config_setting_is_number(setting) ? "a fraction"
							      : setting_phrase(setting));
		return -EINVAL;
	}
	if (range && check_range(reader, setting, number) < 0)
		return -EINVAL;
	if (fabs(number) > 0x1p53) {
		reader_fail(reader, setting, "%s is too large", reader_value(reader, setting).text);
		return -EINVAL;
	}
	*ret_number = (int64_t)number;
	return 0;
}

/* One word for a knob of choices. What a disk offers is known only when the disk is there. */
static int parse_choice(struct reader *reader, const config_setting_t *setting, char *ret_arm)
{
	const char *text;
	int r = reader_string(reader, setting, &text);

	if (r < 0)
		return r;
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c > 0x20 && *c != 0x7f)
			continue;
		reader_fail(reader, setting,
			    "'%s' is not one word: '%s' takes a name such as the kernel lists",
			    excerpt(text).text, reader->knob->name);
		return -EINVAL;
	}
	return reader_text(reader, setting, KNOB_NAME_MAX, ret_arm);
}

/* A set of CPUs or nodes. Which of them are there is known only on the machine. */
static int parse_list(struct reader *reader, const config_setting_t *setting, char *ret_arm)
{
	struct idset set;
	const char *text;
	int r = reader_string(reader, setting, &text);

	if (r < 0)
		return r;
	if (idset_parse(text, &set) < 0) {
		reader_fail(reader, setting,
			    "'%s' is no list: '%s' takes numbers such as \"0-3,8\"",
			    excerpt(text).text, reader->knob->name);
		return -EINVAL;
	}
	return reader_text(reader, setting, KNOB_VALUE_MAX, ret_arm);
}

static bool is_no_limit(const struct reader *reader, const config_setting_t *setting)
{
	return reader->knob->type == KNOB_LIMIT &&
	       config_setting_type(setting) == CONFIG_TYPE_STRING &&
	       !strcmp(config_setting_get_string(setting), KNOB_NO_LIMIT);
}

static void add_arm(struct reader *reader, const config_setting_t *setting)
{
	struct policy *policy = reader->policy;
	char arm[KNOB_VALUE_MAX] = "";
	int64_t number;

	if (reader->knob->type == KNOB_CHOICE) {
		if (parse_choice(reader, setting, arm) < 0)
			return;
	} else if (reader->knob->type == KNOB_LIST) {
		if (parse_list(reader, setting, arm) < 0)
			return;
	} else if (reader->knob->type == KNOB_TEXT) {
		if (reader_text(reader, setting, KNOB_VALUE_MAX, arm) < 0)
			return;
	} else if (is_no_limit(reader, setting)) {
		strcpy(arm, KNOB_NO_LIMIT);
	} else {
		if (parse_number(reader, setting, true, &number) < 0)
			return;
		snprintf(arm, sizeof(arm), "%" PRId64, number);
	}
	for (uint32_t i = 0; i < policy->n_arms; i++) {
		if (strcmp(policy->arms[i], arm))
			continue;
		reader_fail(reader, setting, "'%s' is in 'try' twice: remove one",
			    reader_value(reader, setting).text);
		return;
	}
	strcpy(policy->arms[policy->n_arms++], arm);
}

static void parse_values(struct reader *reader, const config_setting_t *setting)
{
	int n = config_setting_length(setting);

	if (n == 0) {
		reader_fail(reader, setting, "'try' is empty: name at least one value");
		return;
	}
	if (n > POLICY_ARMS_MAX) {
		reader_fail(reader, setting, "'try' has %d values: at most %d", n, POLICY_ARMS_MAX);
		return;
	}
	for (int i = 0; i < n; i++)
		add_arm(reader, config_setting_get_elem(setting, (unsigned int)i));
}

/* `{ from; to; step }` is enumerated by parse_steps(), which needs all three at once; keys only check themselves. */
static void check_bound(struct reader *reader, const config_setting_t *setting)
{
	int64_t ignored;

	parse_number(reader, setting, true, &ignored);
}

static void check_step(struct reader *reader, const config_setting_t *setting)
{
	int64_t step;

	if (parse_number(reader, setting, false, &step) == 0 && step <= 0)
		reader_fail(reader, setting, "step is %" PRId64 ": it must be more than 0", step);
}

static void parse_factor(struct reader *reader, const config_setting_t *setting)
{
	double factor;

	if (!config_setting_is_number(setting)) {
		reader_fail(reader, setting, "factor takes a number such as 2.0, found %s",
			    setting_phrase(setting));
		return;
	}
	factor = config_setting_type(setting) == CONFIG_TYPE_FLOAT
			 ? config_setting_get_float(setting)
			 : (double)config_setting_get_int64(setting);
	if (!(factor >= FACTOR_MIN && factor <= FACTOR_MAX)) {
		reader_fail(reader, setting,
			    "factor is %s, outside %g to %g: 2.0 doubles and halves",
			    reader_value(reader, setting).text, FACTOR_MIN, FACTOR_MAX);
		return;
	}
	reader->policy->factor = factor;
	reader->policy->ladder = LADDER_FACTOR;
}

static void parse_min(struct reader *reader, const config_setting_t *setting)
{
	parse_number(reader, setting, true, &reader->policy->ladder_min);
}

static void parse_max(struct reader *reader, const config_setting_t *setting)
{
	parse_number(reader, setting, true, &reader->policy->ladder_max);
}

static const struct conf_key step_keys[] = {
	{ .name = "from",
	  .parse = check_bound,
	  .required = true,
	  .type = "value of the knob",
	  .about = "the first value" },
	{ .name = "to",
	  .parse = check_bound,
	  .required = true,
	  .type = "value of the knob",
	  .about = "no value is above it" },
	{ .name = "step",
	  .parse = check_step,
	  .required = true,
	  .type = "value of the knob",
	  .about = "from one value to the next" },
};

static const struct conf_key ladder_keys[] = {
	{ .name = "factor",
	  .parse = parse_factor,
	  .required = true,
	  .type = "number, 1.1 to 16",
	  .about = "the value in force is multiplied and divided by it" },
	{ .name = "min",
	  .parse = parse_min,
	  .required = true,
	  .type = "value of the knob",
	  .about = "the least value that is tried" },
	{ .name = "max",
	  .parse = parse_max,
	  .required = true,
	  .type = "value of the knob",
	  .about = "the largest value that is tried" },
};

const struct conf_group policy_group_steps = {
	.name = "try = { from, to, step }",
	.keys = step_keys,
	.n_keys = ARRAY_SIZE(step_keys),
};

const struct conf_group policy_group_ladder = {
	.name = "try = { factor, min, max }",
	.keys = ladder_keys,
	.n_keys = ARRAY_SIZE(ladder_keys),
};

static int64_t member_number(struct reader *reader, const config_setting_t *setting,
			     const char *name)
{
	int64_t number = 0;

	parse_number(reader, config_setting_get_member(setting, name), false, &number);
	return number;
}

static void parse_steps(struct reader *reader, const config_setting_t *setting)
{
	struct policy *policy = reader->policy;
	size_t errors = reader->conf.errors->n;
	int64_t from, to, step, n;

	reader_group(reader, &policy_group_steps, setting);
	if (reader->conf.errors->n > errors)
		return;
	from = member_number(reader, setting, "from");
	to = member_number(reader, setting, "to");
	step = member_number(reader, setting, "step");
	if (step < 1) /* which its row has refused */
		return;
	if (from > to) {
		reader_fail(reader, setting,
			    "'from' (%" PRId64 ") is above 'to' (%" PRId64 "): swap them", from,
			    to);
		return;
	}
	n = (to - from) / step + 1;
	if (n > POLICY_ARMS_MAX) {
		reader_fail(reader, setting,
			    "'try' makes %" PRId64 " values, at most %d: a step of %" PRId64
			    " or more does",
			    n, POLICY_ARMS_MAX, (to - from) / POLICY_ARMS_MAX + 1);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		snprintf(policy->arms[policy->n_arms++], KNOB_VALUE_MAX, "%" PRId64,
			 from + i * step);
}

static void parse_ladder(struct reader *reader, const config_setting_t *setting)
{
	size_t errors = reader->conf.errors->n;

	reader_group(reader, &policy_group_ladder, setting);
	if (reader->conf.errors->n == errors &&
	    reader->policy->ladder_min >= reader->policy->ladder_max)
		reader_fail(reader, setting, "'min' (%" PRId64 ") is not below 'max' (%" PRId64 ")",
			    reader->policy->ladder_min, reader->policy->ladder_max);
}

void reader_arms(struct reader *reader, const config_setting_t *setting)
{
	/* Without its row a value cannot be judged; that error is there already. */
	if (!reader->knob)
		return;
	if (config_setting_type(setting) == CONFIG_TYPE_ARRAY ||
	    config_setting_type(setting) == CONFIG_TYPE_LIST)
		parse_values(reader, setting);
	else if (!config_setting_is_group(setting))
		reader_fail(reader, setting, "'try' takes values [ … ] or a group { … }, found %s",
			    setting_phrase(setting));
	else if (reader->knob->type != KNOB_INTEGER && reader->knob->type != KNOB_LIMIT)
		reader_fail(reader, setting,
			    "'%s' takes names, not numbers: list them as [ \"…\", \"…\" ]",
			    reader->knob->name);
	else if (config_setting_get_member(setting, "factor"))
		parse_ladder(reader, setting);
	else if (config_setting_length(setting) == 0)
		reader_fail(reader, setting, "'try' is empty: name at least one value");
	else
		parse_steps(reader, setting);
}
