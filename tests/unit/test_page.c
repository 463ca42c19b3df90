// SPDX-License-Identifier: Apache-2.0
/* Pages of metrics: their text, and what comes of them through a real HTTP server on 127.0.0.1. */
#include "observer/observer.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/page_text.h"

#define TICK 2000000000ull /* not waited for; but a page that takes longer is given up */
#define REPLY_MAX (3 << 20)

static int parse(const char *text, struct page_line *ret_line, struct page_sample *ret_sample,
		 const char **ret_why)
{
	static char bytes[4096];
	struct page_text page;
	int r;

	snprintf(bytes, sizeof(bytes), "%s", text);
	page_text_begin(&page, bytes);
	r = page_text_next(&page, ret_line, ret_why);
	return r <= 0 ? r : page_line_parse(ret_line, "p", ret_sample, ret_why) < 0 ? -EINVAL : 1;
}

static void a_sample_has_a_name_a_part_and_a_value(void **state)
{
	static const struct {
		const char *text, *name, *family;
		enum page_part part;
		double value;
	} rows[] = {
		{ "a 1", "p@a", "p@a", PAGE_EITHER, 1 },
		{ "a_total 1e3", "p@a_total", "p@a_total", PAGE_TOTAL, 1000 },
		{ "# HELP a What\n# TYPE a gauge\n\na -3.5 1395066363000", "p@a", "p@a", PAGE_LEVEL,
		  -3.5 },
		{ "# TYPE a_total counter\r\na_total 7\r\n", "p@a_total", "p@a_total", PAGE_TOTAL,
		  7 },
		{ "# TYPE a counter\na_total{c=\"200\",b=\"x\"} 7 1.5 # {id=\"9\"} 0.67 1.2",
		  "p@a_total{b=x,c=200}", "p@a{b=x,c=200}", PAGE_TOTAL, 7 },
		{ "# TYPE a counter\na_created{c=\"200\"} 1605281325.0", "p@a_created{c=200}",
		  "p@a{c=200}", PAGE_CREATED, 1605281325 },
		{ "# TYPE a_seconds histogram\na_seconds_bucket{x=\"y\",le=\"+Inf\"} 4",
		  "p@a_seconds_bucket{le=+Inf,x=y}", "p@a_seconds{x=y}", PAGE_BUCKET, 4 },
		{ "# TYPE a histogram\na_sum 4", "p@a_sum", "p@a", PAGE_SUM, 4 },
		{ "# TYPE a summary\na{quantile=\"0.5\"} 4", "p@a{quantile=0.5}",
		  "p@a{quantile=0.5}", PAGE_LEVEL, 4 },
		{ "# TYPE a summary\na_count 4", "p@a_count", "p@a", PAGE_TOTAL, 4 },
		{ "# TYPE a counter\nab 4", "p@ab", "p@ab", PAGE_EITHER, 4 },
		{ " a { b = \"/x\\\\\\\"\\n, {}\" , }\t4 ", "p@a{b=%2Fx%5C%22%0A%2C%20%7B%7D}",
		  "p@a{b=%2Fx%5C%22%0A%2C%20%7B%7D}", PAGE_EITHER, 4 },
		{ "a{b=\"\xc3\xa4\"} +Inf", "p@a{b=%C3%A4}", "p@a{b=%C3%A4}", PAGE_EITHER,
		  INFINITY },
		{ "a:b{} 4", "p@a:b", "p@a:b", PAGE_EITHER, 4 },
	};
	struct page_sample sample = { .value = 0 };
	struct page_line line;
	const char *why = "no sample";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (parse(rows[i].text, &line, &sample, &why) != 1)
			fail_msg("'%s': %s", rows[i].text, why);
		assert_string_equal(sample.name, rows[i].name);
		assert_string_equal(sample.family, rows[i].family);
		assert_int_equal(line.part, rows[i].part);
		assert_true(sample.value == rows[i].value);
	}
	assert_int_equal(parse("a NaN", &line, &sample, &why), 1);
	assert_true(isnan(sample.value));
	assert_int_equal(parse("# EOF\na 1", &line, &sample, &why), 0);
	assert_int_equal(parse("# TYPE a_ms histogram\na_ms_bucket{le=\"1\"} 1", &line, &sample,
			       &why),
			 1);
	assert_true(line.unit_ns == 1e6 && sample.le == 1);
}

