/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP connections of a network namespace, told by the kernel (sock_diag) a slice at a time: the kernel goes on where
 * it was when the next message is taken.
 *
 *     tcp_dump_open → (tcp_dump_begin → tcp_dump_next … until 0) … → tcp_dump_close
 */
#ifndef FLYBALL_OBSERVER_TCP_DUMP_H
#define FLYBALL_OBSERVER_TCP_DUMP_H

#include <stdbool.h>
#include "observer/tcp_info.h"

struct nl_sock;

struct tcp_dump {
	struct nl_sock *sock;
	bool running; /* begun and not at its end */
	uint32_t seq; /* of the request: what is left of an earlier one has another number */
};

typedef void (*tcp_connection_fn)(const struct tcp_connection *connection, void *data);

/* Opens the socket in the namespace of the calling thread, which it keeps alive. Returns 0 or -errno. */
int tcp_dump_open(struct tcp_dump *dump);
void tcp_dump_close(struct tcp_dump *dump);

/* Whether the kernel would tell, without being told of any. Returns 0 or -errno: -ENOENT where it has no tcp_diag. */
int tcp_dump_try(struct tcp_dump *dump);

/* Asks for all connections of both families. Returns 0 or -errno. */
int tcp_dump_begin(struct tcp_dump *dump);

/*
 * Takes one message, of some 70 connections, and hands each to `fn`. Returns 1; 0 at the end of the dump; -errno, which
 * ends it, too. Allocates nothing.
 */
int tcp_dump_next(struct tcp_dump *dump, tcp_connection_fn fn, void *data);

#endif
