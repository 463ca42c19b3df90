/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces of a test's own, made by ip-netns(8) and deleted after it, also when it is interrupted or crashes. */
#ifndef FLYBALL_TESTS_TEST_NETNS_H
#define FLYBALL_TESTS_TEST_NETNS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NETNS_OWN 2 /* how many a test has */

/* Filled in before the tests run: flyball-PID-0 … */
static char netns_names[NETNS_OWN][32];

static inline int netns_shell(const char *format, const char *name)
{
	char command[512];

	snprintf(command, sizeof(command), format, name);
	return system(command);
}

static inline void netns_delete_all(void)
{
	for (int i = 0; i < NETNS_OWN; i++)
		netns_shell("ip netns del %s 2>/dev/null", netns_names[i]);
}

/*
 * Runs `tests` in a child that has the namespaces; the parent deletes them whatever becomes of it. Returns the exit
 * status of the test program: 77 with the reason where no namespace can be made.
 */
static inline int netns_run_tests(int (*tests)(void))
{
	int status = 0;
	pid_t child;

	for (int i = 0; i < NETNS_OWN; i++)
		snprintf(netns_names[i], sizeof(netns_names[i]), "flyball-%d-%d", (int)getpid(), i);
	if (geteuid() != 0) {
		printf("skipped: needs root to make network namespaces\n");
		return 77;
	}
	for (int i = 0; i < NETNS_OWN; i++)
		if (netns_shell("ip netns add %s", netns_names[i]) != 0) {
			printf("skipped: 'ip netns add' does not work here\n");
			netns_delete_all();
			return 77;
		}
	fflush(stdout);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	child = fork();
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		_exit(tests());
	}
	if (child > 0)
		waitpid(child, &status, 0);
	netns_delete_all();
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#endif
