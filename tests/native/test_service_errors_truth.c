// SPDX-License-Identifier: Apache-2.0
/*
 * Errors of services: answers that say so in a protocol that shows it, exactly as many as there were, and no value where there
 * is no such protocol. By every call that a server may send with, over TCP and Unix sockets.
 */
#include "tests/native/service_truth.h"

#define SOCKET "/tmp/flyball-truth.sock"
#define LAB_TEXT(text)                 \
	{                              \
		text, sizeof(text) - 1 \
	}

/* A round of answers of one protocol, of which so many are errors. */
struct round {
	const char *name;
	const struct lab_text *texts;
	size_t n, n_errors;
};

/* clang-format off: an answer a line. */
static const struct lab_text http[] = {
	LAB_TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
	LAB_TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
	LAB_TEXT("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
	LAB_TEXT("HTTP/1.0 503 Service Unavailable\r\n\r\n"),
	LAB_TEXT("HTTP/1.1 304 Not Modified\r\n\r\n"),
};
static const struct lab_text memcached[] = {
	LAB_TEXT("VALUE a 0 5\r\nhello\r\nEND\r\n"),
	LAB_TEXT("END\r\n"),
	LAB_TEXT("SERVER_ERROR out of memory storing object\r\n"),
	LAB_TEXT("CLIENT_ERROR bad data chunk\r\n"),
	LAB_TEXT("12\r\n"),
	LAB_TEXT("ERROR\r\n"),
};
static const struct lab_text redis[] = {
	LAB_TEXT("+OK\r\n"),
	LAB_TEXT("-ERR unknown command 'nothing', with args beginning with: \r\n"),
	LAB_TEXT("$5\r\n-ERR!\r\n"),
	LAB_TEXT("*0\r\n"),
};
static const struct lab_text mysql[] = {
	LAB_TEXT("\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"),
	LAB_TEXT("\x16\x00\x00\x01\xff\x48\x04#HY000No table used"),
	LAB_TEXT("\x01\x00\x00\x01\x01\x17\x00\x00\x02\x03"
		 "def\0\0\0\x01"
		 "1\0\x0c\x3f\0\x01\0\0\0\x08\x81\0\0\0\0"),
};
static const struct lab_text postgres[] = {
	LAB_TEXT("C\0\0\0\x0a"
		 "BEGIN\0Z\0\0\0\x05T"),
	LAB_TEXT("E\0\0\0\x20SERROR\0VERROR\0C42P01\0Mnone\0\0Z\0\0\0\x05"
		 "E"),
	LAB_TEXT("1\0\0\0\x04"
		 "2\0\0\0\x04"
		 "E\0\0\0\x20SERROR\0VERROR\0C22012\0Mzero\0\0Z\0\0\0\x05I"),
	LAB_TEXT("E\0\0\0\x20SFATAL\0VFATAL\0C57P01\0Mgone\0\0"),
};
static const struct lab_text tls[] = {
	LAB_TEXT("\x16\x03\x03\x00\x25\x02\x00\x00\x21\x03\x03"
		 "E-HTTP/1.1 500"),
	LAB_TEXT("\x17\x03\x03\x00\x17\xff\x48\x04#HY000No table used"),
	LAB_TEXT("\x17\x03\x03\x00\x0d"
		 "E\0\0\0\x20SERROR\0"),
};
/* clang-format on */

static const struct round rounds[] = {
	{ "HTTP", http, ARRAY_SIZE(http), 2 },
	{ "memcached", memcached, ARRAY_SIZE(memcached), 2 },
	{ "Redis", redis, ARRAY_SIZE(redis), 1 },
	{ "MySQL", mysql, ARRAY_SIZE(mysql), 1 },
	{ "PostgreSQL", postgres, ARRAY_SIZE(postgres), 3 },
};

static bool sees_answers(const struct truth *t)
{
	return strcmp(t->method, "kprobe") != 0;
}

/* A server of such answers, and an observer that wants to know of errors. */
static void serve_texts(struct truth *t, const struct round *round, enum lab_call call,
			const char *path)
{
	const struct lab_ways ways = { .type = SOCK_STREAM,
				       .path = path,
				       .texts = round->texts,
				       .n_texts = round->n,
				       .call = call };

	observer_free(t->observer);
	t->observer = NULL;
	if (t->server)
		lab_server_stop(t->server);
	t->server = lab_server_start(&ways, 0);
	t->services.n = 0;
	if (path)
		strcpy(name_service(t)->socket, path);
	else
		name_service(t)->port = t->server->port;
	t->looks = true;
	attach(t);
}

/* Whole rounds, one after the other on a connection. */
static void ask_rounds(struct truth *t, unsigned int n)
{
	const struct lab_ways *ways = &t->server->ways;
	int fd = lab_connect(t->server);

	for (size_t i = 0; i < n * ways->n_texts; i++) {
		lab_request(fd);
		assert_true(lab_receive(fd, ways->texts[i % ways->n_texts].size));
	}
	close(fd);
}

static void errors_are_counted(struct truth *t, const struct round *round, enum lab_call call,
			       const char *path)
{
	struct seen seen = { .requests = 0 };

	serve_texts(t, round, call, path);
	for (int i = 0; i < 10; i++)
		ask_rounds(t, 5);
	take(t, &seen);
	print_message("          %s, call %d: %g requests, %g errors\n", round->name, call,
		      seen.requests, seen.errors);
	assert_int_equal(seen.requests, 50 * round->n);
	assert_int_equal(seen.errors_valid, 1);
	assert_int_equal(seen.errors_lossy, 0);
	assert_int_equal(seen.errors, 50 * round->n_errors);
}

static void errors_of_each_protocol_are_counted_exactly(void **state)
{
	struct truth *t = *state;

	if (!sees_answers(t))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rounds); i++)
		errors_are_counted(t, &rounds[i], LAB_SEND, NULL);
}

