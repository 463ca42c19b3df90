/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes, listed as instances: `PID@START`, where START is the start time in clock ticks since boot as in
 * /proc/PID/stat. A number that is used again is another process, with another name.
 */
#ifndef FLYBALL_OBSERVER_PROCESSES_H
#define FLYBALL_OBSERVER_PROCESSES_H

#include <stdint.h>

#include "observer/instances.h"

struct processes {
	int folder; /* proc, of the sysroot */
};

/* Returns 0 or -errno. */
int processes_open(struct processes *processes, int root);
void processes_close(struct processes *processes);

/*
 * For ops.list of instances of SCOPE_PROCESS: those that are demanded by name, or by their number (`1234@*`), are looked at alone.
 * Other patterns need a list of all processes, to make which the kernel goes over all threads of the machine
 * (next_tgid); of these no other is opened than what begins with the part before the first wildcard.
 */
int processes_list(const struct processes *processes, struct instances *instances);

/* For ops.list, too: sees the process that has the number now, if any. */
void processes_see(const struct processes *processes, struct instances *instances, const char *pid);

/* Opens a file of a process that still is the one of that name, or -ESRCH. The caller owns the descriptor. */
int processes_open_file(const struct processes *processes, const struct scope *process,
			const char *file);

#endif
