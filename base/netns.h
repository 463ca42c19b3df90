/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visits to network namespaces. The files below /proc/sys/net and a netlink socket belong to the namespace of the task
 * that opens them (net/sysctl_net.c, net_ctl_header_lookup), so what reads or writes there must be there.
 *
 *     netns_open → netns_visit … → close
 */
#ifndef FLYBALL_BASE_NETNS_H
#define FLYBALL_BASE_NETNS_H

#include <stdbool.h>
#include <stddef.h>

#define NETNS_FOLDER "run/netns" /* where ip-netns(8) keeps them, below the sysroot */

/* Text of an instance with its NUL: two numbers of 20 digits and a colon. */
#define NETNS_INSTANCE_MAX 48

/*
 * Opens the namespace of that name, a file in NETNS_FOLDER. Returns a descriptor that the caller owns; -ENOENT, also
 * for a file that is no network namespace (any more): `ip netns del` leaves such a one behind while it works; -EINVAL
 * for a name with a slash.
 */
int netns_open(int root, const char *name);

/* The namespace of the calling thread. Returns a descriptor that the caller owns, or -errno. */
int netns_open_own(void);

/* Which namespace it is, `4:4026532177`. The number may be used again once the namespace is gone. Returns 0 or -errno. */
int netns_instance(int netns, char *ret_text, size_t size);

/* True when both descriptors are of one namespace. */
bool netns_equal(int a, int b);

/*
 * Calls fn(data) inside the namespace and comes back. Returns what fn returned, or -errno when it was not entered:
 * -EPERM without CAP_SYS_ADMIN. Ends the process when the way back is closed: it must never go on in another
 * namespace than it believes.
 */
int netns_visit(int netns, int (*fn)(void *data), void *data);

#endif
