// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp_table.h"

#include <stddef.h>

/* Cookies are numbers in a row: Fibonacci hashing, the top bits of cookie × 2^64/φ, spreads them evenly. */
static uint32_t set_of(uint64_t cookie)
{
	return (uint32_t)(cookie * 0x9e3779b97f4a7c15ull >> (64 - TCP_TABLE_SET_BITS));
}

struct tcp_entry *tcp_table_find(struct tcp_table *table, uint64_t cookie, uint32_t round,
				 bool *ret_new)
{
	struct tcp_entry *set = table->sets[set_of(cookie)], *place = NULL;

	for (int i = 0; i < TCP_TABLE_WAYS; i++) {
		if (set[i].cookie == cookie) {
			*ret_new = false;
			return &set[i];
		}
		if (!place && (set[i].cookie == 0 || round - set[i].round > 1))
			place = &set[i];
	}
	if (!place)
		return NULL;
	*place = (struct tcp_entry){ .cookie = cookie, .round = round };
	*ret_new = true;
	return place;
}
