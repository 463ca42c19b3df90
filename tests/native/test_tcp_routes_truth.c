// SPDX-License-Identifier: Apache-2.0
/* By which route a connection goes, as the kernel says it, and whose place a route without connections gives away. */
#include "tests/native/net_truth.h"

#include <netlink/socket.h>

#include "observer/tcp_route.h"
#include "observer/tcp_routes.h"

static void expect_route(struct nl_sock *sock, const char *peer, const char *route)
{
	struct tcp_connection connection = { .family = strchr(peer, ':') ? AF_INET6 : AF_INET };
	char name[SCOPE_NAME_MAX];
	struct route_key key;
	int r;

	assert_int_equal(inet_pton(connection.family, peer, connection.peer), 1);
	r = tcp_route_find(sock, &connection, &key);
	if (!route) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(route_key_format(&key, name, sizeof(name)), 0);
	assert_string_equal(name, route);
}

static void a_peer_is_on_the_route_that_the_kernel_takes(void **state)
{
	struct nl_sock *sock;

	(void)state;
	assert_int_equal(shell("ip link add one type veth peer name two && ip link set one up && "
			       "ip link set two up && ip address add 10.1.0.1/16 dev one && "
			       "ip -6 address add fd01::1/64 dev one nodad && "
			       "ip route add 10.2.0.0/16 via 10.1.0.2 && "
			       "ip route add 10.2.3.0/24 via 10.1.0.3 metric 7 && "
			       "ip route add default via 10.1.0.9 && "
			       "ip route add 10.4.0.0/16 via 10.1.0.4 table 99 && "
			       "ip rule add to 10.4.0.0/16 table 99"),
			 0);
	assert_int_equal(tcp_route_open(&sock), 0);
	expect_route(sock, "10.1.0.7", "10.1.0.0/16@main");
	expect_route(sock, "10.2.9.9", "10.2.0.0/16@main");
	expect_route(sock, "10.2.3.9", "10.2.3.0/24@main+7");
	expect_route(sock, "::ffff:10.2.3.9", "10.2.3.0/24@main+7");
	expect_route(sock, "8.8.8.8", "0.0.0.0/0@main");
	expect_route(sock, "10.4.1.1", "10.4.0.0/16@99");
	expect_route(sock, "fd01::5", "fd01::/64@main+256");
	expect_route(sock, "fd02::5", NULL); /* unreachable */
	expect_route(sock, "127.0.0.1", NULL);
	expect_route(sock, "10.1.0.1", NULL);
	nl_socket_free(sock);
	shell("ip rule del to 10.4.0.0/16 table 99; ip link del one");
}

#define ROUTES (TCP_ROUTES_MAX + 2)
#define ROUTE_PATTERN "10.88.*"

/* One connection on each of more routes than have a place; its far end is never accepted. */
static void connect_routes(int fds[ROUTES])
{
	for (uint32_t i = 0; i < ROUTES; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET,
					  .sin_port = htons(7777),
					  .sin_addr.s_addr =
						  htonl(10u << 24 | 88u << 16 | i << 8 | 1) };

		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
	}
}

static bool route_has_series(const struct truth *t, uint32_t i)
{
	char name[64];

	snprintf(name, sizeof(name), "10.88.%u.0/24@main", i);
	return series_of(t, SIGNAL_TCP_RTT, name);
}

static size_t routes_with_series(const struct truth *t)
{
	size_t n = 0;

	for (uint32_t i = 0; i < ROUTES; i++)
		n += route_has_series(t, i);
	return n;
}

static int listen_many(void *data)
{
	int *ret_fd = data, r = listen_there(ret_fd);

	return r < 0 || listen(*ret_fd, ROUTES) < 0 ? -errno : 0;
}

static void a_route_without_connections_gives_its_place_to_one_that_has(void **state)
{
	struct demand demand_rtt = { .signal = SIGNAL_TCP_RTT,
				     .scope = { .kind = SCOPE_ROUTE, .name = ROUTE_PATTERN } };
	struct truth *t = *state;
	int fds[ROUTES], listening, netns, n_closed = 0;

	assert_true(make_router("pfifo"));
	assert_int_equal(shell("ip -n router route add 10.88.0.0/16 via 10.77.2.2 && "
			       "ip -n far route add local 10.88.0.0/16 dev lo && "
			       "for i in $(seq 0 %d); do ip route add 10.88.$i.0/24 via 10.77.1.2 "
			       "|| exit 1; done",
			       ROUTES - 1),
			 0);
	netns = netns_open(t->root, "far");
	assert_int_equal(netns_visit(netns, listen_many, &listening), 0);
	close(netns);
	connect_routes(fds);
	assert_int_equal(observer_demand(t->observer, &demand_rtt, 1), 0);
	for (int tick = 0; t->frame->losses[LOSS_INSTANCE] < 10 && tick < 400; tick++) {
		usleep(20000);
		sample(t);
	}
	assert_true(t->frame->losses[LOSS_INSTANCE] >= 10);
	assert_int_equal(t->frame->losses[LOSS_ROUTE], 0);
	assert_int_equal(routes_with_series(t), TCP_ROUTES_MAX);
	for (uint32_t i = 0; i < ROUTES; i++) {
		if (!route_has_series(t, i) || n_closed == 2)
			continue;
		close(fds[i]);
		fds[i] = -1;
		n_closed++;
	}
	/* The others keep theirs, and the two without get those of the two that have no connection any more. */
	for (int tick = 0; t->frame->losses[LOSS_ROUTE] < 2 && tick < 400; tick++) {
		usleep(20000);
		sample(t);
	}
	for (int tick = 0; tick < 20; tick++)
		sample(t);
	for (uint32_t i = 0; i < ROUTES; i++)
		assert_int_equal(route_has_series(t, i), fds[i] >= 0);
	assert_int_equal(t->frame->losses[LOSS_ROUTE], 2);
	for (uint32_t i = 0; i < ROUTES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(listening);
	shell("for i in $(seq 0 %d); do ip route del 10.88.$i.0/24; done", ROUTES - 1);
	remove_router();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRUTH(a_peer_is_on_the_route_that_the_kernel_takes),
		TRUTH(a_route_without_connections_gives_its_place_to_one_that_has),
	};

	if (!may_run(argc, argv))
		return 77;
	return cmocka_run_group_tests_name("tcp routes truth", tests, NULL, NULL);
}
