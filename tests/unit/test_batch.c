// SPDX-License-Identifier: Apache-2.0
/* Many series in one message, and a frame that is put together again out of several. */
#include "daemon/batch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/frame.h"
#include "base/hist.h"
#include "base/rng.h"
#include "base/scope.h"
#include "daemon/channel.h"
#include "daemon/frame_messages.h"

static struct frame *frame_new(void)
{
	struct frame *frame = calloc(1, sizeof(*frame));

	assert_non_null(frame);
	return frame;
}

static struct series *add(struct frame *frame, uint32_t signal, uint32_t kind, const char *name,
			  double value)
{
	struct series *series = &frame->series[frame->n_series++];

	*series = (struct series){
		.signal = signal, .flags = SERIES_VALID, .scope = { .kind = kind }, .value = value
	};
	snprintf(series->scope.name, sizeof(series->scope.name), "%s", name);
	return series;
}

/* A frame with all that a series can have. */
static struct frame *frame_mixed(size_t n)
{
	struct frame *frame = frame_new();
	struct rng rng;

	rng_init(&rng, 7);
	frame->seq = 4;
	frame->time_ns = 1000;
	frame->interval_ns = 250;
	frame->losses[LOSS_INSTANCE] = 3;
	while (frame->n_series < n) {
		const uint32_t signal = (uint32_t)rng_next(&rng) % SIGNAL_ID_COUNT;
		struct series *series;
		char name[SCOPE_NAME_MAX];

		snprintf(name, sizeof(name), "/a/%u", (unsigned int)(rng_next(&rng) % (n / 3 + 1)));
		series = add(frame, signal, SCOPE_CGROUP, name,
			     rng_next(&rng) % 3 ? rng_uniform(&rng) - 0.5 : 0);
		series->flags = (uint32_t)rng_next(&rng) % 8 |
				(uint32_t[]){ 0, SERIES_BASE, SERIES_ARM }[rng_next(&rng) % 3];
		if (rng_next(&rng) % 10 || frame->n_hists == FRAME_HISTS_MAX)
			continue;
		series->hist = &frame->hists[frame->n_hists++];
		for (uint64_t i = rng_next(&rng) % 20; i > 0; i--)
			hist_add(series->hist, rng_next(&rng) >> 26);
	}
	return frame;
}

static void assert_same(const struct frame *a, const struct frame *b)
{
	assert_int_equal(a->n_series, b->n_series);
	assert_int_equal(a->n_hists, b->n_hists);
	assert_memory_equal(a->losses, b->losses, sizeof(a->losses));
	for (size_t i = 0; i < a->n_series; i++) {
		const struct series *x = &a->series[i], *y = &b->series[i];

		assert_int_equal(x->signal, y->signal);
		assert_int_equal(x->flags, y->flags);
		assert_true(scope_equal(&x->scope, &y->scope));
		assert_memory_equal(&x->value, &y->value, sizeof(x->value));
		assert_int_equal(x->hist != NULL, y->hist != NULL);
		if (x->hist)
			assert_memory_equal(x->hist, y->hist, sizeof(*x->hist));
	}
}

struct receiver {
	int fds[2];
	struct frame *frame;
	uint32_t missing;
	int result;
	size_t n_messages;
};

/* Over the real channel: each message is received before the next one is sent. */
static int pass_on(const struct message *message, void *data)
{
	static struct message got;
	struct receiver *receiver = data;

	assert_int_equal(channel_send(receiver->fds[0], message, -1), 0);
	assert_int_equal(channel_receive(receiver->fds[1], ROLE_OBSERVER, ROLE_CORE, &got, NULL),
			 1);
	assert_true(receiver->result == 0);
	receiver->n_messages++;
	receiver->result = frame_receive(receiver->frame, &receiver->missing, &got);
	return 0;
}

static void a_frame_comes_out_as_it_went_in(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 50, 3000, FRAME_SERIES_MAX };
	static struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct receiver receiver = { .frame = frame_new() };
		struct frame *frame = frame_mixed(sizes[i]);

		memset(receiver.frame, 0xa5, sizeof(*receiver.frame));
		assert_int_equal(channel_pair(receiver.fds), 0);
		assert_int_equal(frame_send(frame, &message, pass_on, &receiver), 0);
		assert_int_equal(receiver.result, 1);
		assert_int_equal(receiver.missing, 0);
		assert_same(frame, receiver.frame);
		/* Nowhere near a message a series. */
		assert_true(receiver.n_messages <= 2 + sizes[i] / 400);
		close(receiver.fds[0]);
		close(receiver.fds[1]);
		free(receiver.frame);
		free(frame);
	}
}

