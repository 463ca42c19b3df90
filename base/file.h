/* SPDX-License-Identifier: Apache-2.0 */
/* State files: replaced whole or not at all. */
#ifndef FLYBALL_BASE_FILE_H
#define FLYBALL_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Replaces `name` in the folder `dir` by `size` bytes of `data`: temporary file, fsync, rename, fsync of the
 * folder. After a crash the file is the old one or the new one. Returns 0 or -errno.
 */
int file_replace(int dir, const char *name, mode_t mode, const void *data, size_t size);

/* Writes everything or fails; goes on after EINTR and short writes. */
int file_write_all(int fd, const void *data, size_t size);

/* Makes `path` and its missing parents with `mode`; 0 also when it exists. */
int file_make_folder(const char *path, mode_t mode);

#endif
