/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection of a service, read by read and send by send.
 *
 * A request begins with the first byte that the server reads after its last answer, and is answered by the first byte
 * that it sends then. What a connection did is kept with its socket and goes with it. By a bit a port the many sockets
 * that are no service's are let go at once; to whom a socket belongs is decided at its first read or send.
 *
 * A stream does not say where a request ends, so what is seen decides what is measured:
 *
 *     a request in several reads       one request, from its first byte on
 *     an answer in several sends       the later ones are `continued`
 *     asked again before the answer    `pipelined`: not measured, see conn_is_ahead() and stream_read()
 *     there before us                  `unknown` until the first send, and that answer is not measured
 *     a server that speaks first       `continued`
 *
 * Datagrams have ends: of those read and not answered more than one is pipelining, until all are answered or none
 * came for a second.
 *
 * What a server reads ahead cannot be told from the first of several reads of a request: with a client that keeps
 * several requests under way, each sent upon an answer, and a server that reads each at once, latencies are too short.
 *
 * READ(pointer, field) is the includer's: a load where the verifier knows the type, else a helper's call. So are
 * conn_find(sk), conn_store(sk, new), tcp_of(sk), and conn_is_ahead(sk, tcp): whether, as an answer goes, the peer
 * is certain to have asked again without waiting for it; conn_look(turn, bytes): counts what an answer of so many says.
 */
#ifndef FLYBALL_BPF_SERVICE_RECORD_H
#define FLYBALL_BPF_SERVICE_RECORD_H

#include "bpf/service_listen.h"
#include "bpf/service_unix.h"

#define OPEN_RESET_NS 1000000000ull /* datagrams that nobody answered for so long nobody will */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* user space sets it by the number of services before loading */
	__type(key, __u32);
	__type(value, struct service_hist);
} hists SEC(".maps");

/* A connection as the kernel keeps it: by TCP, or else `un`. */
struct stream {
	struct sock *sk;
	struct tcp_sock *tcp;
	struct unix_sock *un;
};

/* One read or one send, while it is looked at. */
struct turn {
	struct service_hist *hist;
	struct service_conn *conn;
};

