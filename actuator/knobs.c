// SPDX-License-Identifier: Apache-2.0
#include "actuator/knobs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "actuator/family.h"
#include "base/cleanup.h"
#include "base/knob_name.h"
#include "base/scope.h"
#include "base/sysroot.h"

#define PATH_MAX_BYTES \
	512 /* of a knob's file below the sysroot: a scope's name and what is around it */
#define TEXT_MAX_BYTES 512 /* of a choice's file; 16 names of 16 letters are half of it */

static const struct knob_family_ops *const knob_families[FAMILY_COUNT] = {
	[FAMILY_AFFINITY] = &family_affinity,
	[FAMILY_CGROUP] = &family_cgroup,
	[FAMILY_SYSCTL] = &family_sysctl,
	[FAMILY_NUMA] = &family_numa,
	[FAMILY_TCP_CONGESTION] = &family_tcp_congestion,
	[FAMILY_IO_SCHEDULER] = &family_io_scheduler,
};

const struct knob_family_ops *knob_family_ops(const struct knob_row *row)
{
	/* The same families by other means: netlink instead of a file, masks of threads instead of pages. */
	if (row->scope == SCOPE_ROUTE)
		return &family_tcp_route;
	if (row->family == FAMILY_NUMA && row->domain == DOMAIN_SCHEDULER)
		return &family_numa_cpus;
	return knob_families[row->family];
}

const struct knob_row *knob_table_find(const struct knob_table *table, const char *name)
{
	const struct knob_row *rows = table ? table->rows : knob_rows;
	const size_t n = table ? table->n : knob_rows_count;

	for (size_t i = 0; i < n; i++)
		if (knob_name_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

const struct knob_row *knob_table_row(const struct knob_table *table, size_t index)
{
	const struct knob_row *rows = table ? table->rows : knob_rows;

	return index < (table ? table->n : knob_rows_count) ? &rows[index] : NULL;
}

size_t knob_table_index(const struct knob_table *table, const struct knob_row *row)
{
	return (size_t)(row - (table ? table->rows : knob_rows));
}

const struct knob_row *knob_find(const char *name)
{
	return knob_table_find(NULL, name);
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

/* The value alone in one file, what there is to choose from in another (`reno cubic`) or in the row (`N Y`). */
static int read_choices(int root, const struct knob_row *row, const char *value,
			struct knob_reading *ret_reading)
{
	char text[TEXT_MAX_BYTES];
	ssize_t n;

	if (strlen(value) >= sizeof(ret_reading->value))
		return -EFBIG;
	strcpy(ret_reading->value, value);
	if (row->choices) {
		snprintf(text, sizeof(text), "%s", row->choices);
		return parse_choices(text, ret_reading);
	}
	n = sysroot_read(root, row->choices_path, text, sizeof(text));
	return n < 0 ? (int)n : parse_choices(text, ret_reading);
}

int knob_unreadable(int error, const struct knob_row *row, const struct scope *scope,
		    struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };

	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	if (error_is_gone(error))
		reading.flags = KNOB_GONE;
	else if (error == -EPERM || error == -EACCES)
		reading.flags = KNOB_HIDDEN;
	else
		return error;
	*ret_reading = reading;
	return 0;
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
	else if (row->type == KNOB_CHOICE && (row->choices_path || row->choices))
		r = read_choices(root, row, text, &reading);
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

int knob_resolve(int root, const struct knob_row *row, struct scope *scope)
{
	const struct knob_family_ops *ops = knob_family_ops(row);

	if (!knob_fits(row, scope->kind) || !scope_valid(scope))
		return -EINVAL;
	return ops->resolve ? ops->resolve(root, row, scope) : 0;
}

int knob_allowed(int root, const struct knob_row *row, const struct knob_reading *reading,
		 const char *value, char *ret_text, size_t size)
{
	const struct knob_family_ops *ops = knob_family_ops(row);

	if (!ops->allowed)
		return 0;
	return ops->allowed(root, row, &reading->scope, reading, value, ret_text, size);
}
