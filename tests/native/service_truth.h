/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the truth tests of the service source share: an observer by one method, what it saw of the service "lab", and a run of
 * all tests by each method that works here; those that do not are named with the reason. Arguments: those methods, and
 * parts of tests' names, that are to be run.
 */
#ifndef FLYBALL_TEST_SERVICE_TRUTH_H
#define FLYBALL_TEST_SERVICE_TRUTH_H

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/service_lab.h"

#define TESTS_MAX 96
#define NAME "lab"
#define SLACK 5e3 /* ns: two system calls, and the clock read around them */

struct truth {
	const char *method;
	int root;
	struct observer *observer;
	struct frame *frame;
	struct lab_server *server;
	struct service_list services;
	bool looks;      /* errors are demanded, too */
	char group[128]; /* a control group that was made; "" */
};

/* What was seen over many ticks. */
struct seen {
	struct hist latency;
	double requests, in, out, queue, queue_most, drops, errors;
	unsigned int lossy, valid, errors_valid, errors_lossy;
	uint64_t losses[LOSS_COUNT]; /* since the demand */
};

static inline int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));

	t->method = *state;
	t->root = sysroot_open("/");
	t->frame = calloc(1, sizeof(*t->frame));
	*state = t;
	return 0;
}

static inline int teardown(void **state)
{
	struct truth *t = *state;

	observer_free(t->observer);
	if (t->server)
		lab_server_stop(t->server);
	if (t->group[0])
		rmdir(t->group);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

static inline bool counts_end_of_send(const struct truth *t)
{
	return strcmp(t->method, "kprobe") != 0;
}

static inline void take(struct truth *t, struct seen *seen)
{
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		if (series->scope.kind != SCOPE_SERVICE || strcmp(series->scope.name, NAME) ||
		    !(series->flags & SERIES_VALID))
			continue;
		seen->valid++;
		seen->errors_valid += series->signal == SIGNAL_SERVICE_ERRORS;
		seen->errors_lossy += series->signal == SIGNAL_SERVICE_ERRORS &&
				      (series->flags & SERIES_LOSSY) != 0;
		seen->lossy += series->signal == SIGNAL_SERVICE_LATENCY &&
			       (series->flags & SERIES_LOSSY) != 0;
		if (series->signal == SIGNAL_SERVICE_LATENCY)
			hist_merge(&seen->latency, series->hist);
		else if (series->signal == SIGNAL_SERVICE_REQUESTS)
			seen->requests += series->value;
		else if (series->signal == SIGNAL_SERVICE_BYTES_IN)
			seen->in += series->value;
		else if (series->signal == SIGNAL_SERVICE_BYTES_OUT)
			seen->out += series->value;
		else if (series->signal == SIGNAL_SERVICE_ERRORS)
			seen->errors += series->value;
		else if (series->signal == SIGNAL_SERVICE_QUEUE)
			seen->queue = series->value;
		else if (series->signal == SIGNAL_SERVICE_QUEUE_DROPS)
			seen->drops += series->value;
		if (seen->queue > seen->queue_most)
			seen->queue_most = seen->queue;
	}
	memcpy(seen->losses, t->frame->losses, sizeof(seen->losses));
}

/* Everything that comes from here on is seen. */
static inline void attach(struct truth *t)
{
	struct observer_options options = { .root = t->root, .services = &t->services };
	struct demand demands[SIGNAL_SERVICE_QUEUE_DROPS - SIGNAL_SERVICE_LATENCY + 1];
	struct seen nothing = { .requests = 0 };
	size_t n = 0;
	char force[64], complaint[128];

	snprintf(force, sizeof(force), "service=%s", t->method);
	assert_int_equal(observer_force(&options, force, complaint, sizeof(complaint)), 0);
	assert_int_equal(observer_new(&options, &t->observer), 0);
	for (uint32_t i = SIGNAL_SERVICE_LATENCY; i <= SIGNAL_SERVICE_QUEUE_DROPS; i++)
		if (i != SIGNAL_SERVICE_ERRORS || t->looks)
			demands[n++] =
				(struct demand){ .signal = i, .scope = { .kind = SCOPE_SERVICE } };
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
	take(t, &nothing);
}

static inline struct service *name_service(struct truth *t)
{
	struct service *service = &t->services.items[t->services.n++];

	*service = (struct service){ .name = NAME };
	return service;
}

static inline void serve(struct truth *t, const struct lab_ways *ways)
{
	t->server = lab_server_start(ways, 0);
	name_service(t)->port = t->server->port;
	t->services.items[0].protocol = ways->type == SOCK_DGRAM ? SERVICE_UDP : SERVICE_TCP;
	attach(t);
}

