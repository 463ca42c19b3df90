/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was known of each TCP connection when it was last looked at. A table of fixed size; what it has no place for is
 * not followed, and the caller is told. Pure.
 */
#ifndef FLYBALL_OBSERVER_TCP_TABLE_H
#define FLYBALL_OBSERVER_TCP_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_TABLE_WAYS 8
#define TCP_TABLE_SET_BITS \
	15 /* 262,144 places; of 100,000 connections under 0.5 % find their set full */
#define TCP_TABLE_SETS (1u << TCP_TABLE_SET_BITS)

/* A connection's place. */
struct tcp_entry {
	uint64_t cookie; /* 0 = free; the kernel begins at 1 */
	uint64_t acked_bytes;
	uint32_t retransmits;
	uint32_t round; /* when it was last seen; a round goes over all connections */
	uint32_t route; /* the caller's */
	uint32_t pad;
};

/* 8 MiB, of which only what is used is ever touched. All zeroes is an empty one. */
struct tcp_table {
	struct tcp_entry sets[TCP_TABLE_SETS][TCP_TABLE_WAYS];
};

/*
 * The place of a connection; a new one has its cookie alone. One that was not seen in this round or the one before has
 * ended, and gives its place away. NULL when there is none.
 */
struct tcp_entry *tcp_table_find(struct tcp_table *table, uint64_t cookie, uint32_t round,
				 bool *ret_new);

#endif
