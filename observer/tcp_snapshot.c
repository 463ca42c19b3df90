// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/scope.h"
#include "observer/tcp_route.h"

#define SHARE 200 /* one part in so many of one CPU is the most that snapshots take */
#define ALLOWANCE_MAX_NS \
	2500000 /* and this in one tick, after a pause or where ticks are far apart */

/* A connection that was not looked at before counts when it sent so short a time ago. */
#define RECENT_MS 1000

/* What a connection's entry says of its route: the epoch in which it was found, and its place. */
#define ROUTE_BITS 16
#define ROUTE_NONE 0xffffu /* it has none that is demanded */
#define ROUTE_OVER 0xfffeu /* it has, but there was no place for it */

/* What is passed along while a message's connections are looked at. */
struct visit {
	struct tcp_snapshot *snapshot;
	struct tcp_space *space;
	struct sampler *sampler;
};

static const enum signal_id measure_signals[TCP_MEASURE_COUNT] = {
	[TCP_MEASURE_RTT] = SIGNAL_TCP_RTT,
	[TCP_MEASURE_CWND] = SIGNAL_TCP_CWND,
	[TCP_MEASURE_DELIVERY_RATE] = SIGNAL_TCP_DELIVERY_RATE,
};

bool tcp_snapshot_has(const struct signal_set *signals)
{
	for (size_t i = 0; i < TCP_MEASURE_COUNT; i++)
		if (signal_set_has(signals, measure_signals[i]))
			return true;
	return false;
}

int tcp_snapshot_demand(struct tcp_snapshot *snapshot, bool wanted)
{
	snapshot->routes.n = 0;
	/* Of as many bits as an entry has for it, and never what a new entry says. */
	snapshot->epoch = snapshot->epoch % ROUTE_NONE + 1;
	if (!wanted) {
		free(snapshot->table);
		snapshot->table = NULL;
		return 0;
	}
	if (snapshot->table)
		return 0;
	snapshot->table = calloc(1, sizeof(*snapshot->table));
	snapshot->allowance_ns = ALLOWANCE_MAX_NS;
	return snapshot->table ? 0 : -ENOMEM;
}

void tcp_snapshot_close(struct tcp_snapshot *snapshot)
{
	free(snapshot->table);
	snapshot->table = NULL;
}

static struct series *add_series(struct sampler *sampler, const struct signal_set *signals,
				 enum signal_id signal, const struct scope *scope)
{
	struct series *series;

	if (!signal_set_has(signals, signal))
		return NULL;
	series = sampler_add(sampler, signal, scope);
	if (series && sampler->interval_ns)
		series->flags = SERIES_VALID;
	return series;
}

static void add_measures(struct sampler *sampler, const struct signal_set *signals,
			 const struct scope *scope, struct series *series[TCP_MEASURE_COUNT])
{
	for (size_t i = 0; i < TCP_MEASURE_COUNT; i++)
		series[i] = add_series(sampler, signals, measure_signals[i], scope);
}

static void route_add_series(struct tcp_route *route, struct sampler *sampler)
{
	add_measures(sampler, &route->signals, &route->scope, route->series);
	route->retransmits =
		add_series(sampler, &route->signals, SIGNAL_TCP_RETRANSMITS, &route->scope);
}

/* The place of a route that is demanded, or ROUTE_NONE, ROUTE_OVER. */
static uint32_t route_place(struct visit *visit, const struct route_key *key)
{
	struct tcp_snapshot *snapshot = visit->snapshot;
	struct tcp_route route = { .key = *key, .scope = { .kind = SCOPE_ROUTE } };
	int place = tcp_routes_find(&snapshot->routes, key);
	bool evicted;

	if (place >= 0)
		return (uint32_t)place;
	if (route_key_format(key, route.scope.name, sizeof(route.scope.name)) < 0)
		return ROUTE_NONE;
	route.signals = source_demand_of(visit->sampler->demand, &route.scope);
	if (signal_set_empty(&route.signals))
		return ROUTE_NONE;
	place = tcp_routes_take(&snapshot->routes, snapshot->round, &evicted);
	if (place < 0)
		return ROUTE_OVER;
	visit->sampler->losses[LOSS_ROUTE] += evicted;
	route_add_series(&route, visit->sampler);
	snapshot->routes.places[place] = route;
	return (uint32_t)place;
}

/* Asks the kernel. */
static uint32_t route_look_up(struct visit *visit, const struct tcp_connection *connection)
{
	struct route_key key;
	int r = tcp_route_find(visit->space->routes, connection, &key);

	if (r == 0) {
		key.netns = visit->space->scope;
		return route_place(visit, &key);
	}
	visit->sampler->losses[LOSS_EVENT] += r != -ENOENT;
	return ROUTE_NONE;
}

/* The route of a connection, found once; again where it had no place, and there is one now. */
static struct tcp_route *route_of(struct visit *visit, struct tcp_entry *entry,
				  const struct tcp_connection *connection)
{
	struct tcp_snapshot *snapshot = visit->snapshot;
	const uint32_t epoch = snapshot->epoch << ROUTE_BITS;
	uint32_t place = entry->route & ROUTE_NONE;

	if (!visit->space->by_route)
		return NULL;
	if (entry->route >> ROUTE_BITS != snapshot->epoch ||
	    (place == ROUTE_OVER && tcp_routes_room(&snapshot->routes, snapshot->round))) {
		place = route_look_up(visit, connection);
		entry->route = epoch | place;
	}
	visit->sampler->losses[LOSS_INSTANCE] += place == ROUTE_OVER;
	if (place >= TCP_ROUTES_MAX)
		return NULL;
	snapshot->routes.places[place].round = snapshot->round;
	return &snapshot->routes.places[place];
}

