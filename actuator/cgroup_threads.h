/* SPDX-License-Identifier: Apache-2.0 */
/* The masks of the threads in a group and below it: a change of its CPUs disturbs them. */
#ifndef FLYBALL_ACTUATOR_CGROUP_THREADS_H
#define FLYBALL_ACTUATOR_CGROUP_THREADS_H

#include <stddef.h>

#include "actuator/cgroup.h"

/* As capture() of a family: a line `TID@START=0-1` for each thread whose mask is not what its group allows. */
int cgroup_threads_capture(int root, const struct cgroup_place *place, const char *group,
			   char *companions, size_t size);

/* As restore() of a family. Threads that have ended, or have left for another group, are no loss. */
int cgroup_threads_restore(int root, const struct cgroup_place *place, const char *group,
			   const char *companions, char *ret_text, size_t size);

/* The CPUs that a process's cpuset allows, as the kernel writes them. 0, -ENOENT where there are no cpusets, -errno. */
int cgroup_threads_within(int root, pid_t process, char *ret_list, size_t size);

#endif
