// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Reads and sends of services by programs whose arguments the verifier knows: tp_btf and fexit. User space loads those
 * of one method. What they record: bpf/service_record.h.
 */
#define READ(pointer, field) ((pointer)->field)
#include "bpf/kernel_net.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/service.h"
#include "bpf/service_tcp.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct service_conn);
} conns SEC(".maps");

static __always_inline struct service_conn *conn_find(struct sock *sk)
{
	return bpf_sk_storage_get(&conns, sk, NULL, 0);
}

static __always_inline struct service_conn *conn_store(struct sock *sk, struct service_conn *new)
{
	struct service_conn *conn =
		bpf_sk_storage_get(&conns, sk, new, BPF_SK_STORAGE_GET_F_CREATE);

	if (conn)
		*conn = *new; /* where it was there, of an earlier epoch */
	return conn;
}

static __always_inline void conn_mark(struct sock *sk, __u32 epoch)
{
	struct service_conn old = { .epoch = epoch };

	bpf_sk_storage_get(&conns, sk, &old, BPF_SK_STORAGE_GET_F_CREATE);
}

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP ? bpf_skc_to_tcp_sock(sk) : NULL;
}

/*
 * We come at the end of a send. On the machine's own loopback the answer may be there by then, and confirmed, and the next
 * request here: what was sent without the answer does not confirm it.
 */
static __always_inline bool conn_is_ahead(struct sock *sk, struct tcp_sock *tcp)
{
	return tcp_unread(sk, tcp) && !tcp_is_acked(tcp);
}

struct turn;
static __always_inline void conn_look(struct turn *turn, __u32 bytes);

#include "bpf/service_record.h"
#include "bpf/service_look.h"

static __always_inline void conn_look(struct turn *turn, __u32 bytes)
{
	answer_look(turn->hist, turn->conn, bytes);
}

/* A stream socket of a name on which some service listens; NULL = another one. What connects has no name most often. */
static __always_inline struct unix_sock *unix_watched(struct sock *sk)
{
	__u64 address;
	__u32 bit;

	if (!bpf_core_type_exists(struct unix_sock) || sk->__sk_common.skc_family != AF_UNIX)
		return NULL;
	address = unix_address_of(sk);
	bit = service_address_bit(address);
	if (!address || !(shared.addresses[bit / 64 % SERVICE_ADDRESS_WORDS] >> bit % 64 & 1))
		return NULL;
	return bpf_skc_to_unix_sock(sk);
}

