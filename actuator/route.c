// SPDX-License-Identifier: Apache-2.0
#include "actuator/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/route_request.h"
#include "base/cleanup.h"

#define RECEIVE_BYTES 65536 /* of one datagram of a dump: the kernel sends up to 32 KiB */
#define FIND_TRIES 3        /* of a dump that a change of the table has cut */

struct found {
	const struct route_key *key;
	unsigned int n;
	bool too_big;
	struct nlmsghdr *message; /* ROUTE_BYTES_MAX */
};

struct each {
	void (*fn)(const struct route_key *key, void *data);
	void *data;
};

static void socket_free(struct nl_sock **sock)
{
	nl_socket_free(*sock);
}

#define _cleanup_sock_ _cleanup_(socket_free)

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *data)
{
	int *ret = data;

	(void)from;
	*ret = error->error;
	return NL_STOP;
}

static struct nl_sock *route_socket(int *error)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_cb *cb;
	int on = 1;

	if (!sock || nl_connect(sock, NETLINK_ROUTE) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	nl_socket_set_msg_buf_size(sock, RECEIVE_BYTES);
	cb = nl_socket_get_cb(sock);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, error);
	nl_cb_put(cb);
	/* So that a dump can be of one table: Linux 4.20. */
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return sock;
}

/* Sends and takes all answers; `fn` sees each message of a dump. */
static int transact(struct nl_msg *message, int (*fn)(struct nl_msg *message, void *data),
		    void *data)
{
	int error = 0, r;
	_cleanup_sock_ struct nl_sock *sock = route_socket(&error);

	if (!sock)
		return -ENOMEM;
	if (fn)
		nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, fn, data);
	r = nl_send_auto(sock, message);
	if (r >= 0)
		r = fn ? nl_recvmsgs_default(sock) : nl_wait_for_ack(sock);
	if (error)
		return error;
	if (r == -NLE_DUMP_INTR)
		return -EAGAIN;
	return r < 0 ? -EIO : 0;
}

static int dump(uint8_t family, uint32_t table, int (*fn)(struct nl_msg *message, void *data),
		void *data)
{
	const struct rtmsg rtm = { .rtm_family = family };
	_cleanup_msg_ struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	int r;

	if (!message || nlmsg_append(message, (void *)&rtm, sizeof(rtm), NLMSG_ALIGNTO) < 0 ||
	    (table && nla_put_u32(message, RTA_TABLE, table) < 0))
		return -ENOMEM;
	r = transact(message, fn, data);
	/* A table that has never had a route; or a kernel without that family. */
	return r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
}

/* False for what has no name. */
static bool key_of(const struct nlmsghdr *message, struct route_key *ret_key)
{
	const struct rtmsg *rtm = nlmsg_data(message);
	struct nlattr *prefix, *table, *metric;
	int size;

	if (message->nlmsg_type != RTM_NEWROUTE || rtm->rtm_type != RTN_UNICAST || rtm->rtm_tos ||
	    rtm->rtm_src_len || (rtm->rtm_flags & RTM_F_CLONED) ||
	    (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6))
		return false;
	prefix = route_attribute(message, RTA_DST);
	table = route_attribute(message, RTA_TABLE);
	metric = route_attribute(message, RTA_PRIORITY);
	*ret_key = (struct route_key){ .family = rtm->rtm_family,
				       .length = rtm->rtm_dst_len,
				       .table = table ? nla_get_u32(table) : rtm->rtm_table,
				       .metric = metric ? nla_get_u32(metric) : 0,
				       .netns = { .kind = SCOPE_HOST } };
	size = rtm->rtm_family == AF_INET6 ? 16 : 4;
	if (prefix && nla_len(prefix) != size)
		return false;
	if (prefix)
		memcpy(ret_key->prefix, nla_data(prefix), (size_t)size);
	return true;
}

static bool key_equal(const struct route_key *a, const struct route_key *b)
{
	return a->family == b->family && a->length == b->length && a->table == b->table &&
	       a->metric == b->metric && !memcmp(a->prefix, b->prefix, sizeof(a->prefix));
}

static int on_candidate(struct nl_msg *message, void *data)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct found *found = data;
	struct route_key key;

	if (!key_of(header, &key) || !key_equal(&key, found->key))
		return NL_OK;
	found->n++;
	if (header->nlmsg_len > ROUTE_BYTES_MAX)
		found->too_big = true;
	else
		memcpy(found->message, header, header->nlmsg_len);
	return NL_OK;
}

/* The caller frees the message. */
static int find(const struct route_key *key, struct nlmsghdr **ret_message)
{
	_cleanup_free_ struct nlmsghdr *message = malloc(ROUTE_BYTES_MAX);
	struct found found;
	int r = -EAGAIN;

	if (!message)
		return -ENOMEM;
	for (int try = 0; try < FIND_TRIES && r == -EAGAIN; try++) {
		found = (struct found){ .key = key, .message = message };
		r = dump(key->family, key->table, on_candidate, &found);
	}
	if (r < 0)
		return r;
	if (found.n != 1)
		return found.n ? -ENOTUNIQ : -ENOENT;
	if (found.too_big)
		return -EFBIG;
	*ret_message = take_ptr(message);
	return 0;
}

static int on_each(struct nl_msg *message, void *data)
{
	const struct each *each = data;
	struct route_key key;

	if (key_of(nlmsg_hdr(message), &key) && key.table != RT_TABLE_LOCAL)
		each->fn(&key, each->data);
	return NL_OK;
}

int route_each(void (*fn)(const struct route_key *key, void *data), void *data)
{
	struct each each = { .fn = fn, .data = data };
	int r = dump(AF_INET, 0, on_each, &each);

	return r < 0 ? r : dump(AF_INET6, 0, on_each, &each);
}

int route_read(const struct route_key *key, struct route *ret_route)
{
	_cleanup_free_ struct nlmsghdr *message = NULL;
	struct nlattr *metrics, *cache, *algorithm, *locks;
	struct route route = { 0 };
	int r = find(key, &message);

	if (r < 0)
		return r;
	metrics = route_attribute(message, RTA_METRICS);
	if (metrics) {
		algorithm = nla_find(nla_data(metrics), nla_len(metrics), RTAX_CC_ALGO);
		locks = nla_find(nla_data(metrics), nla_len(metrics), RTAX_LOCK);
		if (algorithm)
			nla_strlcpy(route.algorithm, algorithm, sizeof(route.algorithm));
		route.lock = locks && (nla_get_u32(locks) & ROUTE_CC_LOCK);
	}
	cache = route_attribute(message, RTA_CACHEINFO);
	/* What a router has announced is the kernel's to renew, and has a time that a replacement would lose. */
	route.writable = ((struct rtmsg *)nlmsg_data(message))->rtm_protocol != RTPROT_RA &&
			 !(cache && ((struct rta_cacheinfo *)nla_data(cache))->rta_expires);
	r = route_digest(message, &route.digest);
	if (r < 0)
		return r;
	*ret_route = route;
	return 0;
}

int route_write(const struct route_key *key, const char *algorithm, bool lock)
{
	_cleanup_free_ struct nlmsghdr *message = NULL;
	_cleanup_msg_ struct nl_msg *request = NULL;
	int r = find(key, &message);

	if (r == 0)
		r = route_request(message, algorithm, lock, &request);
	return r < 0 ? r : transact(request, NULL, NULL);
}
