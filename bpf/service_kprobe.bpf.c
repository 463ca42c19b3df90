// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The same by kprobes at TCP's own functions, for kernels without trampolines. Not by return probes: of those only so
 * many may wait in a function at once, and a server's threads wait in tcp_recvmsg(). So an answer counts from the
 * beginning of its send, and how much was read and sent is the growth of TCP's own sequence numbers, of which the
 * last answer's bytes are counted with what comes next on its connection. Neither UDP nor Unix sockets are seen, nor what is sent.
 *
 * A kprobe has no storage of sockets: connections are in a table, until they are closed or give way to newer ones; what
 * comes then is `unknown`.
 */
#define READ(pointer, field) BPF_CORE_READ(pointer, field)
#include "bpf/kernel_net.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/service.h"
#include "bpf/service_tcp.h"

#define SEND_SHUTDOWN 2 /* net/sock.h */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SERVICE_CONNS_MAX);
	__type(key, __u64);
	__type(value, struct service_conn);
} conns SEC(".maps");

static __always_inline struct service_conn *conn_find(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&conns, &key);
}

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? (struct tcp_sock *)sk : NULL;
}

static __always_inline struct service_conn *conn_store(struct sock *sk, struct service_conn *new)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u64 key = (__u64)sk;

	new->read_seq = READ(tcp, copied_seq);
	new->sent_seq = READ(tcp, write_seq);
	bpf_map_update_elem(&conns, &key, new, BPF_ANY);
	return bpf_map_lookup_elem(&conns, &key);
}

static __always_inline void conn_mark(struct sock *sk, __u32 epoch)
{
}

struct turn;
static __always_inline void conn_look(struct turn *turn, __u32 bytes)
{
}

/* We come at the beginning of a send: what is there already did not wait for it. */
static __always_inline bool conn_is_ahead(struct sock *sk, struct tcp_sock *tcp)
{
	return tcp_unread(sk, tcp) != 0;
}

#include "bpf/service_record.h"

/* Counts what was sent since the last time; `fin`: the end of the stream, which is no byte, may be in it. */
static __always_inline void conn_flush(struct sock *sk, struct service_conn *conn, bool fin)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 slot = conn->slot, seq = READ(tcp, write_seq), sent = seq - conn->sent_seq;
	struct service_hist *hist = bpf_map_lookup_elem(&hists, &slot);

	conn->sent_seq = seq;
	if (sent && fin && (READ(sk, sk_shutdown) & SEND_SHUTDOWN))
		sent--;
	if (hist && !conn->skipped && conn->epoch == shared.epoch)
		hist->bytes_out += sent;
}

/* Called with the socket locked, after each part of a read, and of a look (MSG_PEEK) that took nothing. */
SEC("kprobe/tcp_cleanup_rbuf")
int BPF_KPROBE(kprobe_read, struct sock *sk, int copied)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct service_conn *conn;
	__u32 bytes = copied;

	if (copied <= 0 || !port_is_watched(sk))
		return 0;
	conn = conn_find(sk);
	if (conn) {
		bytes = READ(tcp, copied_seq) - conn->read_seq;
		conn_flush(sk, conn, false);
	} else if (tcp_is_first(sk, tcp, 0)) {
		return 0;
	}
	if (!bytes)
		return 0;
	conn_read(sk, bytes, bpf_ktime_get_ns());
	conn = conn_find(sk);
	if (conn)
		conn->read_seq = READ(tcp, copied_seq);
	return 0;
}

static __always_inline int will_send(struct sock *sk)
{
	struct service_conn *conn;

	if (!port_is_watched(sk))
		return 0;
	conn = conn_find(sk);
	if (conn)
		conn_flush(sk, conn, false);
	conn_sent(sk, 0, bpf_ktime_get_ns());
	return 0;
}

SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(kprobe_send, struct sock *sk)
{
	return will_send(sk);
}

/* sendfile(), until 6.5. */
SEC("kprobe/tcp_sendpage")
int BPF_KPROBE(kprobe_page, struct sock *sk)
{
	return will_send(sk);
}

SEC("kprobe/tcp_close")
int BPF_KPROBE(kprobe_close, struct sock *sk)
{
	struct service_conn *conn;
	__u64 key = (__u64)sk;

	if (!port_is_watched(sk))
		return 0;
	conn = conn_find(sk);
	if (conn)
		conn_flush(sk, conn, true);
	bpf_map_delete_elem(&conns, &key);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
