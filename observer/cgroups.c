// SPDX-License-Identifier: Apache-2.0
#include "observer/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"

#define DEPTH_MAX \
	32 /* folders within folders that are walked; each has a buffer of entries on the stack */
#define DIRENT_BYTES 4096
#define REMEDY_V2 "boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2"

/* Where systemd mounts it: alone, or beside those of v1. */
static const char *const places[] = { "sys/fs/cgroup", "sys/fs/cgroup/unified" };

int cgroups_open(struct cgroups *cgroups, int root, struct source_status *status)
{
	char path[64];

	*cgroups = (struct cgroups){ .folder = -1 };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", places[i]);
		if (!sysroot_exists(root, path))
			continue;
		cgroups->folder = openat(root, places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (cgroups->folder >= 0)
			return 0;
		source_say(status, SOURCE_UNAVAILABLE, "", "cannot open /%s: %s", places[i],
			   strerror(errno));
		return -errno;
	}
	source_say(status, SOURCE_UNAVAILABLE, REMEDY_V2,
		   "control groups are v1 here, or not mounted: only v2 has this");
	return -EOPNOTSUPP;
}

/* `cpuset cpu io memory hugetlb pids rdma misc` */
static bool has_controller(int root, const char *place, const char *controller)
{
	const size_t length = strlen(controller);
	char path[64], text[512];

	snprintf(path, sizeof(path), "%s/cgroup.controllers", place);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return false;
	for (const char *word = text; word; word = strchr(word, ' ')) {
		word += *word == ' ';
		if (!strncmp(word, controller, length) && strchr(" \n", word[length]))
			return true;
	}
	return false;
}

int cgroups_open_controller(struct cgroups *cgroups, int root, const char *controller,
			    struct source_status *status)
{
	char path[64], tasks[96];

	*cgroups = (struct cgroups){ .folder = -1 };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (has_controller(root, places[i], controller))
			return cgroups_open(cgroups, root, status);
	snprintf(path, sizeof(path), "sys/fs/cgroup/%s", controller);
	snprintf(tasks, sizeof(tasks), "%s/tasks", path); /* v1 alone has it */
	if (!sysroot_exists(root, tasks)) {
		source_say(status, SOURCE_UNAVAILABLE, REMEDY_V2,
			   "no hierarchy of control groups has the controller %s", controller);
		return -EOPNOTSUPP;
	}
	cgroups->folder = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroups->folder < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "cannot open /%s: %s", path,
			   strerror(errno));
		return -errno;
	}
	cgroups->v1 = true;
	return 0;
}

void cgroups_close(struct cgroups *cgroups)
{
	closep(&cgroups->folder);
	cgroups->folder = -1;
}

/* `/a/b` below a descriptor; the root is `.`. */
static const char *below(const char *path)
{
	return path[1] ? path + 1 : ".";
}

