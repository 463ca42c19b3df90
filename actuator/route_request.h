/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request that a route of a dump becomes. A route is replaced by what the kernel itself tells of it, attribute by
 * attribute, whether this program knows it or not. (libnl-route would read it into its own objects and lose what these
 * do not have, so only libnl's sockets and attributes are used.) Left out is what the kernel tells and does not take:
 * the states of next hops, ages, and the copies of next hops that a next-hop object stands for.
 */
#ifndef FLYBALL_ACTUATOR_ROUTE_REQUEST_H
#define FLYBALL_ACTUATOR_ROUTE_REQUEST_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

#define ROUTE_CC_LOCK (1u << RTAX_CC_ALGO) /* in RTAX_LOCK */

struct nl_msg;

void route_request_free(struct nl_msg **request);

#define _cleanup_msg_ _cleanup_(route_request_free)

/* The attribute of a route's message; NULL. */
struct nlattr *route_attribute(const struct nlmsghdr *message, int type);

/*
 * Makes the request that replaces the route by itself, with that algorithm ("" = none) and lock. The message's next
 * hops lose their states. Returns 0 and a request that the caller frees, -EFBIG, -ENOMEM.
 */
int route_request(const struct nlmsghdr *message, const char *algorithm, bool lock,
		  struct nl_msg **ret_request);

/* FNV-1a of the request without algorithm and lock: the same as long as the rest of the route is. */
int route_digest(const struct nlmsghdr *message, uint64_t *ret_digest);

#endif
