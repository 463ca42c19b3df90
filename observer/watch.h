/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read of /proc or /sys may never return, and the observer has one thread. It says before each source where it goes,
 * which costs three stores, and leaves out what another process (daemon/hang.h) has found to hang. `watch` may be NULL.
 */
#ifndef FLYBALL_OBSERVER_WATCH_H
#define FLYBALL_OBSERVER_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "include/source.h"

static inline void watch_enter(struct source_watch *watch, size_t source, enum source_step step)
{
	if (!watch)
		return;
	__atomic_store_n(&watch->source, (uint32_t)source, __ATOMIC_RELAXED);
	__atomic_store_n(&watch->step, (uint32_t)step, __ATOMIC_RELAXED);
	__atomic_store_n(&watch->serial, watch->serial + 1, __ATOMIC_RELAXED);
}

static inline void watch_leave(struct source_watch *watch)
{
	if (!watch)
		return;
	__atomic_store_n(&watch->step, (uint32_t)STEP_NONE, __ATOMIC_RELAXED);
	__atomic_store_n(&watch->serial, watch->serial + 1, __ATOMIC_RELAXED);
}

/* Whether the source is left out now. */
bool watch_absent(const struct source_watch *watch, size_t source, uint64_t now_ns);

/* Says of such a source that it is, why, and until when. */
void watch_say(const struct source_watch *watch, size_t source, uint64_t now_ns,
	       struct source_status *status);

#endif