static void over_unix_sockets_they_are_counted_as_well(void **state)
{
	struct truth *t = *state;

	if (!sees_answers(t))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rounds); i++)
		errors_are_counted(t, &rounds[i], LAB_SEND, SOCKET);
}

static void however_they_are_sent(void **state)
{
	static const enum lab_call calls[] = { LAB_WRITE, LAB_WRITEV, LAB_SENDMSG };
	struct truth *t = *state;

	if (!sees_answers(t))
		skip();
	for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
		for (size_t i = 0; i < ARRAY_SIZE(rounds); i++)
			errors_are_counted(t, &rounds[i], calls[c], NULL);
}

/* What is sent of a file is in no memory of the server's. */
static void no_value(struct truth *t, const struct round *round, enum lab_call call)
{
	struct source_status status[SOURCES_MAX];
	struct seen seen = { .requests = 0 };

	serve_texts(t, round, call, NULL);
	ask_rounds(t, 50);
	take(t, &seen);
	assert_int_equal(seen.requests, 50 * round->n);
	assert_int_equal(seen.errors_valid, 0);
	for (size_t i = observer_sources(t->observer, status); i-- > 0;)
		if (!strcmp(status[i].name, "service"))
			assert_non_null(strstr(status[i].text, "'lab' no errors are known"));
}

static void what_is_encrypted_has_no_value_and_the_reason_is_said(void **state)
{
	const struct round round = { "TLS", tls, ARRAY_SIZE(tls), 0 };

	if (!sees_answers(*state))
		skip();
	no_value(*state, &round, LAB_SEND);
}

static void what_is_sent_of_a_file_has_no_value(void **state)
{
	if (!sees_answers(*state))
		skip();
	no_value(*state, &rounds[0], LAB_SENDFILE);
}

static void random_bytes_have_no_value(void **state)
{
	static char bytes[64][48];
	static struct lab_text texts[64];
	const struct round round = { "random", texts, ARRAY_SIZE(texts), 0 };

	if (!sees_answers(*state))
		skip();
	srand(1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (size_t j = 0; j < sizeof(bytes[i]); j++)
			bytes[i][j] = (char)rand();
		bytes[i][0] = i % 2 ? 'E' : '-';
		texts[i] = (struct lab_text){ bytes[i], sizeof(bytes[i]) };
	}
	no_value(*state, &round, LAB_SEND);
}

/* It is not known yet what it speaks; and what it was stays while nothing is answered. */
static void before_the_first_answer_there_is_no_value(void **state)
{
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	if (!sees_answers(t))
		skip();
	serve_texts(t, &rounds[0], LAB_SEND, NULL);
	take(t, &seen);
	assert_int_equal(seen.errors_valid, 0);
	ask_rounds(t, 1);
	take(t, &seen);
	assert_int_equal(seen.errors_valid, 1);
	assert_int_equal(seen.errors, 2);
	take(t, &seen);
	assert_int_equal(seen.errors_valid, 2);
	assert_int_equal(seen.errors, 2);
}

/* Nobody else pays, and nothing else is there. */
static void what_nobody_demands_is_not_looked_at(void **state)
{
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	if (!sees_answers(t))
		skip();
	serve_texts(t, &rounds[0], LAB_SEND, NULL);
	observer_free(t->observer);
	t->looks = false;
	attach(t);
	ask_rounds(t, 10);
	take(t, &seen);
	assert_int_equal(seen.requests, 50);
	assert_int_equal(seen.errors_valid, 0);
}

/* One in four of 1,200 connections with 2 errors each: 2,400 ± 4 standard deviations of the estimate, each of 120. */
static void a_sample_of_connections_stands_for_all(void **state)
{
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	if (!sees_answers(t))
		skip();
	serve_texts(t, &rounds[0], LAB_SEND, NULL);
	assert_int_equal(observer_thin(t->observer, "service", 2), 0);
	take(t, &seen); /* a baseline */
	for (int i = 0; i < 1200; i++)
		ask_rounds(t, 1);
	take(t, &seen);
	assert_int_equal((uint64_t)seen.errors % 4, 0);
	assert_int_equal(seen.errors * 5, seen.requests * 2);
	near(seen.errors, 2400, 0, 4 * 120);
}

static void kprobe_says_that_it_sees_no_errors(void **state)
{
	struct source_status status[SOURCES_MAX];
	struct truth *t = *state;
	struct seen seen = { .requests = 0 };

	if (sees_answers(t))
		skip();
	serve_texts(t, &rounds[0], LAB_SEND, NULL);
	ask_rounds(t, 10);
	take(t, &seen);
	assert_int_equal(seen.requests, 50);
	assert_int_equal(seen.errors_valid, 0);
	for (size_t i = observer_sources(t->observer, status); i-- > 0;)
		if (!strcmp(status[i].name, "service"))
			assert_non_null(strstr(status[i].text, "no errors are known: kprobe"));
}

static const struct service_test tests[] = {
	TEST(errors_of_each_protocol_are_counted_exactly),
	TEST(over_unix_sockets_they_are_counted_as_well),
	TEST(however_they_are_sent),
	TEST(what_is_encrypted_has_no_value_and_the_reason_is_said),
	TEST(what_is_sent_of_a_file_has_no_value),
	TEST(random_bytes_have_no_value),
	TEST(before_the_first_answer_there_is_no_value),
	TEST(what_nobody_demands_is_not_looked_at),
	TEST(a_sample_of_connections_stands_for_all),
	TEST(kprobe_says_that_it_sees_no_errors),
};

int main(int argc, char **argv)
{
	return service_truth_run(tests, ARRAY_SIZE(tests), argc, argv);
}