static void a_scope_is_said_once_for_the_series_that_follow(void **state)
{
	static struct message_batch batch;
	struct batch_cursor cursor;
	struct frame *frame = frame_new();
	uint32_t first;

	(void)state;
	add(frame, SIGNAL_PSI_IO_FULL, SCOPE_CGROUP, "/a/long/path/of/a/container", 0.5);
	add(frame, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/a/long/path/of/a/container", 0);
	batch_begin(&batch, &cursor);
	assert_int_equal(batch_add(&batch, &cursor, &frame->series[0]), 0);
	first = batch.n_bytes;
	assert_int_equal(batch_add(&batch, &cursor, &frame->series[1]), 0);
	assert_int_equal(batch.n_bytes - first, 5);
	assert_true(batch_valid(&batch));
	free(frame);
}

static void a_full_batch_takes_nothing_more_and_stays_as_it_is(void **state)
{
	static struct message_batch batch;
	struct frame *frame = frame_new();
	struct batch_cursor cursor;
	uint32_t n = 0, bytes;
	int r;

	(void)state;
	add(frame, SIGNAL_PSI_IO_FULL, SCOPE_CGROUP, "/a", 0.5);
	add(frame, SIGNAL_PSI_IO_FULL, SCOPE_CGROUP, "/b", 0.5);
	batch_begin(&batch, &cursor);
	while ((r = batch_add(&batch, &cursor, &frame->series[n % 2])) == 0)
		n++;
	bytes = batch.n_bytes;
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(batch_add(&batch, &cursor, &frame->series[n % 2]), -ENOSPC);
	assert_int_equal(batch.n_bytes, bytes);
	assert_int_equal(batch.n_series, n);
	assert_true(batch_valid(&batch));
	free(frame);
}

/* Of each byte that is changed, and of each length that is cut, the reader stays inside the message. */
static void what_a_writer_would_not_have_written_is_refused(void **state)
{
	static struct message_batch batch, bad;
	struct frame *frame = frame_mixed(12);
	struct batch_cursor cursor;

	(void)state;
	frame->series[3].hist = &frame->hists[frame->n_hists++];
	hist_add(frame->series[3].hist, 5);
	hist_add(frame->series[3].hist, 5000);
	batch_begin(&batch, &cursor);
	for (size_t i = 0; i < frame->n_series; i++)
		assert_int_equal(batch_add(&batch, &cursor, &frame->series[i]), 0);
	for (uint32_t n = 0; n < batch.n_bytes; n++) {
		bad = batch;
		bad.n_bytes = n;
		assert_false(batch_valid(&bad));
	}
	bad = batch;
	bad.n_bytes = BATCH_BYTES_MAX + 1;
	assert_false(batch_valid(&bad));
	bad = batch;
	bad.n_series++;
	assert_false(batch_valid(&bad));
	bad = (struct message_batch){ .n_series = 0 };
	assert_false(batch_valid(&bad));
	for (uint32_t n = 0; n < batch.n_bytes; n++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			bad = batch;
			bad.bytes[n] ^= (uint8_t)(1u << bit);
			(void)batch_valid(&bad); /* whichever: it does not read outside */
		}
	free(frame);
}

static void a_series_of_both_sides_is_refused(void **state)
{
	static struct message_batch batch;
	struct batch_cursor cursor;
	struct series series = { .signal = SIGNAL_TCP_SPLIT_BYTES,
				 .flags = SERIES_VALID | SERIES_ARM,
				 .scope = { .kind = SCOPE_HOST } };

	(void)state;
	batch_begin(&batch, &cursor);
	assert_int_equal(batch_add(&batch, &cursor, &series), 0);
	assert_true(batch_valid(&batch));
	series.flags |= SERIES_BASE;
	batch_begin(&batch, &cursor);
	assert_int_equal(batch_add(&batch, &cursor, &series), 0);
	assert_false(batch_valid(&batch));
}

static void a_histogram_out_of_order_or_with_an_empty_bucket_is_refused(void **state)
{
	static struct message_batch batch, bad;
	struct frame *frame = frame_new();
	struct batch_cursor cursor;
	uint8_t *buckets;
	uint16_t index;
	uint32_t count = 0;

	(void)state;
	add(frame, SIGNAL_DISK_READ_LATENCY, SCOPE_DISK, "vda", 0)->hist = &frame->hists[0];
	hist_add(&frame->hists[0], 5);
	hist_add(&frame->hists[0], 5000);
	batch_begin(&batch, &cursor);
	assert_int_equal(batch_add(&batch, &cursor, &frame->series[0]), 0);
	assert_true(batch_valid(&batch));
	bad = batch;
	buckets = bad.bytes + bad.n_bytes - 12;
	index = 1000;
	memcpy(buckets, &index, 2);
	assert_false(batch_valid(&bad));
	index = HIST_BUCKETS;
	memcpy(buckets + 6, &index, 2);
	assert_false(batch_valid(&bad));
	bad = batch;
	memcpy(buckets + 2, &count, 4);
	assert_false(batch_valid(&bad));
	free(frame);
}

static void messages_out_of_order_are_refused(void **state)
{
	static struct message message;
	struct frame *frame = frame_new(), *got = frame_new();
	struct batch_cursor cursor;
	uint32_t missing = 0;

	(void)state;
	add(frame, SIGNAL_CPU_USER, SCOPE_HOST, "", 0.5);
	message_init(&message, MESSAGE_SERIES);
	batch_begin(&message.series, &cursor);
	batch_add(&message.series, &cursor, &frame->series[0]);
	message_fit(&message);
	assert_int_equal(frame_receive(got, &missing, &message), -EBADMSG);
	missing = 2;
	assert_int_equal(frame_receive(got, &missing, &message), 0);
	assert_int_equal(frame_receive(got, &missing, &message), 1);
	missing = 1;
	message_init(&message, MESSAGE_FRAME);
	assert_int_equal(frame_receive(got, &missing, &message), -EBADMSG);
	free(frame);
	free(got);
}

static void more_distributions_than_a_frame_has_are_refused(void **state)
{
	static struct message message;
	struct frame *got = frame_new();
	struct batch_cursor cursor;
	struct hist hist = { .count = 0 };
	struct series series = { .signal = SIGNAL_DISK_READ_LATENCY,
				 .scope = { .kind = SCOPE_DISK, .name = "vda" },
				 .hist = &hist };
	uint32_t missing = FRAME_HISTS_MAX + 1;

	(void)state;
	message_init(&message, MESSAGE_SERIES);
	batch_begin(&message.series, &cursor);
	for (size_t i = 0; i < FRAME_HISTS_MAX + 1; i++)
		assert_int_equal(batch_add(&message.series, &cursor, &series), 0);
	message_fit(&message);
	assert_int_equal(frame_receive(got, &missing, &message), -EBADMSG);
	free(got);
}

static void a_series_is_found_by_its_signal_and_scope(void **state)
{
	struct frame *frame = frame_new();
	struct scope scope = { .kind = SCOPE_CGROUP };

	(void)state;
	for (int i = 0; i < FRAME_SERIES_MAX / 2; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/g%d", i);
		add(frame, SIGNAL_PSI_IO_FULL, SCOPE_CGROUP, name, i);
		add(frame, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, name, -i);
	}
	frame_index(frame);
	for (int i = 0; i < FRAME_SERIES_MAX / 2; i++) {
		snprintf(scope.name, sizeof(scope.name), "/g%d", i);
		assert_true(frame_series(frame, SIGNAL_PSI_IO_FULL, &scope)->value == i);
		assert_true(frame_series(frame, SIGNAL_PSI_IO_SOME, &scope)->value == -i);
		assert_null(frame_series(frame, SIGNAL_PSI_CPU_SOME, &scope));
		assert_true(frame_has_scope(frame, &scope));
	}
	strcpy(scope.name, "/g");
	assert_false(frame_has_scope(frame, &scope));
	strcpy(scope.name, "/g1");
	scope.kind = SCOPE_SERVICE;
	assert_false(frame_has_scope(frame, &scope));
	frame->n_series = 0;
	frame_index(frame);
	scope.kind = SCOPE_CGROUP;
	assert_false(frame_has_scope(frame, &scope));
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_out_as_it_went_in),
		cmocka_unit_test(a_scope_is_said_once_for_the_series_that_follow),
		cmocka_unit_test(a_full_batch_takes_nothing_more_and_stays_as_it_is),
		cmocka_unit_test(what_a_writer_would_not_have_written_is_refused),
		cmocka_unit_test(a_series_of_both_sides_is_refused),
		cmocka_unit_test(a_histogram_out_of_order_or_with_an_empty_bucket_is_refused),
		cmocka_unit_test(messages_out_of_order_are_refused),
		cmocka_unit_test(more_distributions_than_a_frame_has_are_refused),
		cmocka_unit_test(a_series_is_found_by_its_signal_and_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
