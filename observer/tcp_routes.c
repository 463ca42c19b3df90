// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp_routes.h"

#include <errno.h>
#include <string.h>

static bool key_equal(const struct route_key *a, const struct route_key *b)
{
	return a->family == b->family && a->length == b->length && a->table == b->table &&
	       a->metric == b->metric && !memcmp(a->prefix, b->prefix, sizeof(a->prefix)) &&
	       !strcmp(a->netns.name, b->netns.name);
}

int tcp_routes_find(const struct tcp_routes *routes, const struct route_key *key)
{
	for (size_t i = 0; i < routes->n; i++)
		if (key_equal(&routes->places[i].key, key))
			return (int)i;
	return -ENOENT;
}

/* The place of the route that was used longest ago; `ret_age` in rounds. */
static size_t oldest(const struct tcp_routes *routes, uint32_t round, uint32_t *ret_age)
{
	size_t place = 0;

	*ret_age = 0;
	for (size_t i = 0; i < routes->n; i++) {
		const uint32_t age = round - routes->places[i].round;

		if (age <= *ret_age)
			continue;
		*ret_age = age;
		place = i;
	}
	return place;
}

/* A connection that was seen in the round before may still come in this one. */
int tcp_routes_take(struct tcp_routes *routes, uint32_t round, bool *ret_evicted)
{
	uint32_t age;
	size_t place;

	if (routes->n < TCP_ROUTES_MAX) {
		*ret_evicted = false;
		return (int)routes->n++;
	}
	place = oldest(routes, round, &age);
	if (age <= 1)
		return -ENOSPC;
	*ret_evicted = true;
	return (int)place;
}

bool tcp_routes_room(const struct tcp_routes *routes, uint32_t round)
{
	uint32_t age;

	if (routes->n < TCP_ROUTES_MAX)
		return true;
	oldest(routes, round, &age);
	return age > 1;
}
