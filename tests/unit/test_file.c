// SPDX-License-Identifier: Apache-2.0
/* base/file: replaced whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sysroot.h"

static char folder[] = "/tmp/flyball-test-file-XXXXXX";
static int dir = -1;

static void assert_content(const char *name, const char *expected)
{
	char buffer[64];

	assert_int_equal(sysroot_read(dir, name, buffer, sizeof(buffer)), strlen(expected));
	assert_string_equal(buffer, expected);
}

static void a_file_is_made_and_replaced_with_its_mode(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(dir, "state", 0600, "old", 3), 0);
	assert_content("state", "old");
	assert_int_equal(file_replace(dir, "state", 0640, "newer", 5), 0);
	assert_content("state", "newer");
	assert_int_equal(fstatat(dir, "state", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_replace(dir, "state", 0640, "", 0), 0);
	assert_content("state", "");
	assert_false(sysroot_exists(dir, ".state.new"));
}

static void a_failed_replacement_leaves_the_old_file_and_nothing_else(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(file_replace(dir, "folder", 0600, "x", 1), -EISDIR);
	assert_false(sysroot_exists(dir, ".folder.new"));
	assert_int_equal(file_replace(dir, "no/such", 0600, "x", 1), -ENOENT);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_replace(dir, name, 0600, "x", 1), -ENAMETOOLONG);
	assert_int_equal(file_replace(-1, "state", 0600, "x", 1), -EBADF);
}

static void what_a_crash_left_does_not_stop_the_next_replacement(void **state)
{
	struct stat st;

	(void)state;
	/* Half of a temporary file, with another mode. */
	close(openat(dir, ".left.new", O_WRONLY | O_CREAT, 0666));
	assert_int_equal(file_replace(dir, "left", 0600, "whole", 5), 0);
	assert_content("left", "whole");
	assert_int_equal(fstatat(dir, "left", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_link_in_the_way_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(file_replace(dir, "victim", 0600, "mine", 4), 0);
	assert_int_equal(symlinkat("victim", dir, ".trap.new"), 0);
	file_replace(dir, "trap", 0600, "theirs", 6);
	assert_content("victim", "mine");
}

static void folders_are_made_with_their_parents(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b//c", folder);
	assert_int_equal(file_make_folder(path, 0750), 0);
	assert_int_equal(file_make_folder(path, 0750), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	snprintf(path, sizeof(path), "%s/a/d/", folder);
	assert_int_equal(file_make_folder(path, 0750), 0);
	assert_int_equal(stat(path, &st), 0);
}

static void a_path_that_cannot_be_a_folder_is_refused(void **state)
{
	char path[PATH_MAX + 1];

	(void)state;
	assert_int_equal(file_make_folder("", 0700), -ENOENT);
	memset(path, 'a', PATH_MAX);
	path[PATH_MAX] = '\0';
	assert_int_equal(file_make_folder(path, 0700), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/victim/below", folder);
	assert_int_equal(file_make_folder(path, 0700), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/victim", folder);
	assert_int_equal(file_make_folder(path, 0700), -ENOTDIR);
}

static void everything_is_written_or_an_error_told(void **state)
{
	_cleanup_close_ int full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_int_equal(file_write_all(full, "x", 0), 0);
	assert_int_equal(file_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(file_write_all(-1, "x", 1), -EBADF);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int make_folder(void **state)
{
	(void)state;
	umask(022);
	dir = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
	return dir < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	close(dir);
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_made_and_replaced_with_its_mode),
		cmocka_unit_test(a_failed_replacement_leaves_the_old_file_and_nothing_else),
		cmocka_unit_test(what_a_crash_left_does_not_stop_the_next_replacement),
		cmocka_unit_test(a_link_in_the_way_is_not_followed),
		cmocka_unit_test(folders_are_made_with_their_parents),
		cmocka_unit_test(a_path_that_cannot_be_a_folder_is_refused),
		cmocka_unit_test(everything_is_written_or_an_error_told),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
