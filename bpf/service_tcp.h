/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel knows of a TCP connection. READ(pointer, field) is the includer's. */
#ifndef FLYBALL_BPF_SERVICE_TCP_H
#define FLYBALL_BPF_SERVICE_TCP_H

#include "bpf/kernel_net.h"

/* What came in and was not read; the end of the stream counts as a byte. */
static __always_inline __u32 tcp_unread(struct sock *sk, struct tcp_sock *tcp)
{
	__u32 unread = READ(tcp, rcv_nxt) - READ(tcp, copied_seq);

	return unread && (READ(sk, sk_shutdown) & RCV_SHUTDOWN) ? unread - 1 : unread;
}

/* Whether the peer has confirmed all that we sent it. */
static __always_inline bool tcp_is_acked(struct tcp_sock *tcp)
{
	return READ(tcp, snd_una) == READ(tcp, write_seq);
}

/* Whether nothing was read or sent before this read of `bytes`. */
static __always_inline bool tcp_is_first(struct sock *sk, struct tcp_sock *tcp, __u32 bytes)
{
	return (__u32)READ(tcp, bytes_received) - tcp_unread(sk, tcp) == bytes;
}

#endif
