/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc/PID/fdinfo says of a file of a GPU or an NPU (Documentation/gpu/drm-usage-stats.rst). */
#ifndef FLYBALL_OBSERVER_DRM_FDINFO_H
#define FLYBALL_OBSERVER_DRM_FDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRM_ENGINES_MAX 16
#define DRM_NAME_MAX 24

/* An engine counts nanoseconds, or cycles beside all that went by. */
struct drm_engine {
	char name[DRM_NAME_MAX];
	uint64_t capacity; /* identical engines under that name */
	bool has_ns, has_cycles;
	uint64_t busy_ns, busy_cycles, total_cycles;
};

/* A client is an open of a device: all descriptors of it, also in other processes, say the same. */
struct drm_fdinfo {
	char device[DRM_NAME_MAX]; /* its address on PCI, where it has one, else its driver */
	uint64_t client;
	size_t n_engines;
	struct drm_engine engines[DRM_ENGINES_MAX];
	uint64_t resident_bytes, total_bytes;
	bool has_resident, has_total;
};

/*
 * Returns 0; -ENOENT when it is no file of such a device or names no client, -EBADMSG when it is not understood, -E2BIG
 * when it has too many engines.
 */
int drm_fdinfo_parse(char *text, struct drm_fdinfo *ret_fdinfo);

#endif
