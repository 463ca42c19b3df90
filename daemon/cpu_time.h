/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of processes, which everybody may read. */
#ifndef FLYBALL_DAEMON_CPU_TIME_H
#define FLYBALL_DAEMON_CPU_TIME_H

#include <stdint.h>
#include <sys/types.h>

/*
 * CPU time of a process in ns, of its children too, and of theirs, down to `depth` of them; 0 when it cannot be read. What
 * a dead one took is not in it.
 */
uint64_t cpu_time_ns(int root, pid_t pid, unsigned int depth);

#endif
