// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/subject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/thread.h"
#include "base/cleanup.h"
#include "base/descriptors.h"

#define MEMORY_BYTES (8 << 20) /* four slices of a move */

static void *thread_run(void *context)
{
	for (;;)
		pause();
	return context;
}

void subject_threads(void)
{
	unsigned long mask = 3;
	pthread_attr_t attr;
	pthread_t thread;

	for (unsigned long own = 1; own <= 3; own++)
		if (pthread_attr_init(&attr) != 0 ||
		    pthread_attr_setaffinity_np(&attr, sizeof(own), (const cpu_set_t *)&own) != 0 ||
		    pthread_create(&thread, &attr, thread_run, NULL) != 0)
			_exit(1);
	if (sched_setaffinity(0, sizeof(mask), (const cpu_set_t *)&mask) < 0)
		_exit(1);
}

void subject_memory(void)
{
	unsigned long mask = 1;
	char *block = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (block == MAP_FAILED || set_mempolicy(MPOL_BIND, &mask, 64) < 0)
		_exit(1);
	memset(block, 1, MEMORY_BYTES);
	set_mempolicy(MPOL_DEFAULT, NULL, 0);
}

int subject_start(void (*run)(void), int root, pid_t *ret_pid)
{
	int fds[2];
	char byte;

	if (*ret_pid)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*ret_pid = fork();
	if (*ret_pid == 0) {
		const int keep[] = { fds[1], root };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "matrix subject");
		descriptors_close_others(keep, ARRAY_SIZE(keep));
		run();
		if (write(fds[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (*ret_pid < 0 || read(fds[0], &byte, 1) != 1) {
		close(fds[0]);
		return -ECHILD;
	}
	close(fds[0]);
	return 0;
}

int subject_scope(int root, pid_t pid, struct scope *scope)
{
	struct thread leader;
	int r = thread_read(root, pid, pid, &leader);

	scope->kind = SCOPE_PROCESS;
	if (r == 0)
		thread_format(leader.tid, leader.start, scope->name, sizeof(scope->name));
	return r;
}

static int is_number(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return atoi((*a)->d_name) - atoi((*b)->d_name);
}

/* The leader comes first, then the threads in the order of their birth. */
void subject_reset(pid_t pid)
{
	static const unsigned long masks[] = { 3, 1, 2, 3 };
	struct dirent **entries;
	char path[64];
	int n;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	n = pid > 0 ? scandir(path, &entries, is_number, by_number) : -1;
	for (int i = 0; i < n; i++) {
		if (i < (int)ARRAY_SIZE(masks))
			sched_setaffinity(atoi(entries[i]->d_name), sizeof(masks[i]),
					  (const cpu_set_t *)&masks[i]);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

void subject_end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}
