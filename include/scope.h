/* SPDX-License-Identifier: Apache-2.0 */
/* A scope: what one instance of a signal or of a knob belongs to. Written `disk:vda`, `host`. */
#ifndef FLYBALL_SCOPE_H
#define FLYBALL_SCOPE_H

#include <stdint.h>

/*
 * Longest name with its NUL. A disk's is at most 32 (DISK_NAME_LEN); the path of a container's cgroup (slices of a pod's
 * UUID, a scope of 64 hexadecimal digits) comes to some 200.
 */
#define SCOPE_NAME_MAX 252

enum scope_kind {
	SCOPE_HOST,    /* the whole machine; the name is empty */
	SCOPE_CPU,     /* a logical CPU: `cpu:3` */
	SCOPE_NODE,    /* a NUMA node: `node:0` */
	SCOPE_DISK,    /* a whole disk, by its name under /sys/block: `disk:vda` */
	SCOPE_NIC,     /* a network interface: `nic:eth0` */
	SCOPE_NETNS,   /* a network namespace */
	SCOPE_CGROUP,  /* a control group, by its path */
	SCOPE_PROCESS, /* a process, `process:PID@START` */
	SCOPE_SERVICE, /* a service that the configuration names */
	SCOPE_GPU,     /* a GPU, by its index */
	SCOPE_IRQ,     /* an interrupt, by its number under /proc/irq: `irq:36` */
	SCOPE_ROUTE,   /* a route, `route:PREFIX/LENGTH@TABLE[+METRIC][@NETNS]` */
	SCOPE_KIND_COUNT,
};

/* Fixed-size, so that it travels in messages and in the journal as it is. */
struct scope {
	uint32_t kind; /* enum scope_kind */
	char name[SCOPE_NAME_MAX];
};

#endif
