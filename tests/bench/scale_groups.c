// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "flyball-scale-"

/* Where systemd mounts version 2: alone, or beside version 1. */
static const char *const hierarchies[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
static char own[64]; /* /flyball-scale-PID */
static size_t n_groups;

static int hierarchy_open(void)
{
	char path[64];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", hierarchies[i]);
		if (access(path, F_OK) == 0)
			return open(hierarchies[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	errno = EOPNOTSUPP;
	return -1;
}

int scale_groups_begin(int owner)
{
	int hierarchy = hierarchy_open(), r;

	if (hierarchy < 0)
		return -errno;
	snprintf(own, sizeof(own), "/" NAME "%d", owner);
	n_groups = 0;
	r = mkdirat(hierarchy, own + 1, 0755) < 0 ? -errno : 0;
	close(hierarchy);
	return r;
}

const char *scale_groups_path(void)
{
	return own;
}

size_t scale_groups_make(size_t n)
{
	int hierarchy = hierarchy_open();
	char path[96];

	for (; n_groups < n; n_groups++) {
		snprintf(path, sizeof(path), "%s/g%05zu", own + 1, n_groups);
		if (mkdirat(hierarchy, path, 0755) < 0)
			break;
	}
	close(hierarchy);
	return n_groups;
}

/* A group and those in it; a group without processes goes at once. */
static void group_remove(int hierarchy, const char *name)
{
	int fd = openat(hierarchy, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
	if (folder)
		closedir(folder);
	if (unlinkat(hierarchy, name, AT_REMOVEDIR) < 0)
		fprintf(stderr, "bench_scale: unable to remove the control group %s: %s\n", name,
			strerror(errno));
}

void scale_groups_remove(int owner)
{
	int fd = hierarchy_open();
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		int other;

		if (strncmp(entry->d_name, NAME, strlen(NAME)))
			continue;
		other = atoi(entry->d_name + strlen(NAME));
		if (other == owner || (other > 0 && kill(other, 0) < 0 && errno == ESRCH))
			group_remove(dirfd(folder), entry->d_name);
	}
	if (folder)
		closedir(folder);
}
