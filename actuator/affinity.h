/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of the affinity family: a function each, as in struct knob_family_ops, which family_affinity.c chooses. */
#ifndef FLYBALL_ACTUATOR_AFFINITY_H
#define FLYBALL_ACTUATOR_AFFINITY_H

#include <stdbool.h>

#include "actuator/family.h"
#include "actuator/thread.h"

#define AFFINITY_COMMON_NAME "common" /* the companion that says what most threads have */

/* A thread with the mask that it has now; a negative value ends the walk. */
typedef int (*affinity_thread_fn)(int root, const struct thread *thread, const struct idset *cpus,
				  void *context);

/* Calls `fn` for each thread of a process. Threads that end meanwhile are left out. 0, -ESRCH, -E2BIG, what `fn` returned. */
int affinity_threads_each(int root, pid_t pid, affinity_thread_fn fn, void *context);

/* The leader, if it is still the process that the scope means; else -ESRCH. */
int affinity_leader_read(int root, const struct scope *scope, struct thread *ret_leader);

enum affinity_direction {
	AFFINITY_TO_ARM,      /* every thread gets the arm's CPUs */
	AFFINITY_TO_CAPTURED, /* each its own again */
};

/*
 * Switches the threads of a process that have a mask of the transaction: `arm`, or one of those that `companions` (as
 * affinity_process_capture() wrote them) say. Others are somebody else's, and are left; `ret_text`, if not NULL, says
 * so, and what could not be done. 0, -ESRCH when the process is gone, -EAGAIN while threads are born faster, -errno.
 */
int affinity_threads_switch(int root, const struct scope *scope, const char *companions,
			    const struct idset *arm, enum affinity_direction direction,
			    char *ret_text, size_t size);

int affinity_process_resolve(int root, struct scope *scope);
int affinity_process_read(int root, const struct scope *scope, struct knob_reading *reading);
int affinity_process_allowed(int root, const struct scope *scope, char *ret_text, size_t size);
int affinity_process_capture(int root, const struct scope *scope, char *companions, size_t size,
			     char *ret_text, size_t text_size);
int affinity_process_write(int root, const struct scope *scope, const char *companions,
			   const char *value);
int affinity_process_restore(int root, const struct scope *scope, const char *companions,
			     char *ret_text, size_t size);

size_t affinity_irq_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			   size_t max);
int affinity_irq_capture(int root, const struct scope *scope, char *companions, size_t size);
int affinity_irq_same_instance(int root, const struct scope *scope, const char *companions);

#endif
