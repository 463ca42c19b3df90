/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a route, which is the name of a scope. */
#ifndef FLYBALL_BASE_ROUTE_KEY_H
#define FLYBALL_BASE_ROUTE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "include/scope.h"

/*
 * Which route it is, written PREFIX/LENGTH@TABLE[+METRIC][@NETNS]: `10.0.0.0/24@main`, `::/0@main+1024@blue`. Each
 * route has one such name. Routes by type of service or by source have none.
 */
struct route_key {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t length; /* of the prefix, in bits */
	uint8_t prefix[16];
	uint32_t table, metric;
	struct scope netns; /* SCOPE_HOST, or SCOPE_NETNS */
};

/* Returns 0, or -EINVAL for what is no name, or not the one name of a route. */
int route_key_parse(const char *text, struct route_key *ret_key);

/* Writes the name; returns 0 or -ENAMETOOLONG. */
int route_key_format(const struct route_key *key, char *buffer, size_t size);

#endif
