// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/scale.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS_MOST 100000

static size_t number_in(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	size_t number = 0;

	if (file && fscanf(file, format, &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

size_t scale_threads_limit(void)
{
	const size_t pid_max = number_in("/proc/sys/kernel/pid_max", "%zu"),
		     threads_max = number_in("/proc/sys/kernel/threads-max", "%zu"),
		     running = number_in("/proc/loadavg", "%*f %*f %*f %*u/%zu"),
		     most = pid_max < threads_max ? pid_max : threads_max;
	const size_t limit = most > running ? (most - running) / 4 * 3 : 0;

	return limit < THREADS_MOST ? limit : THREADS_MOST;
}

static void *sleep_for_ever(void *data)
{
	(void)data;
	for (;;)
		pause();
	return NULL;
}

/* Stacks without guard pages lie together in one mapping: there are limits on these, too. */
static size_t threads_start(size_t n)
{
	pthread_attr_t attributes;
	pthread_t thread;
	size_t i;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	pthread_attr_setguardsize(&attributes, 0);
	for (i = 1; i < n; i++)
		if (pthread_create(&thread, &attributes, sleep_for_ever, NULL) != 0)
			break;
	return i;
}

int scale_process_start(size_t threads, size_t *ret_threads)
{
	const pid_t parent = getpid();
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		scale_die("make a pipe");
	pid = fork();
	if (pid < 0)
		scale_die("start a process");
	if (pid == 0) {
		size_t n;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it has died before that */
			_exit(1);
		n = threads_start(threads);
		(void)!write(ends[1], &n, sizeof(n));
		close(ends[0]);
		close(ends[1]);
		sleep_for_ever(NULL);
	}
	close(ends[1]);
	if (read(ends[0], ret_threads, sizeof(*ret_threads)) != sizeof(*ret_threads))
		scale_die("hear of a process's threads");
	close(ends[0]);
	return pid;
}

void scale_process_stop(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
