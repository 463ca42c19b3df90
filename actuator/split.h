/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits: a network namespace's new TCP connections draw one of two congestion controls each. What holds a split is a
 * link to a BPF program; it belongs to the process that called split_draw(), the hand, and vanishes with it however that
 * ends. Connections keep what they drew.
 *
 *     split_use → split_draw (a new cohort each time) … → split_end
 */
#ifndef FLYBALL_ACTUATOR_SPLIT_H
#define FLYBALL_ACTUATOR_SPLIT_H

#include <stddef.h>

#include "include/scope.h"
#include "include/split.h"

/* From now on this process holds splits, with these maps, which must outlive it. None of an earlier process's runs. */
void split_use(const struct split_maps *maps);

/*
 * New connections of the namespace (`host` is this process's own) draw `base` or `arm` from now on. What the cohort
 * before drew is no longer measured. Returns 0, or -errno with a sentence in `ret_text`.
 */
int split_draw(int root, const struct scope *scope, const char *base, const char *arm,
	       char *ret_text, size_t size);

/* New connections have what their namespace gives them again. Nothing happens where there is no split. */
void split_end(const struct scope *scope);

#endif
