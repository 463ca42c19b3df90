// SPDX-License-Identifier: Apache-2.0
#include "daemon/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SEND_TIMEOUT_MS 1000 /* a peer that takes nothing for so long is as good as dead */
#define BUFFER_BYTES \
	212992 /* net.core.wmem_max's default: what an unprivileged process may ask for */

int channel_pair(int ret_fds[2])
{
	const int size = BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		setsockopt(ret_fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
	return 0;
}

bool channel_has_room(int channel)
{
	struct pollfd poll_fd = { .fd = channel, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT);
}

static int wait_for_room(int channel)
{
	struct pollfd poll_fd = { .fd = channel, .events = POLLOUT };
	int r;

	do
		r = poll(&poll_fd, 1, SEND_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	if (r == 0)
		return -ETIMEDOUT;
	return poll_fd.revents & (POLLERR | POLLHUP) ? -EPIPE : 0;
}

int channel_send(int channel, const struct message *message, int fd)
{
	struct iovec vector = { .iov_base = (void *)message, .iov_len = message->header.size };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };

	if (fd >= 0) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control.space);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	for (;;) {
		int r;

		if (sendmsg(channel, &header, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno == ECONNRESET || errno == EPIPE)
			return -EPIPE;
		if (errno != EAGAIN && errno != ENOBUFS)
			return -errno;
		r = wait_for_room(channel);
		if (r < 0)
			return r;
	}
}

int channel_send_word(int channel, enum message_type type, uint32_t value)
{
	struct message message;

	message_init(&message, type);
	message.word.value = value;
	return channel_send(channel, &message, -1);
}

/* Takes the descriptor out of the ancillary data; a second one is closed by the kernel for want of room. */
static int passed_fd(struct msghdr *header)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(header);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int channel_receive(int channel, enum role from, enum role to, struct message *buffer, int *ret_fd)
{
	struct iovec vector = { .iov_base = buffer, .iov_len = sizeof(*buffer) };
	char control[CMSG_SPACE(sizeof(int))];
	/* CMSG_LEN, not CMSG_SPACE: the padding of the latter has room for a second descriptor. */
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	_cleanup_close_ int fd = -1;
	ssize_t n;

	do
		n = recvmsg(channel, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	fd = passed_fd(&header);
	/* An empty datagram reads like the end of the peer: both end the channel. */
	if (n == 0)
		return -EPIPE;
	if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    message_check(buffer, (size_t)n, from, to) < 0)
		return -EBADMSG;
	if ((fd >= 0) != (buffer->header.type == MESSAGE_PEER) || (fd >= 0 && !ret_fd))
		return -EBADMSG;
	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return 1;
}
