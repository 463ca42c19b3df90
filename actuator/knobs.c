// SPDX-License-Identifier: Apache-2.0
#include "actuator/knobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "base/words.h"

#define PATH_MAX_BYTES \
	512 /* of a knob's file below the sysroot: a scope's name and what is around it */
#define TEXT_MAX_BYTES 512 /* of a choice's file; 16 names of 16 letters are half of it */

static const struct knob_family_ops *const knob_families[FAMILY_COUNT] = {
	[FAMILY_SYSCTL] = &family_sysctl,
	[FAMILY_IO_SCHEDULER] = &family_io_scheduler,
};

const struct knob_family_ops *knob_family_ops(const struct knob_row *row)
{
	return knob_families[row->family];
}

const struct knob_row *knob_find(const char *name)
{
	for (size_t i = 0; i < knob_rows_count; i++)
		if (!strcmp(knob_rows[i].name, name))
			return &knob_rows[i];
	return NULL;
}

int knob_path(const struct knob_row *row, const struct scope *scope, char *buffer, size_t size)
{
	const char *hole = strstr(row->path, "%s");
	int n;

	if (hole)
		n = snprintf(buffer, size, "%.*s%s%s", (int)(hole - row->path), row->path,
			     scope->name, hole + 2);
	else
		n = snprintf(buffer, size, "%s", row->path);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/*
 * The present value is in brackets:
 *     [none] mq-deadline kyber bfq
 *     none
 * The second form is what a disk without a request queue shows, and a plain file after a write.
 */
static int parse_choices(char *text, struct knob_reading *ret_reading)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		size_t length = strlen(word);
		bool chosen = length > 2 && word[0] == '[' && word[length - 1] == ']';

		if (chosen) {
			word[length - 1] = '\0';
			word++;
		}
		if (ret_reading->n_choices == KNOB_CHOICES_MAX || strlen(word) >= KNOB_NAME_MAX)
			return -E2BIG;
		strcpy(ret_reading->choices[ret_reading->n_choices++], word);
		if (chosen)
			strcpy(ret_reading->value, word);
	}
	if (ret_reading->value[0] == '\0' && ret_reading->n_choices == 1)
		strcpy(ret_reading->value, ret_reading->choices[0]);
	return ret_reading->value[0] ? 0 : -EBADMSG;
}

int knob_read_file(int root, const struct knob_row *row, const struct scope *scope,
		   struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	char path[PATH_MAX_BYTES], text[TEXT_MAX_BYTES];
	ssize_t n;
	int r;

	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	r = knob_path(row, scope, path, sizeof(path));
	if (r < 0)
		return r;
	n = sysroot_read(root, path, text, sizeof(text));
	if (error_is_gone((int)n))
		reading.flags |= KNOB_GONE;
	else if (n < 0)
		return (int)n;
	else if (row->type == KNOB_CHOICE)
		r = parse_choices(text, &reading);
	else if (n >= KNOB_VALUE_MAX)
		r = -EFBIG;
	else
		memcpy(reading.value, text, (size_t)n + 1);
	if (r < 0)
		return r;
	if (!(reading.flags & KNOB_GONE) && sysroot_writable(root, path) == 0)
		reading.flags |= KNOB_WRITABLE;
	*ret_reading = reading;
	return 0;
}

int knob_write_file(int root, const struct knob_row *row, const struct scope *scope,
		    const char *value)
{
	char path[PATH_MAX_BYTES];
	int r = knob_path(row, scope, path, sizeof(path));

	return r < 0 ? r : sysroot_write(root, path, value);
}

int knob_read(int root, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading)
{
	if (!knob_fits(row, scope->kind) || !scope_valid(scope))
		return -EINVAL;
	return knob_family_ops(row)->read(root, row, scope, ret_reading);
}

size_t knob_scopes(int root, const struct knob_row *row, struct scope *ret_scopes, size_t max)
{
	return knob_family_ops(row)->scopes(root, row, ret_scopes, max);
}

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
	int64_t number = 0;
	int r = parse_integer(value, &number);

	if (r == -EINVAL) {
		snprintf(ret_text, size, "'%.40s' is no number: %s takes %" PRId64 " to %" PRId64,
			 value, row->name, row->min, row->max);
		return -EINVAL;
	}
	if (r < 0 || number < row->min || number > row->max) {
		snprintf(ret_text, size, "%.24s is out of range: %s takes %" PRId64 " to %" PRId64,
			 value, row->name, row->min, row->max);
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

int knob_check(const struct knob_row *row, const struct knob_reading *reading, const char *value,
	       char *ret_text, size_t size)
{
	if (row->type == KNOB_CHOICE)
		return check_choice(reading, value, ret_text, size);
	return check_integer(row, value, ret_text, size);
}

int knob_same(const struct knob_row *row, const char *a, const char *b)
{
	int64_t x, y;

	if (row->type == KNOB_INTEGER && parse_integer(a, &x) == 0 && parse_integer(b, &y) == 0)
		return x == y;
	return !strcmp(a, b);
}