static void a_text_that_is_no_page_is_refused_with_the_reason(void **state)
{
	static const char *const rows[][2] = {
		{ "<html>", "begins with the name" },
		{ "1a 1", "begins with the name" },
		{ "a", "followed by" },
		{ "a-b 1", "followed by" },
		{ "a ", "is a number" },
		{ "a x", "is a number" },
		{ "a 0x10", "is a number" },
		{ "a nan(1)", "is a number" },
		{ "a 1 2 3", "is a number" },
		{ "a 1 x", "is a number" },
		{ "a{b=\"1\" 1", "labels are" },
		{ "a{b=1} 1", "labels are" },
		{ "a{=\"1\"} 1", "labels are" },
		{ "a{b=\"\\x\"} 1", "labels are" },
		{ "a{b=\"\\", "labels are" },
		{ "a{b=\"1", "labels are" },
		{ "a{b=\"1\",b=\"2\"} 1", "labels are" },
		{ "# TYPE a thing\n", "TYPE that there is not" },
		{ "# TYPE  \n", "followed by the name" },
		{ "# TYPE a histogram\na_bucket 1", "a label le" },
		{ "# TYPE a histogram\na_bucket{le=\"x\"} 1", "a label le" },
	};
	struct page_sample sample;
	struct page_line line;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (parse(rows[i][0], &line, &sample, &why) != -EINVAL)
			fail_msg("'%s' was taken", rows[i][0]);
		if (!strstr(why, rows[i][1]))
			fail_msg("'%s': %s", rows[i][0], why);
	}
}

static void a_name_that_is_too_long_is_none(void **state)
{
	struct page_sample sample;
	struct page_line line;
	char text[400];
	const char *why;

	(void)state;
	snprintf(text, sizeof(text), "a{b=\"%0*d\"} 1", SCOPE_NAME_MAX - 1 - 7, 0);
	assert_int_equal(parse(text, &line, &sample, &why), 1);
	assert_int_equal(strlen(sample.name), SCOPE_NAME_MAX - 1);
	snprintf(text, sizeof(text), "a{b=\"%0*d\"} 1", SCOPE_NAME_MAX - 7, 0);
	assert_int_equal(parse(text, &line, &sample, &why), 1);
	assert_string_equal(sample.name, "");
}

/* A server in a process of its own: it sends what stands in `reply` to whoever connects, or nothing. */
struct server {
	int hangs;
	unsigned int served;
	size_t size;
	char request[2048];
	char reply[REPLY_MAX];
};

struct bench {
	char folder[64];
	int root;
	pid_t pid;
	struct server *server;
	struct page_list pages;
	uint64_t now_ns;
	struct observer *observer;
	struct frame *frame;
};

static void serve_one(struct server *server, int fd)
{
	size_t size = 0;
	ssize_t n = 1;

	while (n > 0 && size + 1 < sizeof(server->request) &&
	       !memmem(server->request, size, "\r\n\r\n", 4)) {
		n = read(fd, server->request + size, sizeof(server->request) - 1 - size);
		size += n > 0 ? (size_t)n : 0;
	}
	server->request[size] = '\0';
	for (size_t at = 0; at < server->size && n > 0; at += n > 0 ? (size_t)n : 0)
		n = send(fd, server->reply + at, server->size - at, MSG_NOSIGNAL);
	close(fd);
}

static void serve(struct server *server, int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!server->hangs) /* else it stays open, and silent */
			serve_one(server, fd);
		__atomic_add_fetch(&server->served, 1, __ATOMIC_SEQ_CST);
	}
	_exit(0);
}

static void server_start(struct bench *b)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct page *page = &b->pages.items[0];
	socklen_t length = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	b->server = mmap(NULL, sizeof(*b->server), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(b->server != MAP_FAILED);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0)
		serve(b->server, listener);
	close(listener);
	*page = (struct page){ .name = "web", .every_ns = TICK };
	snprintf(page->url, sizeof(page->url), "http://127.0.0.1:%u/metrics",
		 ntohs(address.sin_port));
	b->pages.n = 1;
}

