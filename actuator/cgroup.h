/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups as folders: where a controller's hierarchy is mounted, the groups below it, who owns one.
 *
 * A group is named by its path below the mount, `/a/b`, whatever the hierarchy: v2, a v1 controller, or both side by side.
 * libcgroup is of no help here: it reads /proc/mounts of the machine, not of a sysroot, into tables of the process,
 * and does not know the controller io (2.0.2). tests/native/test_families_cgroup.c compares with what it finds.
 */
#ifndef FLYBALL_ACTUATOR_CGROUP_H
#define FLYBALL_ACTUATOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "include/knob.h"

#define CGROUP_PLACE_MAX 128 /* of a mount's path, with its NUL; `sys/fs/cgroup/unified` is usual */
#define CGROUP_PATH_MAX 512  /* of a file: mount, group, name */
#define CGROUP_DEPTH_MAX 32  /* groups below each other; the kernel knows no limit */
#define CGROUPS_MAX 16384    /* groups that one walk looks at */
#define CGROUP_MOUNTS_MAX \
	64 /* hierarchies; v1 has a dozen controllers. What containers bind comes behind them */

#define CGROUP_OWNER_HIERARCHIES 2

/* A mounted hierarchy. */
struct cgroup_place {
	bool v2;
	char mount[CGROUP_PLACE_MAX]; /* below the sysroot */
	char top[SCOPE_NAME_MAX];     /* what the mount shows as its root: `/` but in containers */
};

/* The hierarchies that are mounted, read once for whoever asks for several. Starts as { 0 }. */
struct cgroup_mounts {
	size_t n;
	char *lines[CGROUP_MOUNTS_MAX]; /* of mountinfo */
};

/* Reads what is mounted now. 0, -ENOMEM, -errno. */
int cgroup_mounts_read(int root, struct cgroup_mounts *ret_mounts);
void cgroup_mounts_deinit(struct cgroup_mounts *mounts);

/* The hierarchy of a v1 controller (`cpu`, `name=systemd`), or of v2 with NULL. 0 or -ENOENT. */
int cgroup_mounts_find(const struct cgroup_mounts *mounts, const char *controller,
		       struct cgroup_place *ret_place);

/* The same in one call, for one question. 0, -ENOENT, -ENOMEM, -errno. */
int cgroup_find(int root, const char *controller, struct cgroup_place *ret_place);

/* The group that a process (`self`, `123`) is in, as a path below the mount. 0, -ENOENT when it is outside, -errno. */
int cgroup_of(int root, const char *process, const struct cgroup_place *place,
	      const char *controller, char *ret_group, size_t size);

/* True for a path in its only form: `/`, `/a`, `/a/b`. */
bool cgroup_valid(const char *group);

/* True when `group` is `top` or below it. */
bool cgroup_below(const char *group, const char *top);

/* The path of a group's file below the sysroot. 0 or -ENAMETOOLONG. */
int cgroup_path(const struct cgroup_place *place, const char *group, const char *file, char *buffer,
		size_t size);

/* Reads a group's file, as sysroot_read(). */
ssize_t cgroup_read_text(int root, const struct cgroup_place *place, const char *group,
			 const char *file, char *buffer, size_t size);

/* Writes it, as sysroot_write(). */
int cgroup_write_text(int root, const struct cgroup_place *place, const char *group,
		      const char *file, const char *value);

/* A group that a walk visits; a negative value ends the walk. */
typedef int (*cgroup_fn)(int root, const struct cgroup_place *place, const char *group,
			 void *context);

/*
 * Visits `top` and all groups below it, parents first. Groups that vanish meanwhile are left out; so are those whose
 * names do not fit into a scope, and those deeper than CGROUP_DEPTH_MAX. Returns 0, what `fn` returned, or -E2BIG after
 * CGROUPS_MAX groups. A group that exists and cannot be looked at is left out, too, and the walk then returns -errno at its end.
 */
int cgroup_walk(int root, const struct cgroup_place *place, const char *top, cgroup_fn fn,
		void *context);

/*
 * Who manages the group, for people: `delegated` (it or a group above it was handed to somebody by systemd, a container
 * manager or an operator), `systemd` (a unit's), or "".
 */
void cgroup_owner(int root, const char *group, char *ret_owner, size_t size);

/*
 * The same in steps, for a walk that comes down from the groups above. In each of these hierarchies, in this order, a
 * group may be marked; the first that knows an owner is right.
 */
extern const char *const cgroup_owner_hierarchies[CGROUP_OWNER_HIERARCHIES];

/* False for a folder without any mark, as nearly all are: one question instead of four. */
bool cgroup_has_marks(int fd);

/* True when the group is delegated by a mark of its own; `fd` is its folder, -1 = it has no marks. */
bool cgroup_is_delegated(int fd);

/* True for the group of a unit of systemd. */
bool cgroup_is_unit(int root, int fd, const char *group);

#endif
