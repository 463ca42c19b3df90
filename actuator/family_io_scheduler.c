// SPDX-License-Identifier: Apache-2.0
/*
 * The io-scheduler family: the request queue of a disk, /sys/block/DISK/queue.
 *
 * Switching the scheduler has side effects, found by experiment on Linux 6.18 (tests/native/test_actuator_loop.c
 * repeats them): nr_requests becomes the new scheduler's default; the old scheduler's own tunables
 * (queue/iosched/) vanish, and have their defaults when it comes back; bfq switches writeback throttling off when
 * it is in its default state. Writing nr_requests resets iosched/async_depth (mq-deadline). Writing the
 * scheduler that is in force already does nothing. So these are companions, restored in this order: nr_requests,
 * the tunables, wbt_lat_usec.
 *
 * Tunables can be two views of one field (bfq: slice_idle in ms, slice_idle_us in µs) or push each other
 * (strict_guarantees raises slice_idle): a second pass corrects what the first one disturbed.
 */
#include "actuator/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define QUEUE_PATH_MAX (SCOPE_NAME_MAX + 32) /* sys/block/DISK/queue */
#define COMPANION_NAME_MAX 96                /* `iosched/async_depth` */
#define COMPANION_PATH_MAX (QUEUE_PATH_MAX + COMPANION_NAME_MAX)
#define TUNABLES_MAX 32        /* of one scheduler; bfq has 10 */
#define INSTANCE_NAME "@queue" /* the line that says which queue it was */
#define RESTORE_PASSES 2       /* see above */

enum disturbs {
	DISTURBS_TUNABLES = 1u << 0, /* queue/iosched/ */
	DISTURBS_QUEUE = 1u << 1,    /* nr_requests and wbt_lat_usec */
};

static unsigned int knob_disturbs(const struct knob_row *row)
{
	if (!strcmp(row->name, "block.scheduler"))
		return DISTURBS_TUNABLES | DISTURBS_QUEUE;
	if (!strcmp(row->name, "block.nr_requests"))
		return DISTURBS_TUNABLES;
	return 0;
}

static void queue_path(const struct scope *scope, char *buffer, size_t size)
{
	snprintf(buffer, size, "sys/block/%s/queue", scope->name);
}

static size_t disk_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			  size_t max)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(root, "sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	size_t n = 0;

	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		struct scope scope = { .kind = SCOPE_DISK };
		char path[COMPANION_PATH_MAX], size[32];

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(scope.name))
			continue;
		strcpy(scope.name, entry->d_name);
		if (knob_path(row, &scope, path, sizeof(path)) < 0 || !sysroot_exists(root, path))
			continue;
		/* A loop device without a file, an empty card reader: a disk of no sectors is no disk. */
		snprintf(path, sizeof(path), "sys/block/%s/size", scope.name);
		if (sysroot_read(root, path, size, sizeof(size)) > 0 && !strcmp(size, "0"))
			continue;
		if (n < max)
			ret_scopes[n] = scope;
		n++;
	}
	return n;
}

/* Which queue it is: kernfs gives every folder a number that is not used again before 2^32 others were made. */
static int queue_instance(int root, const struct scope *scope, char *ret_value, size_t size)
{
	char path[QUEUE_PATH_MAX];
	struct stat st;

	queue_path(scope, path, sizeof(path));
	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	snprintf(ret_value, size, "%" PRIu64, (uint64_t)st.st_ino);
	return 0;
}

static int disk_same_instance(int root, const struct knob_row *row, const struct scope *scope,
			      const char *companions)
{
	char name[COMPANION_NAME_MAX], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	int r;

	(void)row;
	while (companions_next(&companions, name, sizeof(name), value, sizeof(value)) > 0) {
		if (strcmp(name, INSTANCE_NAME))
			continue;
		r = queue_instance(root, scope, now, sizeof(now));
		if (r < 0)
			return error_is_gone(r) ? 0 : r;
		return !strcmp(now, value);
	}
	return 1;
}

