// SPDX-License-Identifier: Apache-2.0
#include "actuator/in_netns.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "base/cleanup.h"
#include "base/netns.h"
#include "base/sysroot.h"

#define NETNS_LISTED_MAX 1024 /* in a listing */
#define LISTED_MAX 64 /* names compared for being one namespace; further ones are listed unseen */

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strlen(entry->d_name) < SCOPE_NAME_MAX;
}

static bool is_listed(int netns, const int *listed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (netns_equal(netns, listed[i]))
			return true;
	return false;
}

size_t in_netns_scopes(int root, struct scope *ret_scopes, size_t max)
{
	int listed[LISTED_MAX], n_listed = 0;
	struct dirent **entries;
	size_t n = 0;
	int n_entries;

	listed[n_listed] = netns_open_own();
	n_listed += listed[0] >= 0;
	n_entries = scandirat(root, NETNS_FOLDER, &entries, is_name, alphasort);
	for (int i = 0; i < n_entries; i++) {
		_cleanup_close_ int netns = netns_open(root, entries[i]->d_name);

		if (netns >= 0 && !is_listed(netns, listed, (size_t)n_listed)) {
			if (n < max) {
				ret_scopes[n] = (struct scope){ .kind = SCOPE_NETNS };
				strcpy(ret_scopes[n].name, entries[i]->d_name);
			}
			n++;
			if (n_listed < LISTED_MAX)
				listed[n_listed++] = take_fd(&netns);
		}
		free(entries[i]);
	}
	if (n_entries >= 0)
		free(entries);
	while (n_listed > 0)
		close(listed[--n_listed]);
	return n;
}

int in_netns(int root, const struct scope *scope, int (*fn)(void *data), void *data)
{
	_cleanup_close_ int netns = -1, own = -1;

	if (scope->kind != SCOPE_NETNS)
		return fn(data);
	netns = netns_open(root, scope->name);
	if (netns < 0)
		return netns;
	own = netns_open_own();
	if (own < 0)
		return own;
	return netns_equal(netns, own) ? -EEXIST : netns_visit(netns, fn, data);
}

struct visit {
	int root;
	const struct knob_row *const *rows;
	size_t n;
	const struct scope *scope;
	in_netns_read_fn read;
	knob_found_fn fn;
	void *context;
	struct knob_found found;
};

static void list_one(struct visit *v, const struct knob_row *row, int error)
{
	struct knob_found *found = &v->found;

	knob_found_init(found, row, v->scope);
	found->error = error < 0 ? knob_unreadable(error, row, v->scope, &found->reading)
				 : v->read(v->root, row, v->scope, &found->reading);
	if (knob_command(v->root, row, v->scope, KNOB_COMMAND_VALUE, found->command,
			 sizeof(found->command)) < 0)
		found->command[0] = '\0';
	v->fn(found, v->context);
}

static int list_here(void *data)
{
	struct visit *v = data;

	for (size_t i = 0; i < v->n; i++)
		if (v->rows[i]->per_netns)
			list_one(v, v->rows[i], 0);
	return 0;
}

int in_netns_list(int root, const struct knob_row *const *rows, size_t n, in_netns_read_fn read,
		  knob_found_fn fn, void *context)
{
	struct visit v = {
		.root = root, .rows = rows, .n = n, .read = read, .fn = fn, .context = context
	};
	const struct scope host = { .kind = SCOPE_HOST };
	_cleanup_free_ struct scope *scopes = NULL;
	size_t n_scopes = 0;

	v.scope = &host;
	for (size_t i = 0; i < n; i++) {
		n_scopes += rows[i]->per_netns;
		if (sysroot_exists(root, rows[i]->path))
			list_one(&v, rows[i], 0);
	}
	if (n_scopes == 0)
		return 0;
	scopes = malloc(NETNS_LISTED_MAX * sizeof(*scopes));
	if (!scopes)
		return -ENOMEM;
	n_scopes = in_netns_scopes(root, scopes, NETNS_LISTED_MAX);
	for (size_t i = 0; i < n_scopes && i < NETNS_LISTED_MAX; i++) {
		int r;

		v.scope = &scopes[i];
		r = in_netns(root, v.scope, list_here, &v);
		for (size_t j = 0; r < 0 && j < n; j++)
			if (rows[j]->per_netns)
				list_one(&v, rows[j], r);
	}
	return n_scopes > NETNS_LISTED_MAX ? -E2BIG : 0;
}

static int instance(int root, const struct scope *scope, char *ret_text, size_t size)
{
	_cleanup_close_ int netns = netns_open(root, scope->name);

	return netns < 0 ? netns : netns_instance(netns, ret_text, size);
}

int in_netns_capture(int root, const struct scope *scope, char *companions, size_t size)
{
	char text[NETNS_INSTANCE_MAX];
	int r;

	if (scope->kind != SCOPE_NETNS)
		return 0;
	r = instance(root, scope, text, sizeof(text));
	return r < 0 ? r : companions_add(companions, size, IN_NETNS_COMPANION, text);
}

int in_netns_same(int root, const struct scope *scope, const char *companions)
{
	char name[KNOB_NAME_MAX * 2], value[KNOB_VALUE_MAX * 4], now[NETNS_INSTANCE_MAX];
	int r;

	while (companions_next(&companions, name, sizeof(name), value, sizeof(value)) > 0) {
		if (strcmp(name, IN_NETNS_COMPANION))
			continue;
		r = instance(root, scope, now, sizeof(now));
		if (r < 0)
			return error_is_gone(r) ? 0 : r;
		return !strcmp(now, value);
	}
	return 1;
}

bool in_netns_is_one(const char *a, const char *b)
{
	char x[KNOB_VALUE_MAX], y[KNOB_VALUE_MAX];

	return companions_find(a, IN_NETNS_COMPANION, x, sizeof(x)) == 0 &&
	       companions_find(b, IN_NETNS_COMPANION, y, sizeof(y)) == 0 && !strcmp(x, y);
}
