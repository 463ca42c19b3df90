// SPDX-License-Identifier: Apache-2.0
/* Messages and channels: what is short, long or out of range never gets past the check. */
#include "daemon/message.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/channel.h"

/* Who may send each type, and to whom. */
static const struct {
	enum message_type type;
	enum role from, to;
} routes[] = {
	{ MESSAGE_PEER, ROLE_SUPERVISOR, ROLE_CORE },
	{ MESSAGE_STOP, ROLE_SUPERVISOR, ROLE_ACTUATOR },
	{ MESSAGE_READY, ROLE_CORE, ROLE_SUPERVISOR },
	{ MESSAGE_BAD_PEER, ROLE_CORE, ROLE_SUPERVISOR },
	{ MESSAGE_DEMAND, ROLE_CORE, ROLE_OBSERVER },
	{ MESSAGE_FRAME, ROLE_OBSERVER, ROLE_CORE },
	{ MESSAGE_SERIES, ROLE_OBSERVER, ROLE_CORE },
	{ MESSAGE_SOURCE, ROLE_OBSERVER, ROLE_CORE },
	{ MESSAGE_CHANGE, ROLE_CORE, ROLE_ACTUATOR },
	{ MESSAGE_HEARTBEAT, ROLE_CORE, ROLE_ACTUATOR },
	{ MESSAGE_FREEZE, ROLE_CORE, ROLE_ACTUATOR },
	{ MESSAGE_KEPT, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_OUTCOME, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_REQUEST, ROLE_CORE, ROLE_ACTUATOR },
	{ MESSAGE_ANSWER, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_LIMIT, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_PIN, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_READ, ROLE_CORE, ROLE_ACTUATOR },
	{ MESSAGE_READING, ROLE_ACTUATOR, ROLE_CORE },
	{ MESSAGE_COUNT, ROLE_OBSERVER, ROLE_SUPERVISOR },
	{ MESSAGE_BUDGET, ROLE_OBSERVER, ROLE_CORE },
	{ MESSAGE_LATE, ROLE_CORE, ROLE_SUPERVISOR },
};

/* A message of that type that passes. */
static void make(struct message *message, enum message_type type)
{
	const struct series series = { .signal = SIGNAL_DISK_BUSY,
				       .scope = { .kind = SCOPE_DISK, .name = "vda" },
				       .value = 0.5 };
	struct batch_cursor cursor;

	message_init(message, type);
	switch (type) {
	case MESSAGE_DEMAND:
		message->demand.tick_ns = 250000000;
		break;
	case MESSAGE_CHANGE:
	case MESSAGE_KEPT:
		message->change.txn = 64;
		message->change.scope = (struct scope){ .kind = SCOPE_DISK, .name = "loop0" };
		strcpy(message->change.knob, "block.scheduler");
		break;
	case MESSAGE_REQUEST:
		message->request.id = 1;
		break;
	case MESSAGE_LIMIT:
		message->limit.total = 1;
		break;
	case MESSAGE_SERIES:
		batch_begin(&message->series, &cursor);
		batch_add(&message->series, &cursor, &series);
		message_fit(message);
		break;
	default:
		break;
	}
}

static void every_type_passes_on_its_own_route(void **state)
{
	struct message message;

	(void)state;
	assert_int_equal(sizeof(routes) / sizeof(routes[0]), MESSAGE_TYPE_COUNT);
	for (size_t i = 0; i < MESSAGE_TYPE_COUNT; i++) {
		make(&message, routes[i].type);
		assert_int_equal(message_check(&message, message.header.size, routes[i].from,
					       routes[i].to),
				 0);
	}
}

static void no_type_passes_on_the_way_back(void **state)
{
	struct message message;

	(void)state;
	for (size_t i = 0; i < MESSAGE_TYPE_COUNT; i++) {
		make(&message, routes[i].type);
		assert_int_equal(message_check(&message, message.header.size, routes[i].to,
					       routes[i].from),
				 -EBADMSG);
	}
}

