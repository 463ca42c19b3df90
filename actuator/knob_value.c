// SPDX-License-Identifier: Apache-2.0
/* Values of knobs: what a row takes, and which two texts mean the same. */
#include "actuator/knobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/idset.h"
#include "base/words.h"

/* A decimal number and nothing else; strtoll() alone would take blanks before it. */
static int parse_integer(const char *text, int64_t *ret_value)
{
	const char *digits = text + (text[0] == '-');
	char *end;
	long long value;

	if (digits[0] < '0' || digits[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int check_integer(const struct knob_row *row, const char *value, char *ret_text, size_t size)
{
	const char *or_none = row->type == KNOB_LIMIT ? ", or " KNOB_NO_LIMIT : "";
	int64_t number = 0;
	int r = parse_integer(value, &number);

	if (r == -EINVAL) {
		snprintf(ret_text, size,
			 "'%.40s' is no number: %s takes %" PRId64 " to %" PRId64 "%s", value,
			 row->name, row->min, row->max, or_none);
		return -EINVAL;
	}
	if (r < 0 || number < row->min || number > row->max) {
		snprintf(ret_text, size,
			 "%.24s is out of range: %s takes %" PRId64 " to %" PRId64 "%s", value,
			 row->name, row->min, row->max, or_none);
		return -ERANGE;
	}
	return 0;
}

static int check_choice(const struct knob_reading *reading, const char *value, char *ret_text,
			size_t size)
{
	const char *names[KNOB_CHOICES_MAX], *nearest;
	size_t used;

	for (uint32_t i = 0; i < reading->n_choices; i++) {
		if (!strcmp(reading->choices[i], value))
			return 0;
		names[i] = reading->choices[i];
	}
	nearest = words_nearest(value, names, reading->n_choices);
	if (nearest) {
		snprintf(ret_text, size, "'%.40s' is not offered: did you mean '%.40s'?", value,
			 nearest);
		return -EINVAL;
	}
	snprintf(ret_text, size, "'%.40s' is not offered: choose one of", value);
	for (uint32_t i = 0; i < reading->n_choices; i++) {
		used = strlen(ret_text);
		snprintf(ret_text + used, size - used, " %s", reading->choices[i]);
	}
	return -EINVAL;
}

static int check_list(const struct knob_row *row, const struct knob_reading *reading,
		      const char *value, char *ret_text, size_t size)
{
	struct idset set, within;
	int r = idset_parse(value, &set);

	if (r < 0) {
		snprintf(ret_text, size, "'%.40s' is no list: %s takes numbers such as 0-3,8",
			 value, row->name);
		return r;
	}
	if (idset_count(&set) < (size_t)row->min) {
		snprintf(ret_text, size, "'%.40s' is too short: %s takes at least %" PRId64, value,
			 row->name, row->min);
		return -ERANGE;
	}
	if (reading->within[0] && idset_parse(reading->within, &within) == 0 &&
	    !idset_within(&set, &within)) {
		snprintf(ret_text, size, "'%.40s' is not all there: %s takes members of %.60s here",
			 value, row->name, reading->within);
		return -ERANGE;
	}
	return 0;
}

int knob_check(const struct knob_row *row, const struct knob_reading *reading, const char *value,
	       char *ret_text, size_t size)
{
	switch (row->type) {
	case KNOB_CHOICE:
		return check_choice(reading, value, ret_text, size);
	case KNOB_LIST:
		return check_list(row, reading, value, ret_text, size);
	case KNOB_TEXT:
		return 0;
	case KNOB_LIMIT:
		if (!strcmp(value, KNOB_NO_LIMIT))
			return 0;
		break;
	default:
		break;
	}
	return check_integer(row, value, ret_text, size);
}

int knob_same(const struct knob_row *row, const char *a, const char *b)
{
	struct idset s, t;
	int64_t x, y;

	if ((row->type == KNOB_INTEGER || row->type == KNOB_LIMIT) && parse_integer(a, &x) == 0 &&
	    parse_integer(b, &y) == 0)
		return x == y;
	if (row->type == KNOB_LIST && idset_parse(a, &s) == 0 && idset_parse(b, &t) == 0)
		return idset_equal(&s, &t);
	return !strcmp(a, b);
}
