// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp_route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#define ROUTE_BYTES 16384 /* of one route: some 400 next hops */

int tcp_route_open(struct nl_sock **ret_sock)
{
	struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(sock, NETLINK_ROUTE) < 0) {
		int r = errno ? -errno : -EIO;

		nl_socket_free(sock);
		return r;
	}
	/* The kernel answers before it returns from the request. */
	nl_socket_set_nonblocking(sock);
	*ret_sock = sock;
	return 0;
}

/* `::ffff:10.0.0.1` is on IPv4's routes. */
static uint8_t peer_address(const struct tcp_connection *connection, const uint8_t **ret_address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*ret_address = connection->peer;
	if (connection->family != AF_INET6 || memcmp(connection->peer, mapped, sizeof(mapped)))
		return connection->family;
	*ret_address = connection->peer + sizeof(mapped);
	return AF_INET;
}

static int ask(struct nl_sock *sock, uint8_t family, const uint8_t *address)
{
	const size_t size = family == AF_INET6 ? 16 : 4;
	struct {
		struct nlmsghdr header;
		struct rtmsg body;
		struct nlattr attr;
		uint8_t address[16];
	} request = {
		.header = { .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
		/* The route itself, not what it comes to for this address; and its table, not always main. */
		.body = { .rtm_family = family,
			  .rtm_dst_len = (uint8_t)(size * 8),
			  .rtm_flags = RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE },
		.attr = { .nla_type = RTA_DST, .nla_len = (uint16_t)(NLA_HDRLEN + size) },
	};

	memcpy(request.address, address, size);
	request.header.nlmsg_len =
		(uint32_t)(NLMSG_LENGTH(sizeof(request.body)) + NLA_HDRLEN + size);
	request.header.nlmsg_seq = nl_socket_use_seq(sock);
	request.header.nlmsg_pid = nl_socket_get_local_port(sock);
	errno = 0;
	if (nl_sendto(sock, &request, request.header.nlmsg_len) < 0)
		return errno ? -errno : -EIO;
	return (int)request.header.nlmsg_seq;
}

static int key_of(const struct nlmsghdr *message, struct route_key *ret_key)
{
	const struct rtmsg *rtm = nlmsg_data(message);
	struct nlmsghdr *m = (struct nlmsghdr *)message;
	const struct nlattr *prefix = nlmsg_find_attr(m, sizeof(*rtm), RTA_DST);
	const struct nlattr *table = nlmsg_find_attr(m, sizeof(*rtm), RTA_TABLE);
	const struct nlattr *metric = nlmsg_find_attr(m, sizeof(*rtm), RTA_PRIORITY);

	if (rtm->rtm_type != RTN_UNICAST || rtm->rtm_tos || rtm->rtm_src_len)
		return -ENOENT;
	*ret_key = (struct route_key){
		.family = rtm->rtm_family,
		.length = rtm->rtm_dst_len,
		.table = table ? nla_get_u32(table) : rtm->rtm_table,
		.metric = metric ? nla_get_u32(metric) : 0,
		.netns = { .kind = SCOPE_HOST },
	};
	if (prefix && nla_len(prefix) <= (int)sizeof(ret_key->prefix))
		memcpy(ret_key->prefix, nla_data(prefix), (size_t)nla_len(prefix));
	return 0;
}

int tcp_route_find(struct nl_sock *sock, const struct tcp_connection *connection,
		   struct route_key *ret_key)
{
	_Alignas(struct nlmsghdr) char buffer[ROUTE_BYTES];
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	const uint8_t *address;
	const uint8_t family = peer_address(connection, &address);
	int seq = ask(sock, family, address);
	ssize_t n;

	if (seq < 0)
		return seq;
	do {
		n = recv(nl_socket_get_fd(sock), buffer, sizeof(buffer), MSG_TRUNC);
		if (n < 0 || (size_t)n > sizeof(buffer))
			return n < 0 ? -errno : -EMSGSIZE;
		if (!nlmsg_ok(message, (int)n))
			return -EPROTO;
	} while (message->nlmsg_seq != (uint32_t)seq);
	if (message->nlmsg_type == NLMSG_ERROR) {
		int error = ((const struct nlmsgerr *)nlmsg_data(message))->error;

		return error == -ENETUNREACH || error == -EHOSTUNREACH || error >= 0 ? -ENOENT
										     : error;
	}
	if (message->nlmsg_type != RTM_NEWROUTE || !nlmsg_valid_hdr(message, sizeof(struct rtmsg)))
		return -EPROTO;
	return key_of(message, ret_key);
}
