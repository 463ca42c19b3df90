/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that a trial changes: with threads that have masks of their own, or with memory on one node. */
#ifndef FLYBALL_TESTS_SUBJECT_H
#define FLYBALL_TESTS_SUBJECT_H

#include <sys/types.h>

#include "include/scope.h"

/*
 * A child that runs `run` and then waits for ever; it ends with its parent, and holds no descriptor but `root`. Nothing when
 * `*ret_pid` says that it is there. Returns when `run` has: 0, or -errno.
 */
int subject_start(void (*run)(void), int root, pid_t *ret_pid);
void subject_end(pid_t *pid);

/* To run: a leader that may be on CPUs 0 and 1, and threads on the one, the other and both. */
void subject_threads(void);

/* To run: some MiB of memory, all of it on node 0. */
void subject_memory(void);

/* PID@START. 0 or -errno. */
int subject_scope(int root, pid_t pid, struct scope *scope);

/* Gives the threads of subject_threads() their masks again, whoever has changed them. */
void subject_reset(pid_t pid);

#endif
