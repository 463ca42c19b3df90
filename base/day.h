/* SPDX-License-Identifier: Apache-2.0 */
/* A sum over the last 24 hours, hour by hour. Any clock that never jumps far back will do. */
#ifndef FLYBALL_BASE_DAY_H
#define FLYBALL_BASE_DAY_H

#include <stdint.h>

#define DAY_HOURS 24

/* All zero is empty. */
struct day {
	uint64_t hour; /* number of the last one */
	double hours[DAY_HOURS];
};

/* Counts in the hour in which it ended. */
void day_add(struct day *day, uint64_t now_ns, double amount);

double day_sum(const struct day *day, uint64_t now_ns);

#endif
