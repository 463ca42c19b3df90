// SPDX-License-Identifier: Apache-2.0
/* base/sysroot: a folder of captured files behaves like the machine. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

static char folder[] = "/tmp/flyball-test-sysroot-XXXXXX";
static int root = -1;

static void write_bytes(const char *name, const char *bytes, size_t size)
{
	_cleanup_close_ int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, size), 0);
}

static void a_root_is_a_folder(void **state)
{
	(void)state;
	assert_int_equal(sysroot_open("/nowhere/at/all"), -ENOENT);
	assert_int_equal(sysroot_open("/etc/passwd"), -ENOTDIR);
}

static void trailing_white_space_is_not_read(void **state)
{
	char buffer[16];

	(void)state;
	write_bytes("value", "  a b \t\n\n", 9);
	assert_int_equal(sysroot_read(root, "value", buffer, sizeof(buffer)), 5);
	assert_string_equal(buffer, "  a b");
	write_bytes("value", "\n \n", 3);
	assert_int_equal(sysroot_read(root, "value", buffer, sizeof(buffer)), 0);
	assert_string_equal(buffer, "");
	write_bytes("value", "", 0);
	assert_int_equal(sysroot_read(root, "value", buffer, sizeof(buffer)), 0);
}

static void nothing_is_cut_silently(void **state)
{
	char buffer[4];

	(void)state;
	write_bytes("value", "123", 3);
	assert_int_equal(sysroot_read(root, "value", buffer, sizeof(buffer)), 3);
	write_bytes("value", "1234", 4);
	assert_int_equal(sysroot_read(root, "value", buffer, sizeof(buffer)), -EFBIG);
	assert_int_equal(sysroot_read(root, "value", buffer, 0), -EFBIG);
}

static void what_is_not_there_says_why(void **state)
{
	char buffer[16];

	(void)state;
	assert_int_equal(sysroot_read(root, "missing", buffer, sizeof(buffer)), -ENOENT);
	assert_int_equal(sysroot_read(root, ".", buffer, sizeof(buffer)), -EISDIR);
	assert_int_equal(sysroot_read(root, "value/x", buffer, sizeof(buffer)), -ENOTDIR);
	assert_true(sysroot_exists(root, "value"));
	assert_false(sysroot_exists(root, "missing"));
}

static void an_open_file_is_read_again_from_its_beginning(void **state)
{
	_cleanup_close_ int fd = -1;
	char buffer[16];

	(void)state;
	write_bytes("again", "one\n", 4);
	fd = openat(root, "again", O_RDONLY);
	assert_int_equal(sysroot_reread(fd, buffer, sizeof(buffer)), 3);
	write_bytes("again", "three\n", 6);
	assert_int_equal(sysroot_reread(fd, buffer, sizeof(buffer)), 5);
	assert_string_equal(buffer, "three");
	assert_int_equal(sysroot_reread(-1, buffer, sizeof(buffer)), -EBADF);
}

static void a_write_replaces_the_value_and_makes_no_file(void **state)
{
	char buffer[32];

	(void)state;
	write_bytes("knob", "a long old value\n", 17);
	assert_int_equal(sysroot_write(root, "knob", "new"), 0);
	assert_int_equal(sysroot_read(root, "knob", buffer, sizeof(buffer)), 3);
	assert_string_equal(buffer, "new");
	assert_int_equal(sysroot_write(root, "missing", "x"), -ENOENT);
	assert_false(sysroot_exists(root, "missing"));
}

static void writable_is_what_the_mode_says_whoever_asks(void **state)
{
	(void)state;
	assert_int_equal(fchmodat(root, "knob", 0444, 0), 0);
	assert_int_equal(sysroot_writable(root, "knob"), -EACCES);
	assert_int_equal(fchmodat(root, "knob", 0200, 0), 0);
	assert_int_equal(sysroot_writable(root, "knob"), 0);
	assert_int_equal(sysroot_writable(root, "missing"), -ENOENT);
}

static void the_machine_itself_is_a_root(void **state)
{
	_cleanup_close_ int machine = sysroot_open("/");
	char buffer[64];

	(void)state;
	assert_true(machine >= 0);
	assert_true(sysroot_read(machine, "proc/sys/kernel/ostype", buffer, sizeof(buffer)) > 0);
	assert_string_equal(buffer, "Linux");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int make_root(void **state)
{
	(void)state;
	root = mkdtemp(folder) ? sysroot_open(folder) : -1;
	return root < 0 ? -1 : 0;
}

static int remove_root(void **state)
{
	(void)state;
	close(root);
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_is_a_folder),
		cmocka_unit_test(trailing_white_space_is_not_read),
		cmocka_unit_test(nothing_is_cut_silently),
		cmocka_unit_test(what_is_not_there_says_why),
		cmocka_unit_test(an_open_file_is_read_again_from_its_beginning),
		cmocka_unit_test(a_write_replaces_the_value_and_makes_no_file),
		cmocka_unit_test(writable_is_what_the_mode_says_whoever_asks),
		cmocka_unit_test(the_machine_itself_is_a_root),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
