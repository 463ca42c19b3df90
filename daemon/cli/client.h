/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of the control socket: one line of JSON asks, one answers; after "follow" lines come until the
 * socket closes.
 *
 *     client_open → client_send → client_next … → client_close
 */
#ifndef FLYBALL_DAEMON_CLIENT_H
#define FLYBALL_DAEMON_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#define CLIENT_SOCKET "control.sock"
#define CLIENT_LINE_MAX \
	(16u * 1024 * 1024) /* a reply that is longer is an error; a full trial has some 100 KB */

struct client;

/* Connects to RUN_DIR/control.sock. -ENOENT or -ECONNREFUSED when no daemon runs, -EACCES, -ENAMETOOLONG. */
int client_open(const char *run_dir, struct client **ret_client);

/* Accepts NULL. */
void client_close(struct client *client);

/* Sends {"verb", "args"}; takes `args` (NULL = {}). Returns 0 or -errno. */
int client_send(struct client *client, const char *verb, json_t *args);

/*
 * Waits for the next line. Returns 1 with an object that the caller owns, 0 when the daemon closed the socket,
 * -ETIMEDOUT when nothing came until `deadline_ns` (CLOCK_MONOTONIC; UINT64_MAX = wait for ever), -EBADMSG for
 * what is no JSON object, -EMSGSIZE past CLIENT_LINE_MAX, or -errno.
 */
int client_next(struct client *client, uint64_t deadline_ns, json_t **ret_line);

#endif
