/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of TCP that the kernel keeps for each network namespace. */
#ifndef FLYBALL_OBSERVER_TCP_COUNTERS_H
#define FLYBALL_OBSERVER_TCP_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "observer/source.h"

enum tcp_file {
	TCP_SNMP,     /* proc/net/snmp */
	TCP_NETSTAT,  /* proc/net/netstat */
	TCP_SOCKSTAT, /* proc/net/sockstat */
	TCP_FILE_COUNT,
};

#define TCP_COUNTERS_MAX 24 /* rows of the table in tcp_counters.c */

/* The files of one namespace, kept open, and what they said last. */
struct tcp_counters {
	int fds[TCP_FILE_COUNT];
	int columns[TCP_COUNTERS_MAX]; /* -ENOENT = this kernel has no such counter */
	uint64_t before[TCP_COUNTERS_MAX];
	bool known[TCP_COUNTERS_MAX];
};

/*
 * Opens the files of the namespace that the calling thread is in; a descriptor keeps that namespace alive. Returns 0 or
 * -errno; tcp_counters_close() follows in either case.
 */
int tcp_counters_open(struct tcp_counters *counters, int root);
void tcp_counters_close(struct tcp_counters *counters);

/* The next sample is a baseline. */
void tcp_counters_restart(struct tcp_counters *counters);

/* Adds those of `signals` that come from the files, in `scope`. What this kernel has no counter of is left out. */
void tcp_counters_sample(struct tcp_counters *counters, const struct signal_set *signals,
			 const struct scope *scope, struct sampler *sampler);

#endif
