// SPDX-License-Identifier: Apache-2.0
#include "actuator/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

#define FILE_MAX_BYTES 8192 /* of a status file: 1.5 KB, and the masks of 8,192 CPUs */

static ssize_t read_file(int root, pid_t process, pid_t tid, const char *name, char *buffer,
			 size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/task/%d/%s", process, tid, name);
	return sysroot_read(root, path, buffer, size);
}

/*
 * 4804 (cat) R 4748 4748 10421 0 -1 4194304 124 0 0 0 0 0 0 0 20 0 1 0 228994 3133440 …
 * The name may hold blanks and brackets; the last bracket ends it. Flags are field 9, the start is field 22.
 */
int thread_read(int root, pid_t process, pid_t tid, struct thread *ret_thread)
{
	struct thread thread = { .process = process, .tid = tid };
	char text[FILE_MAX_BYTES], *open, *close;
	ssize_t n = read_file(root, process, tid, "stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open)
		return -EBADMSG;
	snprintf(thread.comm, sizeof(thread.comm), "%.*s", (int)(close - open - 1), open + 1);
	if (sscanf(close + 1,
		   " %*c %*d %*d %*d %*d %*d %" SCNu32 " %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
		   "%*d %*d %" SCNu64,
		   &thread.flags, &thread.start) != 2)
		return -EBADMSG;
	*ret_thread = thread;
	return 0;
}

/*
 * Cpus_allowed:	3
 * Cpus_allowed_list:	0-1
 */
int thread_cpus(int root, const struct thread *thread, struct idset *ret_cpus)
{
	static const char key[] = "\nCpus_allowed_list:\t";
	char text[FILE_MAX_BYTES], *list;
	ssize_t n = read_file(root, thread->process, thread->tid, "status", text, sizeof(text));

	if (n < 0)
		return (int)n;
	list = strstr(text, key);
	if (!list)
		return -EBADMSG;
	list += strlen(key);
	list[strcspn(list, "\n")] = '\0';
	return idset_parse(list, ret_cpus);
}

/* A number out of a folder of captured files must not become a thread of this machine. */
static int check_proc(int root)
{
	_cleanup_close_ int fd = openat(root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return -errno;
	return st.f_type == PROC_SUPER_MAGIC ? 0 : -EXDEV;
}

static int check_same(int root, const struct thread *thread)
{
	struct thread now;
	int r = thread_read(root, thread->process, thread->tid, &now);

	if (r == -ENOENT || (r == 0 && now.start != thread->start))
		return -ESRCH;
	return r;
}

/*
 * The call takes a number. That it still means the thread is looked at before; that it was so during the call follows
 * from finding the same thread after it.
 */
int thread_set_cpus(int root, const struct thread *thread, const struct idset *cpus)
{
	struct idset now;
	int r = check_proc(root);

	if (r == 0)
		r = check_same(root, thread);
	if (r < 0)
		return r;
	if (sched_setaffinity(thread->tid, sizeof(cpus->words), (const cpu_set_t *)cpus->words) < 0)
		return -errno;
	r = check_same(root, thread);
	if (r == 0)
		r = thread_cpus(root, thread, &now);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	return idset_equal(&now, cpus) ? 0 : -EREMOTEIO;
}

void thread_format(pid_t tid, uint64_t start, char *buffer, size_t size)
{
	snprintf(buffer, size, "%d@%" PRIu64, tid, start);
}

int thread_parse(const char *text, pid_t *ret_tid, uint64_t *ret_start)
{
	char canonical[THREAD_NAME_MAX];
	uint64_t start;
	int tid;

	if (sscanf(text, "%d@%" SCNu64, &tid, &start) != 2 || tid < 1)
		return -EINVAL;
	thread_format(tid, start, canonical, sizeof(canonical));
	if (strcmp(canonical, text))
		return -EINVAL;
	*ret_tid = tid;
	*ret_start = start;
	return 0;
}
