// SPDX-License-Identifier: Apache-2.0
/*
 * The service source against servers that know what they do.
 *
 * Counts and bytes agree exactly. Latencies lie within 10 % of what the server measured itself at the same places,
 * which buckets (1.6 %) and the way from our clock to the server's make up. What cannot be measured must be counted as
 * such, and never be a duration.
 */
#include "tests/native/service_truth.h"

static void a_known_service_time(struct truth *t, uint64_t delay_ns, unsigned int n)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .delay_ns = delay_ns, .answer = 256 };
	struct seen seen = { .requests = 0 };
	int fd;

	serve(t, &ways);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, n));
	take(t, &seen);
	close(fd);
	all_are_measured(&seen, n);
	near(hist_quantile(&seen.latency, 0.5), (double)delay_ns, is_emulated() ? 0.5 : 0.1, 0);
	percentiles_agree(t, &seen);
	assert_int_equal(seen.lossy, 0);
}

static void one_millisecond_is_one_millisecond(void **state)
{
	a_known_service_time(*state, NSEC_PER_MSEC, 500);
}

static void five_milliseconds_are_five_milliseconds(void **state)
{
	a_known_service_time(*state, 5 * NSEC_PER_MSEC, 150);
}

static void counts_and_bytes_agree_exactly(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .answer = 300 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve(t, &ways);
	/* New connections and such as are used again. */
	for (unsigned int i = 0; i < 50; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_ask(t->server, fd, 1 + i % 5 * 10));
		close(fd);
		if (i % 10 == 0)
			take(t, &seen);
	}
	usleep(50000); /* by kprobes the last bytes are counted at the close */
	take(t, &seen);
	print_message("%g requests, %" PRIu64 " measured, %" PRIu64 " pipelined, %" PRIu64
		      " asked before us\n",
		      seen.requests, seen.latency.count, seen.losses[LOSS_PIPELINED],
		      seen.losses[LOSS_ORPHAN_END]);
	assert_int_equal(seen.requests, 1050);
	all_are_measured(&seen, 1050);
	assert_int_equal(seen.in, 1050 * LAB_REQUEST);
	assert_int_equal(seen.out, 1050 * 300);
	assert_int_equal(seen.lossy, 0);
	assert_int_equal(seen.losses[LOSS_ORPHAN_END], 0);
}

static void a_request_in_two_parts_begins_with_its_first_byte(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .delay_ns = NSEC_PER_MSEC,
				       .answer = 100 };
	static const char half[LAB_REQUEST / 2];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	serve(t, &ways);
	fd = lab_connect(t->server);
	for (int i = 0; i < 10; i++) {
		send(fd, half, sizeof(half), 0);
		usleep(20000);
		send(fd, half, sizeof(half), 0);
		assert_true(lab_receive(fd, 100));
	}
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 10);
	assert_int_equal(seen.latency.count, 10);
	assert_true(hist_quantile(&seen.latency, 0.01) > 20e6);
	near(hist_mean(&seen.latency),
	     lab_mean(t->server, counts_end_of_send(t) ? t->server->times : t->server->begins), 0.1,
	     SLACK);
}

/* The end of the stream comes with the request, before the server has read anything. */
static void a_client_that_says_no_more_is_known_from_its_first_byte(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .answer = 100 };
	static const char request[LAB_REQUEST];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve(t, &ways);
	for (int i = 0; i < 20; i++) {
		int fd = lab_connect(t->server);

		send(fd, request, sizeof(request), MSG_MORE);
		shutdown(fd, SHUT_WR);
		assert_true(lab_receive(fd, 100));
		close(fd);
	}
	usleep(50000);
	take(t, &seen);
	assert_int_equal(seen.losses[LOSS_ORPHAN_END], 0);
	assert_int_equal(seen.requests, 20);
	assert_int_equal(seen.latency.count, 20);
}

static void a_streamed_answer_is_one_and_ends_with_its_first_byte(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .delay_ns = NSEC_PER_MSEC,
				       .answer = 100,
				       .parts = 5,
				       .gap_ns = 2 * NSEC_PER_MSEC };
	struct truth *t = *state;
	struct source_status status[SOURCES_MAX];
	struct seen seen = { .requests = 0 };
	int fd;

	serve(t, &ways);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 100));
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 100);
	assert_int_equal(seen.latency.count, 100);
	assert_int_equal(seen.out, 100 * 500 - (counts_end_of_send(t) ? 0 : 100));
	near(hist_quantile(&seen.latency, 0.5), 1e6, is_emulated() ? 4 : 0.1, 0);
	percentiles_agree(t, &seen);
	for (size_t i = observer_sources(t->observer, status); i-- > 0;)
		if (!strcmp(status[i].name, "service"))
			assert_non_null(strstr(status[i].text, "400 sends were later parts"));
}

