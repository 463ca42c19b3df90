// SPDX-License-Identifier: Apache-2.0
#include "base/route_key.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
	const char *word;
	uint32_t number;
} tables[] = {
	{ .word = "main", .number = RT_TABLE_MAIN },
	{ .word = "local", .number = RT_TABLE_LOCAL },
	{ .word = "default", .number = RT_TABLE_DEFAULT },
};

static int parse_number(const char *text, uint32_t max, uint32_t *ret_value)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end || errno || value > max)
		return -EINVAL;
	*ret_value = (uint32_t)value;
	return 0;
}

/* `main+100` */
static int parse_table(char *text, struct route_key *key)
{
	char *plus = strchr(text, '+');

	if (plus) {
		*plus = '\0';
		if (parse_number(plus + 1, UINT32_MAX, &key->metric) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		if (!strcmp(tables[i].word, text)) {
			key->table = tables[i].number;
			return 0;
		}
	return parse_number(text, UINT32_MAX, &key->table);
}

/* `10.0.0.0/24` */
static int parse_prefix(char *text, struct route_key *key)
{
	char *slash = strchr(text, '/');
	uint32_t length;

	if (!slash)
		return -EINVAL;
	*slash = '\0';
	key->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(key->family, text, key->prefix) != 1 ||
	    parse_number(slash + 1, key->family == AF_INET6 ? 128 : 32, &length) < 0)
		return -EINVAL;
	key->length = (uint8_t)length;
	return 0;
}

int route_key_parse(const char *text, struct route_key *ret_key)
{
	struct route_key key = { .netns = { .kind = SCOPE_HOST } };
	char copy[SCOPE_NAME_MAX], again[SCOPE_NAME_MAX], *table, *netns;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	table = strchr(copy, '@');
	if (!table)
		return -EINVAL;
	*table++ = '\0';
	netns = strchr(table, '@');
	if (netns) {
		*netns++ = '\0';
		if (!netns[0])
			return -EINVAL;
		key.netns.kind = SCOPE_NETNS;
		strcpy(key.netns.name, netns);
	}
	if (parse_prefix(copy, &key) < 0 || parse_table(table, &key) < 0)
		return -EINVAL;
	/* `10.0.0.0/024@main+0` would be a second name of one knob. */
	if (route_key_format(&key, again, sizeof(again)) < 0 || strcmp(again, text))
		return -EINVAL;
	*ret_key = key;
	return 0;
}

int route_key_format(const struct route_key *key, char *buffer, size_t size)
{
	char prefix[INET6_ADDRSTRLEN], table[16], metric[16] = "";
	bool named = key->netns.kind == SCOPE_NETNS;
	int n;

	if (!inet_ntop(key->family, key->prefix, prefix, sizeof(prefix)))
		return -EINVAL;
	snprintf(table, sizeof(table), "%" PRIu32, key->table);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		if (tables[i].number == key->table)
			strcpy(table, tables[i].word);
	if (key->metric)
		snprintf(metric, sizeof(metric), "+%" PRIu32, key->metric);
	n = snprintf(buffer, size, "%s/%d@%s%s%s%s", prefix, key->length, table, metric,
		     named ? "@" : "", named ? key->netns.name : "");
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}
