/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of CPUs or nodes, as the kernel writes them: `0-3,8`. Fixed size, no allocation. */
#ifndef FLYBALL_BASE_IDSET_H
#define FLYBALL_BASE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDSET_MAX 8192 /* the largest CONFIG_NR_CPUS */

struct idset {
	uint64_t words[IDSET_MAX / 64];
};

/*
 * Parses a list; "" is the empty set. Returns 0, -EINVAL for what is no list (a blank, a range that falls), -ERANGE for
 * a number of IDSET_MAX or more.
 */
int idset_parse(const char *text, struct idset *ret_set);

/* Writes the set as the kernel does: ascending, ranges joined. Returns 0 or -E2BIG. */
int idset_format(const struct idset *set, char *buffer, size_t size);

bool idset_has(const struct idset *set, unsigned int id);

/* Adds `id`, which must be under IDSET_MAX. */
void idset_add(struct idset *set, unsigned int id);

size_t idset_count(const struct idset *set);

bool idset_equal(const struct idset *a, const struct idset *b);

/* Members of both, and of either; `ret_set` may be one of them. */
void idset_intersect(const struct idset *a, const struct idset *b, struct idset *ret_set);
void idset_unite(const struct idset *a, const struct idset *b, struct idset *ret_set);

/* True when each member of `set` is one of `whole`, too. */
bool idset_within(const struct idset *set, const struct idset *whole);

#endif
