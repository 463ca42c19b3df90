// SPDX-License-Identifier: Apache-2.0
/* Files and folders: what is loaded, what replaces what, and what cannot be read at all. */
#include "tests/unit/test_policies_catalogue.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/flyball-test-policies-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_bytes(const char *name, const char *bytes, size_t size)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void write_policy(const char *file, const char *name)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "policy: { name = \"%s\"; scope = \"disk\"; when = \"disk.busy > 50%%\";\n"
		 "knob = \"block.scheduler\"; try = [ \"bfq\" ]; objective = { minimize = "
		 "\"disk.busy\"; }; };\n",
		 name);
	write_bytes(file, text, strlen(text));
}

/* Loads one file; its errors without the folder's name. */
static void assert_file(const char *name, const char *expected)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	int r = policy_set_load_file(set, &test_catalogue, path_of(name));
	const char *errors = set_errors(set);

	assert_int_equal(r, expected[0] ? -EINVAL : 0);
	assert_int_equal(set->n_policies, expected[0] ? 0 : 1);
	if (expected[0]) {
		assert_memory_equal(errors, folder, strlen(folder));
		assert_string_equal(errors + strlen(folder) + 1, expected);
	}
}

static void a_good_file_is_loaded_with_its_path(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();

	(void)state;
	write_policy("good.conf", "good");
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("good.conf")), 0);
	assert_int_equal(set->n_policies, 1);
	assert_string_equal(set->policies[0].name, "good");
	assert_string_equal(set->policies[0].file, path_of("good.conf"));
}

static void what_is_no_policy_file_is_refused_without_waiting(void **state)
{
	static char huge[POLICY_FILE_BYTES_MAX + 1];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	alarm(10);
	assert_file("missing", "missing:0:0: unable to open the file: No such file or directory\n");
	assert_int_equal(mkdir(path_of("folder"), 0700), 0);
	assert_file("folder", "folder:0:0: this is a folder: a policy file is a regular file\n");
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	assert_file("pipe", "pipe:0:0: this is a pipe: a policy file is a regular file\n");
	assert_true(strlen(path_of("socket")) < sizeof(address.sun_path));
	strcpy(address.sun_path, path_of("socket"));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_file("socket", "socket:0:0: unable to open the file: it is no regular file\n");
	assert_int_equal(symlink("/dev/zero", path_of("device")), 0);
	assert_file("device", "device:0:0: this is a device: a policy file is a regular file\n");
	assert_int_equal(symlink("loop", path_of("loop")), 0);
	assert_file("loop",
		    "loop:0:0: unable to open the file: Too many levels of symbolic links\n");
	assert_int_equal(symlink("/dev/null", path_of("null")), 0);
	assert_file("null", "null:0:0: the file holds no policy: it is /dev/null\n");
	memset(huge, '#', sizeof(huge));
	write_bytes("huge", huge, sizeof(huge));
	assert_file("huge", "huge:0:0: the file is larger than 256 KiB: a policy file is written "
			    "by hand\n");
	write_bytes("largest", huge, sizeof(huge) - 1);
	assert_file("largest", "largest:0:0: the file holds no policy: write policy: { … } as in "
			       "docs/policy.md\n");
	write_bytes("empty", "", 0);
	assert_file("empty", "empty:0:0: the file holds no policy: write policy: { … } as in "
			     "docs/policy.md\n");
	write_bytes("binary",
		    "\x7f"
		    "ELF\x02\x01\x01\0\0",
		    9);
	assert_file("binary", "binary:1:8: byte 0x00 is not text: a policy file is UTF-8 without "
			      "zero bytes\n");
	alarm(0);
}

static void a_file_that_may_not_be_read_says_so(void **state)
{
	(void)state;
	write_policy("secret", "secret");
	assert_int_equal(chmod(path_of("secret"), 0), 0);
	/* Root reads everything; 65534 is nobody. */
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_file("secret", "secret:0:0: unable to open the file: Permission denied\n");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char path[POLICY_FILE_MAX + 1];

	(void)state;
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path), -EINVAL);
	assert_string_equal(set->errors[0].text, "the path is longer than 255 bytes");
}

static void a_file_with_an_error_adds_none_of_its_policies(void **state)
{
	static const char text[] =
		"policies = ( { name = \"a\"; scope = \"disk\"; when = \"disk.busy > 50%\"; knob = "
		"\"block.scheduler\";\n"
		"try = [ \"bfq\" ]; objective = { minimize = \"disk.busy\"; }; },\n"
		"{ name = \"b\"; scope = \"disk\"; when = \"disk.bsy > 50%\"; knob = "
		"\"block.scheduler\";\n"
		"try = [ \"bfq\" ]; objective = { minimize = \"disk.busy\"; }; } );\n";
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char good[sizeof(text)];

	(void)state;
	write_bytes("half", text, sizeof(text) - 1);
	assert_file("half", "half:3:39: unknown signal 'disk.bsy': did you mean 'disk.busy'?\n");
	memcpy(good, text, sizeof(text));
	memcpy(strstr(good, "disk.bsy >"), "disk.busy>", 10);
	write_bytes("both", good, sizeof(good) - 1);
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("both")), 0);
	assert_int_equal(set->n_policies, 2);
	/* Later errors leave what is there alone. */
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("half")), -EINVAL);
	assert_int_equal(set->n_policies, 2);
	assert_string_equal(set->policies[1].name, "b");
}

