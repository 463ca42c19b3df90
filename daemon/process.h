/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entry points of the processes that the supervisor forks.
 *
 * Who owns which descriptor:
 *     control     each worker, one end of its channel to the supervisor; its end means: end
 *     listener    core's; made by the supervisor, so that it outlives a core
 *     channels between workers come over `control` in MESSAGE_PEER, also at the start
 */
#ifndef FLYBALL_DAEMON_PROCESS_H
#define FLYBALL_DAEMON_PROCESS_H

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/log.h"
#include "daemon/message.h"
#include "daemon/privilege.h"
#include "daemon/supervisor.h"
#include "include/catalogue.h"
#include "include/split.h"

/* What a worker gets from the supervisor; lives as long as the process. */
struct process_context {
	const struct daemon_options *options;
	struct account account; /* that core and observer run as */
	int control;            /* channel to the supervisor */
	int listener;           /* control socket for clients; -1 in foreground_plan */
	int root;               /* sysroot descriptor */
	int state;              /* folder of the journal, the actuator's */
	int pins;               /* folder of the pins, the actuator's */
	const struct split_maps
		*maps;         /* of split connections: the actuator's, or the observer's to read */
	unsigned int restarts; /* of this role before this process */
	struct source_watch *watch; /* the observer's; NULL = nobody watches */
};

/* Each ends the daemon in order; a closed terminal, too. */
#define PROCESS_STOP_SIGNALS 4
extern const int process_stop_signals[PROCESS_STOP_SIGNALS];

/* The life of a process that was just forked: it keeps its own descriptors alone. Returns an exit status for _exit(). */
int process_run(enum role role, const struct process_context *context, enum log_level level);

/* Each runs until its control channel ends or MESSAGE_STOP; returns an exit status for _exit(). */
int process_observer(const struct process_context *context);
int process_actuator(const struct process_context *context);
int process_core(const struct process_context *context);

/* The limit after which the actuator undoes everything for want of a heartbeat. */
uint64_t process_heartbeat_ns(const struct daemon_options *options);

#endif
