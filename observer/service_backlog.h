/* SPDX-License-Identifier: Apache-2.0 */
/* The queues of listening TCP sockets, by sock_diag(7): of our own network namespace. */
#ifndef FLYBALL_OBSERVER_SERVICE_BACKLOG_H
#define FLYBALL_OBSERVER_SERVICE_BACKLOG_H

#include <stdint.h>

/* One listening socket. */
struct service_queue {
	uint16_t port;
	uint32_t waiting; /* connections that nobody has accepted */
	uint32_t
		dropped; /* connections that it had no room, or no memory, for; of its life, may wrap */
};

typedef void (*service_queue_fn)(void *data, const struct service_queue *queue);

/* Returns a descriptor that the caller owns, or -errno. */
int service_backlog_open(void);

/* Calls `fn` with each socket that listens. Allocates nothing. Returns 0 or -errno. */
int service_backlog_read(int fd, service_queue_fn fn, void *data);

#endif
