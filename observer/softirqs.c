// SPDX-License-Identifier: Apache-2.0
/*
 *                     CPU0       CPU1
 *       NET_RX:       1177       1652
 */
#include "observer/softirqs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The number behind blanks at `*at`, which moves behind it. */
static bool take_number(const char **at, uint64_t *ret_number)
{
	uint64_t number = 0;

	*at += strspn(*at, " ");
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; ++*at)
		number = number * 10 + (uint64_t)(**at - '0');
	*ret_number = number;
	return **at == ' ' || **at == '\n' || **at == '\0';
}

/* The CPU that the next column of the header is of: all that may be are there, and there can be gaps. */
static bool take_cpu(const char **at, uint64_t *ret_cpu)
{
	*at += strspn(*at, " ");
	if (strncmp(*at, "CPU", 3))
		return false;
	*at += 3;
	return take_number(at, ret_cpu);
}

int softirqs_parse(const char *text, const char *name, uint64_t *ret_counts, size_t max)
{
	const char *header = text, *row = strchr(text, '\n');
	const size_t length = strlen(name);
	uint64_t cpu, count;
	int end = 0;

	for (; row; row = strchr(row, '\n')) {
		row += strspn(row, "\n ");
		if (!strncmp(row, name, length) && row[length] == ':')
			break;
	}
	if (!row)
		return -EBADMSG;
	row += length + 1;
	memset(ret_counts, 0, max * sizeof(*ret_counts));
	while (take_cpu(&header, &cpu)) {
		if (!take_number(&row, &count))
			return -EBADMSG;
		if (cpu >= max)
			break;
		ret_counts[cpu] = count;
		end = (int)cpu + 1;
	}
	return end > 0 ? end : -EBADMSG;
}