static __always_inline bool port_is_watched(const struct sock *sk)
{
	__u16 port = READ(sk, __sk_common.skc_num), protocol;

	if (!(shared.ports[port / 64] >> port % 64 & 1))
		return false;
	protocol = READ(sk, sk_protocol);
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline struct service_conn *conn_begin(struct sock *sk, __u32 state)
{
	struct service_listener *listener = listener_of(sk);
	struct service_conn new = { .epoch = shared.epoch, .state = state };
	struct service_conn *conn;
	struct service_hist *hist;
	__u32 slot;

	if (!listener)
		return NULL; /* the same port in another namespace */
	slot = listener->slot;
	hist = bpf_map_lookup_elem(&hists, &slot);
	if (!hist)
		return NULL;
	new.slot = slot;
	new.skipped = !(shared.wanted >> slot % 32 & 1) ||
		      (bpf_get_prandom_u32() & ((1u << shared.thin % 32) - 1)) != 0;
	conn = conn_store(sk, &new);
	if (!conn)
		hist->unstored++;
	else if (new.skipped)
		hist->skipped++;
	else
		hist->connections++;
	return conn;
}

/* The connection and its service's histogram; false = none of ours, or not in the sample. `state`: where it is new. */
static __always_inline bool turn_begin(struct sock *sk, struct turn *turn, __u32 state)
{
	struct service_conn *conn = conn_find(sk);
	__u32 slot;

	if (!conn || conn->epoch != shared.epoch) {
		conn = conn_begin(sk, conn ? SERVICE_UNKNOWN : state);
		if (!conn)
			return false;
	}
	if (conn->skipped)
		return false;
	slot = conn->slot;
	turn->conn = conn;
	turn->hist = bpf_map_lookup_elem(&hists, &slot);
	return turn->hist != NULL;
}

static __always_inline void hist_count(struct service_hist *hist, __u64 ns)
{
	hist->buckets[hist_index(ns) % HIST_BUCKETS]++;
	hist->sum += ns;
	if (ns > HIST_VALUE_MAX)
		hist->clamped++;
}

static __always_inline void request_begin(struct turn *turn, __u64 now)
{
	turn->conn->state = SERVICE_ASKED;
	turn->conn->asked_ns = now;
	turn->hist->requests++;
}

/* Asked before the programs rested: whether it was answered meanwhile nobody saw. */
static __always_inline bool asked_unseen(const struct service_conn *conn)
{
	return conn->asked_ns < shared.since_ns;
}

static __always_inline void datagram_read(struct sock *sk, __u32 bytes, __u64 now)
{
	struct service_conn *conn;
	struct turn turn;

	if (!turn_begin(sk, &turn, SERVICE_QUIET))
		return;
	conn = turn.conn;
	turn.hist->bytes_in += bytes;
	if (conn->open && (now - conn->asked_ns > OPEN_RESET_NS || asked_unseen(conn)))
		conn->open = 0;
	conn->pipelined = conn->open > 0;
	conn->open++;
	request_begin(&turn, now);
}

/*
 * What a connection is of which nothing is known when `bytes` were read of it. A Unix socket counts nothing: those that were
 * there before are marked (connection_mark()), and so all others are new, as soon as all are.
 */
static __always_inline __u32 stream_state(struct stream *stream, __u32 bytes)
{
	bool is_new = stream->tcp ? tcp_is_first(stream->sk, stream->tcp, bytes) : !shared.unmarked;

	return is_new ? SERVICE_QUIET : SERVICE_UNKNOWN;
}

/* Whether the peer has all that we sent it. Each segment of TCP confirms what came. */
static __always_inline bool stream_is_read(struct stream *stream)
{
	return stream->tcp ? tcp_is_acked(stream->tcp) : unix_is_read(stream->un);
}

/* Of a Unix socket the next request is looked for first: if it was sent upon the answer, that was read before. */
static __always_inline bool stream_is_ahead(struct stream *stream)
{
	if (stream->tcp)
		return conn_is_ahead(stream->sk, stream->tcp);
	return unix_unread(stream->sk) && !unix_is_read(stream->un);
}

static __always_inline void stream_read(struct stream *stream, __u32 bytes, __u64 now)
{
	struct service_conn *conn;
	struct turn turn;

	if (!turn_begin(stream->sk, &turn, stream_state(stream, bytes)))
		return;
	conn = turn.conn;
	turn.hist->bytes_in += bytes;
	if ((conn->state == SERVICE_ASKED && !asked_unseen(conn)) || conn->state == SERVICE_UNKNOWN)
		return;
	/* This was sent by somebody who had not all of our answer. */
	if (!stream_is_read(stream))
		conn->pipelined = true;
	request_begin(&turn, now);
}

/* To be called when `bytes` of a socket have been read. */
static __always_inline void conn_read(struct sock *sk, __u32 bytes, __u64 now)
{
	struct stream stream = { .sk = sk, .tcp = tcp_of(sk) };

	if (stream.tcp)
		stream_read(&stream, bytes, now);
	else
		datagram_read(sk, bytes, now);
}

static __always_inline void conn_answer(struct turn *turn, __u64 now)
{
	struct service_conn *conn = turn->conn;
	struct service_hist *hist = turn->hist;

	hist->answers++;
	if (conn->pipelined)
		hist->pipelined++;
	else
		hist_count(hist, now - conn->asked_ns);
}

static __always_inline void datagram_sent(struct sock *sk, __u32 bytes, __u64 now)
{
	struct turn turn;

	if (!turn_begin(sk, &turn, SERVICE_QUIET))
		return;
	turn.hist->bytes_out += bytes;
	if (asked_unseen(turn.conn))
		turn.conn->open = 0;
	if (!turn.conn->open) {
		turn.hist->continued++;
		return;
	}
	conn_answer(&turn, now);
	turn.conn->open--;
}

static __always_inline void stream_sent(struct stream *stream, __u32 bytes, __u64 now)
{
	struct service_conn *conn;
	struct turn turn;

	/* Before anything was read: a server that speaks first. Else a request was read before us. */
	if (!turn_begin(stream->sk, &turn, stream_state(stream, 0)))
		return;
	conn = turn.conn;
	turn.hist->bytes_out += bytes;
	if (conn->state == SERVICE_ASKED && !asked_unseen(conn)) {
		conn_answer(&turn, now);
		if (shared.looked >> conn->slot % 32 & 1)
			conn_look(&turn, bytes);
	} else if (conn->state == SERVICE_ASKED || conn->state == SERVICE_UNKNOWN) {
		turn.hist->answers++;
		turn.hist->unknown++;
	} else {
		turn.hist->continued++;
	}
	conn->state = SERVICE_ANSWERED;
	conn->pipelined = stream_is_ahead(stream);
}

/* To be called when `bytes` have been sent. */
static __always_inline void conn_sent(struct sock *sk, __u32 bytes, __u64 now)
{
	struct stream stream = { .sk = sk, .tcp = tcp_of(sk) };

	if (stream.tcp)
		stream_sent(&stream, bytes, now);
	else
		datagram_sent(sk, bytes, now);
}

#endif
