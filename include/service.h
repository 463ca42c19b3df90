/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what the operator's configuration calls by a name, and how its sockets are known. */
#ifndef FLYBALL_SERVICE_H
#define FLYBALL_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICES_MAX 32
#define SERVICE_NAME_MAX 64
#define SERVICE_PATH_MAX 256

enum service_protocol {
	SERVICE_TCP, /* connections to a port, or a Unix socket, that somebody listens on */
	SERVICE_UDP, /* datagrams to a bound port */
	SERVICE_PROTOCOL_COUNT,
};

/* Each condition that is set must hold; at least one is. */
struct service {
	char name[SERVICE_NAME_MAX];
	uint16_t port;                     /* that it listens on; 0 = any */
	uint32_t protocol;                 /* enum service_protocol */
	char executable[SERVICE_PATH_MAX]; /* glob(7) pattern of paths of what listens; "" = any */
	char cgroup[SERVICE_PATH_MAX]; /* path of a control group (v2) that it is in; "" = any */
	char unit[SERVICE_PATH_MAX];   /* systemd's unit that it is in; "" = any */
	char socket[SERVICE_PATH_MAX]; /* glob(7) pattern of paths of Unix sockets; "" = any */
};

/* In the order of the file: where several fit a socket, the first has it. */
struct service_list {
	size_t n;
	struct service items[SERVICES_MAX];
};

/* Whether Unix sockets may be its own. */
static inline bool service_may_be_unix(const struct service *service)
{
	return service->port == 0 && service->protocol != SERVICE_UDP;
}

#endif
