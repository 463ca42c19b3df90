// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/knob_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "daemon/json.h"

struct collection {
	struct knob_listing *listing;
	const struct scope *only;
	size_t room;
};

static void add(struct collection *c, const struct knob_found *found)
{
	struct knob_listing *listing = c->listing;
	struct knob_found *copy, **larger;

	if (listing->n == c->room) {
		larger = realloc(listing->found, (c->room * 2 + 64) * sizeof(struct knob_found *));
		if (!larger) {
			listing->error = -ENOMEM;
			return;
		}
		listing->found = larger;
		c->room = c->room * 2 + 64;
	}
	copy = malloc(sizeof(*copy));
	if (!copy) {
		listing->error = -ENOMEM;
		return;
	}
	*copy = *found;
	listing->found[listing->n++] = copy;
}

static void collect(const struct knob_found *found, void *context)
{
	struct collection *c = context;

	if (c->only->kind == SCOPE_KIND_COUNT || scope_matches(&found->reading.scope, c->only))
		add(c, found);
}

static bool is_named(const struct scope *only)
{
	return only->kind != SCOPE_KIND_COUNT &&
	       (only->kind == SCOPE_HOST || (only->name[0] && !strpbrk(only->name, "*?[")));
}

static void collect_named(int root, const struct knob_row *row, const struct scope *scope,
			  struct collection *c)
{
	struct scope named = *scope;
	struct knob_found found;

	if (!knob_fits(row, scope->kind) || knob_resolve(root, row, &named) < 0)
		return;
	found = (struct knob_found){ .row = row, .reading.scope = named };
	found.error = knob_read(root, row, &named, &found.reading);
	if (found.error == 0 && (found.reading.flags & KNOB_GONE))
		return;
	if (knob_command(root, row, &named, KNOB_COMMAND_VALUE, found.command,
			 sizeof(found.command)) < 0)
		found.command[0] = '\0';
	add(c, &found);
}

static int compare_rows(const void *a, const void *b)
{
	const struct knob_row *x = *(const struct knob_row *const *)a,
			      *y = *(const struct knob_row *const *)b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return (x > y) - (x < y); /* all are of one table */
}

/* Those with one reason side by side. */
static int compare_absent(const void *a, const void *b)
{
	const struct knob_row *x = *(const struct knob_row *const *)a,
			      *y = *(const struct knob_row *const *)b;

	if (x->family == y->family && x->scope != y->scope)
		return x->scope < y->scope ? -1 : 1;
	return compare_rows(a, b);
}

static int compare_found(const void *a, const void *b)
{
	const struct knob_found *x = *(const struct knob_found *const *)a,
				*y = *(const struct knob_found *const *)b;
	const struct scope *s = &x->reading.scope, *t = &y->reading.scope;
	int order = compare_rows(&x->row, &y->row);

	if (order)
		return order;
	if (s->kind != t->kind)
		return s->kind < t->kind ? -1 : 1;
	return strverscmp(s->name, t->name);
}

/* What is sorted already names each row that was found. */
static void find_absent(struct knob_listing *listing, const struct knob_row *const *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool here = false;

		for (size_t j = 0; j < listing->n && !here; j++)
			here = listing->found[j]->row == rows[i];
		if (!here)
			listing->absent[listing->n_absent++] = rows[i];
	}
	qsort(listing->absent, listing->n_absent, sizeof(const struct knob_row *), compare_absent);
}

struct knob_listing *knob_listing_new(int root, const struct knob_row *const *rows, size_t n,
				      const struct scope *only)
{
	struct knob_listing *listing = calloc(1, sizeof(*listing));
	struct collection c = { .listing = listing, .only = only };
	int r = 0;

	if (!listing)
		return NULL;
	listing->absent = calloc(n ? n : 1, sizeof(const struct knob_row *));
	if (!listing->absent) {
		free(listing);
		return NULL;
	}
	if (is_named(only))
		for (size_t i = 0; i < n; i++)
			collect_named(root, rows[i], only, &c);
	else
		r = knob_list(root, rows, n, collect, &c);
	listing->error = listing->error ? listing->error : r;
	if (listing->n)
		qsort(listing->found, listing->n, sizeof(struct knob_found *), compare_found);
	if (only->kind == SCOPE_KIND_COUNT)
		find_absent(listing, rows, n);
	return listing;
}

void knob_listing_free(struct knob_listing *listing)
{
	if (!listing)
		return;
	for (size_t i = 0; i < listing->n; i++)
		free(listing->found[i]);
	free(listing->found);
	free(listing->absent);
	free(listing);
}

void knob_listing_pin(struct knob_listing *listing, const json_t *pinned)
{
	char scope[SCOPE_TEXT_MAX];
	const json_t *pin;
	size_t k;

	if (json_array_size(pinned) == 0)
		return;
	for (size_t i = 0; i < listing->n; i++) {
		struct knob_found *found = listing->found[i];

		scope_format(&found->reading.scope, scope, sizeof(scope));
		json_array_foreach (pinned, k, pin) {
			const char *knob = json_string_value(json_object_get(pin, "knob")),
				   *where = json_string_value(json_object_get(pin, "scope")),
				   *owner = json_string_value(json_object_get(pin, "owner"));

			if (knob && where && owner && !strcmp(knob, found->row->name) &&
			    !strcmp(where, scope))
				snprintf(found->reading.owner, sizeof(found->reading.owner), "%s",
					 owner);
		}
	}
}

const char *knob_found_reason(const struct knob_found *found)
{
	const struct knob_reading *reading = &found->reading;

	if (reading->flags & KNOB_GONE)
		return "the kernel does not let it be read here";
	if (reading->flags & KNOB_HIDDEN)
		return geteuid() == 0 ? "this process may not read it" : "only root can read it";
	if (!strcmp(reading->owner, "admin"))
		return "pinned, until 'flyball unpin'";
	if (reading->flags & KNOB_WRITABLE)
		return "";
	return reading->reason[0] ? reading->reason : "read-only";
}

const char *knob_absent_reason(const struct knob_row *row)
{
	switch (row->scope) {
	case SCOPE_PROCESS:
		return "not listed: name a process, --only process:PID";
	case SCOPE_CGROUP:
		return "no control group here has it";
	case SCOPE_DISK:
		return "no disk here has it";
	case SCOPE_IRQ:
		return "no interrupt here has it";
	case SCOPE_ROUTE:
		return "no route here";
	default:
		return "this kernel does not have it";
	}
}

json_t *knob_found_json(const struct knob_found *found)
{
	json_t *knob = json_knob(found);

	json_object_set_new(knob, "reason", json_string(knob_found_reason(found)));
	return knob;
}

json_t *knob_absent_json(const struct knob_row *row)
{
	struct knob_found found = {
		.row = row,
		.reading.flags = row->scope == SCOPE_PROCESS ? 0 : KNOB_GONE,
	};
	json_t *knob = json_knob(&found);

	json_object_set_new(knob, "scope", json_null());
	json_object_set_new(knob, "reason", json_string(knob_absent_reason(row)));
	return knob;
}