static void count_measures(struct series *const series[TCP_MEASURE_COUNT],
			   const struct tcp_connection *connection)
{
	const uint64_t values[TCP_MEASURE_COUNT] = {
		[TCP_MEASURE_RTT] = connection->rtt_ns,
		[TCP_MEASURE_CWND] = connection->cwnd,
		[TCP_MEASURE_DELIVERY_RATE] = connection->delivery_rate,
	};

	for (size_t i = 0; i < TCP_MEASURE_COUNT; i++)
		if (series[i])
			hist_add(series[i]->hist, values[i]);
}

static void flags_change(struct series *series, uint32_t set, uint32_t clear)
{
	if (series)
		series->flags = (series->flags | set) & ~clear;
}

/* All series of a tick that the space's connections count in: its own, and its routes'. */
static void space_change(const struct visit *visit, uint32_t set, uint32_t clear)
{
	struct tcp_snapshot *snapshot = visit->snapshot;

	for (size_t i = 0; i < TCP_MEASURE_COUNT; i++)
		flags_change(visit->space->series[i], set, clear);
	for (size_t place = 0; place < snapshot->routes.n; place++) {
		struct tcp_route *route = &snapshot->routes.places[place];

		if (!scope_equal(&route->key.netns, &visit->space->scope))
			continue;
		for (size_t i = 0; i < TCP_MEASURE_COUNT; i++)
			flags_change(route->series[i], set, clear);
		flags_change(route->retransmits, set, clear);
	}
}

/*
 * Only a connection that had something acknowledged since it was last looked at counts, or, at first sight, one that sent just
 * now: what an idle one says is from when it last spoke, be that hours ago. The first byte is the SYN's.
 */
static void visit_connection(const struct tcp_connection *connection, void *data)
{
	struct visit *visit = data;
	const uint32_t round = visit->snapshot->round;
	struct tcp_route *route;
	struct tcp_entry *entry;
	uint32_t retransmits;
	bool active, is_new, known;

	entry = tcp_table_find(visit->snapshot->table, connection->cookie, round, &is_new);
	if (!entry) {
		visit->sampler->losses[LOSS_CONNECTION]++;
		space_change(visit, SERIES_LOSSY, 0);
		return;
	}
	/* Missed for a round: its route may have lost its place since. */
	if (round - entry->round > 1)
		entry->route = 0;
	known = is_new ? visit->space->settled : round - entry->round <= 1;
	if (known)
		active = connection->acked_bytes > (is_new ? 1 : entry->acked_bytes);
	else
		active = connection->acked_bytes > 1 && connection->sent_ago_ms < RECENT_MS;
	retransmits = connection->retransmits - entry->retransmits;
	entry->acked_bytes = connection->acked_bytes;
	entry->retransmits = connection->retransmits;
	entry->round = round;
	route = route_of(visit, entry, connection);
	if (known && route && route->retransmits)
		route->retransmits->value += retransmits;
	if (!active)
		return;
	count_measures(visit->space->series, connection);
	if (route)
		count_measures(route->series, connection);
}

/* One step: a dump begun, or one message of it taken. */
static void step(struct tcp_snapshot *snapshot, struct tcp_space *space, struct sampler *sampler)
{
	struct visit visit = { .snapshot = snapshot, .space = space, .sampler = sampler };
	int r;

	if (!space->used || !space->snapshot) {
		space->settled = false;
		snapshot->at++;
		return;
	}
	if (!space->dump.running) {
		r = tcp_dump_begin(&space->dump);
	} else {
		r = tcp_dump_next(&space->dump, visit_connection, &visit);
		space->settled |= r == 0;
	}
	sampler->losses[LOSS_EVENT] += r < 0;
	/* The kernel did not tell all: no value, not none seen. */
	if (r < 0)
		space_change(&visit, 0, SERIES_VALID);
	if (r <= 0 && !(r == 0 && space->dump.running))
		snapshot->error = r;
	if (!space->dump.running)
		snapshot->at++;
}

/* At most once over all connections in a tick. */
static void slice(struct tcp_snapshot *snapshot, struct tcp_space *spaces, size_t n_spaces,
		  struct sampler *sampler)
{
	uint64_t now_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	snapshot->allowance_ns += (int64_t)(sampler->interval_ns / SHARE);
	if (snapshot->allowance_ns > ALLOWANCE_MAX_NS)
		snapshot->allowance_ns = ALLOWANCE_MAX_NS;
	while (snapshot->allowance_ns > 0 && snapshot->at < n_spaces) {
		const uint64_t start_ns = now_ns;

		step(snapshot, &spaces[snapshot->at], sampler);
		now_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		snapshot->allowance_ns -= (int64_t)(now_ns - start_ns);
	}
	if (snapshot->at >= n_spaces) {
		snapshot->at = 0;
		snapshot->round++;
	}
}

void tcp_snapshot_sample(struct tcp_snapshot *snapshot, struct tcp_space *spaces, size_t n_spaces,
			 struct sampler *sampler)
{
	for (size_t i = 0; i < n_spaces; i++)
		if (spaces[i].used)
			add_measures(sampler, &spaces[i].signals, &spaces[i].scope,
				     spaces[i].series);
	for (size_t i = 0; i < snapshot->routes.n; i++)
		route_add_series(&snapshot->routes.places[i], sampler);
	if (snapshot->table)
		slice(snapshot, spaces, n_spaces, sampler);
}
