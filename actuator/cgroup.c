// SPDX-License-Identifier: Apache-2.0
#include "actuator/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

#define LINE_MAX_BYTES 4096 /* of mountinfo: two paths and the options */

static FILE *open_text(int root, const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file && fd >= 0)
		close(fd);
	return file;
}

/* `word` among words that commas part. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = list; c; c = strchr(c, ',')) {
		c += *c == ',';
		if (!strncmp(c, word, length) && (c[length] == '\0' || c[length] == ','))
			return true;
	}
	return false;
}

/*
 * 32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
 * 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
 */
static bool parse_mount(const char *line, const char *controller, struct cgroup_place *ret_place)
{
	char top[SCOPE_NAME_MAX], mount[CGROUP_PLACE_MAX], type[16], options[256];
	const char *tail = strstr(line, " - ");

	if (!tail || sscanf(tail, " - %15s %*s %255s", type, options) != 2)
		return false;
	if (strcmp(type, controller ? "cgroup" : "cgroup2") ||
	    (controller && !has_word(options, controller)))
		return false;
	/* A path with a blank comes as \040: no system mounts its hierarchies so. */
	if (sscanf(line, "%*d %*d %*s %251s %127s ", top, mount) != 2 || strchr(mount, '\\') ||
	    mount[0] != '/' || !mount[1] || top[0] != '/' || strlen(mount) == sizeof(mount) - 1 ||
	    strlen(top) == sizeof(top) - 1)
		return false;
	ret_place->v2 = !controller;
	strcpy(ret_place->mount, mount + 1);
	strcpy(ret_place->top, top);
	return true;
}

int cgroup_mounts_read(int root, struct cgroup_mounts *ret_mounts)
{
	_cleanup_fclose_ FILE *file = open_text(root, "proc/self/mountinfo");
	struct cgroup_mounts mounts = { 0 };
	char line[LINE_MAX_BYTES];

	if (!file)
		return -errno;
	while (mounts.n < CGROUP_MOUNTS_MAX && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup"))
			continue;
		mounts.lines[mounts.n] = strdup(line);
		if (!mounts.lines[mounts.n]) {
			cgroup_mounts_deinit(&mounts);
			return -ENOMEM;
		}
		mounts.n++;
	}
	if (ferror(file)) {
		cgroup_mounts_deinit(&mounts);
		return -EIO;
	}
	*ret_mounts = mounts;
	return 0;
}

void cgroup_mounts_deinit(struct cgroup_mounts *mounts)
{
	while (mounts->n > 0)
		free(mounts->lines[--mounts->n]);
}

/* The first mount is the one that the machine began with; a container's bind mounts come later. */
int cgroup_mounts_find(const struct cgroup_mounts *mounts, const char *controller,
		       struct cgroup_place *ret_place)
{
	for (size_t i = 0; i < mounts->n; i++)
		if (parse_mount(mounts->lines[i], controller, ret_place))
			return 0;
	return -ENOENT;
}

int cgroup_find(int root, const char *controller, struct cgroup_place *ret_place)
{
	_cleanup_(cgroup_mounts_deinit) struct cgroup_mounts mounts = { 0 };
	int r = cgroup_mounts_read(root, &mounts);

	return r < 0 ? r : cgroup_mounts_find(&mounts, controller, ret_place);
}

bool cgroup_below(const char *group, const char *top)
{
	size_t length = strcmp(top, "/") ? strlen(top) : 0;

	return !strncmp(group, top, length) && (group[length] == '/' || group[length] == '\0');
}

/*
 * 1:cpu:/
 * 0::/system.slice/flyball.service
 */
int cgroup_of(int root, const char *process, const struct cgroup_place *place,
	      const char *controller, char *ret_group, size_t size)
{
	char line[LINE_MAX_BYTES], text[32];
	_cleanup_fclose_ FILE *file = NULL;

	snprintf(text, sizeof(text), "proc/%s/cgroup", process);
	file = open_text(root, text);
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		if (place->v2 ? list[1] != '\0' : !has_word(list + 1, controller))
			continue;
		if (!cgroup_below(path, place->top))
			return -ENOENT;
		path += strcmp(place->top, "/") ? strlen(place->top) : 0;
		if ((size_t)snprintf(ret_group, size, "%s", *path ? path : "/") >= size)
			return -ENAMETOOLONG;
		return 0;
	}
	return ferror(file) ? -EIO : -ENOENT;
}

bool cgroup_valid(const char *group)
{
	size_t length = strlen(group);

	if (group[0] != '/' || strstr(group, "//") || strstr(group, "/./"))
		return false;
	return length == 1 || (group[length - 1] != '/' && strcmp(group + length - 2, "/."));
}

int cgroup_path(const struct cgroup_place *place, const char *group, const char *file, char *buffer,
		size_t size)
{
	int n = snprintf(buffer, size, "%s%s/%s", place->mount, strcmp(group, "/") ? group : "",
			 file);

	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

ssize_t cgroup_read_text(int root, const struct cgroup_place *place, const char *group,
			 const char *file, char *buffer, size_t size)
{
	char path[CGROUP_PATH_MAX];
	int r = cgroup_path(place, group, file, path, sizeof(path));

	return r < 0 ? r : sysroot_read(root, path, buffer, size);
}

int cgroup_write_text(int root, const struct cgroup_place *place, const char *group,
		      const char *file, const char *value)
{
	char path[CGROUP_PATH_MAX];
	int r = cgroup_path(place, group, file, path, sizeof(path));

	return r < 0 ? r : sysroot_write(root, path, value);
}

struct walk {
	int root;
	const struct cgroup_place *place;
	cgroup_fn fn;
	void *context;
	size_t seen;
	int error; /* the first of a group that could not be looked at; the others are */
};

static void note_error(struct walk *walk, int error)
{
	if (walk->error == 0 && error != ENOENT && error != ENODEV)
		walk->error = -error;
}

static DIR *open_group(struct walk *walk, const char *group)
{
	char path[CGROUP_PATH_MAX];
	DIR *dir;
	int fd;

	if (cgroup_path(walk->place, group, "", path, sizeof(path)) < 0)
		return NULL;
	fd = openat(walk->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		note_error(walk, errno);
		closep(&fd);
	}
	return dir;
}

/* `group` is extended and cut again: one buffer for the whole walk. */
static int walk_below(struct walk *walk, char *group, int depth)
{
	_cleanup_closedir_ DIR *dir = open_group(walk, group);
	size_t length = strcmp(group, "/") ? strlen(group) : 0;
	const struct dirent *entry;
	int r;

	if (!dir)
		return 0;
	if (++walk->seen > CGROUPS_MAX)
		return -E2BIG;
	r = walk->fn(walk->root, walk->place, group, walk->context);
	while (r >= 0 && depth < CGROUP_DEPTH_MAX && (errno = 0, entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (length + 1 + strlen(entry->d_name) >= SCOPE_NAME_MAX)
			continue;
		group[length] = '/';
		strcpy(group + length + 1, entry->d_name);
		r = walk_below(walk, group, depth + 1);
		group[length ? length : 1] = '\0';
	}
	if (r >= 0 && depth < CGROUP_DEPTH_MAX && errno)
		note_error(walk, errno);
	return r;
}

int cgroup_walk(int root, const struct cgroup_place *place, const char *top, cgroup_fn fn,
		void *context)
{
	struct walk walk = { .root = root, .place = place, .fn = fn, .context = context };
	char group[SCOPE_NAME_MAX];
	int r;

	snprintf(group, sizeof(group), "%s", top);
	r = walk_below(&walk, group, 0);
	return r < 0 ? r : walk.error;
}
