// SPDX-License-Identifier: Apache-2.0
/* Visits to network namespaces that the test makes. Needs root; exits with 77 and the reason otherwise. */
#include "tests/native/test_netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/netns.h"
#include "base/sysroot.h"

#define KEEPALIVE "proc/sys/net/ipv4/tcp_keepalive_time" /* each namespace has its own */

struct visit {
	int root;
	const char *value;
	char found[32];
};

static int read_keepalive(void *data)
{
	struct visit *visit = data;
	ssize_t n = sysroot_read(visit->root, KEEPALIVE, visit->found, sizeof(visit->found));

	return n < 0 ? (int)n : 0;
}

static int write_keepalive(void *data)
{
	struct visit *visit = data;

	return sysroot_write(visit->root, KEEPALIVE, visit->value);
}

static void a_visit_reads_and_writes_there_and_comes_home(void **state)
{
	_cleanup_close_ int root = sysroot_open("/"), home = netns_open_own(), after = -1;
	_cleanup_close_ int first = netns_open(root, netns_names[0]);
	_cleanup_close_ int second = netns_open(root, netns_names[1]);
	struct visit visit = { .root = root, .value = "1234" };
	char before[32];

	(void)state;
	assert_true(first >= 0 && second >= 0);
	assert_true(sysroot_read(root, KEEPALIVE, before, sizeof(before)) > 0);
	assert_int_equal(netns_visit(first, write_keepalive, &visit), 0);
	assert_int_equal(netns_visit(first, read_keepalive, &visit), 0);
	assert_string_equal(visit.found, "1234");
	assert_int_equal(netns_visit(second, read_keepalive, &visit), 0);
	assert_string_not_equal(visit.found, "1234");
	assert_true(sysroot_read(root, KEEPALIVE, visit.found, sizeof(visit.found)) > 0);
	assert_string_equal(visit.found, before);
	after = netns_open_own();
	assert_true(netns_equal(home, after));
	assert_false(netns_equal(home, first));
}

static void a_namespace_made_anew_is_another_instance(void **state)
{
	_cleanup_close_ int root = sysroot_open("/");
	_cleanup_close_ int old = netns_open(root, netns_names[1]), new = -1;
	char before[NETNS_INSTANCE_MAX], after[NETNS_INSTANCE_MAX];

	(void)state;
	assert_int_equal(netns_instance(old, before, sizeof(before)), 0);
	assert_int_equal(netns_shell("ip netns del %s", netns_names[1]), 0);
	assert_int_equal(netns_open(root, netns_names[1]), -ENOENT);
	assert_int_equal(netns_shell("ip netns add %s", netns_names[1]), 0);
	new = netns_open(root, netns_names[1]);
	assert_int_equal(netns_instance(new, after, sizeof(after)), 0);
	assert_string_not_equal(before, after);
	assert_false(netns_equal(old, new));
}

static void what_is_no_namespace_is_not_opened(void **state)
{
	_cleanup_close_ int root = sysroot_open("/");
	static const char path[] = "/" NETNS_FOLDER "/flyball-test-file";
	_cleanup_close_ int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(netns_open(root, "flyball-test-file"), -ENOENT);
	unlink(path);
	assert_int_equal(netns_open(root, "flyball-test-file"), -ENOENT);
	assert_int_equal(netns_open(root, "../netns"), -EINVAL);
	assert_int_equal(netns_open(root, ".."), -EINVAL);
	assert_int_equal(netns_open(root, ""), -EINVAL);
}

/* As core is: nobody, with no capability. */
static int visit_as_nobody(void)
{
	_cleanup_close_ int root = sysroot_open("/");
	_cleanup_close_ int netns = netns_open(root, netns_names[0]);
	struct visit visit = { .root = root };

	if (netns < 0 || setresuid(61199, 61199, 61199) < 0)
		return 10;
	return netns_visit(netns, read_keepalive, &visit) == -EPERM ? 0 : 11;
}

/* The way home closes behind the visitor: it gives up what brings it back. */
static int lose_the_way(void *data)
{
	(void)data;
	return setresuid(61199, 61199, 61199);
}

static int visit_and_get_lost(void)
{
	const struct rlimit no_core = { 0 };
	_cleanup_close_ int root = sysroot_open("/");
	_cleanup_close_ int netns = netns_open(root, netns_names[0]);

	setrlimit(RLIMIT_CORE, &no_core);
	netns_visit(netns, lose_the_way, NULL);
	return 12;
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void without_the_capability_nothing_is_entered(void **state)
{
	int status = in_child(visit_as_nobody);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void who_cannot_come_home_goes_no_further(void **state)
{
	int status = in_child(visit_and_get_lost);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(a_visit_reads_and_writes_there_and_comes_home),
		cmocka_unit_test(a_namespace_made_anew_is_another_instance),
		cmocka_unit_test(what_is_no_namespace_is_not_opened),
		cmocka_unit_test(without_the_capability_nothing_is_entered),
		cmocka_unit_test(who_cannot_come_home_goes_no_further),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
	return netns_run_tests(tests);
}
