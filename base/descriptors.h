/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: what a child was not meant to have, and how many there may be. */
#ifndef FLYBALL_BASE_DESCRIPTORS_H
#define FLYBALL_BASE_DESCRIPTORS_H

#include <stddef.h>

/* Closes every descriptor from 3 on but the `n` in `keep`, of which some may be negative. */
void descriptors_close_others(const int *keep, size_t n);

/* As many open files as this process may have without privileges: the soft limit becomes the hard one. */
void descriptors_raise(void);

#endif
