// SPDX-License-Identifier: Apache-2.0
/* Metrics that services push, through a real socket in a folder of the test's own. */
#include "observer/observer.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/app_metrics.h"

#define TICK 500000000ull

struct bench {
	char folder[64];
	struct sockaddr_un address;
	int root, sender;
	uint64_t now_ns;
	struct observer *observer;
	struct frame *frame;
};

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

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct observer_options options = { 0 };
	char path[80];

	strcpy(b->folder, "/tmp/flyball-app-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(path, sizeof(path), "%s/app", b->folder);
	assert_int_equal(mkdir(path, 0755), 0);
	b->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(b->address.sun_path, sizeof(b->address.sun_path), "%s/socket", path);
	b->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	b->root = sysroot_open("/");
	b->frame = calloc(1, sizeof(*b->frame));
	b->now_ns = TICK;
	options.root = b->root;
	options.run_dir = b->folder;
	assert_int_equal(observer_new(&options, &b->observer), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	char path[80];

	observer_free(b->observer);
	snprintf(path, sizeof(path), "%s/app", b->folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(b->folder), 0);
	close(b->root);
	close(b->sender);
	free(b->frame);
	free(b);
	return 0;
}

static int send_bytes(struct bench *b, const void *data, size_t size)
{
	return sendto(b->sender, data, size, 0, (struct sockaddr *)&b->address,
		      sizeof(b->address)) < 0
		       ? -errno
		       : 0;
}

static void push(struct bench *b, const char *text)
{
	assert_int_equal(send_bytes(b, text, strlen(text)), 0);
}

static const struct series *find(const struct bench *b, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < b->frame->n_series; i++)
		if (b->frame->series[i].signal == signal &&
		    !strcmp(b->frame->series[i].scope.name, name))
			return &b->frame->series[i];
	return NULL;
}

static void expect(const struct bench *b, uint32_t signal, const char *name, double value)
{
	const struct series *series = find(b, signal, name);

	if (!series)
		fail_msg("no series of '%s'", name);
	assert_int_equal(series->scope.kind, SCOPE_SERVICE);
	assert_int_equal(series->flags, SERIES_VALID);
	assert_true(fabs(series->value - value) < 1e-9);
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

static void a_line_is_a_level_a_count_or_a_duration(void **state)
{
	static const struct {
		const char *line;
		enum signal_id signal;
		const char *name;
		double value;
	} rows[] = {
		{ "redis.ops 12", SIGNAL_APP_VALUE, "redis.ops", 12 },
		{ "a -3.5e2", SIGNAL_APP_VALUE, "a", -350 },
		{ "a:b_c-9\t 0 ", SIGNAL_APP_VALUE, "a:b_c-9", 0 },
		{ "a +1", SIGNAL_APP_COUNT, "a", 1 },
		{ "a +0.5", SIGNAL_APP_COUNT, "a", 0.5 },
		{ "a 1.5ms", SIGNAL_APP_LATENCY, "a", 1.5e6 },
		{ "a 20µs", SIGNAL_APP_LATENCY, "a", 20e3 },
		{ "a 2s", SIGNAL_APP_LATENCY, "a", 2e9 },
	};
	struct app_push got;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (app_parse(rows[i].line, &got, &why) < 0)
			fail_msg("'%s': %s", rows[i].line, why);
		assert_int_equal(got.signal, rows[i].signal);
		assert_string_equal(got.name, rows[i].name);
		assert_true(got.value == rows[i].value);
	}
}

static void a_line_that_means_nothing_is_refused_with_the_reason(void **state)
{
	static const char *const rows[][2] = {
		{ "", "NAME VALUE" },         { "a", "NAME VALUE" },
		{ " a 1", "NAME VALUE" },     { ".a 1", "NAME VALUE" },
		{ "a/b 1", "NAME VALUE" },    { "a* 1", "NAME VALUE" },
		{ "a[b] 1", "NAME VALUE" },   { "a=1", "NAME VALUE" },
		{ "a ", "is a number" },      { "a x", "is a number" },
		{ "a 1 2", "is a number" },   { "a nan", "is a number" },
		{ "a 1e999", "is a number" }, { "a 0x10", "is a number" },
		{ "a 1 ms", "is a number" },  { "a 1m", "is a number" },
		{ "a 5MB", "units" },         { "a 5%", "units" },
		{ "a -1ms", "no sign" },      { "a +1ms", "no sign" },
	};
	char name[APP_NAME_MAX + 8];
	struct app_push got;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (app_parse(rows[i][0], &got, &why) == 0)
			fail_msg("'%s' was taken", rows[i][0]);
		if (!strstr(why, rows[i][1]))
			fail_msg("'%s': %s", rows[i][0], why);
	}
	snprintf(name, sizeof(name), "%0*d 1", APP_NAME_MAX, 0);
	assert_int_equal(app_parse(name, &got, &why), -EINVAL);
	assert_non_null(strstr(why, "63 bytes"));
	snprintf(name, sizeof(name), "%0*d 1", APP_NAME_MAX - 1, 0);
	assert_int_equal(app_parse(name, &got, &why), 0);
}

