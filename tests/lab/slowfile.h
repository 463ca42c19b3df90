/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file the writes to which hang in the kernel as long as the test wants: a FUSE file system of one file, whose server
 * takes a write and does not answer. Who waits for such an answer cannot even be killed (fs/fuse/dev.c,
 * request_wait_answer: "either request is already in userspace, or it was forced: wait it out"), and the value changes
 * when the server says so: a late write. Reads can be held likewise.
 */
#ifndef FLYBALL_TESTS_SLOWFILE_H
#define FLYBALL_TESTS_SLOWFILE_H

#include <stdbool.h>
#include <sys/types.h>

#define SLOWFILE_VALUE_MAX 64

/* Shared with the server. */
struct slowfile_control {
	volatile bool hold; /* writes are taken and not answered */
	volatile bool held; /* there is one, or a read */
	volatile bool hold_reads;
	char value[SLOWFILE_VALUE_MAX];
};

struct slowfile {
	char path[128];
	pid_t server;
	struct slowfile_control *control;
};

/*
 * Mounts it over the file at `path`, with a value, in the caller's mount namespace; with NULL it reads as the file below
 * does. Returns 0 or -errno. The server ends with its parent, and whatever hung then goes on with an error.
 */
int slowfile_open(struct slowfile *ret_file, const char *path, const char *value);
void slowfile_close(struct slowfile *file);

/* From now on a write hangs. */
void slowfile_hold(struct slowfile *file);

/* From now on reads hang. */
void slowfile_hold_reads(struct slowfile *file);

/* Waits until one does; false when none came in ten seconds. */
bool slowfile_await(const struct slowfile *file);

/* It comes to its end, and its value is in force. */
void slowfile_release(struct slowfile *file);

#endif
