/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all workers have in common: an event loop, the control channel to the supervisor, and one channel to a peer
 * each, which comes and goes with the peer's process.
 */
#ifndef FLYBALL_DAEMON_WORKER_H
#define FLYBALL_DAEMON_WORKER_H

#include <stdbool.h>

#include "daemon/process.h"

struct worker;

struct worker_ops {
	/* A message that was checked, from `from`. */
	void (*message)(struct worker *worker, enum role from, const struct message *message);
	/* A channel to `peer` is there. */
	void (*peer_up)(struct worker *worker, enum role peer);
	/* The channel to `peer` ended: its process died, or broke the protocol (and is being ended). */
	void (*peer_down)(struct worker *worker, enum role peer);
	/* The supervisor asks to end in order; the worker calls sd_event_exit() when it is done. */
	void (*stop)(struct worker *worker);
};

/* Embedded as the first member of each worker's own struct. */
struct worker {
	enum role role;
	const struct worker_ops *ops;
	const struct process_context *context;
	sd_event *event;
	int peers
		[ROLE_COUNT]; /* channels; -1 = none. [ROLE_SUPERVISOR] is the control channel (not owned) */
	pid_t pids[ROLE_COUNT];
	unsigned int meetings[ROLE_COUNT]; /* how many processes of that role were there */
	sd_event_source *sources[ROLE_COUNT];
	struct message buffer; /* what is being received */
};

/* Makes the loop and listens to the supervisor. Returns 0 or -errno. */
int worker_init(struct worker *worker, enum role role, const struct worker_ops *ops,
		const struct process_context *context);

/* Closes the channels and the loop. */
void worker_deinit(struct worker *worker);

/* Tells the supervisor READY and runs the loop; returns the exit status. */
int worker_run(struct worker *worker);

/* Sends to a peer; when that fails the peer counts as gone. Returns 0, -ENOTCONN without a channel, or -errno. */
int worker_send(struct worker *worker, enum role to, const struct message *message);

/* The channel of a peer is closed and peer_down() called, and the supervisor told to end it. */
void worker_reject(struct worker *worker, enum role peer);

bool worker_has_peer(const struct worker *worker, enum role peer);

#endif
