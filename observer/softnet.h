/* SPDX-License-Identifier: Apache-2.0 */
/* What each CPU received, from /proc/net/softnet_stat. Pure. */
#ifndef FLYBALL_OBSERVER_SOFTNET_H
#define FLYBALL_OBSERVER_SOFTNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOFTNET_CPUS_MAX 1024 /* CPUs; those past it are not looked at */

enum softnet_field {
	SOFTNET_PACKETS,    /* handed to the stack; after GRO */
	SOFTNET_DROPS,      /* the CPU's backlog was full, or the flow limit reached */
	SOFTNET_SQUEEZES,   /* polling stopped with work left: budget or time was used up */
	SOFTNET_RPS,        /* woken by another CPU to receive (RPS) */
	SOFTNET_FLOW_LIMIT, /* drops of those by the flow limit */
	SOFTNET_BACKLOG,    /* packets that wait now */
	SOFTNET_FIELD_COUNT,
};

struct softnet_cpu {
	bool online;                          /* it has a line */
	bool backlog;                         /* the kernel tells SOFTNET_BACKLOG */
	uint32_t fields[SOFTNET_FIELD_COUNT]; /* of 32 bits in the kernel: they wrap */
};

/*
 * Reads the whole file into `ret_cpus`, indexed by the CPU's number. Returns how many lines there were, or -EBADMSG.
 *
 * Where the kernel does not tell the CPU's number (before "net-sysfs: add backlog len and CPU id to softnet data", 5.10),
 * line i is CPU `online[i]`, which the caller gives: n_online of them.
 */
int softnet_parse(const char *text, const uint16_t *online, size_t n_online,
		  struct softnet_cpu ret_cpus[SOFTNET_CPUS_MAX]);

#endif
