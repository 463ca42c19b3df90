// SPDX-License-Identifier: Apache-2.0
/*
 * The knobs of all groups in one walk a hierarchy: the folder of each group is opened once, and everything that is asked of
 * the group is read by that descriptor. Whose a group is depends on the groups above it, in two hierarchies that need
 * not be the one that is walked: the walk comes down in those, too.
 */
#include "actuator/cgroup_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actuator/cgroup_files.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define WITHINS_MAX \
	2 /* files of a group that a list of those below must be within: CPUs and nodes */

/* What a list must be within, read when the first group below asks. */
struct within {
	const char *name; /* of the file; NULL = not asked for yet */
	char value[KNOB_VALUE_MAX];
};

/* The same group in a hierarchy where its owner is marked. */
struct mark {
	int fd; /* -1 = it is not there */
	bool any, delegated;
};

/* A group on the way from the root to where the walk is. */
struct level {
	struct level *above; /* NULL at the root */
	const char *name;
	int fd;
	bool is_marked; /* the marks were looked for */
	struct mark marks[CGROUP_OWNER_HIERARCHIES];
	struct within within[WITHINS_MAX];
};

struct listing {
	int root;
	struct cgroup_mounts mounts;
	struct cgroup_place place; /* that is walked */
	size_t n, seen;
	const struct knob_row **rows; /* those with a file there */
	char group[SCOPE_NAME_MAX];   /* where the walk is; extended and cut again */
	knob_found_fn fn;
	void *context;
	struct knob_found found;
};

/* A file in the folder itself, by its descriptor: what takes a place and a group takes these. */
static struct cgroup_place here(const struct listing *l)
{
	return (struct cgroup_place){ .v2 = l->place.v2, .mount = "." };
}

static int open_folder(int at, const char *name)
{
	return at < 0 ? -1 : openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Most groups have nothing that is listed, and so nobody asks whose they are. */
static void look_for_marks(struct level *level)
{
	if (level->is_marked)
		return;
	level->is_marked = true;
	look_for_marks(level->above);
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES; i++) {
		struct mark *mark = &level->marks[i];

		mark->fd = open_folder(level->above->marks[i].fd, level->name);
		mark->any = mark->fd >= 0 && cgroup_has_marks(mark->fd);
		mark->delegated = mark->fd >= 0 && (level->above->marks[i].delegated ||
						    (mark->any && cgroup_is_delegated(mark->fd)));
	}
}

/* As cgroup_owner(). */
static void find_owner(const struct listing *l, struct level *level, char *ret_owner, size_t size)
{
	const char *owner = "";

	look_for_marks(level);
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES && !owner[0]; i++) {
		const struct mark *mark = &level->marks[i];

		if (mark->delegated)
			owner = "delegated";
		else if (cgroup_is_unit(l->root, mark->any ? mark->fd : -1, l->group))
			owner = "systemd";
	}
	snprintf(ret_owner, size, "%s", owner);
}

static const char *find_within(const struct listing *l, struct level *above, const char *name)
{
	const struct cgroup_place place = here(l);
	struct within *within = above->within;

	while (within->name && strcmp(within->name, name))
		within++;
	if (!within->name) {
		within->name = name;
		if (cgroup_read_text(above->fd, &place, "/", name, within->value,
				     sizeof(within->value)) < 0)
			within->value[0] = '\0';
	}
	return within->value;
}

/* Returns -ENOENT where the group has not that file. */
static int read_knob(const struct listing *l, const struct level *level, const struct knob_row *row,
		     struct knob_reading *reading)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	const char *within = cgroup_file_within_name(file, &l->place);
	const struct cgroup_place place = here(l);
	char path[CGROUP_PATH_MAX];
	int r;

	*reading = (struct knob_reading){ .scope.kind = SCOPE_CGROUP };
	snprintf(reading->knob, sizeof(reading->knob), "%s", row->name);
	snprintf(reading->scope.name, sizeof(reading->scope.name), "%s", l->group);
	r = cgroup_file_read(level->fd, file, &place, "/", reading->value, sizeof(reading->value));
	if (r < 0 && r != -ENOENT && error_is_gone(r)) {
		reading->flags = KNOB_GONE;
		return 0;
	}
	if (r < 0)
		return r;
	r = cgroup_path(&place, "/", cgroup_file_name(file, &l->place), path, sizeof(path));
	if (r < 0)
		return r;
	if (sysroot_writable(level->fd, path) == 0)
		reading->flags = KNOB_WRITABLE;
	if (row->type == KNOB_LIST && within)
		snprintf(reading->within, sizeof(reading->within), "%s",
			 find_within(l, level->above, within));
	return 0;
}

