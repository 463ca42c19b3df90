// SPDX-License-Identifier: Apache-2.0
/*
 * Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets …
 * Tcp: 1 200 120000 -1 13 2 0 0 …
 */
#include "observer/netstat.h"

#include <errno.h>
#include <string.h>

#include "observer/text.h"

int netstat_column(const char *text, const char *protocol, const char *name)
{
	const char *at = text_line(text, protocol);
	const size_t length = strlen(name);

	for (int column = 0; at && *at == ' '; column++) {
		at++;
		if (!strncmp(at, name, length) && strchr(" \n", at[length]))
			return column;
		at += strcspn(at, " \n");
	}
	return -ENOENT;
}

int netstat_numbers(const char *text, const char *protocol,
		    uint64_t ret_numbers[NETSTAT_COLUMNS_MAX])
{
	const char *at = text_line(text, protocol);
	int n;

	at = at ? text_line(at, protocol) : NULL; /* the second line */
	if (!at)
		return -EBADMSG;
	for (n = 0; n < NETSTAT_COLUMNS_MAX && *at == ' '; n++) {
		const bool negative = at[1] == '-';
		uint64_t number = 0;

		at += negative ? 2 : 1;
		if (*at < '0' || *at > '9')
			return -EBADMSG;
		for (; *at >= '0' && *at <= '9'; at++)
			if (__builtin_mul_overflow(number, 10u, &number) ||
			    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
				return -EBADMSG;
		ret_numbers[n] = negative ? 0 : number;
	}
	return n > 0 && strchr(" \n", *at) ? n : -EBADMSG;
}
