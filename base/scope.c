// SPDX-License-Identifier: Apache-2.0
#include "base/scope.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"

/* What is put into a path must stay one component of it; only cgroups are named by paths. */
static bool name_allowed(enum scope_kind kind, const char *name)
{
	if (kind == SCOPE_HOST)
		return name[0] == '\0';
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	if (kind != SCOPE_CGROUP && kind != SCOPE_NETNS && kind != SCOPE_ROUTE && strchr(name, '/'))
		return false;
	return name[0] && strcmp(name, ".") && strcmp(name, "..") && !strstr(name, "../") &&
	       !strstr(name, "/..");
}

int scope_parse(const char *text, struct scope *ret_scope)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	const char *name = colon ? colon + 1 : "";

	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		const char *word = scope_kind_word(kind);

		if (strlen(word) != length || strncmp(word, text, length))
			continue;
		if (strlen(name) >= SCOPE_NAME_MAX)
			return -ENAMETOOLONG;
		if (!name_allowed(kind, name) || (kind == SCOPE_HOST && colon))
			return -EINVAL;
		memset(ret_scope, 0, sizeof(*ret_scope));
		ret_scope->kind = kind;
		strcpy(ret_scope->name, name);
		return 0;
	}
	return -EINVAL;
}

char *scope_format(const struct scope *scope, char *buffer, size_t size)
{
	const char *colon = scope->name[0] ? ":" : "";

	snprintf(buffer, size, "%s%s%.*s", scope_kind_word(scope->kind), colon, SCOPE_NAME_MAX,
		 scope->name);
	return buffer;
}

bool scope_equal(const struct scope *a, const struct scope *b)
{
	return a->kind == b->kind && !strncmp(a->name, b->name, SCOPE_NAME_MAX);
}

/* FNV-1a, 32 bits. */
uint32_t scope_hash(const struct scope *scope)
{
	uint32_t hash = (2166136261u ^ scope->kind) * 16777619u;

	for (size_t i = 0; i < SCOPE_NAME_MAX && scope->name[i]; i++)
		hash = (hash ^ (unsigned char)scope->name[i]) * 16777619u;
	return hash ^ hash >> 16;
}

/* The name of the network namespace that a scope lies in, "" for flyball's own; NULL for what lies in none. */
static const char *netns_of(const struct scope *scope)
{
	const char *at;

	switch (scope->kind) {
	case SCOPE_HOST:
	case SCOPE_NETNS:
		return scope->name;
	case SCOPE_ROUTE:
		at = strchr(scope->name, '@');
		at = at ? strchr(at + 1, '@') : NULL;
		return at ? at + 1 : "";
	default:
		return NULL;
	}
}

bool scope_overlaps(const struct scope *a, const struct scope *b)
{
	const char *x = netns_of(a), *y = netns_of(b);

	return scope_equal(a, b) || (x && y && !strcmp(x, y));
}

bool scope_matches(const struct scope *scope, const struct scope *pattern)
{
	if (scope->kind != pattern->kind)
		return false;
	return pattern->name[0] == '\0' || fnmatch(pattern->name, scope->name, 0) == 0;
}

struct scope scope_pattern_of(const struct scope *scope)
{
	struct scope pattern = { .kind = scope->kind };
	size_t n = 0;

	for (const char *c = scope->name; *c; c++) {
		if (n + 2 >= sizeof(pattern.name))
			return (struct scope){ .kind = scope->kind };
		/* systemd writes `\x2d` into the names of units: fnmatch would take the backslash away. */
		if (strchr("*?[\\", *c))
			pattern.name[n++] = '\\';
		pattern.name[n++] = *c;
	}
	return pattern;
}

bool scope_pattern_is_exact(const struct scope *pattern, struct scope *ret_scope)
{
	struct scope scope = { .kind = pattern->kind };
	size_t n = 0;

	for (const char *c = pattern->name; *c; c++) {
		if (strchr("*?[", *c))
			return false;
		if (*c == '\\' && c[1])
			c++;
		scope.name[n++] = *c;
	}
	if (n == 0 && scope.kind != SCOPE_HOST)
		return false;
	*ret_scope = scope;
	return true;
}

bool scope_valid(const struct scope *scope)
{
	if (scope->kind >= SCOPE_KIND_COUNT || !memchr(scope->name, '\0', SCOPE_NAME_MAX))
		return false;
	return name_allowed(scope->kind, scope->name);
}
