// SPDX-License-Identifier: Apache-2.0
#include "actuator/route_request.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "actuator/route.h"
#include "base/cleanup.h"

#define NEXTHOP_FLAGS (RTNH_F_ONLINK | RTNH_F_PERVASIVE) /* settings; the other flags are states */

void route_request_free(struct nl_msg **request)
{
	nlmsg_free(*request);
}

struct nlattr *route_attribute(const struct nlmsghdr *message, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)message, sizeof(struct rtmsg), type);
}

/* With a next-hop object the kernel tells its contents, too, and takes one or the other. */
static bool is_left_out(int type, bool by_object)
{
	switch (type) {
	case RTA_METRICS:
	case RTA_CACHEINFO:
		return true;
	case RTA_OIF:
	case RTA_GATEWAY:
	case RTA_VIA:
	case RTA_FLOW:
	case RTA_MULTIPATH:
	case RTA_ENCAP:
	case RTA_ENCAP_TYPE:
		return by_object;
	default:
		return false;
	}
}

static void clear_states(struct nlattr *multipath)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	while (RTNH_OK(hop, left)) {
		hop->rtnh_flags &= NEXTHOP_FLAGS;
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

/* The other metrics as they are, in the kernel's order, which is that of their numbers. */
static int put_metrics(struct nl_msg *request, struct nlattr *old, const char *algorithm, bool lock)
{
	struct nlattr *metrics = nla_nest_start(request, RTA_METRICS), *metric;
	struct nlattr *locks = old ? nla_find(nla_data(old), nla_len(old), RTAX_LOCK) : NULL;
	uint32_t locked = locks ? nla_get_u32(locks) & ~ROUTE_CC_LOCK : 0;
	int left, r = 0;

	if (!metrics)
		return -EMSGSIZE;
	if (lock)
		locked |= ROUTE_CC_LOCK;
	if (locked)
		r = nla_put_u32(request, RTAX_LOCK, locked);
	if (old)
		nla_for_each_nested(metric, old, left) if (r >= 0 &&
							   nla_type(metric) != RTAX_LOCK &&
							   nla_type(metric) != RTAX_CC_ALGO) r =
			nla_put(request, nla_type(metric), nla_len(metric), nla_data(metric));
	if (r >= 0 && algorithm[0])
		r = nla_put_string(request, RTAX_CC_ALGO, algorithm);
	if (r < 0)
		return -EMSGSIZE;
	nla_nest_end(request, metrics); /* trims an empty one */
	return 0;
}

int route_request(const struct nlmsghdr *message, const char *algorithm, bool lock,
		  struct nl_msg **ret_request)
{
	_cleanup_msg_ struct nl_msg *request = nlmsg_alloc_size(2 * ROUTE_BYTES_MAX);
	bool by_object = route_attribute(message, RTA_NH_ID) != NULL;
	struct rtmsg rtm = *(struct rtmsg *)nlmsg_data(message);
	struct nlattr *attr;
	int left, r = 0;

	rtm.rtm_flags &= NEXTHOP_FLAGS;
	if (!request ||
	    !nlmsg_put(request, NL_AUTO_PORT, NL_AUTO_SEQ, RTM_NEWROUTE, 0,
		       NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE) ||
	    nlmsg_append(request, &rtm, sizeof(rtm), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	nla_for_each_attr(attr, nlmsg_attrdata(message, sizeof(rtm)),
			  nlmsg_attrlen(message, sizeof(rtm)), left)
	{
		if (nla_type(attr) == RTA_MULTIPATH)
			clear_states(attr);
		if (r >= 0 && !is_left_out(nla_type(attr), by_object))
			r = nla_put(request, attr->nla_type, nla_len(attr), nla_data(attr));
	}
	if (r >= 0)
		r = put_metrics(request, route_attribute(message, RTA_METRICS), algorithm, lock);
	if (r < 0)
		return -EFBIG;
	*ret_request = take_ptr(request);
	return 0;
}

int route_digest(const struct nlmsghdr *message, uint64_t *ret_digest)
{
	_cleanup_msg_ struct nl_msg *request = NULL;
	uint64_t digest = 0xcbf29ce484222325;
	int r = route_request(message, "", false, &request);

	if (r < 0)
		return r;
	for (int i = 0; i < nlmsg_datalen(nlmsg_hdr(request)); i++)
		digest = (digest ^ ((uint8_t *)nlmsg_data(nlmsg_hdr(request)))[i]) * 0x100000001b3;
	*ret_digest = digest;
	return 0;
}
