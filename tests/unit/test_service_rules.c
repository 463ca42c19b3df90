// SPDX-License-Identifier: Apache-2.0
/* What services are, found in a folder of files: executables and control groups. */
#include "test_source.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "observer/service_rules.h"

static struct service_rules rules;

static struct service_list by_cgroup(const char *pattern)
{
	struct service_list list = { .n = 1, .items[0] = { .name = "web" } };

	strcpy(list.items[0].cgroup, pattern);
	return list;
}

static struct service_list by_executable(const char *pattern)
{
	struct service_list list = { .n = 1, .items[0] = { .name = "web" } };

	strcpy(list.items[0].executable, pattern);
	return list;
}

static void groups_put(struct files *f, unsigned int n)
{
	char path[64];

	put(f, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
	for (unsigned int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "sys/fs/cgroup/web%u/cgroup.procs", i);
		put(f, path, "");
	}
}

static void groups_are_found_however_long_the_list_of_mounts_is(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_cgroup("/web0");
	char *text = calloc(1, 100001);
	struct stat st;

	for (int i = 0; i < 2000; i++)
		memcpy(text + 50L * i, "21 1 0:20 / /a rw,relatime - tmpfs tmpfs rw 12345\n", 50);
	put(f, "proc/self/mountinfo", text);
	free(text);
	groups_put(f, 1);
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.n, 1);
	assert_int_equal(fstatat(f->root, "sys/fs/cgroup/web0", &st, 0), 0);
	assert_int_equal(rules.rules[0].group, st.st_ino);
	assert_int_equal(rules.over, 0);
}

static void groups_that_cannot_be_looked_at_leave_the_rules_as_they_are(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_cgroup("/web0");
	struct rlimit before, none = { 0 };
	int r;

	groups_put(f, 1);
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	r = service_rules_find(&rules, f->root, &list);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(r, -EMFILE);
	assert_int_equal(rules.n, 1);
	assert_int_equal(rules.absent, 0);
}

static void groups_over_the_limit_are_counted_to_their_service(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_cgroup("/web*");

	groups_put(f, 20);
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.n, 16);
	assert_int_equal(rules.n_over, 4);
	assert_int_equal(rules.over, 1);
}

static void a_search_that_gives_up_is_counted(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_executable("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h");

	put(f, "1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", "");
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.over, 1);
	assert_int_equal(rules.n_over, 1);
}

/* A new executable, ten times as often as there are places. */
static void executables_that_are_replaced_take_no_places(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_executable("/bin/web");

	for (int i = 0; i < 10 * SERVICE_FILES_MAX; i++) {
		put(f, "bin/new", "");
		assert_int_equal(renameat(f->root, "bin/new", f->root, "bin/web"), 0);
		assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
		assert_int_equal(rules.n, 1);
		assert_int_equal(rules.n_over, 0);
		service_rules_trim(&rules);
	}
	assert_true(rules.n_files <= 2);
}

static void what_is_over_a_limit_is_lost_at_each_tick(void **state)
{
	struct files *f = *state;
	const struct service_list list = by_cgroup("/web*");
	const struct observer_options options = {
		.root = f->root,
		.force = "service=sock_diag",
		.services = &list,
	};
	const struct demand demand = {
		.signal = SIGNAL_SERVICE_QUEUE,
		.scope = { .kind = SCOPE_SERVICE, .name = "web" },
	};

	groups_put(f, 20);
	assert_int_equal(observer_new(&options, &f->observer), 0);
	assert_int_equal(observer_demand(f->observer, &demand, 1), 0);
	for (uint64_t i = 1; i <= 2; i++) {
		tick(f);
		assert_int_equal(f->frame->losses[LOSS_INSTANCE], 4 * i);
	}
}

/* Bound below the folder of files; the caller closes it. */
static int socket_put(struct files *f, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", f->root, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void a_unix_socket_is_known_by_its_file(void **state)
{
	struct files *f = *state;
	struct service_list list = { .n = 1, .items[0] = { .name = "db" } };
	int fd, other;

	strcpy(list.items[0].socket, "/run/db.*");
	put(f, "run/db.conf", ""); /* no socket */
	fd = socket_put(f, "run/db.sock");
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.n, 1);
	assert_int_equal(rules.absent, 0);
	assert_int_equal(rules.rules[0].socket, 1);
	assert_int_equal(rules.rules[0].file, 0);
	assert_int_equal(rules.rules[0].netns, 0);
	/* Made anew it is another one: the rules say so. */
	assert_int_equal(unlinkat(f->root, "run/db.sock", 0), 0);
	other = socket_put(f, "run/db.sock");
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.rules[0].socket, 2);
	assert_int_equal(unlinkat(f->root, "run/db.sock", 0), 0);
	assert_int_equal(service_rules_find(&rules, f->root, &list), 0);
	assert_int_equal(rules.n, 0);
	assert_int_equal(rules.absent, 1);
	close(fd);
	close(other);
}

static int rules_setup(void **state)
{
	service_rules_init(&rules);
	return files_setup(state);
}

static int rules_teardown(void **state)
{
	service_rules_deinit(&rules);
	return files_teardown(state);
}

#define RULES(name) cmocka_unit_test_setup_teardown(name, rules_setup, rules_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULES(groups_are_found_however_long_the_list_of_mounts_is),
		RULES(groups_that_cannot_be_looked_at_leave_the_rules_as_they_are),
		RULES(groups_over_the_limit_are_counted_to_their_service),
		RULES(a_search_that_gives_up_is_counted),
		RULES(executables_that_are_replaced_take_no_places),
		RULES(what_is_over_a_limit_is_lost_at_each_tick),
		RULES(a_unix_socket_is_known_by_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