static __always_inline int unix_did_read(struct sock *sk, int bytes, int flags)
{
	struct stream stream = { .sk = sk, .un = bytes > 0 ? unix_watched(sk) : NULL };

	if (stream.un && !(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		stream_read(&stream, bytes, bpf_ktime_get_ns());
	return 0;
}

static __always_inline int unix_did_send(struct sock *sk, int bytes)
{
	struct stream stream = { .sk = sk, .un = bytes > 0 ? unix_watched(sk) : NULL };

	if (stream.un)
		stream_sent(&stream, bytes, bpf_ktime_get_ns());
	return 0;
}

static __always_inline int did_read(struct sock *sk, int bytes, int flags)
{
	if (bytes > 0 && port_is_watched(sk) && !(flags & (MSG_PEEK | MSG_ERRQUEUE)))
		conn_read(sk, bytes, bpf_ktime_get_ns());
	return 0;
}

static __always_inline int did_send(struct sock *sk, int bytes)
{
	if (bytes > 0 && port_is_watched(sk))
		conn_sent(sk, bytes, bpf_ktime_get_ns());
	return 0;
}

/* Of the families whose sockets have ports, only one that has none yet. */
static __always_inline bool is_unnumbered(struct sock *sk)
{
	return sk->__sk_common.skc_num == 0;
}

/*
 * Since 6e6eda44b939 ("sock: add tracepoint for send recv length"), 6.3: at the end of every read and send that goes by
 * way of sock_recvmsg() and sock_sendmsg(), io_uring's too, with what it returns. splice() from a TCP socket does not, nor does
 * sendfile() before dc97391e6610 ("sock: Remove ->sendpage*() in favour of sendmsg(MSG_SPLICE_PAGES)"), 6.5.
 */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(tp_btf_read, struct sock *sk, int ret, int flags)
{
	return is_unnumbered(sk) ? unix_did_read(sk, ret, flags) : did_read(sk, ret, flags);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tp_btf_send, struct sock *sk, int ret, int flags)
{
	return is_unnumbered(sk) ? unix_did_send(sk, ret) : did_send(sk, ret);
}

/*
 * recvmsg(socket, message, size, flags[, address length]): as since ec095263a965 ("net: remove noblock parameter from
 * recvmsg() entities"), 5.19; newer kernels have no last argument, so where the result is has to be asked.
 */
static __always_inline int function_did_read(__u64 *ctx)
{
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	return did_read((struct sock *)ctx[0], (int)ret, (int)ctx[3]);
}

SEC("fexit/tcp_recvmsg")
int fexit_tcp_read(__u64 *ctx)
{
	return function_did_read(ctx);
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(fexit_tcp_send, struct sock *sk, void *msg, unsigned long size, int ret)
{
	return did_send(sk, ret);
}

/* sendfile(), until dc97391e6610 ("sock: Remove ->sendpage*() in favour of sendmsg(MSG_SPLICE_PAGES)"), 6.5. */
SEC("fexit/tcp_sendpage")
int BPF_PROG(fexit_tcp_page, struct sock *sk, void *page, int offset, unsigned long size, int flags,
	     int ret)
{
	return did_send(sk, ret);
}

SEC("fexit/udp_recvmsg")
int fexit_udp_read(__u64 *ctx)
{
	return function_did_read(ctx);
}

/* For a mapped address udpv6_sendmsg() calls it, with the same socket. */
SEC("fexit/udp_sendmsg")
int BPF_PROG(fexit_udp_send, struct sock *sk, void *msg, unsigned long size, int ret)
{
	return sk->__sk_common.skc_family == AF_INET ? did_send(sk, ret) : 0;
}

SEC("fexit/udpv6_recvmsg")
int fexit_udp6_read(__u64 *ctx)
{
	return function_did_read(ctx);
}

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(fexit_udp6_send, struct sock *sk, void *msg, unsigned long size, int ret)
{
	return did_send(sk, ret);
}

/* recvmsg(socket, message, size, flags) of a family, whose socket is not yet the kernel's inner one. */
static __always_inline int socket_did_read(__u64 *ctx)
{
	struct socket *socket = (struct socket *)ctx[0];
	__u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	return unix_did_read(socket->sk, (int)ret, (int)ctx[3]);
}

SEC("fexit/unix_stream_recvmsg")
int fexit_unix_read(__u64 *ctx)
{
	return socket_did_read(ctx);
}

SEC("fexit/unix_seqpacket_recvmsg")
int fexit_packet_read(__u64 *ctx)
{
	return socket_did_read(ctx);
}

/* unix_seqpacket_sendmsg() calls it, if the compiler has not put it in there. */
SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(fexit_unix_send, struct socket *socket, void *msg, unsigned long size, int ret)
{
	return socket->type == SOCK_SEQPACKET ? 0 : unix_did_send(socket->sk, ret);
}

SEC("fexit/unix_seqpacket_sendmsg")
int BPF_PROG(fexit_packet_send, struct socket *socket, void *msg, unsigned long size, int ret)
{
	return unix_did_send(socket->sk, ret);
}

/* sendfile(), until 6.5. */
SEC("fexit/unix_stream_sendpage")
int BPF_PROG(fexit_unix_page, struct socket *socket, void *page, int offset, unsigned long size,
	     int flags, int ret)
{
	return unix_did_send(socket->sk, ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
