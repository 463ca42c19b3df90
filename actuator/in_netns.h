/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs that every network namespace has for itself: their scopes, visits, and which namespace it was. */
#ifndef FLYBALL_ACTUATOR_IN_NETNS_H
#define FLYBALL_ACTUATOR_IN_NETNS_H

#include <stdbool.h>
#include <stddef.h>

#include "include/scope.h"

#define IN_NETNS_COMPANION \
	"@netns" /* the line of the companions that says which namespace it was */

/*
 * The namespaces that ip-netns(8) keeps, in alphabetical order: neither flyball's own, which is `host`, nor a second
 * name of one. At most `max` are stored; returns how many there are.
 */
size_t in_netns_scopes(int root, struct scope *ret_scopes, size_t max);

/*
 * Calls fn(data) where the scope is: at once for `host`, on a visit for a namespace. Returns what fn returned; -ENOENT
 * for a namespace that is gone, -EPERM where this process may not go there, -EEXIST for flyball's own by another name
 * (two names of one knob would be two knobs to the guard).
 */
int in_netns(int root, const struct scope *scope, int (*fn)(void *data), void *data);

/* Adds the line for a namespace; nothing for `host`. Returns 0 or -errno. */
int in_netns_capture(int root, const struct scope *scope, char *companions, size_t size);

/* As same_instance() of a family: 1 also where the companions tell of no namespace. */
int in_netns_same(int root, const struct scope *scope, const char *companions);

#endif