static void a_name_that_is_taken_is_an_error_of_the_later_file(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char expected[512];

	(void)state;
	write_policy("one.conf", "same");
	write_policy("two.conf", "same");
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("one.conf")), 0);
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("two.conf")), -EINVAL);
	assert_int_equal(set->n_policies, 1);
	snprintf(expected, sizeof(expected),
		 "%s/two.conf:1:18: a policy 'same' is in %s/one.conf already: rename one, or "
		 "give both files the same name to replace it\n",
		 folder, folder);
	assert_string_equal(set_errors(set), expected);
	assert_text_errors("policies = ( { name = \"a\"; scope = \"disk\"; when = \"disk.busy > "
			   "50%\";\n"
			   "knob = \"block.scheduler\"; try = [ \"bfq\" ]; objective = { minimize "
			   "= \"disk.busy\"; }; },\n"
			   "{ name = \"a\"; scope = \"disk\"; when = \"disk.busy > 50%\";\n"
			   "knob = \"block.scheduler\"; try = [ \"bfq\" ]; objective = { minimize "
			   "= \"disk.busy\"; }; } );",
			   "p:3:10: a policy 'a' is in this file already: rename one, or give both "
			   "files the same name to "
			   "replace it\n");
}

static void a_folder_is_read_in_order_and_earlier_folders_win(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char etc[256], usr[256];

	(void)state;
	snprintf(etc, sizeof(etc), "%s", path_of("etc"));
	snprintf(usr, sizeof(usr), "%s", path_of("usr"));
	assert_int_equal(mkdir(etc, 0700), 0);
	assert_int_equal(mkdir(usr, 0700), 0);
	write_policy("etc/20-b.conf", "b-of-etc");
	write_policy("etc/10-a.conf", "a-of-etc");
	write_policy("etc/.hidden.conf", "hidden");
	write_policy("etc/30-c.conf.dpkg-old", "old");
	write_policy("usr/20-b.conf", "b-of-usr");
	write_policy("usr/40-masked.conf", "masked");
	write_policy("usr/50-d.conf", "d-of-usr");
	assert_int_equal(symlink("/dev/null", path_of("etc/40-masked.conf")), 0);
	assert_int_equal(policy_set_load_folder(set, &test_catalogue, etc), 0);
	assert_int_equal(policy_set_load_folder(set, &test_catalogue, path_of("nowhere")), 0);
	assert_int_equal(policy_set_load_folder(set, &test_catalogue, usr), 0);
	assert_string_equal(set_errors(set), "");
	assert_int_equal(set->n_policies, 3);
	assert_string_equal(set->policies[0].name, "a-of-etc");
	assert_string_equal(set->policies[1].name, "b-of-etc");
	assert_string_equal(set->policies[2].name, "d-of-usr");
}

static void a_bad_file_of_a_folder_does_not_hide_the_others(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char mixed[256];

	(void)state;
	snprintf(mixed, sizeof(mixed), "%s", path_of("mixed"));
	assert_int_equal(mkdir(mixed, 0700), 0);
	assert_int_equal(mkdir(path_of("mixed/10-folder.conf"), 0700), 0);
	write_bytes("mixed/20-bad.conf", "policy: {", 9);
	write_policy("mixed/30-good.conf", "good");
	assert_int_equal(policy_set_load_folder(set, &test_catalogue, mixed), -EINVAL);
	assert_int_equal(set->n_errors, 2);
	assert_int_equal(set->n_policies, 1);
	assert_int_equal(policy_set_load_folder(set, &test_catalogue,
						path_of("mixed/30-good.conf")),
			 -ENOTDIR);
	assert_string_equal(set->errors[2].text, "unable to read the folder: Not a directory");
}

static void no_more_policies_are_taken_than_there_is_room_for(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();
	char name[32];

	(void)state;
	for (int i = 0; i < POLICY_MAX; i++) {
		snprintf(name, sizeof(name), "policy-%d", i);
		write_policy("many.conf", name);
		assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("many.conf")),
				 0);
	}
	write_policy("many.conf", "one-more");
	assert_int_equal(policy_set_load_file(set, &test_catalogue, path_of("many.conf")), -EINVAL);
	assert_int_equal(set->n_policies, POLICY_MAX);
	assert_string_equal(set->errors[0].text, "more than 64 policies: remove some");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_loaded_with_its_path),
		cmocka_unit_test(what_is_no_policy_file_is_refused_without_waiting),
		cmocka_unit_test(a_file_that_may_not_be_read_says_so),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(a_file_with_an_error_adds_none_of_its_policies),
		cmocka_unit_test(a_name_that_is_taken_is_an_error_of_the_later_file),
		cmocka_unit_test(a_folder_is_read_in_order_and_earlier_folders_win),
		cmocka_unit_test(a_bad_file_of_a_folder_does_not_hide_the_others),
		cmocka_unit_test(no_more_policies_are_taken_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