static void list_group(struct listing *l, struct level *level)
{
	char owner[KNOB_OWNER_MAX];
	bool asked = false;

	for (size_t i = 0; i < l->n; i++) {
		const struct knob_row *row = l->rows[i];
		struct knob_found *found = &l->found;
		int r = read_knob(l, level, row, &found->reading);

		if (r == -ENOENT)
			continue;
		if (!asked)
			find_owner(l, level, owner, sizeof(owner));
		asked = true;
		found->row = row;
		found->error = r;
		if (!(found->reading.flags & KNOB_GONE))
			memcpy(found->reading.owner, owner, sizeof(owner));
		if (cgroup_file_command(cgroup_file_of(row), &l->place, l->group,
					KNOB_COMMAND_VALUE, found->command,
					sizeof(found->command)) < 0)
			found->command[0] = '\0';
		l->fn(found, l->context);
	}
}

static void level_close(struct level *level)
{
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES; i++)
		closep(&level->marks[i].fd);
}

static void level_init(struct level *level, struct level *above, int fd, const char *name)
{
	*level = (struct level){ .above = above, .fd = fd, .name = name };
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES; i++)
		level->marks[i].fd = -1;
}

static int walk(struct listing *l, struct level *above, const char *name, int depth);

/* `level` has its own descriptor; the stream takes another one. */
static int walk_children(struct listing *l, struct level *level, int depth)
{
	int fd = dup(level->fd);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t length = strlen(l->group);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		closep(&fd);
		return -errno;
	}
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(l->group + length, sizeof(l->group) - length, "/%s", entry->d_name) <
		    (int)(sizeof(l->group) - length))
			r = walk(l, level, entry->d_name, depth + 1);
		l->group[length] = '\0';
	}
	return r;
}

/* kernfs counts a folder's folders (kernfs_refresh_inode(), fs/kernfs/inode.c): with two links it has none. */
static bool is_leaf(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 2;
}

static int walk(struct listing *l, struct level *above, const char *name, int depth)
{
	_cleanup_close_ int fd = open_folder(above->fd, name);
	_cleanup_(level_close) struct level level;

	level_init(&level, above, fd, name);
	if (fd < 0)
		return 0; /* it vanished meanwhile */
	if (++l->seen > CGROUPS_MAX)
		return -E2BIG;
	if (l->group[0])
		list_group(l, &level);
	return depth >= CGROUP_DEPTH_MAX || is_leaf(fd) ? 0 : walk_children(l, &level, depth);
}

/* The hierarchy l->place, and those where its groups' owners are marked, from their roots. */
static int walk_hierarchy(struct listing *l)
{
	_cleanup_close_ int fd =
		openat(l->root, l->place.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(level_close) struct level top;
	struct cgroup_place place;

	level_init(&top, NULL, fd, "");
	top.is_marked = true;
	if (fd < 0)
		return 0;
	for (size_t i = 0; i < CGROUP_OWNER_HIERARCHIES; i++)
		if (cgroup_mounts_find(&l->mounts, cgroup_owner_hierarchies[i], &place) == 0)
			top.marks[i].fd = open_folder(l->root, place.mount);
	l->seen = 0;
	return walk(l, &top, ".", 0);
}

int cgroup_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
		void *context)
{
	_cleanup_free_ struct listing *l = calloc(1, sizeof(*l));
	_cleanup_free_ const struct knob_row **here_rows =
		calloc(n, sizeof(const struct knob_row *));
	_cleanup_free_ struct cgroup_place *places = calloc(n, sizeof(*places));
	int r, first = 0;

	if (!l || !here_rows || !places)
		return -ENOMEM;
	*l = (struct listing){ .root = root, .rows = here_rows, .fn = fn, .context = context };
	if (cgroup_mounts_read(root, &l->mounts) < 0)
		return 0; /* as a machine without hierarchies */
	for (size_t i = 0; i < n; i++)
		if (cgroup_file_mount(&l->mounts, cgroup_file_of(rows[i]), &places[i]) < 0)
			places[i].mount[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!places[i].mount[0])
			continue;
		l->place = places[i];
		l->n = 0;
		for (size_t j = i; j < n; j++) {
			if (strcmp(places[j].mount, l->place.mount) != 0)
				continue;
			l->rows[l->n++] = rows[j];
			places[j].mount[0] = '\0';
		}
		r = walk_hierarchy(l);
		first = first ? first : r;
	}
	cgroup_mounts_deinit(&l->mounts);
	return first;
}
