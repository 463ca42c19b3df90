/* SPDX-License-Identifier: Apache-2.0 */
/* A channel: one end of the socketpair between two processes, carrying whole messages. */
#ifndef FLYBALL_DAEMON_CHANNEL_H
#define FLYBALL_DAEMON_CHANNEL_H

#include <stdbool.h>

#include "daemon/message.h"

/* Makes the two ends; the caller owns both. Returns 0 or -errno. */
int channel_pair(int ret_fds[2]);

/*
 * Sends a message, waiting up to a second for room. `fd` travels along where it is not negative (it stays the
 * caller's). Returns 0, -EPIPE when the peer is gone, -ETIMEDOUT, or another -errno.
 */
int channel_send(int channel, const struct message *message, int fd);

/* Sends a message that is a header and one word. */
int channel_send_word(int channel, enum message_type type, uint32_t value);

/*
 * Receives a message into `buffer` without waiting, and checks it. Returns 1 with a message (`ret_fd`: the descriptor
 * that came along, else -1; NULL where none may come), 0 when there is none, -EPIPE when the peer is gone, -EBADMSG
 * when what came is no message that `from` may send to `to`.
 */
int channel_receive(int channel, enum role from, enum role to, struct message *buffer, int *ret_fd);

/* True when a message of ordinary size can be sent without waiting. */
bool channel_has_room(int channel);

#endif
