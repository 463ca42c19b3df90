/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection, as the kernel's struct tcp_info tells of it. Pure. */
#ifndef FLYBALL_OBSERVER_TCP_INFO_H
#define FLYBALL_OBSERVER_TCP_INFO_H

#include <stddef.h>
#include <stdint.h>

/* A connection that may send: established, or closed by its peer alone. */
struct tcp_connection {
	uint64_t cookie;        /* never used again as long as the kernel runs; a 4-tuple may be */
	uint8_t family;         /* AF_INET; AF_INET6, also where the address is a mapped one */
	uint8_t peer[16];       /* its address, in network order; IPv4 in the first four */
	uint64_t acked_bytes;   /* that it sent and the peer acknowledged, so far */
	uint64_t delivery_rate; /* bytes a second, the kernel's latest sample; 0 = none yet */
	uint64_t rtt_ns;        /* smoothed */
	uint32_t sent_ago_ms;   /* since it sent data; since it began where it never did */
	uint32_t cwnd;          /* packets */
	uint32_t retransmits;   /* segments, so far */
};

/*
 * Fills in what struct tcp_info has, and leaves the rest. Returns 0, or -EMSGSIZE where it ends before the delivery rate
 * (before eb8329e0a04d "tcp: export data delivery rate", 4.9).
 */
int tcp_info_read(const void *info, size_t size, struct tcp_connection *ret_connection);

#endif
