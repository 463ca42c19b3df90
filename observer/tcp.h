/* SPDX-License-Identifier: Apache-2.0 */
/* The tcp source's own parts: the network namespaces that it looks into, and the snapshot of their connections. */
#ifndef FLYBALL_OBSERVER_TCP_H
#define FLYBALL_OBSERVER_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/source.h"
#include "observer/tcp_counters.h"
#include "observer/tcp_dump.h"
#include "observer/tcp_routes.h"
#include "observer/tcp_table.h"

#define TCP_SPACES_MAX \
	65 /* network namespaces: flyball's own and 64 named ones, of five descriptors each */

/* One network namespace. */
struct tcp_space {
	bool used;
	struct scope scope;        /* the host, or a netns */
	struct signal_set signals; /* demanded of it */
	struct tcp_counters counters;
	struct tcp_dump dump;
	struct nl_sock *routes; /* to ask for routes */
	bool snapshot;          /* demanded of it, or of a route that may be in it */
	bool by_route;          /* the latter */
	bool settled; /* all connections were seen once: one that is new now began since */
	struct series *series[TCP_MEASURE_COUNT]; /* of this tick; NULL = not demanded */
};

/* What tcp_space_open() needs: netns_visit() passes one pointer. */
struct tcp_opening {
	struct tcp_space *space;
	int root;
};

/*
 * Opens a space, of the namespace of the calling thread, which it keeps alive: data is a struct tcp_opening. Returns 0;
 * -errno with nothing left open.
 */
int tcp_space_open(void *data);
void tcp_space_close(struct tcp_space *space);

/* Names the space, and says what is demanded of it. */
void tcp_space_demand(struct tcp_space *space, const struct scope *scope,
		      const struct source_demand *demand);

/*
 * Connections are looked at in slices, so that a tick never waits for 100,000 of them: each tick earns a share of its time,
 * and what is left over when that is used up comes at the next one. A distribution of a tick is over the connections
 * that were looked at in it; the kernel tells them in the order of a hash, so it is a fair sample of all.
 */
struct tcp_snapshot {
	struct tcp_table *table; /* NULL = no snapshot is demanded */
	uint32_t round;          /* grows when all spaces were gone over */
	size_t at;               /* the space that is gone over now */
	int error;               /* of the last dump; 0 = the kernel told all */
	int64_t allowance_ns;    /* CPU time that may still be used */
	uint32_t epoch; /* of the demand: routes found in an earlier one are looked up again */
	struct tcp_routes routes;
};

/*
 * Takes over a demand. `wanted`: some snapshot is demanded; then the table is made if there is none yet. Returns 0 or
 * -ENOMEM.
 */
int tcp_snapshot_demand(struct tcp_snapshot *snapshot, bool wanted);

/* Adds the series of the spaces and routes, and looks at the next slice of connections. Allocates nothing. */
void tcp_snapshot_sample(struct tcp_snapshot *snapshot, struct tcp_space *spaces, size_t n_spaces,
			 struct sampler *sampler);

void tcp_snapshot_close(struct tcp_snapshot *snapshot);

/* True when some signal of the set is of the snapshot. */
bool tcp_snapshot_has(const struct signal_set *signals);

#endif