static void the_socket_exists_only_while_it_is_demanded(void **state)
{
	struct bench *b = *state;
	struct stat st;

	assert_int_equal(status(b).state, SOURCE_IDLE);
	assert_int_equal(send_bytes(b, "a 1", 3), -ENOENT);
	demand(b, "");
	assert_int_equal(status(b).state, SOURCE_ATTACHED);
	assert_int_equal(stat(b->address.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	push(b, "a 1");
	assert_int_equal(observer_demand(b->observer, NULL, 0), 0);
	assert_int_equal(stat(b->address.sun_path, &st), -1);
	assert_int_equal(send_bytes(b, "a 1", 3), -ENOENT);
}

static void a_tick_has_what_was_pushed_in_it(void **state)
{
	struct bench *b = *state;

	demand(b, "");
	push(b, "early +5\n");
	tick(b);
	/* A baseline: nobody knows for how long this was collected. */
	assert_int_equal(find(b, SIGNAL_APP_COUNT, "early")->flags, 0);
	push(b, "ops 10\nops 20\r\n\nhits +2\nhits +3");
	push(b, "get 1ms\nget 3ms\nget 100s");
	push(b, "ops +7");
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "ops", 15);
	expect(b, SIGNAL_APP_COUNT, "ops", 7);
	expect(b, SIGNAL_APP_COUNT, "hits", 5);
	expect(b, SIGNAL_APP_COUNT, "early", 0);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "get")->hist->count, 3);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "get")->hist->clamped, 1);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "get")->hist->buckets[hist_index(3000000)], 1);
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "ops", 15);
	expect(b, SIGNAL_APP_COUNT, "hits", 0);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "get")->hist->count, 0);
	assert_int_equal(find(b, SIGNAL_APP_LATENCY, "get")->flags, SERIES_VALID);
	assert_int_equal(status(b).losses[LOSS_EVENT], 0);
}

static void a_level_that_is_not_pushed_again_is_not_valid_any_more(void **state)
{
	struct bench *b = *state;

	demand(b, "");
	tick(b);
	push(b, "ops 10");
	for (int i = 0; i < APP_GAUGE_TICKS; i++) {
		tick(b);
		expect(b, SIGNAL_APP_VALUE, "ops", 10);
	}
	tick(b);
	assert_int_equal(find(b, SIGNAL_APP_VALUE, "ops")->flags, 0);
	push(b, "ops 11");
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "ops", 11);
}

static void a_name_that_is_silent_for_long_is_forgotten(void **state)
{
	struct bench *b = *state;

	demand(b, "");
	tick(b);
	push(b, "hits +1");
	tick(b);
	for (uint64_t ns = 0; ns < APP_SILENT_NS - TICK; ns += TICK)
		tick(b);
	assert_non_null(find(b, SIGNAL_APP_COUNT, "hits"));
	tick(b);
	assert_null(find(b, SIGNAL_APP_COUNT, "hits"));
}

static void what_nobody_demands_takes_no_place(void **state)
{
	struct bench *b = *state;

	demand(b, "web.*");
	tick(b);
	push(b, "web.ops 1\ndb.ops 2");
	tick(b);
	assert_int_equal(b->frame->n_series, 1);
	expect(b, SIGNAL_APP_VALUE, "web.ops", 1);
	assert_int_equal(status(b).losses[LOSS_EVENT] + status(b).losses[LOSS_SERIES], 0);
	/* A demand that changes keeps what it still is about. */
	demand(b, "web.o*");
	tick(b);
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "web.ops", 1);
	demand(b, "db.*");
	tick(b);
	assert_int_equal(b->frame->n_series, 0);
}