/* Adds one file of the queue; one that does not exist, or that this disk does not support, is no companion. */
static int capture_file(int root, const struct scope *scope, const char *name, char *companions,
			size_t size)
{
	char path[COMPANION_PATH_MAX], folder[QUEUE_PATH_MAX], value[KNOB_VALUE_MAX];
	ssize_t n;

	queue_path(scope, folder, sizeof(folder));
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return -ENAMETOOLONG;
	if (sysroot_writable(root, path) < 0)
		return 0;
	n = sysroot_read(root, path, value, sizeof(value));
	if (n == -ENOENT || n == -EINVAL || n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return (int)n;
	return strchr(value, '\n') ? -EBADMSG : companions_add(companions, size, name, value);
}

static int tunable_filter(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* In alphabetical order, so that slice_idle comes before the finer slice_idle_us. */
static int capture_tunables(int root, const struct scope *scope, char *companions, size_t size)
{
	char path[COMPANION_PATH_MAX], name[COMPANION_NAME_MAX];
	struct dirent **entries;
	int n, r = 0;

	queue_path(scope, path, QUEUE_PATH_MAX);
	strcat(path, "/iosched");
	n = scandirat(root, path, &entries, tunable_filter, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	if (n > TUNABLES_MAX)
		r = -E2BIG;
	for (int i = 0; i < n; i++) {
		if (r == 0 && (size_t)snprintf(name, sizeof(name), "iosched/%s",
					       entries[i]->d_name) >= sizeof(name))
			r = -ENAMETOOLONG;
		if (r == 0)
			r = capture_file(root, scope, name, companions, size);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int disk_capture(int root, const struct knob_row *row, const struct scope *scope,
			char *ret_companions, size_t companions_size, char *ret_text,
			size_t text_size)
{
	unsigned int disturbs = knob_disturbs(row);
	char instance[32];
	int r;

	ret_companions[0] = '\0';
	r = queue_instance(root, scope, instance, sizeof(instance));
	if (r == 0)
		r = companions_add(ret_companions, companions_size, INSTANCE_NAME, instance);
	if (r == 0 && (disturbs & DISTURBS_QUEUE))
		r = capture_file(root, scope, "nr_requests", ret_companions, companions_size);
	if (r == 0 && (disturbs & DISTURBS_TUNABLES))
		r = capture_tunables(root, scope, ret_companions, companions_size);
	if (r == 0 && (disturbs & DISTURBS_QUEUE))
		r = capture_file(root, scope, "wbt_lat_usec", ret_companions, companions_size);
	if (r < 0)
		snprintf(ret_text, text_size,
			 "unable to write down what a change disturbs on '%.40s': %s", scope->name,
			 r == -E2BIG ? "the scheduler's tunables do not fit into a journal record"
				     : strerror(-r));
	return r;
}

/* One pass over all companions; texts are of this pass alone. What is gone stays gone: another error comes first. */
static int restore_pass(int root, const struct scope *scope, const char *companions, char *ret_text,
			size_t text_size)
{
	char name[COMPANION_NAME_MAX], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	char folder[QUEUE_PATH_MAX], path[COMPANION_PATH_MAX];
	int r, first = 0;

	ret_text[0] = '\0';
	queue_path(scope, folder, sizeof(folder));
	while ((r = companions_next(&companions, name, sizeof(name), value, sizeof(value))) > 0) {
		ssize_t n;

		if (name[0] == '@')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		n = sysroot_read(root, path, now, sizeof(now));
		if (n >= 0 && !strcmp(now, value))
			continue;
		r = n < 0 ? (int)n : sysroot_write(root, path, value);
		if (r == 0 &&
		    (sysroot_read(root, path, now, sizeof(now)) < 0 || strcmp(now, value)))
			r = -EIO;
		if (r < 0) {
			companions_complain(ret_text, text_size, name, r);
			if (first == 0 || error_is_gone(first))
				first = r;
		}
	}
	return r < 0 ? r : first;
}

static int disk_restore(int root, const struct knob_row *row, const struct scope *scope,
			const char *companions, char *ret_text, size_t text_size)
{
	int r = 0;

	(void)row;
	for (int pass = 0; pass < RESTORE_PASSES; pass++)
		r = restore_pass(root, scope, companions, ret_text, text_size);
	return r;
}

const struct knob_family_ops family_io_scheduler = {
	.scopes = disk_scopes,
	.read = knob_read_file,
	.write = knob_write_file,
	.capture = disk_capture,
	.restore = disk_restore,
	.same_instance = disk_same_instance,
};
