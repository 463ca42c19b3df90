/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: which one a number means, and the CPUs that it may run on. */
#ifndef FLYBALL_ACTUATOR_THREAD_H
#define FLYBALL_ACTUATOR_THREAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/idset.h"

#define THREAD_NAME_MAX 64        /* `4194304@18446744073709551615`, and a name of 15 letters */
#define THREAD_KERNEL 0x00200000u /* PF_KTHREAD in a stat file's flags */

/* Numbers are used again: a thread is its number and when it started. */
struct thread {
	pid_t process, tid;
	uint64_t start; /* clock ticks since boot, as in the stat file */
	uint32_t flags; /* PF_*, as in the stat file */
	char comm[THREAD_NAME_MAX];
};

/* Reads proc/PROCESS/task/TID/stat. 0, -ENOENT or -ESRCH when it is gone, -EBADMSG, -errno. */
int thread_read(int root, pid_t process, pid_t tid, struct thread *ret_thread);

/* The CPUs that the thread may run on now: those it was given, without what its cpuset takes away. 0 or -errno. */
int thread_cpus(int root, const struct thread *thread, struct idset *ret_cpus);

/*
 * Gives the thread a mask and reads it back. Returns 0; -ESRCH when it is gone, or its number is another's; -EREMOTEIO when
 * its cpuset took a part of the mask; -EINVAL when all of it; -EXDEV when the sysroot is not this machine; -errno.
 */
int thread_set_cpus(int root, const struct thread *thread, const struct idset *cpus);

/* `123@4567`, as scopes and companions write it. Parsing returns 0 or -EINVAL. */
void thread_format(pid_t tid, uint64_t start, char *buffer, size_t size);
int thread_parse(const char *text, pid_t *ret_tid, uint64_t *ret_start);

#endif
