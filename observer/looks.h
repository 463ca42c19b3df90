/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at instances that cost too much to be made in every tick: one after the other until a tick's limit is used, each
 * instance again after its pause, and more rarely where a look takes long. In between the values of the last look stand.
 *
 *     looks_init → looks_visit …, looks_forget when an instance comes → looks_deinit
 */
#ifndef FLYBALL_OBSERVER_LOOKS_H
#define FLYBALL_OBSERVER_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/instances.h"

#define LOOKS_TICK_NS (5 * NSEC_PER_MSEC) /* CPU time: no further look begins in that tick */

struct look_state {
	uint64_t due_ns; /* 0 = at once */
	bool denied;     /* by the last look */
};

struct looks {
	uint32_t
		share; /* one part in so many of one CPU is the most that looks at one instance take */
	size_t next;               /* the place that the next one begins at */
	struct look_state *places; /* INSTANCES_MAX */
};

/*
 * Looks at the instance at `place`; `ret_pause_ns` is how long at least it is not looked at again. Returns 0 or -errno: -EACCES and
 * -EPERM count as denied, -ESRCH and -ENOENT as gone meanwhile, all others as a loss.
 */
typedef int (*look_fn)(void *source, size_t place, struct sampler *sampler, uint64_t *ret_pause_ns);

/* Returns 0 or -ENOMEM. */
int looks_init(struct looks *looks, uint32_t share);
void looks_deinit(struct looks *looks);

/* Another instance has that place: it is looked at next time. */
void looks_forget(struct looks *looks, size_t place);

/* Makes the looks that are due, in turns. */
void looks_visit(struct looks *looks, const struct instances *instances, look_fn look, void *source,
		 struct sampler *sampler);

/* How many instances could not be looked at when they were last. */
size_t looks_denied(const struct looks *looks, const struct instances *instances);

#endif
