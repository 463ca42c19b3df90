/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by rtnetlink: finding one, and replacing it by itself with another congestion control. All calls look at the
 * network namespace of the calling thread.
 */
#ifndef FLYBALL_ACTUATOR_ROUTE_H
#define FLYBALL_ACTUATOR_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/route_key.h"

#define ROUTE_ALGORITHM_MAX 16  /* TCP_CA_NAME_MAX of the kernel, with its NUL */
#define ROUTE_BYTES_MAX 16384   /* of one route as the kernel tells it: some 400 next hops */
#define ROUTE_DEFAULT "default" /* no algorithm of its own: the namespace's counts */
#define ROUTE_LOCK ",lock"      /* behind an algorithm: programs cannot choose another one */

/* A route as it is. */
struct route {
	bool writable;                       /* not one that the kernel lets expire */
	bool lock;                           /* of the algorithm */
	char algorithm[ROUTE_ALGORITHM_MAX]; /* "" = none of its own */
	uint64_t digest; /* of everything else: the next hops, the source, the other metrics */
};

/* Returns 0; -ENOENT; -ENOTUNIQ for two routes of one name; -EFBIG past ROUTE_BYTES_MAX; another -errno. */
int route_read(const struct route_key *key, struct route *ret_route);

/* Replaces the route by itself, in one step, with that algorithm and lock; everything else stays. As route_read(). */
int route_write(const struct route_key *key, const char *algorithm, bool lock);

/*
 * Calls `fn` for each route that has a name, but the kernel's table `local`. `key.netns` is left SCOPE_HOST. Returns
 * 0 or -errno.
 */
int route_each(void (*fn)(const struct route_key *key, void *data), void *data);

#endif
