/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs that belong to somebody else: changed by a foreign hand, or pinned by the operator. Kept in the file `pins` of
 * the state folder, over restarts and reboots. One line each, fields parted by tabs:
 *
 *     flyball pins 1
 *     block.scheduler	disk:sda	1767225600000000000	1767312000000000000	unknown	kyber
 */
#ifndef FLYBALL_ACTUATOR_PINS_H
#define FLYBALL_ACTUATOR_PINS_H

#include <stddef.h>

#include "include/limits.h"

#define PINS_NAME "pins"

struct pins {
	int dir; /* the state folder; -1 = they are not kept */
	size_t n;
	struct pin items[PINS_MAX];
};

/* Reads the file; a missing one is empty. Returns 0, the number of lines that were no pins, or -errno. */
int pins_open(struct pins *pins, int dir);

/* The pin that holds now (CLOCK_REALTIME); NULL. */
const struct pin *pins_find(const struct pins *pins, const char *knob, const struct scope *scope,
			    uint64_t wall_ns);

/* Adds or replaces one and saves; -ENOSPC when there are too many, -errno when it holds but could not be saved. */
int pins_add(struct pins *pins, const struct pin *pin, uint64_t wall_ns);

/* Removes one and saves; -ENOENT when there is none. */
int pins_remove(struct pins *pins, const char *knob, const struct scope *scope);

#endif
