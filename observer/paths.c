// SPDX-License-Identifier: Apache-2.0
#include "observer/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define COMPONENT_MAX 256

struct search {
	paths_found_fn found;
	void *data;
	unsigned int depth, n_entries;
};

/* What to do with each name in a folder. */
typedef void (*name_fn)(struct search *search, int folder, const char *name, const char *rest);

/* getdents64(2) by hand: opendir(3) allocates. */
static void each_name(struct search *search, int folder, const char *pattern, const char *rest,
		      name_fn fn)
{
	_Alignas(struct dirent64) char entries[2048];
	ssize_t n;

	while ((n = getdents64(folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);

			at += entry->d_reclen;
			if (++search->n_entries > PATHS_ENTRIES_MAX)
				return;
			if (fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0)
				fn(search, folder, entry->d_name, rest);
		}
	}
}

static int folder_open(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void match_below(struct search *search, int folder, const char *pattern);

static void match_name(struct search *search, int folder, const char *name, const char *rest)
{
	_cleanup_close_ int next = -1;

	if (!*rest) {
		search->found(search->data, folder, name);
		return;
	}
	next = folder_open(folder, name);
	if (next >= 0)
		match_below(search, next, rest);
}

static void match_below(struct search *search, int folder, const char *pattern)
{
	char component[COMPONENT_MAX];
	size_t length;
	struct stat st;

	pattern += strspn(pattern, "/");
	length = strcspn(pattern, "/");
	if (length == 0 || length >= sizeof(component))
		return;
	if (++search->depth > PATHS_DEPTH_MAX) {
		search->n_entries = PATHS_ENTRIES_MAX + 1;
		return;
	}
	memcpy(component, pattern, length);
	component[length] = '\0';
	if (strpbrk(component, "*?[\\"))
		each_name(search, folder, component, pattern + length, match_name);
	else if (fstatat(folder, component, &st, 0) == 0)
		match_name(search, folder, component, pattern + length);
	search->depth--;
}

int paths_match(int root, const char *pattern, paths_found_fn found, void *data)
{
	struct search search = { .found = found, .data = data };

	match_below(&search, root, pattern);
	return search.n_entries > PATHS_ENTRIES_MAX ? -E2BIG : 0;
}

/* `system.slice`, `user.slice/user-1000.slice/user@1000.service` */
static void unit_below(struct search *search, int folder, const char *unit);

static void unit_slice(struct search *search, int folder, const char *name, const char *unit)
{
	_cleanup_close_ int next = folder_open(folder, name);

	if (next >= 0)
		unit_below(search, next, unit);
}

static void unit_below(struct search *search, int folder, const char *unit)
{
	struct stat st;

	if (++search->depth > PATHS_DEPTH_MAX) {
		search->n_entries = PATHS_ENTRIES_MAX + 1;
		return;
	}
	if (fstatat(folder, unit, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		search->found(search->data, folder, unit);
	each_name(search, folder, "*.slice", unit, unit_slice);
	if (lseek(folder, 0, SEEK_SET) == 0)
		each_name(search, folder, "user@*.service", unit, unit_slice);
	search->depth--;
}

int paths_unit(int root, const char *unit, paths_found_fn found, void *data)
{
	struct search search = { .found = found, .data = data };
	_cleanup_close_ int folder = folder_open(root, ".");

	if (folder >= 0)
		unit_below(&search, folder, unit);
	return search.n_entries > PATHS_ENTRIES_MAX ? -E2BIG : 0;
}