static void a_message_of_any_other_size_is_refused(void **state)
{
	struct message message;

	(void)state;
	for (size_t i = 0; i < MESSAGE_TYPE_COUNT; i++) {
		size_t right;

		make(&message, routes[i].type);
		right = message.header.size;
		for (size_t size = 0; size < sizeof(message); size += size < 64 ? 1 : 61)
			assert_int_equal(message_check(&message, size, routes[i].from,
						       routes[i].to),
					 size == right ? 0 : -EBADMSG);
		message.header.size++;
		assert_int_equal(message_check(&message, right, routes[i].from, routes[i].to),
				 -EBADMSG);
	}
}

static void another_magic_version_or_type_is_refused(void **state)
{
	struct message message;

	(void)state;
	make(&message, MESSAGE_HEARTBEAT);
	message.header.magic ^= 1;
	assert_int_equal(message_check(&message, message.header.size, ROLE_CORE, ROLE_ACTUATOR),
			 -EBADMSG);
	make(&message, MESSAGE_HEARTBEAT);
	message.header.version++;
	assert_int_equal(message_check(&message, message.header.size, ROLE_CORE, ROLE_ACTUATOR),
			 -EBADMSG);
	make(&message, MESSAGE_HEARTBEAT);
	message.header.type = MESSAGE_TYPE_COUNT;
	assert_int_equal(message_check(&message, message.header.size, ROLE_CORE, ROLE_ACTUATOR),
			 -EBADMSG);
}

static int check_change(const struct message *message)
{
	return message_check(message, message->header.size, ROLE_CORE, ROLE_ACTUATOR);
}

static void a_change_with_a_field_out_of_range_is_refused(void **state)
{
	struct message message;

	(void)state;
	make(&message, MESSAGE_CHANGE);
	message.change.action = ACTION_COUNT;
	assert_int_equal(check_change(&message), -EBADMSG);
	make(&message, MESSAGE_CHANGE);
	message.change.txn = 0;
	assert_int_equal(check_change(&message), -EBADMSG);
	make(&message, MESSAGE_CHANGE);
	memset(message.change.new_value, 'x', sizeof(message.change.new_value));
	assert_int_equal(check_change(&message), -EBADMSG);
	make(&message, MESSAGE_CHANGE);
	strcpy(message.change.new_value, "bfq\n");
	assert_int_equal(check_change(&message), -EBADMSG);
	make(&message, MESSAGE_CHANGE);
	strcpy(message.change.scope.name, "../../../etc");
	assert_int_equal(check_change(&message), -EBADMSG);
}

static void a_series_with_a_field_out_of_range_is_refused(void **state)
{
	static const struct series bad[] = {
		{ .signal = SIGNAL_CPU_USER, .value = NAN },
		{ .signal = SIGNAL_CPU_USER, .value = INFINITY },
		{ .signal = SIGNAL_ID_COUNT },
		{ .signal = SIGNAL_CPU_USER, .scope = { .kind = SCOPE_KIND_COUNT } },
		{ .signal = SIGNAL_DISK_BUSY, .scope = { .kind = SCOPE_DISK, .name = "a/b" } },
	};
	struct batch_cursor cursor;
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(&message, MESSAGE_SERIES);
		batch_begin(&message.series, &cursor);
		assert_int_equal(batch_add(&message.series, &cursor, &bad[i]), 0);
		message_fit(&message);
		assert_int_equal(message_check(&message, message.header.size, ROLE_OBSERVER,
					       ROLE_CORE),
				 -EBADMSG);
	}
	make(&message, MESSAGE_FRAME);
	message.frame.n_series = FRAME_SERIES_MAX + 1;
	assert_int_equal(message_check(&message, message.header.size, ROLE_OBSERVER, ROLE_CORE),
			 -EBADMSG);
	make(&message, MESSAGE_DEMAND);
	message.demand.n_demands = DEMANDS_MAX + 1;
	assert_int_equal(message_check(&message, message.header.size, ROLE_CORE, ROLE_OBSERVER),
			 -EBADMSG);
}

