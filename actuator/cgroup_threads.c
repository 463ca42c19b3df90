// SPDX-License-Identifier: Apache-2.0
/*
 * When the CPUs of a cpuset change, the kernel gives each thread inside a new mask. Since Linux 6.2 it remembers the mask
 * that a thread asked for, and comes back to it (task_struct.user_cpus_ptr); before, the mask becomes all that the group
 * allows, and a narrower one is lost. So masks that are narrower are written down. Kernel threads are left out: the
 * kernel does not change theirs.
 */
#include "actuator/cgroup_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "actuator/thread.h"
#include "base/cleanup.h"

#define THREADS_MAX 65536 /* that are looked at; some 10 µs each */

struct capture {
	char *companions;
	size_t size;
	size_t seen;
};

static int group_cpus(int root, const struct cgroup_place *place, const char *group,
		      struct idset *ret_cpus)
{
	char text[KNOB_VALUE_MAX * 8];
	ssize_t n = cgroup_read_text(root, place, group,
				     place->v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus",
				     text, sizeof(text));

	return n < 0 ? (int)n : idset_parse(text, ret_cpus);
}

static int capture_thread(int root, pid_t tid, const struct idset *allowed, struct capture *capture)
{
	char name[THREAD_NAME_MAX], list[KNOB_VALUE_MAX];
	struct thread thread;
	struct idset cpus;
	int r = thread_read(root, tid, tid, &thread);

	if (r == 0)
		r = thread_cpus(root, &thread, &cpus);
	if (r == -ENOENT || r == -ESRCH)
		return 0;
	if (r < 0 || (thread.flags & THREAD_KERNEL) || idset_equal(&cpus, allowed))
		return r;
	r = idset_format(&cpus, list, sizeof(list));
	if (r < 0)
		return r;
	thread_format(tid, thread.start, name, sizeof(name));
	return companions_add(capture->companions, capture->size, name, list);
}

static int capture_group(int root, const struct cgroup_place *place, const char *group,
			 void *context)
{
	struct capture *capture = context;
	_cleanup_fclose_ FILE *file = NULL;
	char path[CGROUP_PATH_MAX], line[32];
	struct idset allowed;
	int fd, r = cgroup_path(place, group, place->v2 ? "cgroup.threads" : "tasks", path,
				sizeof(path));

	if (r == 0)
		r = group_cpus(root, place, group, &allowed);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && fgets(line, sizeof(line), file)) {
		if (++capture->seen > THREADS_MAX)
			return -E2BIG;
		r = capture_thread(root, (pid_t)strtol(line, NULL, 10), &allowed, capture);
	}
	return r == 0 && ferror(file) ? -EIO : r;
}

int cgroup_threads_capture(int root, const struct cgroup_place *place, const char *group,
			   char *companions, size_t size)
{
	struct capture capture = { .companions = companions, .size = size };

	return cgroup_walk(root, place, group, capture_group, &capture);
}

/* Of v2 only groups whose controller is on have the file; the others are as the one above them. */
int cgroup_threads_within(int root, pid_t process, char *ret_list, size_t size)
{
	char name[16], group[SCOPE_NAME_MAX], *slash;
	struct cgroup_place place;
	int r = cgroup_find(root, "cpuset", &place);

	if (r == -ENOENT)
		r = cgroup_find(root, NULL, &place);
	snprintf(name, sizeof(name), "%d", process);
	if (r == 0)
		r = cgroup_of(root, name, &place, "cpuset", group, sizeof(group));
	while (r == 0) {
		ssize_t n = cgroup_read_text(root, &place, group,
					     place.v2 ? "cpuset.cpus.effective"
						      : "cpuset.effective_cpus",
					     ret_list, size);

		slash = strrchr(group, '/');
		if (n != -ENOENT || !slash || !group[1])
			return n < 0 ? (int)n : 0;
		slash[slash == group] = '\0';
	}
	return r;
}

/* What the thread's own group allows now; -ESRCH when it has left `group`. */
static int cpus_of_thread(int root, const struct cgroup_place *place, const char *group, pid_t tid,
			  struct idset *ret_cpus)
{
	char process[16], its[SCOPE_NAME_MAX];
	int r;

	snprintf(process, sizeof(process), "%d", tid);
	r = cgroup_of(root, process, place, "cpuset", its, sizeof(its));
	if (r < 0 || !cgroup_below(its, group))
		return r < 0 && r != -ENOENT ? r : -ESRCH;
	return group_cpus(root, place, its, ret_cpus);
}

/* 1: it has a mask that neither the thread had nor the kernel gave it. */
static int restore_thread(int root, const struct cgroup_place *place, const char *group,
			  const char *name, const char *value)
{
	struct idset wanted, now, allowed;
	struct thread thread;
	uint64_t start;
	pid_t tid;
	int r = thread_parse(name, &tid, &start);

	if (r == 0)
		r = idset_parse(value, &wanted);
	if (r == 0)
		r = thread_read(root, tid, tid, &thread);
	if (r == 0 && thread.start != start)
		r = -ESRCH;
	if (r == 0)
		r = thread_cpus(root, &thread, &now);
	if (r < 0 || idset_equal(&now, &wanted))
		return r;
	r = cpus_of_thread(root, place, group, tid, &allowed);
	if (r < 0)
		return r;
	return idset_equal(&now, &allowed) ? thread_set_cpus(root, &thread, &wanted) : 1;
}

int cgroup_threads_restore(int root, const struct cgroup_place *place, const char *group,
			   const char *companions, char *ret_text, size_t size)
{
	char name[THREAD_NAME_MAX], value[KNOB_VALUE_MAX];
	int r, first = 0;

	ret_text[0] = '\0';
	while ((r = companions_next(&companions, name, sizeof(name), value, sizeof(value))) > 0) {
		if (name[0] == '@')
			continue;
		r = restore_thread(root, place, group, name, value);
		if (r == 1)
			snprintf(ret_text, size,
				 "thread %.30s has CPUs that are somebody else's choice: left",
				 name);
		if (r >= 0 || r == -ESRCH || r == -ENOENT)
			continue;
		companions_complain(ret_text, size, name, r);
		first = first ? first : r;
	}
	return r < 0 ? r : first;
}