static void garbage_is_counted_and_told_in_printable_letters(void **state)
{
	char large[9000];
	struct bench *b = *state;

	demand(b, "");
	tick(b);
	push(b, "ops 1\nwhat is this\nops 3");
	tick(b);
	expect(b, SIGNAL_APP_VALUE, "ops", 2);
	assert_int_equal(status(b).losses[LOSS_EVENT], 1);
	assert_non_null(strstr(status(b).text, "'what is this': a value is a number"));
	push(b, "\033[31mred\001 1");
	tick(b);
	assert_int_equal(status(b).losses[LOSS_EVENT], 2);
	assert_non_null(strstr(status(b).text, "'?[31mred? 1': a line is"));
	assert_int_equal(send_bytes(b, "ops 1\0ops 2", 11), 0);
	memset(large, '7', sizeof(large));
	memcpy(large, "ops ", 4);
	assert_int_equal(send_bytes(b, large, sizeof(large)), 0);
	assert_int_equal(send_bytes(b, "", 0), 0);
	tick(b);
	assert_int_equal(status(b).losses[LOSS_EVENT], 4);
	expect(b, SIGNAL_APP_VALUE, "ops", 2);
}

static void names_past_the_limit_are_counted(void **state)
{
	struct bench *b = *state;
	char line[64];

	demand(b, "");
	tick(b);
	for (int i = 0; i < APP_LATENCIES_MAX + 2; i++) {
		snprintf(line, sizeof(line), "slow.%d 1ms", i);
		push(b, line);
		observer_drain(b->observer);
	}
	for (int i = 0; i < APP_METRICS_MAX; i++) {
		snprintf(line, sizeof(line), "level.%d 1", i);
		push(b, line);
		observer_drain(b->observer);
	}
	tick(b);
	assert_int_equal(b->frame->n_series, APP_METRICS_MAX);
	assert_int_equal(status(b).losses[LOSS_SERIES], 2 + APP_LATENCIES_MAX);
	assert_non_null(strstr(status(b).text, "too many names"));
	assert_int_equal(status(b).losses[LOSS_EVENT], 0);
}

static void a_flood_waits_in_the_kernel_once_a_tick_has_had_its_share(void **state)
{
	struct bench *b = *state;
	uint64_t sent = 0;
	double got = 0;
	int r = 0;

	demand(b, "");
	tick(b);
	for (int i = 0; i < 100000 && r == 0; i++) {
		r = send_bytes(b, "hits +1", 7);
		if (r == 0)
			sent++;
		else
			observer_drain(b->observer);
		/* Full also after a drain: the share of this tick is used up. */
		if (r == -EAGAIN)
			r = send_bytes(b, "hits +1", 7);
		else
			continue;
		sent += r == 0;
	}
	assert_int_equal(r, -EAGAIN);
	assert_true(sent > 4000 && sent < 5000);
	while (got < (double)sent) {
		tick(b);
		got += find(b, SIGNAL_APP_COUNT, "hits")->value;
		assert_true(find(b, SIGNAL_APP_COUNT, "hits")->value > 0);
	}
	assert_true(got == (double)sent);
}

static void the_descriptor_tells_when_something_waits(void **state)
{
	struct bench *b = *state;
	struct pollfd waiting = { .fd = observer_descriptor(b->observer), .events = POLLIN };

	assert_int_equal(poll(&waiting, 1, 0), 0);
	demand(b, "");
	tick(b);
	assert_int_equal(poll(&waiting, 1, 0), 0);
	push(b, "a +1");
	assert_int_equal(poll(&waiting, 1, 0), 1);
	observer_drain(b->observer);
	assert_int_equal(poll(&waiting, 1, 0), 0);
	tick(b);
	expect(b, SIGNAL_APP_COUNT, "a", 1);
}

static void a_socket_that_nobody_listens_on_is_replaced_and_a_live_one_is_left(void **state)
{
	int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct bench *b = *state;

	assert_int_equal(bind(other, (struct sockaddr *)&b->address, sizeof(b->address)), 0);
	demand(b, "");
	assert_int_equal(status(b).state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status(b).text, "in use"));
	assert_int_equal(access(b->address.sun_path, F_OK), 0);
	close(other);
	assert_int_equal(send_bytes(b, "a 1", 3), -ECONNREFUSED);
	demand(b, "*");
	assert_int_equal(status(b).state, SOURCE_ATTACHED);
	push(b, "a 1");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_level_a_count_or_a_duration),
		cmocka_unit_test(a_line_that_means_nothing_is_refused_with_the_reason),
		T(the_socket_exists_only_while_it_is_demanded),
		T(a_tick_has_what_was_pushed_in_it),
		T(a_level_that_is_not_pushed_again_is_not_valid_any_more),
		T(a_name_that_is_silent_for_long_is_forgotten),
		T(what_nobody_demands_takes_no_place),
		T(garbage_is_counted_and_told_in_printable_letters),
		T(names_past_the_limit_are_counted),
		T(a_flood_waits_in_the_kernel_once_a_tick_has_had_its_share),
		T(the_descriptor_tells_when_something_waits),
		T(a_socket_that_nobody_listens_on_is_replaced_and_a_live_one_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
