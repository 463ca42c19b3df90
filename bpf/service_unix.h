/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel knows of a connection of Unix sockets. READ(pointer, field) is the includer's.
 *
 * What one end sends is in the other's queue until it was read, and is taken from there before the read returns. So what was
 * read is known at once, where TCP's segments confirm it later.
 */
#ifndef FLYBALL_BPF_SERVICE_UNIX_H
#define FLYBALL_BPF_SERVICE_UNIX_H

#include "bpf/kernel_net.h"

/* Whether something came that was not read. */
static __always_inline bool unix_unread(struct sock *sk)
{
	return READ(sk, sk_receive_queue.qlen) != 0;
}

/* Whether the peer has read all that we sent it, or is gone. */
static __always_inline bool unix_is_read(struct unix_sock *un)
{
	struct sock *peer = READ(un, peer);

	return !peer || READ(peer, sk_receive_queue.qlen) == 0;
}

#endif
