/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors after a fork: what the child was not meant to have. */
#ifndef FLYBALL_BASE_DESCRIPTORS_H
#define FLYBALL_BASE_DESCRIPTORS_H

#include <stddef.h>

/* Closes every descriptor from 3 on but the `n` in `keep`, of which some may be negative. */
void descriptors_close_others(const int *keep, size_t n);

#endif
