/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel accounts for a process, asked of it by its number over generic netlink (taskstats). The kernel lets but those
 * ask who have CAP_NET_ADMIN, at each request: a socket that was opened with it is not enough.
 */
#ifndef FLYBALL_OBSERVER_TASKSTATS_H
#define FLYBALL_OBSERVER_TASKSTATS_H

#include <stddef.h>
#include <stdint.h>

#include "include/signal.h"

#define TASKSTATS_DELAYS (SIGNAL_TASK_DELAY_WPCOPY - SIGNAL_TASK_DELAY_CPU + 1)

/* Nanoseconds that all threads of a process have waited since they began, in the order of the signals. */
struct taskstats_delays {
	uint64_t ns[TASKSTATS_DELAYS];
	uint32_t known; /* a bit each: those that the kernel's struct is long enough for */
};

struct taskstats_socket {
	int fd;
	uint16_t family;
	uint32_t seq;
	void *netlink; /* struct nl_sock, which owns the descriptor */
};

/* Returns 0 or -errno; -ENOENT for a kernel without. */
int taskstats_open(struct taskstats_socket *socket);
void taskstats_close(struct taskstats_socket *socket);

/* Asks for a process (a thread group). Allocates nothing. Returns 0; -ESRCH, -EPERM, -EBADMSG, … */
int taskstats_ask(struct taskstats_socket *socket, uint32_t pid,
		  struct taskstats_delays *ret_delays);

/* The answer as it came. Returns 0; the kernel's own error; -EBADMSG for what is no answer about that process. */
int taskstats_parse(const void *answer, size_t size, uint32_t pid,
		    struct taskstats_delays *ret_delays);

#endif
