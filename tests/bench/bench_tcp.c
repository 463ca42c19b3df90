// SPDX-License-Identifier: Apache-2.0
/*
 * What a snapshot of TCP connections costs: bench_tcp [CONNECTIONS [SECONDS]], a line of JSON a case.
 *
 * Connections are made over loopback in a network namespace of its own, half of them idle and half of them sending in each
 * tick. Both ends of one are connections of the namespace, so half as many are opened. Ticks come every 250 ms.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/bench/connections.h"

#define TICK_US 250000
#define SECONDS_DEFAULT 5
#define CONNECTIONS_DEFAULT 10000

static void die(const char *what)
{
	fprintf(stderr, "bench_tcp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct source_status tcp_status(struct observer *observer)
{
	struct source_status status[SOURCES_MAX];
	size_t n = observer_sources(observer, status);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(status[i].name, "tcp"))
			return status[i];
	return (struct source_status){ 0 };
}

/* Ticks for some seconds with that demand. */
static void measure(const char *name, size_t connections, int seconds, const uint32_t *signals,
		    size_t n_signals)
{
	struct frame *frame = calloc(1, sizeof(*frame));
	struct observer_options options = { .root = sysroot_open("/") };
	struct demand demands[8] = { 0 };
	const int ticks = seconds * 1000000 / TICK_US;
	struct observer *observer;
	uint64_t worst_ns = 0, seen = 0, wall_ns;
	struct source_status before, after;

	for (size_t i = 0; i < n_signals; i++)
		demands[i].signal = signals[i];
	if (!frame || observer_new(&options, &observer) < 0 ||
	    observer_demand(observer, demands, n_signals) < 0)
		die("no observer");
	/* Until all connections were seen once. */
	for (int i = 0; i < 4 + (int)(connections / 1000); i++) {
		usleep(TICK_US / 10);
		observer_sample(observer, clock_now_ns(), frame);
	}
	before = tcp_status(observer);
	wall_ns = clock_now_ns();
	for (int i = 0; i < ticks; i++) {
		uint64_t start_ns;

		usleep(TICK_US);
		start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		observer_sample(observer, clock_now_ns(), frame);
		start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
		worst_ns = start_ns > worst_ns ? start_ns : worst_ns;
		for (size_t j = 0; j < frame->n_series; j++)
			if (frame->series[j].signal == SIGNAL_TCP_RTT)
				seen += frame->series[j].hist->count;
	}
	wall_ns = clock_now_ns() - wall_ns;
	after = tcp_status(observer);
	printf("{\"case\": \"%s\", \"connections\": %zu, \"ticks\": %d, \"tick_us\": %.0f, "
	       "\"worst_tick_us\": %.0f, \"share_of_a_cpu\": %.5f, \"counted_a_second\": %.0f, "
	       "\"lost\": %llu}\n",
	       name, connections, ticks, (double)(after.sample_ns - before.sample_ns) / ticks / 1e3,
	       (double)worst_ns / 1e3,
	       (double)(after.sample_ns - before.sample_ns) / (double)wall_ns,
	       (double)seen * 1e9 / (double)wall_ns,
	       (unsigned long long)after.losses[LOSS_CONNECTION]);
	fflush(stdout);
	observer_free(observer);
	close(options.root);
	free(frame);
}

int main(int argc, char **argv)
{
	static const uint32_t counters[] = { SIGNAL_TCP_RETRANSMITS, SIGNAL_TCP_LISTEN_OVERFLOWS,
					     SIGNAL_TCP_CONNECTIONS };
	static const uint32_t snapshot[] = { SIGNAL_TCP_RTT };
	static const uint32_t all[] = { SIGNAL_TCP_RTT, SIGNAL_TCP_CWND, SIGNAL_TCP_DELIVERY_RATE };
	const size_t connections = argc > 1 ? strtoul(argv[1], NULL, 10) : CONNECTIONS_DEFAULT;
	const int seconds = argc > 2 ? atoi(argv[2]) : SECONDS_DEFAULT;

	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0) {
		printf("skipped: no network namespace of its own\n");
		return 77;
	}
	connections_make(connections / 2, true);
	measure("counters", connections, seconds, counters, ARRAY_SIZE(counters));
	measure("rtt", connections, seconds, snapshot, ARRAY_SIZE(snapshot));
	measure("rtt, cwnd, delivery rate", connections, seconds, all, ARRAY_SIZE(all));
	return 0;
}
