/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows of a TCP connection. READ(pointer, field) is the includer's. */
#ifndef FLYBALL_BPF_SERVICE_TCP_H
#define FLYBALL_BPF_SERVICE_TCP_H

#include "bpf/kernel_net.h"

/* The end of the stream, which the kernel numbers and counts as if it were a byte. */
static __always_inline __u32 tcp_ended(struct sock *sk)
{
	return (READ(sk, sk_shutdown) & RCV_SHUTDOWN) != 0;
}

/* What came in and was not read. */
static __always_inline __u32 tcp_unread(struct sock *sk, struct tcp_sock *tcp)
{
	__u32 unread = READ(tcp, rcv_nxt) - READ(tcp, copied_seq);

	return unread ? unread - tcp_ended(sk) : 0;
}

/* Whether the peer has confirmed all that we sent it. */
static __always_inline bool tcp_is_acked(struct tcp_sock *tcp)
{
	return READ(tcp, snd_una) == READ(tcp, write_seq);
}

/* Whether nothing was read or sent before this read of `bytes`. */
static __always_inline bool tcp_is_first(struct sock *sk, struct tcp_sock *tcp, __u32 bytes)
{
	__u32 received = (__u32)READ(tcp, bytes_received) - tcp_ended(sk);

	return received - tcp_unread(sk, tcp) == bytes;
}

#endif
