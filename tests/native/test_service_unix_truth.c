// SPDX-License-Identifier: Apache-2.0
/*
 * Unix sockets of services: counts and latencies as over TCP, whether they are named by the socket's path or by who listens. A Unix
 * socket does not say what it did before, so what was there before us must be known from what is new.
 */
#include "tests/native/service_truth.h"

#define SOCKET "/tmp/flyball-truth.sock"

/* kprobe is at TCP's functions, and says so. */
static bool sees_unix(const struct truth *t)
{
	return strcmp(t->method, "kprobe") != 0;
}

static void name_socket(struct truth *t, const char *pattern)
{
	strcpy(name_service(t)->socket, pattern);
}

/* A server that listens before we come. */
static void serve_unix(struct truth *t, const struct lab_ways *ways)
{
	if (!sees_unix(t))
		skip();
	t->server = lab_server_start(ways, 0);
	name_socket(t, SOCKET);
	attach(t);
}

static void a_known_service_time(struct truth *t, int type)
{
	const struct lab_ways ways = {
		.type = type, .path = SOCKET, .delay_ns = NSEC_PER_MSEC, .answer = 256
	};
	struct seen seen = { .requests = 0 };
	int fd;

	serve_unix(t, &ways);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 500));
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, 500);
	assert_int_equal(seen.latency.count, 500);
	assert_int_equal(seen.losses[LOSS_PIPELINED], 0);
	assert_int_equal(seen.in, 500 * LAB_REQUEST);
	assert_int_equal(seen.out, 500 * 256);
	near(hist_quantile(&seen.latency, 0.5), 1e6, is_emulated() ? 4 : 0.1, 0);
	percentiles_agree(t, &seen);
	assert_int_equal(seen.lossy, 0);
}

static void one_millisecond_is_one_millisecond(void **state)
{
	a_known_service_time(*state, SOCK_STREAM);
}

static void packets_of_a_unix_socket_are_a_stream(void **state)
{
	a_known_service_time(*state, SOCK_SEQPACKET);
}

/* As many connections as requests, as php-fpm and a database without a pool have them; none was there before us. */
static void counts_and_bytes_agree_exactly(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 300 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve_unix(t, &ways);
	for (unsigned int i = 0; i < 400; i++) {
		int fd = lab_connect(t->server);

		assert_true(lab_ask(t->server, fd, 1 + i % 50 / 49 * 30));
		close(fd);
		if (i % 50 == 0)
			take(t, &seen);
	}
	take(t, &seen);
	assert_int_equal(seen.requests, 640);
	assert_int_equal(seen.latency.count, 640);
	assert_int_equal(seen.in, 640 * LAB_REQUEST);
	assert_int_equal(seen.out, 640 * 300);
	assert_int_equal(seen.losses[LOSS_ORPHAN_END], 0);
	assert_int_equal(seen.losses[LOSS_PIPELINED], 0);
	assert_int_equal(seen.lossy, 0);
}

/* The queues of both ends are looked at, which takes no time that something could come between. */
static void nobody_is_taken_for_pipelining(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 16 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	const unsigned int n = is_emulated() ? 5000 : 50000;
	int fd;

	serve_unix(t, &ways);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, n));
	take(t, &seen);
	close(fd);
	assert_int_equal(seen.requests, n);
	assert_int_equal(seen.latency.count, n);
	assert_int_equal(seen.losses[LOSS_PIPELINED], 0);
}

static void a_pipelining_client_is_said_and_not_measured(void **state)
{
	const struct lab_ways ways = {
		.type = SOCK_STREAM, .path = SOCKET, .delay_ns = NSEC_PER_MSEC, .answer = 100
	};
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	serve_unix(t, &ways);
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
	near(hist_quantile(&seen.latency, 0.5), 1e6, is_emulated() ? 4 : 0.1, 0);
}

/* One is asleep over its request when we come, which takes an emulated machine a while. */
static void what_was_asked_before_us_is_no_duration(void **state)
{
	const uint64_t delay_ns = (is_emulated() ? 4 : 1) * NSEC_PER_SEC;
	const struct lab_ways ways = {
		.type = SOCK_STREAM, .path = SOCKET, .delay_ns = delay_ns, .answer = 100
	};
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	if (!sees_unix(t))
		skip();
	t->server = lab_server_start(&ways, 0);
	name_socket(t, SOCKET);
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
	near(hist_quantile(&seen.latency, 0.5), (double)delay_ns, 0.1, 0);
}