static void server_stop(struct bench *b)
{
	if (b->pid == 0)
		return;
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	b->pid = 0;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct observer_options options = { 0 };
	char path[80];

	strcpy(b->folder, "/tmp/flyball-page-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(path, sizeof(path), "%s/app", b->folder);
	assert_int_equal(mkdir(path, 0755), 0);
	server_start(b);
	b->root = sysroot_open("/");
	b->frame = calloc(1, sizeof(*b->frame));
	b->now_ns = TICK;
	options.root = b->root;
	options.run_dir = b->folder;
	options.pages = &b->pages;
	assert_int_equal(observer_new(&options, &b->observer), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	char path[80];

	server_stop(b);
	observer_free(b->observer);
	snprintf(path, sizeof(path), "%s/app", b->folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(b->folder), 0);
	munmap(b->server, sizeof(*b->server));
	close(b->root);
	free(b->frame);
	free(b);
	return 0;
}

static void demand(struct bench *b, const char *pattern)
{
	struct demand demands[3];

	for (uint32_t i = 0; i < 3; i++) {
		demands[i].signal = SIGNAL_APP_VALUE + i;
		demands[i].scope = (struct scope){ .kind = SCOPE_SERVICE };
		strcpy(demands[i].scope.name, pattern);
	}
	assert_int_equal(observer_demand(b->observer, demands, 3), 0);
}

static void tick(struct bench *b)
{
	b->now_ns += TICK;
	assert_int_equal(observer_sample(b->observer, b->now_ns, b->frame), 0);
}

static void put_reply(struct bench *b, const char *head, const char *body)
{
	struct server *server = b->server;

	server->size = (size_t)snprintf(server->reply, REPLY_MAX,
					"HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
					"Connection: close\r\n\r\n%s",
					head, strlen(body), body);
}

/* Drains until nothing came for `quiet_ms`. */
static void settle(struct bench *b, int quiet_ms)
{
	struct pollfd waiting = { .fd = observer_descriptor(b->observer), .events = POLLIN };

	while (poll(&waiting, 1, quiet_ms) > 0)
		observer_drain(b->observer);
}

static struct source_status status(struct bench *b)
{
	struct source_status all[SOURCES_MAX];
	size_t n = observer_sources(b->observer, all);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].name, "app"))
			return all[i];
	fail();
	return all[0];
}

/* A tick, at which the page is asked for, and what comes until it is there. */
static void fetch(struct bench *b, const char *head, const char *body)
{
	const unsigned int before = b->server->served;

	put_reply(b, head, body);
	tick(b);
	for (int i = 0; i < 1500 && b->server->served == before; i++)
		settle(b, 2);
	if (b->server->served != before + 1)
		fail_msg("%u pages were served: %s", b->server->served - before, status(b).text);
	settle(b, 20);
}

static const struct series *find(struct bench *b, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < b->frame->n_series; i++)
		if (b->frame->series[i].signal == signal &&
		    !strcmp(b->frame->series[i].scope.name, name))
			return &b->frame->series[i];
	fail_msg("no series of '%s': %s", name, status(b).text);
	return NULL;
}

static void expect(struct bench *b, uint32_t signal, const char *name, double value)
{
	const struct series *series = find(b, signal, name);

	assert_int_equal(series->flags, SERIES_VALID);
	if (fabs(series->value - value) > 1e-6)
		fail_msg("%s is %g, not %g", name, series->value, value);
}

static void expect_none(struct bench *b, uint32_t signal, const char *name)
{
	assert_int_equal(find(b, signal, name)->flags, 0);
}