/* Two requests at a time to a server that takes one after the other. */
static void a_pipelining_client_is_said_and_not_measured(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .delay_ns = NSEC_PER_MSEC,
				       .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	serve(t, &ways);
	fd = lab_connect(t->server);
	for (int i = 0; i < 50; i++) {
		static const char two[2 * LAB_REQUEST];

		assert_int_equal(send(fd, two, sizeof(two), 0), sizeof(two));
		assert_true(lab_receive(fd, 200));
	}
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 100);
	assert_int_equal(seen.latency.count + seen.losses[LOSS_PIPELINED], 100);
	assert_true(seen.losses[LOSS_PIPELINED] >= 45);
	assert_true(seen.lossy > 0);
	/* And what was measured is right. */
	near(hist_quantile(&seen.latency, 0.5), 1e6, is_emulated() ? 4 : 0.1, 0);
}

static void a_server_that_speaks_first_answers_nothing_by_it(void **state)
{
	const struct lab_ways ways = {
		.type = SOCK_STREAM, .delay_ns = NSEC_PER_MSEC, .answer = 100, .greeting = 40
	};
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve(t, &ways);
	for (int i = 0; i < 20; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_receive(fd, 40));
		assert_true(lab_ask(t->server, fd, 2));
		close(fd);
	}
	usleep(50000);
	take(t, &seen);
	assert_int_equal(seen.requests, 40);
	assert_int_equal(seen.latency.count, 40);
	assert_int_equal(seen.out, 20 * 40 + 40 * 100);
	near(hist_quantile(&seen.latency, 0.5), 1e6, is_emulated() ? 4 : 0.1, 0);
}

static void a_look_is_no_read(void **state)
{
	const struct lab_ways ways = {
		.type = SOCK_STREAM, .delay_ns = NSEC_PER_MSEC, .answer = 100, .peeks = true
	};
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	serve(t, &ways);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 50));
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 50);
	assert_int_equal(seen.in, 50 * LAB_REQUEST);
	percentiles_agree(t, &seen);
}

static void a_file_is_sent_as_well(void **state)
{
	const struct lab_ways ways = {
		.type = SOCK_STREAM, .delay_ns = NSEC_PER_MSEC, .answer = 5000, .sends_file = true
	};
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve(t, &ways);
	for (int i = 0; i < 5; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_ask(t->server, fd, 10));
		close(fd);
	}
	usleep(50000);
	take(t, &seen);
	assert_int_equal(seen.requests, 50);
	assert_int_equal(seen.latency.count, 50);
	assert_int_equal(seen.out, 50 * 5000);
}

/* One is asleep over its request when we come. */
static void what_was_asked_before_us_is_no_duration(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .delay_ns = NSEC_PER_SEC,
				       .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	t->server = lab_server_start(&ways, 0);
	name_service(t)->port = t->server->port;
	fd = lab_connect(t->server);
	lab_request(fd);
	usleep(50000); /* it is read now */
	attach(t);
	assert_true(lab_receive(fd, 100));
	take(t, &seen);
	assert_int_equal(seen.latency.count, 0);
	assert_int_equal(seen.losses[LOSS_ORPHAN_END], 1);
	assert_true(lab_ask(t->server, fd, 2));
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 2);
	assert_int_equal(seen.latency.count, 2);
	near(hist_quantile(&seen.latency, 0.5), 1e9, 0.1, 0);
}

static void a_server_that_dies_over_a_request_leaves_no_duration(void **state)
{
	const struct lab_ways slow = { .type = SOCK_STREAM,
				       .delay_ns = 10 * NSEC_PER_SEC,
				       .answer = 100 };
	const struct lab_ways fast = { .type = SOCK_STREAM, .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	uint16_t port;
	int fd;

	serve(t, &slow);
	port = t->server->port;
	fd = lab_connect(t->server);
	lab_request(fd);
	usleep(100000);
	lab_server_kill(t->server);
	assert_false(lab_receive(fd, 100));
	close(fd);
	lab_server_stop(t->server);
	/* The next server on that port is the service again. */
	t->server = lab_server_start(&fast, port);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 10));
	close(fd);
	take(t, &seen);
	assert_int_equal(seen.requests, 11);
	assert_int_equal(seen.latency.count, 10);
	assert_true(hist_quantile(&seen.latency, 1) < 100e6);
}

