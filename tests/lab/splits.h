/* SPDX-License-Identifier: Apache-2.0 */
/* Splits, for the matrices of faults and crashes: maps for them, and whether anything of one is left. */
#ifndef FLYBALL_TESTS_SPLITS_H
#define FLYBALL_TESTS_SPLITS_H

#include <stddef.h>

#include "include/scope.h"
#include "include/split.h"

/* Makes the maps, to be closed with split_maps_close(). 0; -EXDEV with the reason where this machine cannot split. */
int splits_open(struct split_maps *ret_maps, char *ret_text, size_t size);

/*
 * NULL when no program that writes to the maps is attached any more, and new connections in PLACE_NETNS, whose scope it
 * is, all have `base`; else what is wrong. Waits for the kernel to take a program away.
 */
const char *splits_left(int root, const struct scope *scope, const struct split_maps *maps,
			const char *base);

#endif
