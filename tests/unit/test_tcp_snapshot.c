// SPDX-License-Identifier: Apache-2.0
/* The snapshot of TCP connections where the kernel does not tell all: its socket is replaced by the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "observer/tcp.h"

/* The descriptor that a dump's socket gets: the lowest that is free. */
static int dump_open(struct tcp_dump *dump)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tcp_dump_open(dump), 0);
	return fd;
}

static void ignore(const struct tcp_connection *connection, void *data)
{
	(void)connection, (void)data;
}

static void the_end_of_an_earlier_dump_does_not_end_this_one(void **state)
{
	struct nlmsghdr done = { .nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE };
	struct tcp_dump dump;
	int pair[2], fd = dump_open(&dump);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(tcp_dump_begin(&dump), 0);
	assert_int_equal(dup2(pair[0], fd), fd);
	done.nlmsg_seq = dump.seq - 1;
	assert_int_equal(send(pair[1], &done, sizeof(done), 0), sizeof(done));
	done.nlmsg_seq = dump.seq;
	assert_int_equal(send(pair[1], &done, sizeof(done), 0), sizeof(done));
	assert_int_equal(tcp_dump_next(&dump, ignore, NULL), 1);
	assert_true(dump.running);
	assert_int_equal(tcp_dump_next(&dump, ignore, NULL), 0);
	assert_false(dump.running);
	tcp_dump_close(&dump);
	close(pair[0]);
	close(pair[1]);
}

/* A space of this host, whose socket is gone, and a route in it and one elsewhere. */
static void a_dump_that_fails_leaves_no_value_in_its_space(void **state)
{
	const struct source_demand demand = { 0 };
	struct tcp_snapshot snapshot = { 0 };
	struct tcp_space space = { .used = true,
				   .snapshot = true,
				   .scope = { .kind = SCOPE_HOST } };
	uint64_t losses[LOSS_COUNT] = { 0 };
	struct sampler sampler = { .demand = &demand, .losses = losses, .interval_ns = 1000000000 };
	int fd = dump_open(&space.dump);

	(void)state;
	sampler.frame = calloc(1, sizeof(*sampler.frame));
	signal_set_add(&space.signals, SIGNAL_TCP_RTT);
	assert_int_equal(tcp_snapshot_demand(&snapshot, true), 0);
	snapshot.routes.n = 2;
	for (size_t i = 0; i < 2; i++) {
		signal_set_add(&snapshot.routes.places[i].signals, SIGNAL_TCP_RETRANSMITS);
		snapshot.routes.places[i].scope.kind = SCOPE_ROUTE;
	}
	snapshot.routes.places[0].key.netns.kind = SCOPE_HOST;
	snapshot.routes.places[1].key.netns.kind = SCOPE_NETNS;
	close(fd);
	tcp_snapshot_sample(&snapshot, &space, 1, &sampler);
	assert_int_equal(losses[LOSS_EVENT], 1);
	assert_int_equal(sampler.frame->n_series, 3);
	assert_int_equal(space.series[TCP_MEASURE_RTT]->flags, 0);
	assert_int_equal(snapshot.routes.places[0].retransmits->flags, 0);
	assert_int_equal(snapshot.routes.places[1].retransmits->flags, SERIES_VALID);
	tcp_snapshot_close(&snapshot);
	tcp_dump_close(&space.dump);
	free(sampler.frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_an_earlier_dump_does_not_end_this_one),
		cmocka_unit_test(a_dump_that_fails_leaves_no_value_in_its_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