static inline void near(double is, double should, double share, double slack)
{
	if (fabs(is - should) > should * share + slack)
		fail_msg("is %g, should be %g within %g %% and %g", is, should, share * 100, slack);
}

/* A machine made of software is held up for milliseconds between any two instructions. */
static inline bool is_emulated(void)
{
	return getenv("FLYBALL_VM_GUEST") != NULL;
}

/*
 * Percentiles as the server itself measured them; by kprobes an answer counts from the beginning of its send. Of an emulated
 * machine the median alone. The server may be held up between the kernel's stamp and its own look at the clock: two
 * times may be longer to the one than to the other, which of fifty are more than the 99th percentile.
 */
static inline void percentiles_agree(struct truth *t, const struct seen *seen)
{
	uint64_t *times = counts_end_of_send(t) ? t->server->times : t->server->begins;
	const double rank = 0.99 - 2.0 / (double)seen->latency.count;

	print_message("%" PRIu64
		      " answers; p50: the server %.1f us, flyball %.1f us; p99: %.1f us, %.1f us\n",
		      seen->latency.count, lab_quantile(t->server, times, 0.5) / 1e3,
		      hist_quantile(&seen->latency, 0.5) / 1e3,
		      lab_quantile(t->server, times, 0.99) / 1e3,
		      hist_quantile(&seen->latency, 0.99) / 1e3);
	near(hist_quantile(&seen->latency, 0.5), lab_quantile(t->server, times, 0.5), 0.1, SLACK);
	if (is_emulated())
		return;
	assert_true(hist_quantile(&seen->latency, rank) <
		    1.1 * lab_quantile(t->server, times, 0.99) + SLACK);
	assert_true(hist_quantile(&seen->latency, 0.99) >
		    0.9 * lab_quantile(t->server, times, rank) - SLACK);
}

/*
 * All are measured, or said to be pipelined: as an answer goes, the next request may be seen before what it confirms, for the
 * kernel takes note of one after the other (tcp_rcv_established). That was 4 of 265,000.
 */
static inline void all_are_measured(const struct seen *seen, uint64_t n)
{
	assert_int_equal(seen->latency.count + seen->losses[LOSS_PIPELINED], n);
	assert_true(seen->losses[LOSS_PIPELINED] <= 1);
}

struct service_test {
	const char *name;
	CMUnitTestFunction function;
};

#define TEST(function_)                                     \
	{                                                   \
		.name = #function_, .function = (function_) \
	}

static inline bool named(int argc, char **argv, const char *name)
{
	bool any = argc < 2;

	for (int i = 1; i < argc; i++)
		any |= strstr(name, argv[i]) != NULL;
	return any;
}

/* What main() returns. */
static inline int service_truth_run(const struct service_test *tests, size_t n_tests, int argc,
				    char **argv)
{
	struct observer_options options = { .root = sysroot_open("/") };
	struct source_status sources[SOURCES_MAX], methods[SOURCE_METHODS_MAX];
	static struct CMUnitTest chosen[TESTS_MAX];
	static char names[TESTS_MAX][128];
	struct observer *observer;
	size_t n = 0, n_methods = 0;

	if (geteuid() != 0 || observer_new(&options, &observer) < 0) {
		puts("skipped: needs root");
		return 77;
	}
	for (size_t i = 0, n_sources = observer_sources(observer, sources); i < n_sources; i++)
		if (!strcmp(sources[i].name, "service"))
			n_methods = observer_methods(observer, i, methods);
	for (size_t m = 0; m < n_methods; m++) {
		if (methods[m].state != SOURCE_IDLE || !strcmp(methods[m].method, "sock_diag")) {
			printf("not here: %s: %s\n", methods[m].method, methods[m].text);
			continue;
		}
		for (size_t i = 0; i < n_tests && n < TESTS_MAX; i++) {
			snprintf(names[n], sizeof(names[n]), "%s: %s", methods[m].method,
				 tests[i].name);
			if (!named(argc, argv, names[n]))
				continue;
			chosen[n] = (struct CMUnitTest){
				.name = names[n],
				.test_func = tests[i].function,
				.setup_func = setup,
				.teardown_func = teardown,
				.initial_state = strdup(methods[m].method),
			};
			n++;
		}
	}
	observer_free(observer);
	if (n == 0) {
		puts("skipped: no method works here, or no test has such a name");
		return 77;
	}
	return _cmocka_run_group_tests("service", chosen, n, NULL, NULL);
}

#endif
