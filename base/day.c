// SPDX-License-Identifier: Apache-2.0
#include "base/day.h"

#include <string.h>

#include "base/clock.h"

#define HOUR_NS (3600 * NSEC_PER_SEC)

static void day_advance(struct day *day, uint64_t now_ns)
{
	uint64_t hour = now_ns / HOUR_NS;

	if (hour <= day->hour)
		return;
	if (hour - day->hour >= DAY_HOURS)
		memset(day->hours, 0, sizeof(day->hours));
	else
		for (uint64_t h = day->hour + 1; h <= hour; h++)
			day->hours[h % DAY_HOURS] = 0;
	day->hour = hour;
}

void day_add(struct day *day, uint64_t now_ns, double amount)
{
	day_advance(day, now_ns);
	day->hours[day->hour % DAY_HOURS] += amount;
}

double day_sum(const struct day *day, uint64_t now_ns)
{
	struct day now = *day;
	double sum = 0;

	day_advance(&now, now_ns);
	for (int i = 0; i < DAY_HOURS; i++)
		sum += now.hours[i];
	return sum;
}
