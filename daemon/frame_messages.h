/* SPDX-License-Identifier: Apache-2.0 */
/* A frame on its way from the observer to core: FRAME with its numbers, then SERIES until all of them were there. */
#ifndef FLYBALL_DAEMON_FRAME_MESSAGES_H
#define FLYBALL_DAEMON_FRAME_MESSAGES_H

#include "daemon/message.h"

/* Sends one message. Returns 0 or -errno. */
typedef int (*frame_send_fn)(const struct message *message, void *data);

/* Sends all of a frame; `message` is room to work in. Returns 0, or the first error of `send`. */
int frame_send(const struct frame *frame, struct message *message, frame_send_fn send, void *data);

/*
 * Takes in one checked message, FRAME or SERIES; `*missing` is how many series the frame still lacks, 0 before the first.
 * Returns 1 when the frame is whole; 0 when more is to come; -EBADMSG for a message out of order, or for more series or
 * distributions than were announced or a frame has.
 */
int frame_receive(struct frame *frame, uint32_t *missing, const struct message *message);

#endif
