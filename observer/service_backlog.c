// SPDX-License-Identifier: Apache-2.0
#include "observer/service_backlog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LISTEN_STATE 10    /* TCP_LISTEN of net/tcp_states.h */
#define ANSWER_BYTES 32768 /* the kernel fills a message of a dump with at most so much */

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

int service_backlog_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int ask(int fd, int family)
{
	struct request request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.diag = { .sdiag_family = (uint8_t)family,
			  .sdiag_protocol = IPPROTO_TCP,
			  .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
			  .idiag_states = 1 << LISTEN_STATE },
	};

	return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* A listening socket's rqueue is what waits; its drops are the last number of its memory. */
static void take(const struct nlmsghdr *header, service_queue_fn fn, void *data)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	const struct rtattr *attribute = (const void *)(message + 1);
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
	struct service_queue queue = {
		.port = ntohs(message->id.idiag_sport),
		.waiting = message->idiag_rqueue,
	};

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == INET_DIAG_SKMEMINFO &&
		    RTA_PAYLOAD(attribute) >= (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t))
			memcpy(&queue.dropped,
			       (const uint32_t *)RTA_DATA(attribute) + SK_MEMINFO_DROPS,
			       sizeof(queue.dropped));
	fn(data, &queue);
}

/* One message of the answer. Returns 1 at its end, 0 when more comes, -errno. */
static int take_all(const char *text, ssize_t n, service_queue_fn fn, void *data)
{
	const struct nlmsghdr *header = (const void *)text;

	for (; NLMSG_OK(header, (size_t)n); header = NLMSG_NEXT(header, n)) {
		if (header->nlmsg_type == NLMSG_DONE)
			return 1;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(header))->error ?: -EPROTO;
		if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			take(header, fn, data);
	}
	return 0;
}

static int read_family(int fd, int family, service_queue_fn fn, void *data)
{
	_Alignas(struct nlmsghdr) char text[ANSWER_BYTES];
	int r = ask(fd, family);

	while (r == 0) {
		/* The kernel has its answer ready before send(2) returns: there is never anything to wait for. */
		ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return -errno;
		if ((size_t)n > sizeof(text))
			return -EMSGSIZE;
		r = take_all(text, n, fn, data);
	}
	return r < 0 ? r : 0;
}

int service_backlog_read(int fd, service_queue_fn fn, void *data)
{
	int r = read_family(fd, AF_INET, fn, data);

	/* A kernel without IPv6 says that it knows no such family. */
	return r < 0 ? r : (r = read_family(fd, AF_INET6, fn, data)) == -ENOENT ? 0 : r;
}
