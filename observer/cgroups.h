/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of one hierarchy, listed as instances: named by their path from its root (`/`, `/a/b`), known by their inode,
 * which the kernel never gives twice while it runs.
 */
#ifndef FLYBALL_OBSERVER_CGROUPS_H
#define FLYBALL_OBSERVER_CGROUPS_H

#include "observer/instances.h"

struct cgroups {
	int folder; /* the root of the hierarchy */
	bool v1;
};

/* Finds the unified hierarchy (v2). Returns 0, or -errno with why in text and remedy of `status`; -1 is in `folder` then. */
int cgroups_open(struct cgroups *cgroups, int root, struct source_status *status);

/* Likewise the hierarchy that has a controller: the unified one, else one of v1. */
int cgroups_open_controller(struct cgroups *cgroups, int root, const char *controller,
			    struct source_status *status);
void cgroups_close(struct cgroups *cgroups);

/*
 * For ops.list of instances of SCOPE_CGROUP: of groups that are demanded by their path nothing but these is looked at; of
 * a pattern nothing but what begins with the part of it before the first wildcard. To find these all names in one folder
 * are read, as the kernel has no list of some: that alone grows with what exists.
 */
int cgroups_list(const struct cgroups *cgroups, struct instances *instances);

/* Opens a file of a group, to be read again at every tick. Returns a descriptor that the caller owns, or -errno. */
int cgroups_open_file(const struct cgroups *cgroups, const struct scope *group, const char *file);

#endif
