/* SPDX-License-Identifier: Apache-2.0 */
/* Software interrupts by CPU, from /proc/softirqs. Pure. */
#ifndef FLYBALL_OBSERVER_SOFTIRQS_H
#define FLYBALL_OBSERVER_SOFTIRQS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The counts of the row `name` (`NET_RX`), indexed by CPU, `max` at most; they have 32 bits and wrap. Returns one more than
 * the last CPU, or -EBADMSG.
 */
int softirqs_parse(const char *text, const char *name, uint64_t *ret_counts, size_t max);

#endif
