/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that a pattern stands for, found without allocating anything: ticks look for them, too. */
#ifndef FLYBALL_OBSERVER_PATHS_H
#define FLYBALL_OBSERVER_PATHS_H

#define PATHS_DEPTH_MAX 16     /* components of a pattern, levels of slices */
#define PATHS_ENTRIES_MAX 4096 /* names of folders that one search looks at */

/* Called with each that is found: `name` in the folder `folder`. */
typedef void (*paths_found_fn)(void *data, int folder, const char *name);

/*
 * What `pattern` (glob(7), with or without a first slash) matches below the descriptor `root`. Returns 0, or -E2BIG when
 * it gave up at PATHS_ENTRIES_MAX or PATHS_DEPTH_MAX.
 */
int paths_match(int root, const char *pattern, paths_found_fn found, void *data);

/* The folders called `unit` in `root` or any of its slices, as systemd lays them out. Returns likewise. */
int paths_unit(int root, const char *unit, paths_found_fn found, void *data);

#endif
