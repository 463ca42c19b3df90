// SPDX-License-Identifier: Apache-2.0
#include "base/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int netns_open(int root, const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[512];
	int n, type;

	if (!name[0] || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	n = snprintf(path, sizeof(path), NETNS_FOLDER "/%s", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	/* NONBLOCK and NOFOLLOW: whatever lies there, opening it neither waits nor leads elsewhere. */
	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0 && errno != ENOTTY)
		return -errno; /* EPERM: a filter of system calls */
	return type == CLONE_NEWNET ? take_fd(&fd) : -ENOENT;
}

/* The machine's /proc and not the sysroot's: this is about the thread that runs, not about what it looks at. */
int netns_open_own(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netns_instance(int netns, char *ret_text, size_t size)
{
	struct stat st;
	int n;

	if (fstat(netns, &st) < 0)
		return -errno;
	n = snprintf(ret_text, size, "%" PRIu64 ":%" PRIu64, (uint64_t)st.st_dev,
		     (uint64_t)st.st_ino);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

bool netns_equal(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int netns_visit(int netns, int (*fn)(void *data), void *data)
{
	_cleanup_close_ int home = netns_open_own();
	int r;

	if (home < 0)
		return home;
	if (setns(netns, CLONE_NEWNET) < 0)
		return -errno;
	r = fn(data);
	if (setns(home, CLONE_NEWNET) < 0)
		abort();
	return r;
}
