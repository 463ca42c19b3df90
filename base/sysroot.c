// SPDX-License-Identifier: Apache-2.0
#include "base/sysroot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int sysroot_open(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* From the beginning by pread(2), or from where the descriptor is. */
static ssize_t read_all(int fd, bool from_start, char *buffer, size_t size)
{
	size_t length = 0;
	ssize_t n;

	for (;;) {
		if (length == size)
			return -EFBIG;
		n = from_start ? pread(fd, buffer + length, size - length, (off_t)length)
			       : read(fd, buffer + length, size - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	while (length > 0 && isspace((unsigned char)buffer[length - 1]))
		length--;
	buffer[length] = '\0';
	return (ssize_t)length;
}

ssize_t sysroot_reread(int fd, char *buffer, size_t size)
{
	return read_all(fd, true, buffer, size);
}

ssize_t sysroot_read(int root, const char *path, char *buffer, size_t size)
{
	_cleanup_close_ int fd = openat(root, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* Numbers in debugfs cannot be read at an offset, not even at 0: pread(2) gives ESPIPE. */
	return read_all(fd, false, buffer, size);
}

int sysroot_write(int root, const char *path, const char *value)
{
	/* O_TRUNC: means nothing in /proc and /sys, and makes a folder of captured files behave alike. */
	_cleanup_close_ int fd = openat(root, path, O_WRONLY | O_CLOEXEC | O_TRUNC);
	size_t length = strlen(value);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, value, length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

bool sysroot_exists(int root, const char *path)
{
	return faccessat(root, path, F_OK, 0) == 0;
}

int sysroot_writable(int root, const char *path)
{
	struct stat st;

	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	return st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH) ? 0 : -EACCES;
}
