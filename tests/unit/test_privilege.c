// SPDX-License-Identifier: Apache-2.0
/* What the processes can no longer do once they have given up their privileges. Each runs in a child of its own. */
#include "daemon/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct account nobody = { .uid = 61199, .gid = 61199 };

/* The wait status of a child that runs `fn`. */
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

static int capabilities(void)
{
	cap_t caps = cap_get_proc();
	int n = 0;

	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++) {
		cap_flag_value_t has;

		if (cap_get_flag(caps, cap, CAP_PERMITTED, &has) == 0 && has == CAP_SET)
			n++;
	}
	cap_free(caps);
	return n;
}

/* How many a process could ever gain again. */
static int bounding(void)
{
	int n = 0;

	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		n += cap_get_bound(cap) > 0;
	return n;
}

static int core_state(void)
{
	if (privilege_core(&nobody) < 0)
		return 10;
	/* What is left: no capability, not even one to be gained, nobody's id where there was root's. */
	if (capabilities() != 0)
		return 11;
	if (geteuid() == 0)
		return 12;
	/* prctl is not in the filter. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != -1 || errno != EPERM)
		return 13;
	if (open("/proc/sys/vm/swappiness", O_WRONLY) >= 0)
		return 14;
	return open("/proc/sys/vm/swappiness", O_RDONLY) >= 0 ? 0 : 15;
}

static void core_keeps_no_capability_and_writes_no_sysctl(void **state)
{
	int status = in_child(core_state);

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int core_executes(void)
{
	char *const argv[] = { "true", NULL };

	if (seccomp_core() < 0)
		return 10;
	execv("/bin/true", argv);
	return 11;
}

static int core_connects(void)
{
	if (seccomp_core() < 0)
		return 10;
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? 11 : 12;
}

static int core_forks(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_core() < 0)
		return 10;
	return fork() < 0 ? 11 : 12;
}

static void core_dies_when_it_executes_connects_or_forks(void **state)
{
	int (*const deeds[])(void) = { core_executes, core_connects, core_forks };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
		int status = in_child(deeds[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

/* A process of another user, which the child inherits the number of. */
static pid_t others;

static int actuator_state(void)
{
	cpu_set_t cpus;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (privilege_actuator() < 0)
		return 10;
	/* For namespaces, routes, and the memory and CPUs of processes. */
	if (capabilities() > 4 || bounding() > 4)
		return 11;
	if (geteuid() != 0)
		return 12;
	/* That one capability is for the CPUs of others' processes. */
	if (capabilities() == 1 && sched_setaffinity(others, sizeof(cpus), &cpus) < 0)
		return 14;
	/* Root's files are its own, capability or not: opened for writing, nothing is written. */
	return open("/proc/sys/vm/swappiness", O_WRONLY) >= 0 ? 0 : 13;
}

static void the_actuator_keeps_root_and_four_capabilities_at_most(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	others = fork();
	assert_true(others >= 0);
	if (others == 0) {
		if (setresuid(nobody.uid, nobody.uid, nobody.uid) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	usleep(20000); /* until it is another user's */
	status = in_child(actuator_state);
	kill(others, SIGKILL);
	waitpid(others, NULL, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int observer_state(void)
{
	if (privilege_observer(&nobody) < 0)
		return 10;
	if (geteuid() == 0)
		return 11;
	if (capabilities() > 2 || bounding() > 2)
		return 12;
	return open("/proc/sys/vm/swappiness", O_WRONLY) >= 0 ? 13 : 0;
}

static void the_observer_keeps_two_capabilities_at_most_and_writes_no_sysctl(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	status = in_child(observer_state);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void an_account_is_a_name_or_a_number_and_never_root(void **state)
{
	struct account account;

	(void)state;
	assert_int_equal(account_find("nobody", &account), 0);
	assert_int_equal(account.uid, 65534);
	assert_int_equal(account_find("61199", &account), 0);
	assert_int_equal(account.uid, 61199);
	assert_int_equal(account_find("root", &account), -EINVAL);
	assert_int_equal(account_find("0", &account), -EINVAL);
	assert_int_equal(account_find("no-such-user", &account), -ENOENT);
	assert_int_equal(account_find("12x", &account), -ENOENT);
	assert_int_equal(account_find("99999999999", &account), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_keeps_no_capability_and_writes_no_sysctl),
		cmocka_unit_test(core_dies_when_it_executes_connects_or_forks),
		cmocka_unit_test(the_actuator_keeps_root_and_four_capabilities_at_most),
		cmocka_unit_test(the_observer_keeps_two_capabilities_at_most_and_writes_no_sysctl),
		cmocka_unit_test(an_account_is_a_name_or_a_number_and_never_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
