// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Each new TCP connection of one network namespace draws its congestion control by a fair coin, and what becomes of it
 * is counted on the side that it drew.
 *
 * The coin is thrown when the connection is established: there ECN is negotiated, and the kernel has not initialised
 * any algorithm yet (tcp_init_transfer() calls the program first). A connection counts only while its own cohort is
 * measured, which is what makes the coins of each window fresh (docs/statistics.md). Both sides get the same
 * call, also the one whose algorithm the connection would have had. Connections that take no part: those whose program or
 * route has chosen for them, and those that never leave the machine.
 *
 * Older kernels do not let such a program keep a record with a socket (BPF_MAP_TYPE_SK_STORAGE) or ask for its namespace
 * (bpf_get_netns_cookie): there it does not load, and there is no split. A table of our own in the place of the record
 * would help none of them: all that know the namespace know the record.
 */
#include "bpf/kernel.h"
#include "bpf/tcp_split.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOL_TCP 6
#define TCP_CONGESTION 13
#define TCP_ECN_OK 1
#define AF_INET 2
#define US 1000 /* ns */

const volatile struct tcp_split_settings settings = { .abi = TCP_SPLIT_ABI };
struct tcp_split_shared shared;

/* What a socket remembers of itself. */
struct connection {
	__u32 cohort;
	__u32 side;
	__u64 since_ns;
	__u64 bytes; /* of these the sides know already */
	__u64 retransmits;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

/* Made by the supervisor, and shared by all splits. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TCP_SPLIT_SLOTS *TCP_SPLIT_SIDES);
	__type(key, __u32);
	__type(value, struct tcp_split_result);
} results SEC(".maps");

/* An interrupt may come between a load and its store: always in one instruction. */
static __always_inline void add(uint64_t *sum, __u64 n)
{
	__sync_fetch_and_add(sum, n);
}

static __always_inline struct tcp_split_result *result_of(__u32 side)
{
	__u32 key = settings.slot * TCP_SPLIT_SIDES + (side & 1);

	return bpf_map_lookup_elem(&results, &key);
}

static __always_inline void record(struct tcp_split_result *result, __u32 value, __u64 n)
{
	__u32 index = hist_index(n);

	if (index >= HIST_BUCKETS)
		return;
	add(&result->sums[value], n);
	if (n > HIST_VALUE_MAX)
		add(&result->clamped[value], 1);
	__sync_fetch_and_add(&result->buckets[value][index], 1);
}

/* To itself, by whatever address: no network is in between. */
static __always_inline bool is_local(const struct bpf_sock_ops *ctx)
{
	if (ctx->family == AF_INET)
		return ctx->remote_ip4 == ctx->local_ip4 ||
		       (ctx->remote_ip4 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return ctx->remote_ip6[0] == ctx->local_ip6[0] && ctx->remote_ip6[1] == ctx->local_ip6[1] &&
	       ctx->remote_ip6[2] == ctx->local_ip6[2] && ctx->remote_ip6[3] == ctx->local_ip6[3];
}

/* It has what the namespace gives to all, and not by a choice of its own. */
static __always_inline bool has_incumbent(struct tcp_sock *tp)
{
	const struct tcp_congestion_ops *ops = tp->inet_conn.icsk_ca_ops;

	if (BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_setsockopt) ||
	    BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_dst_locked))
		return false;
	for (int i = 0; i < TCP_SPLIT_NAME; i++) {
		if (ops->name[i] != settings.names[TCP_SPLIT_BASE][i])
			return false;
		if (!ops->name[i])
			break;
	}
	return true;
}

static __always_inline bool takes_part(struct bpf_sock_ops *ctx, struct tcp_split_result *base)
{
	struct bpf_sock *sk = ctx->sk;
	struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : 0;

	if (!tp)
		return false;
	if (!has_incumbent(tp)) {
		add(&base->chosen, 1);
		return false;
	}
	if (settings.ecn && !(tp->ecn_flags & TCP_ECN_OK)) {
		add(&base->no_ecn, 1);
		return false;
	}
	return true;
}

static __always_inline void draw(struct bpf_sock_ops *ctx)
{
	struct tcp_split_result *result = result_of(TCP_SPLIT_BASE);
	struct connection *connection;
	struct bpf_sock *sk;
	__u32 side;

	if (!result || bpf_get_netns_cookie(ctx) != settings.netns || is_local(ctx) ||
	    !takes_part(ctx, result))
		return;
	sk = ctx->sk;
	connection = sk ? bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;
	if (!connection) {
		add(&result->lost, 1);
		return;
	}
	side = bpf_get_prandom_u32() & 1;
	result = result_of(side);
	if (!result)
		return;
	*connection = (struct connection){ .cohort = shared.cohort,
					   .side = side,
					   .since_ns = bpf_ktime_get_ns() };
	add(&result->connections, 1);
	/* It counts on the side that it drew also where the kernel refuses: the coin decides, and nothing after it. */
	if (bpf_setsockopt(ctx, SOL_TCP, TCP_CONGESTION, (void *)settings.names[side & 1],
			   TCP_SPLIT_NAME))
		add(&result->refused, 1);
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG |
					       BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* What it sent since it was last asked. */
static __always_inline void account(struct bpf_sock_ops *ctx, struct connection *connection,
				    struct tcp_split_result *result)
{
	__u64 bytes = ctx->bytes_acked, retransmits = ctx->total_retrans;

	add(&result->bytes, bytes - connection->bytes);
	add(&result->retransmits, retransmits - connection->retransmits);
	connection->bytes = bytes;
	connection->retransmits = retransmits;
}

static __always_inline void closed(struct bpf_sock_ops *ctx, const struct connection *connection,
				   struct tcp_split_result *result)
{
	__u64 interval_us = ctx->rate_interval_us;

	/* ~0 = there was no round trip. */
	if (ctx->rtt_min && ctx->rtt_min != ~0u)
		record(result, TCP_SPLIT_RTT_MIN, (__u64)ctx->rtt_min * US);
	record(result, TCP_SPLIT_DURATION, bpf_ktime_get_ns() - connection->since_ns);
	if (interval_us)
		record(result, TCP_SPLIT_DELIVERY,
		       (__u64)ctx->rate_delivered * ctx->mss_cache * 1000000 / interval_us);
}

/* Those of this program's own making alone: of an earlier split's the storage is gone. */
static __always_inline void measure(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct connection *connection = sk ? bpf_sk_storage_get(&connections, sk, 0, 0) : 0;
	struct tcp_split_result *result;

	if (!connection || connection->cohort != shared.cohort)
		return;
	result = result_of(connection->side);
	if (!result)
		return;
	account(ctx, connection, result);
	/* The value is the one before this round trip: 0 at the first, where the handshake has not been timed. */
	if (ctx->op == BPF_SOCK_OPS_RTT_CB && ctx->srtt_us >> 3)
		record(result, TCP_SPLIT_RTT, (__u64)(ctx->srtt_us >> 3) * US);
	if (ctx->op != BPF_SOCK_OPS_RTT_CB)
		closed(ctx, connection, result);
}

SEC("sockops")
int tcp_split(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		draw(ctx);
		break;
	case BPF_SOCK_OPS_RTT_CB:
		measure(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == BPF_TCP_CLOSE)
			measure(ctx);
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