static void a_page_gives_levels_increases_and_durations(void **state)
{
	static const char first[] = "# TYPE g gauge\ng{x=\"a\"} 5\ng{x=\"b\"} 6\n"
				    "# TYPE c counter\nc_total 10\n"
				    "# TYPE d_seconds histogram\n"
				    "d_seconds_bucket{le=\"0.001\"} 5\n"
				    "d_seconds_bucket{le=\"0.01\"} 5\n"
				    "d_seconds_bucket{le=\"+Inf\"} 5\nd_seconds_sum 0.001\n";
	static const char second[] = "# TYPE g gauge\ng{x=\"a\"} 7\ng{x=\"b\"} NaN\n"
				     "# TYPE c counter\nc_total 15\n"
				     "# TYPE d_seconds histogram\n"
				     "d_seconds_bucket{le=\"0.001\"} 5\n"
				     "d_seconds_bucket{le=\"0.01\"} 905\n"
				     "d_seconds_bucket{le=\"+Inf\"} 1005\nd_seconds_sum 6.001\n";
	const struct hist *hist;
	struct bench *b = *state;

	demand(b, "web@*");
	fetch(b, "200 OK", first);
	assert_non_null(strstr(b->server->request, "GET /metrics HTTP/1.1\r\n"));
	assert_non_null(strstr(b->server->request, "application/openmetrics-text"));
	fetch(b, "200 OK", second);
	expect(b, SIGNAL_APP_VALUE, "web@g{x=a}", 5);
	expect_none(b, SIGNAL_APP_COUNT, "web@c_total");
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "web@g{x=a}", 7);
	expect_none(b, SIGNAL_APP_VALUE, "web@g{x=b}");
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 5);
	expect(b, SIGNAL_APP_COUNT, "web@d_seconds_bucket{le=0.01}", 900);
	hist = find(b, SIGNAL_APP_LATENCY, "web@d_seconds")->hist;
	assert_int_equal(hist->count, 1000);
	assert_true(fabs(hist_mean(hist) - 6e6) < 1);
	/* 900 of them evenly between 1 and 10 ms: the median is at 500/900 of it. */
	assert_true(fabs(hist_quantile(hist, 0.5) - 6e6) < 6e6 / 32);
	assert_true(fabs(hist_quantile(hist, 0.99) - 10e6) < 10e6 / 32);
	settle(b, 20);
	tick(b);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "web@d_seconds")->hist->count, 0);
	assert_int_equal(status(b).state, SOURCE_ATTACHED);
}

static void a_counter_that_begins_anew_counts_from_zero(void **state)
{
	struct bench *b = *state;

	demand(b, "web@c_total");
	fetch(b, "200 OK", "c_total 10\n");
	fetch(b, "200 OK", "c_total 4\n");
	fetch(b, "200 OK", "# TYPE c counter\nc_total 9\nc_created 50\n# EOF\n");
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 4);
	/* It is larger, and another one. */
	fetch(b, "200 OK", "# TYPE c counter\nc_total 12\nc_created 51\n# EOF\n");
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 5);
	tick(b);
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 12);
}

/* Ticks four times as often as pages: 8 are 2 a tick, and nothing is made up when a page is late. */
static void an_increase_is_spread_over_the_ticks_until_the_next_page(void **state)
{
	struct bench *b = *state;
	double sum = 0;

	b->pages.items[0].every_ns = 4 * TICK;
	demand(b, "web@c_total");
	fetch(b, "200 OK", "c_total 10\n");
	for (int i = 0; i < 3; i++)
		tick(b);
	fetch(b, "200 OK", "c_total 18\n");
	for (int i = 0; i < 3; i++) {
		tick(b);
		expect(b, SIGNAL_APP_COUNT, "web@c_total", 2);
		sum += 2;
	}
	fetch(b, "200 OK", "c_total 30\n");
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 2);
	for (int i = 0; i < 4; i++) {
		tick(b);
		sum += find(b, SIGNAL_APP_COUNT, "web@c_total")->value;
	}
	expect(b, SIGNAL_APP_COUNT, "web@c_total", 3);
	assert_true(fabs(sum + 2 - 20) < 1e-6);
}

/* A page that is in trouble: no value, a loss, the words; and then it is well again. */
static void expect_trouble(struct bench *b, const char *words, const char *remedy)
{
	struct source_status before = status(b), now;

	tick(b);
	expect_none(b, SIGNAL_APP_VALUE, "web@g");
	now = status(b);
	assert_int_equal(now.losses[LOSS_EVENT], before.losses[LOSS_EVENT] + 1);
	assert_int_equal(now.state, SOURCE_DEGRADED);
	if (!strstr(now.text, words) || !strstr(now.text, "'web'"))
		fail_msg("'%s' does not say '%s'", now.text, words);
	if (!strstr(now.remedy, remedy))
		fail_msg("'%s' does not say '%s'", now.remedy, remedy);
	settle(b, 20);
	fetch(b, "200 OK", "# TYPE g gauge\ng 3\n");
	tick(b);
	settle(b, 20);
	expect(b, SIGNAL_APP_VALUE, "web@g", 3);
	assert_int_equal(status(b).state, SOURCE_ATTACHED);
}

