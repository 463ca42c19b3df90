/* SPDX-License-Identifier: Apache-2.0 */
/* The place that a daemon lives in: its folders, its lock, its control socket. Made before privileges are given up. */
#ifndef FLYBALL_DAEMON_PLACE_H
#define FLYBALL_DAEMON_PLACE_H

#include <stdbool.h>

#include "daemon/privilege.h"
#include "daemon/supervisor.h"

/* The folder of the socket for pushed metrics, RUN/app. Who may enter it may push: its group. */
struct push_folder {
	const char *run_dir; /* where it is to be removed from; NULL = it is not ours */
	bool made_run_dir;
};

struct place {
	int journal;         /* folder of the journal: the run folder, see place.c */
	int pins;            /* folder of the pins: the state folder */
	int lock;            /* holds the lock of the folder as long as it is open */
	int listener;        /* control socket */
	const char *run_dir; /* where the socket is to be removed from; NULL = nothing to remove */
	struct push_folder push;
};

#define PLACE_NONE ((struct place){ .journal = -1, .pins = -1, .lock = -1, .listener = -1 })

/*
 * Finds the account, makes the folders, takes the lock, listens. In foreground_plan only the account is needed.
 * Errors are logged with their remedy. Returns 0 or an exit code of design.md.
 */
int place_open(const struct daemon_options *options, struct account *ret_account,
	       struct place *ret_place);

/*
 * Makes the folder for pushed metrics where there is none: 0750, the account's, and of the group flyball-app where there
 * is one, else of the account's. It is another daemon's when it is there already, unless `is_daemon`.
 */
void push_folder_open(const char *run_dir, const struct account *account, bool is_daemon,
		      struct push_folder *ret_folder);
void push_folder_close(struct push_folder *folder);

/* Removes the socket and gives back the lock. */
void place_close(struct place *place);

#endif
