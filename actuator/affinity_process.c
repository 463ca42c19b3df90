// SPDX-License-Identifier: Apache-2.0
/*
 * The CPUs of a process: the mask of each of its threads. The value of the knob is the mask of the leader, which lives as
 * long as the process; every thread that has another one is written down.
 *
 *     common=0-1              the mask of most threads, and of those that are born later
 *     4711@228994=0           a thread that had another one
 *     @new=1                  the arm (added by the actuator)
 */
#include "actuator/affinity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actuator/cgroup_threads.h"
#include "actuator/thread.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define THREADS_MAX 65536 /* of a process; as many take some seconds */
#define MASKS_MAX 64      /* different ones, of which the most common is found */

int affinity_threads_each(int root, pid_t pid, affinity_thread_fn fn, void *context)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[32];
	size_t n = 0;
	int fd, r = 0;

	snprintf(path, sizeof(path), "proc/%d/task", pid);
	fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = errno == ENOENT ? -ESRCH : -errno;
		closep(&fd);
		return r;
	}
	while (r >= 0 && (errno = 0, entry = readdir(dir))) {
		struct thread thread;
		struct idset cpus;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (++n > THREADS_MAX)
			return -E2BIG;
		r = thread_read(root, pid, (pid_t)strtol(entry->d_name, NULL, 10), &thread);
		if (r == 0)
			r = thread_cpus(root, &thread, &cpus);
		if (r == 0)
			r = fn(root, &thread, &cpus, context);
		if (r == -ENOENT || r == -ESRCH)
			r = 0;
	}
	/* A list that ends early is not all threads. */
	if (r >= 0 && errno)
		r = errno == ENOENT ? -ESRCH : -errno;
	return r;
}

int affinity_leader_read(int root, const struct scope *scope, struct thread *ret_leader)
{
	uint64_t start;
	pid_t pid;
	int r = thread_parse(scope->name, &pid, &start);

	if (r == 0)
		r = thread_read(root, pid, pid, ret_leader);
	if (r == 0 && ret_leader->start != start)
		r = -ESRCH;
	return r == -ENOENT ? -ESRCH : r;
}

int affinity_process_resolve(int root, struct scope *scope)
{
	struct thread leader;
	uint64_t start;
	char *end;
	long pid;

	if (thread_parse(scope->name, &leader.tid, &start) == 0)
		return affinity_leader_read(root, scope, &leader) < 0 ? -ENOENT : 0;
	pid = strtol(scope->name, &end, 10);
	if (*end || pid < 1 || pid > INT32_MAX)
		return -ENOENT;
	if (thread_read(root, (pid_t)pid, (pid_t)pid, &leader) < 0)
		return -ENOENT;
	thread_format(leader.tid, leader.start, scope->name, sizeof(scope->name));
	return 0;
}

int affinity_process_read(int root, const struct scope *scope, struct knob_reading *reading)
{
	struct thread leader = { 0 };
	struct idset cpus;
	int r = affinity_leader_read(root, scope, &leader);

	if (r == 0)
		r = thread_cpus(root, &leader, &cpus);
	if (r == -ESRCH || r == -ENOENT) {
		reading->flags |= KNOB_GONE;
		return 0;
	}
	if (r == 0)
		r = idset_format(&cpus, reading->value, sizeof(reading->value));
	if (r < 0)
		return r;
	if (!(leader.flags & THREAD_KERNEL))
		reading->flags |= KNOB_WRITABLE;
	if (cgroup_threads_within(root, leader.tid, reading->within, sizeof(reading->within)) < 0 &&
	    sysroot_read(root, "sys/devices/system/cpu/online", reading->within,
			 sizeof(reading->within)) < 0)
		reading->within[0] = '\0';
	return 0;
}

int affinity_process_allowed(int root, const struct scope *scope, char *ret_text, size_t size)
{
	struct thread leader = { 0 };
	const char *what = NULL;
	int r = affinity_leader_read(root, scope, &leader);

	if (r < 0) {
		snprintf(ret_text, size, "the process '%.40s' has ended", scope->name);
		return r;
	}
	if (leader.tid == 1)
		what = "is the machine's first process, and all others inherit its CPUs";
	else if (leader.flags & THREAD_KERNEL)
		what = "is a thread of the kernel, which knows where it must run";
	else if (leader.tid == getpid() || !strncmp(leader.comm, "flyball", 7))
		what = "is flyball's own: what it costs would move into the measurement";
	if (!what)
		return 0;
	snprintf(ret_text, size, "process %d (%.15s) %s", leader.tid, leader.comm, what);
	return -EPERM;
}

struct tally {
	size_t n;
	struct {
		struct idset cpus;
		size_t count;
	} masks[MASKS_MAX];
};

static int tally_thread(int root, const struct thread *thread, const struct idset *cpus,
			void *context)
{
	struct tally *tally = context;

	(void)root;
	(void)thread;
	for (size_t i = 0; i < tally->n; i++)
		if (idset_equal(&tally->masks[i].cpus, cpus)) {
			tally->masks[i].count++;
			return 0;
		}
	if (tally->n < MASKS_MAX) {
		tally->masks[tally->n].cpus = *cpus;
		tally->masks[tally->n++].count = 1;
	}
	return 0;
}

struct capture {
	struct idset common;
	char *companions;
	size_t size;
};

static int capture_thread(int root, const struct thread *thread, const struct idset *cpus,
			  void *context)
{
	struct capture *capture = context;
	char name[THREAD_NAME_MAX], list[KNOB_VALUE_MAX];
	int r;

	(void)root;
	if (idset_equal(cpus, &capture->common))
		return 0;
	thread_format(thread->tid, thread->start, name, sizeof(name));
	r = idset_format(cpus, list, sizeof(list));
	return r < 0 ? r : companions_add(capture->companions, capture->size, name, list);
}

int affinity_process_capture(int root, const struct scope *scope, char *companions, size_t size,
			     char *ret_text, size_t text_size)
{
	struct capture capture = { .companions = companions, .size = size };
	struct tally tally = { 0 }; /* 65 KB */
	struct thread leader = { 0 };
	char list[KNOB_VALUE_MAX];
	size_t most = 0;
	int r = affinity_leader_read(root, scope, &leader);

	if (r == 0)
		r = affinity_threads_each(root, leader.tid, tally_thread, &tally);
	if (r == 0 && tally.n == 0)
		r = -ESRCH;
	if (r == 0) {
		for (size_t i = 1; i < tally.n; i++)
			if (tally.masks[i].count > tally.masks[most].count)
				most = i;
		capture.common = tally.masks[most].cpus;
		r = idset_format(&capture.common, list, sizeof(list));
	}
	if (r == 0)
		r = companions_add(companions, size, AFFINITY_COMMON_NAME, list);
	if (r == 0)
		r = affinity_threads_each(root, leader.tid, capture_thread, &capture);
	if (r < 0)
		snprintf(ret_text, text_size,
			 "unable to write down the CPUs of the threads of '%.40s': %s", scope->name,
			 r == -E2BIG ? "more than fit into a journal record" : strerror(-r));
	return r;
}
