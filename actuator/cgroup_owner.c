// SPDX-License-Identifier: Apache-2.0
/*
 * What can be known of a group's owner without asking anybody. systemd marks what it makes with extended attributes:
 * trusted.invocation_id on a unit's group, trusted.delegate=1 where the unit has Delegate=; from version 251 the same
 * as user.*, which every process may read (trusted.* takes CAP_SYS_ADMIN). On v1 the marks are on its own hierarchy,
 * name=systemd. Container managers set user.delegate, too. Where no mark can be read, a unit's name on a machine that
 * runs systemd is the next best.
 */
#include "actuator/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

const char *const cgroup_owner_hierarchies[CGROUP_OWNER_HIERARCHIES] = { NULL, "name=systemd" };

static bool has_mark(int fd, const char *name, const char *value)
{
	char attribute[64], found[64];
	static const char *const spaces[] = { "trusted", "user" };

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		ssize_t n;

		snprintf(attribute, sizeof(attribute), "%s.%s", spaces[i], name);
		n = fgetxattr(fd, attribute, found, sizeof(found) - 1);
		if (n <= 0)
			continue;
		found[n] = '\0';
		return !value || !strcmp(found, value);
	}
	return false;
}

static int open_group(int root, const struct cgroup_place *place, const char *group)
{
	char path[CGROUP_PATH_MAX];

	if (cgroup_path(place, group, "", path, sizeof(path)) < 0)
		return -1;
	return openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Cuts the last name off; false when nothing is left. */
static bool to_parent(char *group)
{
	char *slash = strrchr(group, '/');

	if (!slash || !group[1])
		return false;
	slash[slash == group] = '\0';
	return true;
}

bool cgroup_has_marks(int fd)
{
	return flistxattr(fd, NULL, 0) != 0;
}

bool cgroup_is_delegated(int fd)
{
	return fd >= 0 && has_mark(fd, "delegate", "1");
}

static bool is_delegated(int root, const struct cgroup_place *place, const char *group)
{
	char above[SCOPE_NAME_MAX];

	snprintf(above, sizeof(above), "%s", group);
	do {
		_cleanup_close_ int fd = open_group(root, place, above);

		if (cgroup_is_delegated(fd))
			return true;
	} while (to_parent(above));
	return false;
}

bool cgroup_is_unit(int root, int fd, const char *group)
{
	static const char *const kinds[] = { ".service", ".scope", ".slice",
					     ".socket",  ".mount", ".swap" };
	const char *dot = strrchr(group, '.');

	if (fd >= 0 && has_mark(fd, "invocation_id", NULL))
		return true;
	if (!dot || strchr(dot, '/') || !sysroot_exists(root, "run/systemd/system"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(dot, kinds[i]))
			return true;
	return false;
}

void cgroup_owner(int root, const char *group, char *ret_owner, size_t size)
{
	_cleanup_(cgroup_mounts_deinit) struct cgroup_mounts mounts = { 0 };
	const char *owner = "";

	cgroup_mounts_read(root, &mounts);
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES && !owner[0]; i++) {
		_cleanup_close_ int fd = -1;
		struct cgroup_place place;

		if (cgroup_mounts_find(&mounts, cgroup_owner_hierarchies[i], &place) < 0)
			continue;
		fd = open_group(root, &place, group);
		if (is_delegated(root, &place, group))
			owner = "delegated";
		else if (cgroup_is_unit(root, fd, group))
			owner = "systemd";
	}
	snprintf(ret_owner, size, "%s", owner);
}
