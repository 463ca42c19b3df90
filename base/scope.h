/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes as text. */
#ifndef FLYBALL_BASE_SCOPE_H
#define FLYBALL_BASE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "include/scope.h"

/* Longest text of a scope with its NUL: kind, colon, name. */
#define SCOPE_TEXT_MAX (SCOPE_NAME_MAX + 16)

/*
 * `host`, `disk:vda`. Returns 0; -EINVAL for an unknown kind or a missing or forbidden name (a control byte, or a
 * slash or `..` in what becomes a part of a path); -ENAMETOOLONG. A name with `*` or `?` is taken: patterns are
 * scopes, too.
 */
int scope_parse(const char *text, struct scope *ret_scope);

/* Writes the text of `scope`; returns `buffer`. */
char *scope_format(const struct scope *scope, char *buffer, size_t size);

bool scope_equal(const struct scope *a, const struct scope *b);

/* A hash of kind and name; of two scopes that are equal it is the same. */
uint32_t scope_hash(const struct scope *scope);

/* As scope_equal(), or both lie in one network namespace: `netns:blue` and a route of it, `host` and a route. */
bool scope_overlaps(const struct scope *a, const struct scope *b);

/* True when `scope` is an instance of `pattern`: the same kind, and its name matches ("" = any). */
bool scope_matches(const struct scope *scope, const struct scope *pattern);

/* The pattern that only this instance matches; one that all match ("") where the name is too long for it. */
struct scope scope_pattern_of(const struct scope *scope);

/* True when a pattern can only match one name, which `ret_scope` then has. */
bool scope_pattern_is_exact(const struct scope *pattern, struct scope *ret_scope);

/* True when every byte is one that flyball itself could have written: for messages and journals. */
bool scope_valid(const struct scope *scope);

#endif
