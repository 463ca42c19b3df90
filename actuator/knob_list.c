// SPDX-License-Identifier: Apache-2.0
/* A listing of many knobs in one go: family by family, each in its own way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "base/cleanup.h"

#define INSTANCES_FIRST 64 /* room for most knobs; for others their instances are counted first */

void knob_found_init(struct knob_found *found, const struct knob_row *row,
		     const struct scope *scope)
{
	/* Not the whole: its texts are long, and one listing makes thousands. */
	found->row = row;
	found->error = 0;
	found->command[0] = '\0';
	found->reading.scope = *scope;
}

static int list_row(int root, const struct knob_row *row, knob_found_fn fn, void *context)
{
	const struct knob_family_ops *ops = knob_family_ops(row);
	_cleanup_free_ struct scope *scopes = malloc(INSTANCES_FIRST * sizeof(*scopes));
	size_t n = scopes ? ops->scopes(root, row, scopes, INSTANCES_FIRST) : 0,
	       room = INSTANCES_FIRST;
	struct knob_found found;

	if (n > room) {
		room = n < KNOB_LISTED_MAX ? n : KNOB_LISTED_MAX;
		free(scopes);
		scopes = malloc(room * sizeof(*scopes));
		n = scopes ? ops->scopes(root, row, scopes, room) : 0;
	}
	if (!scopes)
		return -ENOMEM;
	for (size_t i = 0; i < n && i < room; i++) {
		knob_found_init(&found, row, &scopes[i]);
		found.error = ops->read(root, row, &scopes[i], &found.reading);
		if (knob_command(root, row, &scopes[i], KNOB_COMMAND_VALUE, found.command,
				 sizeof(found.command)) < 0)
			found.command[0] = '\0';
		fn(&found, context);
	}
	return n > KNOB_LISTED_MAX ? -E2BIG : 0;
}

int knob_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
	      void *context)
{
	_cleanup_free_ const struct knob_row **same =
		calloc(n ? n : 1, sizeof(const struct knob_row *));
	_cleanup_free_ bool *done = calloc(n ? n : 1, sizeof(*done));
	int r, first = 0;

	if (!same || !done)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct knob_family_ops *ops = knob_family_ops(rows[i]);
		size_t n_same = 0;

		if (done[i])
			continue;
		for (size_t j = i; j < n; j++) {
			if (knob_family_ops(rows[j]) != ops || (j > i && !ops->list))
				continue;
			same[n_same++] = rows[j];
			done[j] = true;
		}
		r = ops->list ? ops->list(root, same, n_same, fn, context)
			      : list_row(root, rows[i], fn, context);
		first = first ? first : r;
	}
	return first;
}
