/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs that every network namespace has for itself: their scopes, visits, and which namespace it was. */
#ifndef FLYBALL_ACTUATOR_IN_NETNS_H
#define FLYBALL_ACTUATOR_IN_NETNS_H

#include <stdbool.h>
#include <stddef.h>

#include "actuator/knobs.h"
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

/* Reads a knob where the process is; as read() of a family. */
typedef int (*in_netns_read_fn)(int root, const struct knob_row *row, const struct scope *scope,
				struct knob_reading *ret_reading);

/*
 * As list() of a family, for rows of the host: each that is there, and where the row is per_netns that of each namespace,
 * which is entered once for all of them.
 */
int in_netns_list(int root, const struct knob_row *const *rows, size_t n, in_netns_read_fn read,
		  knob_found_fn fn, void *context);

/* Adds the line for a namespace; nothing for `host`. Returns 0 or -errno. */
int in_netns_capture(int root, const struct scope *scope, char *companions, size_t size);

/* As same_instance() of a family: 1 also where the companions tell of no namespace. */
int in_netns_same(int root, const struct scope *scope, const char *companions);

/* True when both companions tell of a namespace, and it is one, whatever its names. */
bool in_netns_is_one(const char *a, const char *b);

#endif