static void a_page_in_trouble_has_no_value_and_says_why(void **state)
{
	struct bench *b = *state;
	char *big = malloc(2 << 20);

	memset(big, '#', 2 << 20);
	big[(2 << 20) - 1] = '\0';
	demand(b, "web@g");
	fetch(b, "200 OK", "# TYPE g gauge\ng 3\n");
	tick(b);
	settle(b, 20);
	expect(b, SIGNAL_APP_VALUE, "web@g", 3);
	fetch(b, "500 Internal Server Error", "g 4\n");
	expect_trouble(b, "answers with 500", "log");
	fetch(b, "302 Found\r\nLocation: http://127.0.0.1:1/", "g 4\n");
	expect_trouble(b, "answers with 302", "redirects");
	fetch(b, "200 OK", "<html>\ng 4\n");
	expect_trouble(b, "line 1: a line begins", "OpenMetrics");
	fetch(b, "200 OK", "g 4\ng 5\n");
	expect_trouble(b, "line 2: a series that the page had before", "OpenMetrics");
	fetch(b, "200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0", "g 4\n");
	expect_trouble(b, "without # EOF", "OpenMetrics");
	fetch(b, "200 OK", big);
	expect_trouble(b, "longer than 1 MiB", "less");
	free(big);
}

static void a_page_that_hangs_is_given_up_and_no_tick_waits(void **state)
{
	struct bench *b = *state;
	uint64_t start_ns;

	b->pages.items[0].every_ns = TICK / 4;
	demand(b, "web@g");
	fetch(b, "200 OK", "# TYPE g gauge\ng 3\n");
	b->server->hangs = 1;
	start_ns = clock_now_ns();
	tick(b);
	tick(b);
	assert_true(clock_now_ns() - start_ns < NSEC_PER_SEC / 10);
	expect(b, SIGNAL_APP_VALUE, "web@g", 3);
	settle(b, 700);
	b->server->hangs = 0;
	expect_trouble(b, "did not come within 500 ms", "every");
}

static void a_page_that_vanishes_has_no_value(void **state)
{
	struct bench *b = *state;

	demand(b, "web@g");
	fetch(b, "200 OK", "# TYPE g gauge\ng 3\n");
	server_stop(b);
	tick(b);
	settle(b, 50);
	tick(b);
	expect_none(b, SIGNAL_APP_VALUE, "web@g");
	assert_non_null(strstr(status(b).text, "is not to be had"));
	assert_non_null(strstr(status(b).remedy, "start what serves it"));
}

static void what_nobody_demands_is_not_fetched_or_kept(void **state)
{
	struct bench *b = *state;

	demand(b, "redis.ops");
	tick(b);
	settle(b, 50);
	assert_int_equal(b->server->served, 0);
	demand(b, "web@h");
	fetch(b, "200 OK", "g 1\nother{x=\"} broken, and nobody's\nh 2\n");
	settle(b, 20);
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "web@h", 2);
	assert_int_equal(b->frame->n_series, 2); /* app.value and app.count */
	settle(b, 20);
	demand(b, "web@absent");
	fetch(b, "200 OK", "h 2\n");
	tick(b);
	settle(b, 20);
	assert_int_equal(b->frame->n_series, 0);
	assert_non_null(strstr(status(b).text, "none of the series that are demanded"));
}

static void more_series_than_there_is_room_for_are_a_loss(void **state)
{
	struct bench *b = *state;
	char text[8192] = "# TYPE g gauge\n";

	demand(b, "web@g*");
	for (int i = 0; i < 130; i++)
		sprintf(text + strlen(text), "g{x=\"%d\"} %d\n", i, i);
	fetch(b, "200 OK", text);
	tick(b);
	settle(b, 20);
	assert_int_equal(b->frame->n_series, 128);
	assert_int_equal(status(b).losses[LOSS_SERIES], 2);
	assert_non_null(strstr(status(b).text, "more demanded series"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_has_a_name_a_part_and_a_value),
		cmocka_unit_test(a_text_that_is_no_page_is_refused_with_the_reason),
		cmocka_unit_test(a_name_that_is_too_long_is_none),
#define SERVED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		SERVED(a_page_gives_levels_increases_and_durations),
		SERVED(a_counter_that_begins_anew_counts_from_zero),
		SERVED(an_increase_is_spread_over_the_ticks_until_the_next_page),
		SERVED(a_page_in_trouble_has_no_value_and_says_why),
		SERVED(a_page_that_hangs_is_given_up_and_no_tick_waits),
		SERVED(a_page_that_vanishes_has_no_value),
		SERVED(what_nobody_demands_is_not_fetched_or_kept),
		SERVED(more_series_than_there_is_room_for_are_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
