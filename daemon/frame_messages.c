// SPDX-License-Identifier: Apache-2.0
#include "daemon/frame_messages.h"

#include <errno.h>
#include <string.h>

static int send_series(const struct frame *frame, struct message *message, frame_send_fn send,
		       void *data)
{
	struct batch_cursor cursor;
	int r = 0;

	for (size_t i = 0; i < frame->n_series;) {
		message_init(message, MESSAGE_SERIES);
		batch_begin(&message->series, &cursor);
		while (i < frame->n_series &&
		       batch_add(&message->series, &cursor, &frame->series[i]) == 0)
			i++;
		message_fit(message);
		r = send(message, data);
		if (r < 0)
			return r;
	}
	return 0;
}

int frame_send(const struct frame *frame, struct message *message, frame_send_fn send, void *data)
{
	int r;

	message_init(message, MESSAGE_FRAME);
	message->frame.seq = frame->seq;
	message->frame.time_ns = frame->time_ns;
	message->frame.interval_ns = frame->interval_ns;
	message->frame.n_series = (uint32_t)frame->n_series;
	memcpy(message->frame.losses, frame->losses, sizeof(frame->losses));
	message->frame.skipped = frame->skipped;
	r = send(message, data);
	return r < 0 ? r : send_series(frame, message, send, data);
}

static int receive_frame(struct frame *frame, uint32_t *missing, const struct message_frame *m)
{
	if (*missing)
		return -EBADMSG;
	frame->seq = m->seq;
	frame->time_ns = m->time_ns;
	frame->interval_ns = m->interval_ns;
	memcpy(frame->losses, m->losses, sizeof(frame->losses));
	frame->skipped = m->skipped;
	frame->n_series = 0;
	frame->n_hists = 0;
	*missing = m->n_series;
	return *missing == 0;
}

static int receive_series(struct frame *frame, const struct message_batch *batch)
{
	struct batch_cursor cursor = { .at = 0 };
	struct hist spare = { 0 };

	/* As many as it says: message_check() has counted them. */
	for (uint32_t n = batch->n_series; n > 0; n--) {
		struct series *series = &frame->series[frame->n_series];
		struct hist *hist =
			frame->n_hists < FRAME_HISTS_MAX ? &frame->hists[frame->n_hists] : &spare;

		if (batch_next(batch, &cursor, series, hist) <= 0 || series->hist == &spare)
			return -EBADMSG;
		frame->n_hists += series->hist != NULL;
		frame->n_series++;
	}
	return 0;
}

int frame_receive(struct frame *frame, uint32_t *missing, const struct message *message)
{
	int r;

	if (message->header.type == MESSAGE_FRAME)
		return receive_frame(frame, missing, &message->frame);
	if (message->series.n_series > *missing)
		return -EBADMSG;
	*missing -= message->series.n_series;
	r = receive_series(frame, &message->series);
	return r < 0 ? r : *missing == 0;
}
