// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp_dump.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel fills messages of up to 32 KiB when it sees that they are taken with so much room. */
#define RECEIVE_BYTES 32768

/* include/net/tcp_states.h of the kernel: bits of idiag_states. */
#define STATE_ESTABLISHED 1
#define STATE_CLOSE_WAIT 8

int tcp_dump_open(struct tcp_dump *dump)
{
	*dump = (struct tcp_dump){ .sock = nl_socket_alloc() };
	if (!dump->sock)
		return -ENOMEM;
	errno = 0;
	if (nl_connect(dump->sock, NETLINK_SOCK_DIAG) < 0)
		return errno ? -errno : -EIO;
	/* The kernel answers before it returns from the request: a message that is not there never comes. */
	nl_socket_set_nonblocking(dump->sock);
	return 0;
}

void tcp_dump_close(struct tcp_dump *dump)
{
	nl_socket_free(dump->sock);
	*dump = (struct tcp_dump){ 0 };
}

static int ask(struct tcp_dump *dump, uint32_t states)
{
	/* The older of the two requests: the newer one (SOCK_DIAG_BY_FAMILY) walks the kernel's table once a family. */
	struct {
		struct nlmsghdr header;
		struct inet_diag_req body;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.body = {
			.idiag_family = AF_INET,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1),
			.idiag_states = states,
		},
	};
	int r;

	dump->seq = nl_socket_use_seq(dump->sock);
	request.header.nlmsg_seq = dump->seq;
	request.header.nlmsg_pid = nl_socket_get_local_port(dump->sock);
	errno = 0;
	r = nl_sendto(dump->sock, &request, sizeof(request));
	dump->running = r >= 0;
	return r < 0 ? (errno ? -errno : -EIO) : 0;
}

int tcp_dump_begin(struct tcp_dump *dump)
{
	return ask(dump, 1u << STATE_ESTABLISHED | 1u << STATE_CLOSE_WAIT);
}

static void take_connection(const struct nlmsghdr *message, tcp_connection_fn fn, void *data)
{
	const struct inet_diag_msg *diag = nlmsg_data(message);
	struct tcp_connection connection = { .family = diag->idiag_family };
	const struct nlattr *attr;

	attr = nlmsg_find_attr((struct nlmsghdr *)message, sizeof(*diag), INET_DIAG_INFO);
	if (!attr || tcp_info_read(nla_data(attr), (size_t)nla_len(attr), &connection) < 0)
		return;
	memcpy(connection.peer, diag->id.idiag_dst, sizeof(connection.peer));
	connection.cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0];
	fn(&connection, data);
}

int tcp_dump_next(struct tcp_dump *dump, tcp_connection_fn fn, void *data)
{
	_Alignas(struct nlmsghdr) char buffer[RECEIVE_BYTES];
	struct nlmsghdr *message = (struct nlmsghdr *)buffer;
	ssize_t n = recv(nl_socket_get_fd(dump->sock), buffer, sizeof(buffer), MSG_TRUNC);
	int left = (int)n;

	if (n < 0 || (size_t)n > sizeof(buffer)) {
		dump->running = false;
		return n < 0 ? -errno : -EMSGSIZE;
	}
	for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != dump->seq)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = nlmsg_data(message);

			dump->running = false;
			return error->error < 0 ? error->error : -EPROTO;
		}
		if (message->nlmsg_type == NLMSG_DONE) {
			int error = 0;

			/* A dump that fails ends with its error: -ENOENT where the module tcp_diag is not there. */
			if (nlmsg_valid_hdr(message, sizeof(error)))
				memcpy(&error, nlmsg_data(message), sizeof(error));
			dump->running = false;
			return error < 0 ? error : 0;
		}
		if (message->nlmsg_type == TCPDIAG_GETSOCK &&
		    nlmsg_valid_hdr(message, sizeof(struct inet_diag_msg)))
			take_connection(message, fn, data);
	}
	return 1;
}

static void ignore_connection(const struct tcp_connection *connection, void *data)
{
	(void)connection;
	(void)data;
}

/* Of no state: then the kernel does not go over its table, which takes some milliseconds where there are 100,000. */
int tcp_dump_try(struct tcp_dump *dump)
{
	int r = ask(dump, 0);

	while (r >= 0 && dump->running)
		r = tcp_dump_next(dump, ignore_connection, NULL);
	return r < 0 ? r : 0;
}
