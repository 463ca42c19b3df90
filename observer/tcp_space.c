// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp.h"

#include <netlink/socket.h>

#include "base/scope.h"
#include "observer/tcp_route.h"

void tcp_space_close(struct tcp_space *space)
{
	if (!space->used)
		return;
	tcp_counters_close(&space->counters);
	tcp_dump_close(&space->dump);
	nl_socket_free(space->routes);
	*space = (struct tcp_space){ 0 };
}

int tcp_space_open(void *data)
{
	const struct tcp_opening *opening = data;
	struct tcp_space *space = opening->space;
	int r = tcp_counters_open(&space->counters, opening->root);

	space->used = true;
	if (r == 0)
		r = tcp_dump_open(&space->dump);
	if (r == 0)
		r = tcp_route_open(&space->routes);
	if (r < 0)
		tcp_space_close(space);
	return r;
}

/* A route is demanded that is in the space, or may be: which ones a pattern means is known when a connection uses them. */
static bool wants_routes(const struct source_demand *demand, const struct scope *space)
{
	for (size_t i = 0; i < demand->n_demands; i++) {
		const struct scope *pattern = &demand->demands[i].scope;
		struct route_key key;
		struct scope exact;

		if (pattern->kind != SCOPE_ROUTE)
			continue;
		if (!scope_pattern_is_exact(pattern, &exact) ||
		    (route_key_parse(exact.name, &key) == 0 && scope_equal(&key.netns, space)))
			return true;
	}
	return false;
}

void tcp_space_demand(struct tcp_space *space, const struct scope *scope,
		      const struct source_demand *demand)
{
	space->scope = *scope;
	space->signals = source_demand_of(demand, scope);
	space->by_route = wants_routes(demand, scope);
	space->snapshot = space->by_route || tcp_snapshot_has(&space->signals);
}
