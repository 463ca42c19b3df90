/* SPDX-License-Identifier: Apache-2.0 */
/* A listing against single questions: knob_list() must say what knob_scopes(), knob_read() and knob_command() say. */
#ifndef FLYBALL_TESTS_TEST_LISTING_H
#define FLYBALL_TESTS_TEST_LISTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/scope.h"

struct listed {
	size_t n;
	struct knob_found *found; /* KNOB_LISTED_MAX */
};

static inline void listed_add(const struct knob_found *found, void *context)
{
	struct listed *listed = context;

	assert_true(listed->n < KNOB_LISTED_MAX);
	listed->found[listed->n++] = *found;
}

static inline void listed_free(struct listed *listed)
{
	free(listed->found);
}

/* All rows of the build. */
static inline struct listed listed_all(int root)
{
	struct listed listed = { .found = calloc(KNOB_LISTED_MAX, sizeof(*listed.found)) };
	_cleanup_free_ const struct knob_row **rows = calloc(knob_rows_count, sizeof(*rows));

	for (size_t i = 0; i < knob_rows_count; i++)
		rows[i] = &knob_rows[i];
	assert_int_equal(knob_list(root, rows, knob_rows_count, listed_add, &listed), 0);
	return listed;
}

static inline const struct knob_found *listed_one(const struct listed *listed,
						  const struct knob_row *row,
						  const struct scope *scope)
{
	const struct knob_found *one = NULL;

	for (size_t i = 0; i < listed->n; i++) {
		if (listed->found[i].row != row ||
		    !scope_equal(&listed->found[i].reading.scope, scope))
			continue;
		if (one)
			fail_msg("%s of '%s' is listed twice", row->name, scope->name);
		one = &listed->found[i];
	}
	if (!one)
		fail_msg("%s of '%s' is not listed", row->name, scope->name);
	return one;
}

static inline void listed_check(int root, const struct listed *listed, const struct knob_row *row,
				const struct scope *scope)
{
	const struct knob_found *found = listed_one(listed, row, scope);
	char command[KNOB_COMMAND_MAX];
	struct knob_reading reading;

	assert_int_equal(found->error, knob_read(root, row, scope, &reading));
	if (found->error)
		return;
	assert_string_equal(found->reading.knob, reading.knob);
	assert_string_equal(found->reading.value, reading.value);
	assert_int_equal(found->reading.flags, reading.flags);
	assert_string_equal(found->reading.owner, reading.owner);
	assert_string_equal(found->reading.within, reading.within);
	assert_string_equal(found->reading.reason, reading.reason);
	assert_int_equal(found->reading.n_choices, reading.n_choices);
	assert_memory_equal(found->reading.choices, reading.choices, sizeof(reading.choices));
	if (knob_command(root, row, scope, KNOB_COMMAND_VALUE, command, sizeof(command)) < 0)
		command[0] = '\0';
	assert_string_equal(found->command, command);
}

/* Returns how many instances there are. */
static inline size_t assert_listing_is_what_single_questions_say(int root)
{
	_cleanup_(listed_free) struct listed listed = listed_all(root);
	_cleanup_free_ struct scope *scopes = calloc(KNOB_LISTED_MAX, sizeof(*scopes));
	size_t n = 0;

	for (size_t i = 0; i < knob_rows_count; i++) {
		size_t n_scopes = knob_scopes(root, &knob_rows[i], scopes, KNOB_LISTED_MAX);

		for (size_t j = 0; j < n_scopes; j++)
			listed_check(root, &listed, &knob_rows[i], &scopes[j]);
		n += n_scopes;
	}
	assert_int_equal(listed.n, n);
	return n;
}

#endif
