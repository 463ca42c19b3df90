/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of GPUs and NPUs: opens of a device, each of one process, and how busy they kept its engines from one look
 * to the next.
 *
 *     drm_clients_begin → drm_clients_take … → drm_clients_use     a look at a process
 *     drm_clients_drop                                             it went
 */
#ifndef FLYBALL_OBSERVER_DRM_CLIENTS_H
#define FLYBALL_OBSERVER_DRM_CLIENTS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/drm_fdinfo.h"

#define DRM_CLIENTS_MAX 512 /* of all processes */

struct drm_client {
	bool used, present; /* `present`: in the look under way */
	size_t owner;       /* place of the process */
	uint64_t at_ns;     /* of the last look; of the one before in `shares` */
	struct drm_fdinfo info;
	double shares[DRM_ENGINES_MAX]; /* of the engines; NAN = not known yet */
};

struct drm_clients {
	size_t n; /* all that are used lie below */
	struct drm_client places[DRM_CLIENTS_MAX];
};

/* What a process has. */
struct drm_use {
	size_t n_clients;
	double busy_ratio; /* of the engine that it uses most */
	double resident_bytes, total_bytes;
};

/* NAN = not known. */
#define DRM_USE_NONE \
	((struct drm_use){ .busy_ratio = NAN, .resident_bytes = NAN, .total_bytes = NAN })

void drm_clients_begin(struct drm_clients *clients, size_t owner);

/* Another descriptor of the same client, and one that another process has, change nothing. Returns 0 or -ENOSPC. */
int drm_clients_take(struct drm_clients *clients, size_t owner, const struct drm_fdinfo *info,
		     uint64_t now_ns);

/* Drops what the look did not see, and adds up the rest. */
struct drm_use drm_clients_use(struct drm_clients *clients, size_t owner);

void drm_clients_drop(struct drm_clients *clients, size_t owner);

#endif