int cgroups_open_file(const struct cgroups *cgroups, const struct scope *group, const char *file)
{
	char path[SCOPE_NAME_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", below(group->name), file);
	fd = openat(cgroups->folder, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What the names of all matches of a pattern begin with: `/a/b` for `/a/b*c`. */
struct prefix {
	const char *text;
	size_t length;
	size_t folder_length; /* of the deepest folder that all matches are in, `/a`; 1 = the root */
};

struct walk {
	const struct cgroups *cgroups;
	struct instances *instances;
	size_t n_prefixes;
	struct prefix prefixes[DEMANDS_MAX]; /* of the patterns that are walked for */
	char path[SCOPE_NAME_MAX];           /* of the group that is being looked at */
};

static int group_stat(const struct walk *walk, struct stat *ret_stat)
{
	if (fstatat(walk->cgroups->folder, below(walk->path), ret_stat, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(ret_stat->st_mode) ? 0 : -ENOTDIR;
}

/* True when the group at walk->path, or one below it, may be a match: else it is not looked at, however many there are. */
static bool is_wanted(const struct walk *walk)
{
	const size_t length = strlen(walk->path);

	for (size_t i = 0; i < walk->n_prefixes; i++) {
		const struct prefix *prefix = &walk->prefixes[i];
		const size_t both = length < prefix->length ? length : prefix->length;

		if (!strncmp(walk->path, prefix->text, both) &&
		    (length >= prefix->length || prefix->text[length] == '/'))
			return true;
	}
	return false;
}

static void walk_below(struct walk *walk, int depth);

/* The group at walk->path, and what is below. */
static void walk_group(struct walk *walk, int depth)
{
	struct stat stat;

	if (group_stat(walk, &stat) < 0)
		return;
	instances_see(walk->instances, walk->path, stat.st_ino);
	/* A folder has a link for itself, one in its parent and one for each folder in it; 1 = not counted here. */
	if (stat.st_nlink != 2 && depth < DEPTH_MAX)
		walk_below(walk, depth);
}

static void walk_entries(struct walk *walk, size_t length, const char *entries, ssize_t n,
			 int depth)
{
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
		const size_t more = strlen(entry->d_name);

		at += entry->d_reclen;
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    length + more + 2 > sizeof(walk->path))
			continue;
		walk->path[length] = '/';
		memcpy(walk->path + length + 1, entry->d_name, more + 1);
		if (is_wanted(walk))
			walk_group(walk, depth + 1);
	}
}

static void walk_below(struct walk *walk, int depth)
{
	_Alignas(struct dirent64) char entries[DIRENT_BYTES];
	const size_t length = walk->path[1] ? strlen(walk->path) : 0;
	_cleanup_close_ int fd = openat(walk->cgroups->folder, below(walk->path),
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return;
	while ((n = getdents64(fd, entries, sizeof(entries))) > 0)
		walk_entries(walk, length, entries, n, depth);
	walk->path[length ? length : 1] = '\0';
}

/* fnmatch(3) lets `*` stand for slashes, too. */
static struct prefix prefix_of(const char *pattern)
{
	struct prefix prefix = { .text = pattern, .length = strcspn(pattern, "*?[\\") };
	size_t length = prefix.length;

	while (length > 0 && pattern[length - 1] != '/')
		length--;
	while (length > 1 && pattern[length - 1] == '/')
		length--;
	prefix.folder_length = length ? length : 1;
	return prefix;
}

/* An earlier one has walked there, or above. */
static bool is_walked(const struct walk *walk, size_t n)
{
	const struct prefix *prefix = &walk->prefixes[n];
	const size_t length = prefix->folder_length;

	for (size_t i = 0; i < n; i++) {
		const struct prefix *other = &walk->prefixes[i];

		if (other->folder_length == 1 ||
		    (other->folder_length <= length &&
		     !strncmp(prefix->text, other->text, other->folder_length) &&
		     (other->folder_length == length || prefix->text[other->folder_length] == '/')))
			return true;
	}
	return false;
}

static void walk_prefix(struct walk *walk, const struct prefix *prefix)
{
	memcpy(walk->path, prefix->text, prefix->folder_length);
	walk->path[0] = '/';
	walk->path[prefix->folder_length] = '\0';
	walk_group(walk, 0);
}

static void see_exact(struct walk *walk, const char *path)
{
	struct stat stat;

	strcpy(walk->path, path);
	if (path[0] == '/' && group_stat(walk, &stat) == 0)
		instances_see(walk->instances, path, stat.st_ino);
}

/* Several signals of the same instances come one after the other. */
static bool is_again(const struct source_demand *demand, size_t i)
{
	return i > 0 && scope_equal(&demand->demands[i].scope, &demand->demands[i - 1].scope);
}

int cgroups_list(const struct cgroups *cgroups, struct instances *instances)
{
	const struct source_demand *demand = instances->demand;
	struct walk walk = { .cgroups = cgroups, .instances = instances };

	for (size_t i = 0; i < demand->n_demands; i++) {
		const struct scope *pattern = &demand->demands[i].scope;
		struct scope exact;

		if (pattern->kind != SCOPE_CGROUP || is_again(demand, i))
			continue;
		if (scope_pattern_is_exact(pattern, &exact))
			see_exact(&walk, exact.name);
		else
			walk.prefixes[walk.n_prefixes++] = prefix_of(pattern->name);
	}
	for (size_t i = 0; i < walk.n_prefixes; i++)
		if (!is_walked(&walk, i))
			walk_prefix(&walk, &walk.prefixes[i]);
	return 0;
}
