/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to /proc and /sys by openat under a sysroot descriptor, so that a test can pass a folder of
 * captured files. Paths are relative to it: `sys/block/vda/stat`.
 */
#ifndef FLYBALL_BASE_SYSROOT_H
#define FLYBALL_BASE_SYSROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Opens `path` ("/" for the machine itself) as a sysroot. Returns a descriptor that the caller owns, or -errno. */
int sysroot_open(const char *path);

/*
 * Reads a whole small file into `buffer` as a string, without trailing white space. Returns its length, or
 * -errno; -EFBIG when it does not fit (nothing is cut silently).
 */
ssize_t sysroot_read(int root, const char *path, char *buffer, size_t size);

/* Reads a descriptor that is kept open from its beginning, likewise. */
ssize_t sysroot_reread(int fd, char *buffer, size_t size);

/* Writes `value` in one write(2), never creating the file. Returns 0 or -errno; -EIO for a short write. */
int sysroot_write(int root, const char *path, const char *value);

/* True when `path` exists. */
bool sysroot_exists(int root, const char *path);

/* 0 when the file exists and has a write bit, else -errno (-EACCES, -ENOENT). Does not depend on who asks. */
int sysroot_writable(int root, const char *path);

#endif
