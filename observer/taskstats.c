// SPDX-License-Identifier: Apache-2.0
#include "observer/taskstats.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_BYTES 4096 /* some 600 */
#define WAIT_US 100000    /* the kernel answers within the send */

/* The struct has only ever grown at its end: what lies behind the end of the kernel's own is not known. */
#define ROW(signal) [(signal)-SIGNAL_TASK_DELAY_CPU]
static const size_t offsets[TASKSTATS_DELAYS] = {
	ROW(SIGNAL_TASK_DELAY_CPU) = offsetof(struct taskstats, cpu_delay_total),
	ROW(SIGNAL_TASK_DELAY_BLKIO) = offsetof(struct taskstats, blkio_delay_total),
	ROW(SIGNAL_TASK_DELAY_SWAPIN) = offsetof(struct taskstats, swapin_delay_total),
	ROW(SIGNAL_TASK_DELAY_FREEPAGES) = offsetof(struct taskstats, freepages_delay_total),
	ROW(SIGNAL_TASK_DELAY_THRASHING) = offsetof(struct taskstats, thrashing_delay_total),
	ROW(SIGNAL_TASK_DELAY_COMPACT) = offsetof(struct taskstats, compact_delay_total),
	ROW(SIGNAL_TASK_DELAY_WPCOPY) = offsetof(struct taskstats, wpcopy_delay_total),
};

int taskstats_open(struct taskstats_socket *socket)
{
	const struct timeval wait = { .tv_usec = WAIT_US };
	struct nl_sock *netlink = nl_socket_alloc();
	int family;

	*socket = (struct taskstats_socket){ .fd = -1, .netlink = netlink };
	if (!netlink)
		return -ENOMEM;
	if (genl_connect(netlink) < 0)
		return -EPROTONOSUPPORT;
	family = genl_ctrl_resolve(netlink, TASKSTATS_GENL_NAME);
	if (family < 0)
		return -ENOENT;
	socket->family = (uint16_t)family;
	socket->fd = nl_socket_get_fd(netlink);
	if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return 0;
}

void taskstats_close(struct taskstats_socket *socket)
{
	nl_socket_free(socket->netlink);
	*socket = (struct taskstats_socket){ .fd = -1 };
}

/* The payload of an attribute of that type among `size` bytes; NULL when it is not there, or cut. */
static const char *attribute(const char *at, size_t size, uint16_t type, size_t *ret_size)
{
	while (size >= NLA_HDRLEN) {
		struct nlattr head;
		size_t step;

		memcpy(&head, at, sizeof(head));
		if (head.nla_len < NLA_HDRLEN || head.nla_len > size)
			return NULL;
		if ((head.nla_type & NLA_TYPE_MASK) == type) {
			*ret_size = head.nla_len - NLA_HDRLEN;
			return at + NLA_HDRLEN;
		}
		step = (size_t)NLA_ALIGN(head.nla_len);
		if (step >= size)
			return NULL;
		size -= step;
		at += step;
	}
	return NULL;
}

static void delays_read(const char *stats, size_t size, struct taskstats_delays *ret_delays)
{
	*ret_delays = (struct taskstats_delays){ 0 };
	for (size_t i = 0; i < TASKSTATS_DELAYS; i++) {
		if (offsets[i] + sizeof(uint64_t) > size)
			continue;
		memcpy(&ret_delays->ns[i], stats + offsets[i], sizeof(uint64_t));
		ret_delays->known |= 1u << i;
	}
}

int taskstats_parse(const void *answer, size_t size, uint32_t pid,
		    struct taskstats_delays *ret_delays)
{
	const char *all, *about, *stats, *bytes = answer;
	struct nlmsghdr head;
	uint32_t is;
	size_t n;

	if (size < NLMSG_HDRLEN)
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (head.nlmsg_len > size || head.nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN)
		return -EBADMSG;
	if (head.nlmsg_type == NLMSG_ERROR) {
		int error;

		memcpy(&error, bytes + NLMSG_HDRLEN, sizeof(error));
		return error < 0 ? error : -EBADMSG;
	}
	n = head.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN;
	all = attribute(bytes + NLMSG_HDRLEN + GENL_HDRLEN, n, TASKSTATS_TYPE_AGGR_TGID, &n);
	if (!all)
		return -EBADMSG;
	size = n;
	about = attribute(all, size, TASKSTATS_TYPE_TGID, &n);
	if (!about || n != sizeof(is))
		return -EBADMSG;
	memcpy(&is, about, sizeof(is));
	stats = attribute(all, size, TASKSTATS_TYPE_STATS, &n);
	if (!stats || is != pid)
		return -EBADMSG;
	delays_read(stats, n, ret_delays);
	return ret_delays->known ? 0 : -EBADMSG;
}

struct request {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	struct nlattr attribute;
	uint32_t pid;
};

int taskstats_ask(struct taskstats_socket *socket, uint32_t pid,
		  struct taskstats_delays *ret_delays)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct request request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = socket->family,
			  .nlmsg_flags = NLM_F_REQUEST,
			  .nlmsg_seq = ++socket->seq },
		.genl = { .cmd = TASKSTATS_CMD_GET, .version = TASKSTATS_GENL_VERSION },
		.attribute = { .nla_len = sizeof(struct nlattr) + sizeof(pid),
			       .nla_type = TASKSTATS_CMD_ATTR_TGID },
		.pid = pid,
	};
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	ssize_t n;

	if (sendto(socket->fd, &request, sizeof(request), 0, (const struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	do {
		/* One that comes late, after its time was up, is not of this request. */
		n = recv(socket->fd, answer, sizeof(answer), 0);
		if (n < 0)
			return -errno;
	} while ((size_t)n >= sizeof(struct nlmsghdr) &&
		 ((const struct nlmsghdr *)answer)->nlmsg_seq != socket->seq);
	return taskstats_parse(answer, (size_t)n, pid, ret_delays);
}
