/* SPDX-License-Identifier: Apache-2.0 */
/* The place that a daemon lives in: its folders, its lock, its control socket. Made before privileges are given up. */
#ifndef FLYBALL_DAEMON_PLACE_H
#define FLYBALL_DAEMON_PLACE_H

#include "daemon/privilege.h"
#include "daemon/supervisor.h"

struct place {
	int journal;         /* folder of the journal: the run folder, see place.c */
	int pins;            /* folder of the pins: the state folder */
	int lock;            /* holds the lock of the folder as long as it is open */
	int listener;        /* control socket */
	const char *run_dir; /* where the socket is to be removed from; NULL = nothing to remove */
};

#define PLACE_NONE ((struct place){ .journal = -1, .pins = -1, .lock = -1, .listener = -1 })

/*
 * Finds the account, makes the folders, takes the lock, listens. In foreground_plan only the account is needed.
 * Errors are logged with their remedy. Returns 0 or an exit code of design.md.
 */
int place_open(const struct daemon_options *options, struct account *ret_account,
	       struct place *ret_place);

/* Removes the socket and gives back the lock. */
void place_close(struct place *place);

#endif
