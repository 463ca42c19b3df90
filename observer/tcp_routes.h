/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of the routes that connections use, of those that are demanded. A route keeps its place, and its series, while
 * connections are seen on it, and after that until another one needs it. Pure.
 */
#ifndef FLYBALL_OBSERVER_TCP_ROUTES_H
#define FLYBALL_OBSERVER_TCP_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/route_key.h"
#include "include/frame.h"
#include "include/signal.h"

#define TCP_ROUTES_MAX 64 /* routes that are demanded and used, at once */

/* What the snapshot says of each connection. */
enum tcp_measure {
	TCP_MEASURE_RTT,
	TCP_MEASURE_CWND,
	TCP_MEASURE_DELIVERY_RATE,
	TCP_MEASURE_COUNT,
};

/* A route that connections use. */
struct tcp_route {
	struct route_key key;
	struct scope scope;
	struct signal_set signals;
	uint32_t round; /* in which a connection was last seen on it */
	struct series *series[TCP_MEASURE_COUNT], *retransmits; /* of this tick */
};

struct tcp_routes {
	size_t n;
	struct tcp_route places[TCP_ROUTES_MAX];
};

/* The place of a route, or -ENOENT. */
int tcp_routes_find(const struct tcp_routes *routes, const struct route_key *key);

/*
 * A place for one more, which the caller fills in: a free one; else that of the route without a connection for the longest
 * time, if that is a whole round or more. `round` is the one under way. Returns the place, or -ENOSPC: connections use them all.
 */
int tcp_routes_take(struct tcp_routes *routes, uint32_t round, bool *ret_evicted);

/* True when tcp_routes_take() would find a place. */
bool tcp_routes_room(const struct tcp_routes *routes, uint32_t round);

#endif
