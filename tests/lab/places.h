/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the trials of the matrices change, all of it made for them: a loop disk, a network namespace with a route, control
 * groups, processes. Nothing of it outlives the process that made it, however that ends.
 */
#ifndef FLYBALL_TESTS_PLACES_H
#define FLYBALL_TESTS_PLACES_H

#include <stddef.h>

#include "include/scope.h"

/* Addresses of PLACE_NETNS, from and to which it can connect: documentation only. */
#define PLACE_NETNS_FROM "192.0.2.1"
#define PLACE_NETNS_TO "192.0.2.2"

enum place {
	PLACE_HOST,    /* the network namespace that the matrix itself lives in */
	PLACE_DISK,    /* a loop disk in memory */
	PLACE_NETNS,   /* another network namespace, with a name */
	PLACE_ROUTE,   /* a route in it, which has other metrics, too */
	PLACE_GROUP,   /* a control group without processes */
	PLACE_CPUSET,  /* one with a process, the threads of which have masks of their own */
	PLACE_THREADS, /* such a process outside of it */
	PLACE_MEMORY,  /* a process with memory of its own, all of it on node 0 */
	PLACE_COUNT,
};

/*
 * Unshares network and mounts, and is ready to make places. Returns 0, or -errno with the reason in `ret_text`. The
 * caller must be a process without threads.
 */
int places_open(char *ret_text, size_t size);

/* The scope of a place, which is made when it is asked for first. 0, or -errno with the reason in `ret_text`. */
int place_scope(enum place place, struct scope *ret_scope, char *ret_text, size_t size);

/* Gives the threads of all processes the masks again that they had, whoever has changed them. */
void places_reset(void);

/* Takes all of them away, and waits until they are. */
void places_close(void);

#endif