/* One in four of 1,200 connections: 1,200 ± 4 standard deviations of the estimate, each of 60. */
static void a_sample_of_connections_stands_for_all(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .delay_ns = 200 * NSEC_PER_USEC,
				       .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve(t, &ways);
	assert_int_equal(observer_thin(t->observer, "service", 2), 0);
	take(t, &seen); /* a baseline */
	for (int i = 0; i < 1200; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_ask(t->server, fd, 1));
		close(fd);
	}
	take(t, &seen);
	near(seen.requests, 1200, 0, 4 * 60);
	assert_int_equal((uint64_t)seen.requests % 4, 0);
	assert_int_equal(seen.latency.count, seen.requests);
	near(hist_quantile(&seen.latency, 0.5),
	     lab_quantile(t->server, counts_end_of_send(t) ? t->server->times : t->server->begins,
			  0.5),
	     is_emulated() ? 0.25 : 0.1, SLACK);
	/* And all again, from the next connection on. */
	assert_int_equal(observer_thin(t->observer, "service", 0), 0);
	memset(&seen, 0, sizeof(seen));
	take(t, &seen);
	for (int i = 0; i < 50; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_ask(t->server, fd, 1));
		close(fd);
	}
	take(t, &seen);
	assert_int_equal(seen.requests, 50);
}

static void datagrams_are_measured_one_by_one(void **state)
{
	const struct lab_ways ways = { .type = SOCK_DGRAM,
				       .delay_ns = NSEC_PER_MSEC,
				       .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	if (!counts_end_of_send(t))
		skip(); /* kprobes are at TCP's functions */
	serve(t, &ways);
	fd = lab_connect(t->server);
	/* A read that waits since before we came has no end that a trampoline sees. */
	assert_true(lab_ask(t->server, fd, 1));
	usleep(50000);
	take(t, &seen);
	memset(&seen, 0, sizeof(seen));
	assert_true(lab_ask(t->server, fd, 100));
	take(t, &seen);
	assert_int_equal(seen.requests, 100);
	assert_int_equal(seen.latency.count, 100);
	assert_int_equal(seen.in, 100 * LAB_REQUEST);
	assert_int_equal(seen.out, 100 * 100);
	percentiles_agree(t, &seen);
	close(fd);
}

static void who_waits_to_be_accepted_is_the_queue(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .never_accepts = true, .backlog = 7 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fds[5];

	serve(t, &ways);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = lab_connect(t->server);
	take(t, &seen);
	assert_int_equal(seen.queue, 5);
	assert_int_equal(seen.drops, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* A queue of one has room for two: the kernel looks whether there are more than that already. */
static void who_finds_no_room_is_a_drop(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .never_accepts = true, .backlog = 1 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fds[6];

	serve(t, &ways);
	address.sin_port = htons(t->server->port);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fds[i], (struct sockaddr *)&address, sizeof(address));
	}
	usleep(100000);
	take(t, &seen);
	assert_int_equal(seen.queue, 2);
	assert_true(seen.drops >= 4);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static const struct service_test tests[] = {
	TEST(one_millisecond_is_one_millisecond),
	TEST(five_milliseconds_are_five_milliseconds),
	TEST(counts_and_bytes_agree_exactly),
	TEST(a_request_in_two_parts_begins_with_its_first_byte),
	TEST(a_client_that_says_no_more_is_known_from_its_first_byte),
	TEST(a_streamed_answer_is_one_and_ends_with_its_first_byte),
	TEST(a_pipelining_client_is_said_and_not_measured),
	TEST(a_server_that_speaks_first_answers_nothing_by_it),
	TEST(a_look_is_no_read),
	TEST(a_file_is_sent_as_well),
	TEST(what_was_asked_before_us_is_no_duration),
	TEST(a_server_that_dies_over_a_request_leaves_no_duration),
	TEST(a_sample_of_connections_stands_for_all),
	TEST(datagrams_are_measured_one_by_one),
	TEST(who_waits_to_be_accepted_is_the_queue),
	TEST(who_finds_no_room_is_a_drop),
};

int main(int argc, char **argv)
{
	return service_truth_run(tests, ARRAY_SIZE(tests), argc, argv);
}