static void a_channel_carries_a_message_whole(void **state)
{
	struct message sent, got;
	int fds[2];

	(void)state;
	assert_int_equal(channel_pair(fds), 0);
	make(&sent, MESSAGE_CHANGE);
	assert_int_equal(channel_send(fds[0], &sent, -1), 0);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &got, NULL), 1);
	assert_memory_equal(&sent, &got, sent.header.size);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &got, NULL), 0);
	close(fds[0]);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &got, NULL), -EPIPE);
	close(fds[1]);
}

static void a_channel_refuses_short_and_long_datagrams(void **state)
{
	static char garbage[sizeof(struct message) + 64];
	struct message got;
	int fds[2];

	(void)state;
	assert_int_equal(channel_pair(fds), 0);
	assert_int_equal(send(fds[0], garbage, 3, 0), 3);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &got, NULL), -EBADMSG);
	/* A right beginning with too much behind it. */
	make((struct message *)garbage, MESSAGE_HEARTBEAT);
	assert_int_equal(send(fds[0], garbage, sizeof(garbage), 0), sizeof(garbage));
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &got, NULL), -EBADMSG);
	close(fds[0]);
	close(fds[1]);
}

static void a_descriptor_comes_only_with_the_message_that_brings_one(void **state)
{
	struct message message;
	int fds[2], passed = -1;

	(void)state;
	assert_int_equal(channel_pair(fds), 0);
	make(&message, MESSAGE_PEER);
	assert_int_equal(channel_send(fds[0], &message, STDIN_FILENO), 0);
	assert_int_equal(channel_receive(fds[1], ROLE_SUPERVISOR, ROLE_CORE, &message, &passed), 1);
	assert_true(passed >= 0);
	close(passed);
	make(&message, MESSAGE_PEER);
	assert_int_equal(channel_send(fds[0], &message, -1), 0);
	assert_int_equal(channel_receive(fds[1], ROLE_SUPERVISOR, ROLE_CORE, &message, &passed),
			 -EBADMSG);
	make(&message, MESSAGE_HEARTBEAT);
	assert_int_equal(channel_send(fds[0], &message, STDIN_FILENO), 0);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &message, NULL),
			 -EBADMSG);
	close(fds[0]);
	close(fds[1]);
}

/* Several descriptors in one message would pile up in the receiver. */
static void a_second_descriptor_is_refused_and_not_kept(void **state)
{
	struct message message;
	struct iovec vector = { .iov_base = &message };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(2 * sizeof(int)) } };
	struct msghdr header = { .msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.space) };
	int fds[2], next;

	(void)state;
	assert_int_equal(channel_pair(fds), 0);
	make(&message, MESSAGE_HEARTBEAT);
	vector.iov_len = message.header.size;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	next = dup(STDIN_FILENO);
	close(next);
	assert_int_equal(sendmsg(fds[0], &header, 0), message.header.size);
	assert_int_equal(channel_receive(fds[1], ROLE_CORE, ROLE_ACTUATOR, &message, NULL),
			 -EBADMSG);
	assert_int_equal(dup(STDIN_FILENO), next);
	close(next);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_passes_on_its_own_route),
		cmocka_unit_test(no_type_passes_on_the_way_back),
		cmocka_unit_test(a_message_of_any_other_size_is_refused),
		cmocka_unit_test(another_magic_version_or_type_is_refused),
		cmocka_unit_test(a_change_with_a_field_out_of_range_is_refused),
		cmocka_unit_test(a_series_with_a_field_out_of_range_is_refused),
		cmocka_unit_test(a_channel_carries_a_message_whole),
		cmocka_unit_test(a_channel_refuses_short_and_long_datagrams),
		cmocka_unit_test(a_descriptor_comes_only_with_the_message_that_brings_one),
		cmocka_unit_test(a_second_descriptor_is_refused_and_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