static void a_client_with_a_name_is_no_server(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	struct sockaddr_storage server, own;
	const struct lab_ways client = { .path = "/tmp/flyball-truth-client.sock" };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	socklen_t length;
	int fd;

	serve_unix(t, &ways);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(client.path);
	length = lab_address(&client, 0, &own);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, length), 0);
	length = lab_address(&ways, 0, &server);
	assert_int_equal(connect(fd, (struct sockaddr *)&server, length), 0);
	assert_true(lab_ask(t->server, fd, 30));
	close(fd);
	unlink(client.path);
	take(t, &seen);
	assert_int_equal(seen.requests, 30);
	assert_int_equal(seen.in, 30 * LAB_REQUEST);
	assert_int_equal(seen.out, 30 * 100);
}

static void other_sockets_are_not_counted(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	const struct lab_ways other = { .type = SOCK_STREAM,
					.path = "/tmp/flyball-truth-other.sock",
					.answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	struct lab_server *server;
	int fd;

	if (!sees_unix(t))
		skip();
	server = lab_server_start(&other, 0);
	serve_unix(t, &ways);
	fd = lab_connect(server);
	assert_true(lab_ask(server, fd, 30));
	close(fd);
	lab_server_stop(server);
	take(t, &seen);
	assert_true(seen.valid > 0);
	assert_int_equal(seen.requests, 0);
	assert_int_equal(seen.in + seen.out, 0);
}

/* The next server makes a file of its own, which the second look finds. */
static void a_socket_that_is_made_anew_is_the_service_again(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	serve_unix(t, &ways);
	lab_server_stop(t->server);
	t->server = lab_server_start(&ways, 0);
	usleep(1100000);
	take(t, &seen);
	memset(&seen, 0, sizeof(seen));
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 30));
	close(fd);
	take(t, &seen);
	assert_int_equal(seen.requests, 30);
	assert_int_equal(seen.latency.count, 30);
}

/* Its executable has Unix sockets and ports; a port names the ports alone. */
static void asked_of_the_executable(struct truth *t, uint16_t port, unsigned int n)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	struct seen seen = { .requests = 0 };
	struct service *service = name_service(t);
	int fd;

	if (!sees_unix(t) || is_emulated()) /* see test_service_names_truth */
		skip();
	assert_true(readlink("/proc/self/exe", service->executable, SERVICE_PATH_MAX - 1) > 0);
	service->port = port;
	t->server = lab_server_start(&ways, 0);
	attach(t);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 30));
	close(fd);
	take(t, &seen);
	assert_true(seen.valid > 0);
	assert_int_equal(seen.requests, n);
	assert_int_equal(seen.latency.count, n);
}

static void a_service_is_known_by_its_executable(void **state)
{
	asked_of_the_executable(*state, 0, 30);
}

static void a_port_is_no_unix_socket(void **state)
{
	asked_of_the_executable(*state, 1, 0);
}

/* One in four of 1,200 connections: 1,200 ± 4 standard deviations of the estimate, each of 60. */
static void a_sample_of_connections_stands_for_all(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	serve_unix(t, &ways);
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
}

/* What a method does not see has no value, instead of none of everything. */
static void kprobe_says_that_it_sees_no_unix_socket(void **state)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .path = SOCKET, .answer = 100 };
	struct source_status status[SOURCES_MAX];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };
	int fd;

	if (sees_unix(t))
		skip();
	t->server = lab_server_start(&ways, 0);
	name_socket(t, SOCKET);
	attach(t);
	fd = lab_connect(t->server);
	assert_true(lab_ask(t->server, fd, 30));
	close(fd);
	take(t, &seen);
	assert_int_equal(seen.valid, 0);
	for (size_t i = observer_sources(t->observer, status); i-- > 0;)
		if (!strcmp(status[i].name, "service"))
			assert_non_null(strstr(status[i].text, "neither Unix sockets nor UDP"));
}

static const struct service_test tests[] = {
	TEST(one_millisecond_is_one_millisecond),
	TEST(packets_of_a_unix_socket_are_a_stream),
	TEST(counts_and_bytes_agree_exactly),
	TEST(nobody_is_taken_for_pipelining),
	TEST(a_pipelining_client_is_said_and_not_measured),
	TEST(what_was_asked_before_us_is_no_duration),
	TEST(a_client_with_a_name_is_no_server),
	TEST(other_sockets_are_not_counted),
	TEST(a_socket_that_is_made_anew_is_the_service_again),
	TEST(a_service_is_known_by_its_executable),
	TEST(a_port_is_no_unix_socket),
	TEST(a_sample_of_connections_stands_for_all),
	TEST(kprobe_says_that_it_sees_no_unix_socket),
};

int main(int argc, char **argv)
{
	return service_truth_run(tests, ARRAY_SIZE(tests), argc, argv);
}
