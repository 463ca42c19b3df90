// SPDX-License-Identifier: Apache-2.0
/* The places of routes: who has connections keeps his, who has none gives it away when it is needed, the longest unused first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "observer/tcp_routes.h"

static struct route_key key_of(uint8_t number)
{
	return (struct route_key){
		.family = AF_INET, .length = 24, .prefix = { 10, 0, number }, .table = 254
	};
}

/* All places are taken, and a connection was seen on each in that round. */
static struct tcp_routes *full(uint32_t round)
{
	struct tcp_routes *routes = calloc(1, sizeof(*routes));
	bool evicted;

	assert_non_null(routes);
	for (uint8_t i = 0; i < TCP_ROUTES_MAX; i++) {
		assert_true(tcp_routes_room(routes, round));
		assert_int_equal(tcp_routes_take(routes, round, &evicted), i);
		assert_false(evicted);
		routes->places[i].key = key_of(i);
		routes->places[i].round = round;
	}
	return routes;
}

static void a_route_that_has_a_place_is_found_in_it(void **state)
{
	struct tcp_routes *routes = full(7);
	struct route_key key = key_of(63), other = key_of(64);

	(void)state;
	assert_int_equal(tcp_routes_find(routes, &key), 63);
	assert_int_equal(tcp_routes_find(routes, &other), -ENOENT);
	key.table = 100;
	assert_int_equal(tcp_routes_find(routes, &key), -ENOENT);
	free(routes);
}

static void routes_with_connections_keep_their_places(void **state)
{
	struct tcp_routes *routes = full(7);
	bool evicted;

	(void)state;
	/* What was seen in the round before may still come in this one. */
	for (uint32_t round = 7; round <= 8; round++) {
		assert_false(tcp_routes_room(routes, round));
		assert_int_equal(tcp_routes_take(routes, round, &evicted), -ENOSPC);
	}
	free(routes);
}

static void the_longest_unused_route_gives_its_place_away_first(void **state)
{
	struct tcp_routes *routes = full(20);
	bool evicted = false;

	(void)state;
	routes->places[5].round = 17;
	routes->places[40].round = 12;
	assert_true(tcp_routes_room(routes, 20));
	assert_int_equal(tcp_routes_take(routes, 20, &evicted), 40);
	assert_true(evicted);
	routes->places[40].round = 20;
	assert_int_equal(tcp_routes_take(routes, 20, &evicted), 5);
	assert_true(evicted);
	routes->places[5].round = 20;
	assert_int_equal(tcp_routes_take(routes, 20, &evicted), -ENOSPC);
	free(routes);
}

static void rounds_may_begin_at_zero_again(void **state)
{
	struct tcp_routes *routes = full(0);
	bool evicted = false;

	(void)state;
	routes->places[9].round = UINT32_MAX - 3;
	assert_int_equal(tcp_routes_take(routes, 1, &evicted), 9);
	assert_true(evicted);
	free(routes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_that_has_a_place_is_found_in_it),
		cmocka_unit_test(routes_with_connections_keep_their_places),
		cmocka_unit_test(the_longest_unused_route_gives_its_place_away_first),
		cmocka_unit_test(rounds_may_begin_at_zero_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
