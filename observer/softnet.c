// SPDX-License-Identifier: Apache-2.0
/*
 * 000008f5 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 …
 *  packets    drops squeezes        0        0        0        0        0        0      rps    flows  backlog      cpu
 *
 * flows (drops by the flow limit) and what follows came later: backlog and cpu in 5.10, and then the two parts of the
 * backlog behind them.
 */
#include "observer/softnet.h"

#include <errno.h>
#include <string.h>

#define COLUMNS_MAX 15
#define COLUMN_BACKLOG 11
#define COLUMN_CPU 12

static const uint8_t columns[SOFTNET_FIELD_COUNT] = {
	[SOFTNET_PACKETS] = 0, [SOFTNET_DROPS] = 1,       [SOFTNET_SQUEEZES] = 2,
	[SOFTNET_RPS] = 9,     [SOFTNET_FLOW_LIMIT] = 10, [SOFTNET_BACKLOG] = COLUMN_BACKLOG,
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The numbers of one line; moves `*text` behind it. Returns how many, or -EBADMSG. */
static int line_numbers(const char **text, uint32_t numbers[COLUMNS_MAX])
{
	const char *at = *text;
	int n = 0;

	for (;;) {
		uint32_t number = 0;
		int digits = 0;

		for (; hex_digit(*at) >= 0; at++, digits++)
			number = number << 4 | (uint32_t)hex_digit(*at);
		if (digits == 0 || digits > 8)
			return -EBADMSG;
		if (n < COLUMNS_MAX)
			numbers[n++] = number;
		if (*at != ' ')
			break;
		at++;
	}
	if (*at && *at != '\n')
		return -EBADMSG;
	*text = *at ? at + 1 : at;
	return n;
}

int softnet_parse(const char *text, const uint16_t *online, size_t n_online,
		  struct softnet_cpu ret_cpus[SOFTNET_CPUS_MAX])
{
	int lines = 0;

	memset(ret_cpus, 0, SOFTNET_CPUS_MAX * sizeof(*ret_cpus));
	for (; *text; lines++) {
		uint32_t numbers[COLUMNS_MAX] = { 0 }, id = SOFTNET_CPUS_MAX;
		int n = line_numbers(&text, numbers);

		if (n <= columns[SOFTNET_SQUEEZES])
			return -EBADMSG;
		if (n > COLUMN_CPU)
			id = numbers[COLUMN_CPU];
		else if ((size_t)lines < n_online)
			id = online[lines];
		if (id >= SOFTNET_CPUS_MAX)
			continue;
		ret_cpus[id].online = true;
		ret_cpus[id].backlog = n > COLUMN_BACKLOG;
		for (size_t i = 0; i < SOFTNET_FIELD_COUNT; i++)
			ret_cpus[id].fields[i] = columns[i] < n ? numbers[columns[i]] : 0;
	}
	return lines > 0 ? lines : -EBADMSG;
}
