/* SPDX-License-Identifier: Apache-2.0 */
/* Which route the kernel takes to the other end of a connection. */
#ifndef FLYBALL_OBSERVER_TCP_ROUTE_H
#define FLYBALL_OBSERVER_TCP_ROUTE_H

#include "base/route_key.h"
#include "observer/tcp_info.h"

struct nl_sock;

/* Opens the socket in the namespace of the calling thread, which it keeps alive. Returns 0 or -errno. */
int tcp_route_open(struct nl_sock **ret_sock);

/*
 * Asks for the route to the peer, as the rules say without source, mark or user; `netns` of the key is left SCOPE_HOST.
 * Returns 0; -ENOENT for one that has no name (this machine itself); -errno. Allocates nothing.
 */
int tcp_route_find(struct nl_sock *sock, const struct tcp_connection *connection,
		   struct route_key *ret_key);

#endif
