/* SPDX-License-Identifier: Apache-2.0 */
/* What bench_scale makes many of. All of it is gone when the bench has ended, however it did. */
#ifndef FLYBALL_TESTS_SCALE_H
#define FLYBALL_TESTS_SCALE_H

#include <stddef.h>

/* Says what failed, and ends the process. */
void scale_die(const char *what) __attribute__((noreturn));

/* --- control groups of version 2, below a group of the bench's own: /flyball-scale-PID/g00000 … --- */

/* Makes the bench's own group, `owner` in its name. Returns 0, or -errno: there is no version 2, or no right to. */
int scale_groups_begin(int owner);

/* As many as `n` from now on. Returns how many there are: fewer where the machine allows no more. */
size_t scale_groups_make(size_t n);

/* Removes the group of `owner` and of every bench that is not there any more. */
void scale_groups_remove(int owner);

/* The path of the bench's own group in its hierarchy. */
const char *scale_groups_path(void);

/* --- processes of many threads that sleep --- */

/* As many threads as this machine may have besides what runs: three quarters of the numbers that are left, 100,000 at most. */
size_t scale_threads_limit(void);

/*
 * Starts a process with that many threads, which die with this one. Returns its number; `ret_threads` may be fewer,
 * where the machine allows no more.
 */
int scale_process_start(size_t threads, size_t *ret_threads);
void scale_process_stop(int pid);

/* --- disks, in a folder of captured files --- */

/* Makes them in a folder that is a sysroot: d000 … */
void scale_disks_make(const char *folder, size_t from, size_t to);

#endif
