/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the program that splits connections and user space share: the results of each side, and which splits run. */
#ifndef FLYBALL_BPF_TCP_SPLIT_H
#define FLYBALL_BPF_TCP_SPLIT_H

#include <stdint.h>

#include "include/hist.h"

#define TCP_SPLIT_ABI 1 /* grows with every change of this file; checked after loading */

#define TCP_SPLIT_SLOTS 4   /* splits that run at once, each in a network namespace of its own */
#define TCP_SPLIT_NAME 16   /* TCP_CA_NAME_MAX: an algorithm's name, with its NUL */
#define TCP_SPLIT_SCOPE 252 /* SCOPE_NAME_MAX */

enum tcp_split_side {
	TCP_SPLIT_BASE, /* the incumbent's connections */
	TCP_SPLIT_ARM,
	TCP_SPLIT_SIDES,
};

/* Distributions. All but the first are taken when a connection closes. */
enum tcp_split_value {
	TCP_SPLIT_RTT,      /* smoothed round-trip time, ns; each connection once a round trip */
	TCP_SPLIT_RTT_MIN,  /* its least, ns */
	TCP_SPLIT_DURATION, /* from established to closed, ns */
	TCP_SPLIT_DELIVERY, /* the kernel's last delivery rate, bytes a second */
	TCP_SPLIT_VALUES,
};

/* What the program is told before it is loaded: all of the object's .rodata. */
struct tcp_split_settings {
	uint32_t abi;
	uint32_t slot;
	uint64_t netns; /* SO_NETNS_COOKIE of the one namespace whose connections take part */
	uint32_t ecn;   /* 1 = only where both ends speak ECN */
	uint32_t pad;
	char names[TCP_SPLIT_SIDES][TCP_SPLIT_NAME];
};

/* What user space tells it while it runs: all of the object's .bss. */
struct tcp_split_shared {
	uint32_t
		cohort; /* grows with each window: connections of an earlier one are not measured any more */
};

/* One side of one slot on one CPU: element slot * TCP_SPLIT_SIDES + side. Everything only grows and may wrap. */
struct tcp_split_result {
	uint64_t connections; /* drawn */
	uint64_t refused;     /* of these: the kernel did not take the side's algorithm */
	uint64_t chosen;      /* (base) took no part: its program or its route had chosen for it */
	uint64_t no_ecn;      /* (base) took no part: no ECN */
	uint64_t lost;        /* (base) took no part: no memory to remember what it drew */
	uint64_t bytes;       /* acknowledged */
	uint64_t retransmits; /* segments */
	uint64_t sums[TCP_SPLIT_VALUES];
	uint64_t clamped[TCP_SPLIT_VALUES];
	uint32_t buckets[TCP_SPLIT_VALUES][HIST_BUCKETS];
};

/* Which split has the slot. Written whole by the actuator; a reader that finds both numbers alike has it whole. */
struct tcp_split_slot {
	uint32_t serial; /* grows with each split that takes the slot; 0 = none ever did */
	uint32_t running;
	uint32_t kind; /* enum scope_kind */
	char name[TCP_SPLIT_SCOPE];
	char names[TCP_SPLIT_SIDES][TCP_SPLIT_NAME];
	uint32_t serial_again;
};

_Static_assert(sizeof(struct tcp_split_settings) == 56, "user space and BPF must agree");
_Static_assert(sizeof(struct tcp_split_result) == 120 + 4 * 4096, "user space and BPF must agree");
_Static_assert(sizeof(struct tcp_split_slot) == 300, "user space and BPF must agree");

#endif
