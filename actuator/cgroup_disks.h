/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a group's disks (io.max) as one value: a part for each disk that has limits, without those that are
 * `max`, parted by `; `. `max` alone: no disk has a limit.
 *
 *     8:0 rbps=1048576 wiops=120; 259:0 wbps=2097152
 *
 * A change is one write(2), and so one disk: two values of a trial may differ in one part alone.
 */
#ifndef FLYBALL_ACTUATOR_CGROUP_DISKS_H
#define FLYBALL_ACTUATOR_CGROUP_DISKS_H

#include <stddef.h>

/* Makes the value of the file's text. 0, -EFBIG, -EBADMSG. */
int cgroup_disks_parse_file(const char *text, char *ret_value, size_t size);

/* The line that turns the value `now` into `wanted`; "" when they are the same, -EINVAL when it takes two lines. */
int cgroup_disks_line(const char *now, const char *wanted, char *ret_line, size_t size);

/*
 * Whether `wanted` is a value as it is read back, within the ranges, of disks that are there, and one disk away from `now`.
 * Returns 0, or -EINVAL / -ERANGE with a sentence in `ret_text`.
 */
int cgroup_disks_check(int root, const char *now, const char *wanted, char *ret_text, size_t size);

#endif
