// SPDX-License-Identifier: Apache-2.0
/* Whether a limits file is root's alone: who can write to it decides what the actuator may do. */
#include "actuator/limits_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WHOLE_FILE ((struct conf_place){ .line = 0 })

/* The user itself, where flyball was not started by root: it can change nothing that is not its own anyway. */
static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static int check(const char *path, const struct stat *st, bool sticky_will_do,
		 struct error_list *errors)
{
	bool is_folder = S_ISDIR(st->st_mode);
	const char *what = is_folder ? "folder" : "file";

	if (!is_trusted(st->st_uid)) {
		error_list_add(errors, WHOLE_FILE,
			       "the %s '%.120s' belongs to uid %u, mode %04o, not to root: chown "
			       "root it",
			       what, path, st->st_uid, st->st_mode & 07777);
		return -EINVAL;
	}
	if (!(st->st_mode & (S_IWGRP | S_IWOTH)) || (sticky_will_do && st->st_mode & S_ISVTX))
		return 0;
	error_list_add(errors, WHOLE_FILE,
		       "the %s '%.120s' (uid %u, mode %04o) can be written by its group or by "
		       "others: chmod go-w it",
		       what, path, st->st_uid, st->st_mode & 07777);
	return -EINVAL;
}

/* Each folder above: who can rename one can put another in its place. A sticky one, as /tmp, forbids that. */
static int check_folders(char *path, struct error_list *errors)
{
	bool is_first = true;
	struct stat st;
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		slash[slash == path] = '\0';
		if (stat(path, &st) < 0) {
			error_list_add(errors, WHOLE_FILE,
				       "unable to look at the folder '%.120s': %s", path,
				       strerror(errno));
			return -EINVAL;
		}
		if (check(path, &st, !is_first, errors) < 0)
			return -EINVAL;
		if (!path[1])
			return 0;
		is_first = false;
	}
	return 0;
}

int limits_trust(const char *path, struct error_list *errors)
{
	_cleanup_free_ char *real = NULL;
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return -ENOENT;
	real = realpath(path, NULL);
	if (!real || stat(real, &st) < 0) {
		error_list_add(errors, WHOLE_FILE, "unable to look at the file: %s",
			       strerror(errno));
		return -EINVAL;
	}
	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
		error_list_add(errors, WHOLE_FILE,
			       "this is a link: name the file that it leads to, '%.120s'", real);
		return -EINVAL;
	}
	if (check(real, &st, false, errors) < 0)
		return -EINVAL;
	return check_folders(real, errors);
}
