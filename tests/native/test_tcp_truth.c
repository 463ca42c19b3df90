// SPDX-License-Identifier: Apache-2.0
/*
 * The tcp source against what is known by other means: programs that make a known number of each event, ss(8), a socket's own
 * TCP_INFO. Counts must agree exactly, medians of rtt and congestion window within 10 %.
 */
#include "tests/native/net_truth.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "base/hist.h"

#define SAMPLES_MAX 64
#define SAMPLES_MIN 8      /* an emulated CPU has time for a snapshot once in a second or two */
#define SILENCE_US 1100000 /* who did not send for so long does not count at first sight */

/*
 * A queue of 1 holds two: the kernel compares with `more than` (sk_acceptq_is_full). What finds it full is sent again after a
 * second, which the sample does not wait for.
 */
static void overflow_listener(void *data)
{
	const int *n = data;
	struct sockaddr_in address;
	int fd = listener(1, &address), fds[64];

	for (int i = 0; i < *n; i++)
		fds[i] = client(&address, SOCK_NONBLOCK);
	for (int i = 0; i < *n; i++)
		close(fds[i]);
	close(fd);
}

static void overflows_of_a_listener_are_counted_exactly(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_LISTEN_OVERFLOWS, SIGNAL_TCP_LISTEN_DROPS,
					    SIGNAL_TCP_OPENS_ACTIVE, SIGNAL_TCP_OPENS_PASSIVE };
	struct truth *t = *state;
	int n = 42;

	demand(t, SCOPE_HOST, "", signals, ARRAY_SIZE(signals));
	overflow_listener(&n);
	sample(t);
	expect(t, SIGNAL_TCP_LISTEN_OVERFLOWS, "", 40);
	expect(t, SIGNAL_TCP_LISTEN_DROPS, "", 40);
	expect(t, SIGNAL_TCP_OPENS_ACTIVE, "", 42);
	expect(t, SIGNAL_TCP_OPENS_PASSIVE, "", 2);
	sample(t);
	expect(t, SIGNAL_TCP_LISTEN_OVERFLOWS, "", 0);
}

/* The one that resets and the one that is reset are both here. */
static void resets_are_counted_exactly(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_RESETS_SENT, SIGNAL_TCP_RESETS_ESTABLISHED,
					    SIGNAL_TCP_CONNECTIONS };
	const struct linger at_once = { .l_onoff = 1 };
	struct truth *t = *state;
	struct sockaddr_in address;
	int fd = listener(16, &address), ends[7][2];

	demand(t, SCOPE_HOST, "", signals, ARRAY_SIZE(signals));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		pair(fd, &address, ends[i]);
	sample(t);
	expect(t, SIGNAL_TCP_CONNECTIONS, "", 14);
	expect(t, SIGNAL_TCP_RESETS_SENT, "", 0);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		setsockopt(ends[i][0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(ends[i][0]);
		close(ends[i][1]);
	}
	sample(t);
	expect(t, SIGNAL_TCP_RESETS_SENT, "", 7);
	expect(t, SIGNAL_TCP_RESETS_ESTABLISHED, "", 14);
	expect(t, SIGNAL_TCP_CONNECTIONS, "", 0);
	close(fd);
}

static void fill(int fd)
{
	char bytes[65536] = { 0 };

	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* The last bit of a window is sent when a timer says so (some 200 ms): a segment of the full size does not fit. */
static void windows_that_close_are_counted_exactly(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_ZERO_WINDOWS };
	struct truth *t = *state;
	struct sockaddr_in address;
	int fd = listener(16, &address), ends[5][2];
	double closed = 0;

	demand(t, SCOPE_HOST, "", signals, ARRAY_SIZE(signals));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		pair(fd, &address, ends[i]);
	sample(t);
	expect(t, SIGNAL_TCP_ZERO_WINDOWS, "", 0);
	/* And some more, in which none is counted twice. */
	for (int tick = 0, more = 5; tick < 100 && more > 0; tick++) {
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
			fill(ends[i][0]);
		usleep(100000);
		sample(t);
		closed += value_of(t, SIGNAL_TCP_ZERO_WINDOWS, "");
		more -= closed >= ARRAY_SIZE(ends);
	}
	assert_true(closed == ARRAY_SIZE(ends));
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		close(ends[i][1]); /* with data that was not read: this resets the other end */
		close(ends[i][0]);
	}
	close(fd);
}

/* Into a void: each request is sent again after a second (the first timer), and not for the second time before three. */
static void requests_that_nobody_answers_are_sent_again(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_RETRANSMITS, SIGNAL_TCP_TIMEOUTS,
					    SIGNAL_TCP_SEGMENTS_OUT };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct truth *t = *state;
	int fds[9];

	assert_int_equal(shell("ip link add void type veth peer name other && ip link set other up "
			       "&& ip address add 10.66.0.1/24 dev void "
			       "&& ip link set void up && ip neighbour add 10.66.0.2 dev void "
			       "lladdr 02:00:00:00:00:02"),
			 0);
	address.sin_addr.s_addr = inet_addr("10.66.0.2");
	demand(t, SCOPE_HOST, "", signals, ARRAY_SIZE(signals));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = client(&address, SOCK_NONBLOCK);
	usleep(500000);
	sample(t);
	expect(t, SIGNAL_TCP_SEGMENTS_OUT, "", 9);
	expect(t, SIGNAL_TCP_RETRANSMITS, "", 0);
	usleep(1000000);
	sample(t);
	expect(t, SIGNAL_TCP_RETRANSMITS, "", 9);
	expect(t, SIGNAL_TCP_TIMEOUTS, "", 9);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	shell("ip link del void");
}

static int overflow_there(void *data)
{
	overflow_listener(data);
	return 0;
}

static void a_namespace_has_its_own_counts_and_is_let_go(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_LISTEN_OVERFLOWS, SIGNAL_TCP_RTT };
	struct truth *t = *state;
	int n = 12, netns;

	assert_int_equal(shell("ip netns add blue && ip -n blue link set lo up"), 0);
	demand(t, SCOPE_NETNS, "", signals, ARRAY_SIZE(signals));
	netns = netns_open(t->root, "blue");
	assert_true(netns >= 0);
	assert_int_equal(netns_visit(netns, overflow_there, &n), 0);
	close(netns);
	sample(t);
	expect(t, SIGNAL_TCP_LISTEN_OVERFLOWS, "blue", 10);
	assert_null(series_of(t, SIGNAL_TCP_LISTEN_OVERFLOWS, ""));
	assert_non_null(series_of(t, SIGNAL_TCP_RTT, "blue"));
	/* Another one of that name: nothing is subtracted across the two. */
	assert_int_equal(shell("ip netns del blue && ip netns add blue"), 0);
	usleep(1100000);
	sample(t);
	assert_true(isnan(value_of(t, SIGNAL_TCP_LISTEN_OVERFLOWS, "blue")));
	assert_int_equal(shell("ip netns del blue"), 0);
	usleep(1100000);
	sample(t);
	assert_null(series_of(t, SIGNAL_TCP_LISTEN_OVERFLOWS, "blue"));
	assert_int_equal(shell("! lsof -p %d 2>/dev/null | grep -q 'net:\\['", (int)getpid()), 0);
}

static void send_bytes(const int ends[2], size_t n)
{
	char bytes[1000] = { 0 };

	assert_int_equal(send(ends[0], bytes, n, 0), n);
	while (n > 0) {
		ssize_t m = recv(ends[1], bytes, sizeof(bytes), 0);

		assert_true(m > 0);
		n -= (size_t)m;
	}
}

/* Connections that counted until they were `expected`, and in some ticks more. How long that takes depends on the budget. */
static double counted(struct truth *t, uint32_t signal, double expected)
{
	double sum = 0;

	for (int tick = 0, more = 8; tick < 400 && more > 0; tick++) {
		const struct series *series;

		usleep(20000);
		sample(t);
		series = series_of(t, signal, "");
		assert_non_null(series);
		assert_int_equal(series->flags, SERIES_VALID);
		sum += (double)series->hist->count;
		more -= sum >= expected;
	}
	return sum;
}

/* Until all connections were seen once: what is new from then on is known to be new. */
static void settle(struct truth *t)
{
	struct sockaddr_in address;
	int fd = listener(1, &address), ends[2];
	double seen = 0;

	pair(fd, &address, ends);
	for (int tick = 0; seen < 1 && tick < 400; tick++) {
		send_bytes(ends, 100);
		usleep(20000);
		sample(t);
		seen += (double)series_of(t, SIGNAL_TCP_RTT, "")->hist->count;
	}
	assert_true(seen == 1);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

static void only_connections_that_sent_count_and_a_reused_address_is_another_one(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_RTT, SIGNAL_TCP_CWND };
	const struct linger at_once = { .l_onoff = 1 };
	struct truth *t = *state;
	struct sockaddr_in address, own;
	socklen_t length = sizeof(own);
	int fd = listener(64, &address), ends[20][2], again;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		pair(fd, &address, ends[i]);
		send_bytes(ends[i], 500);
	}
	usleep(SILENCE_US);
	demand(t, SCOPE_HOST, "", signals, ARRAY_SIZE(signals));
	settle(t); /* and what they sent before did not count */
	for (size_t i = 0; i < 6; i++)
		send_bytes(ends[i], 500);
	assert_true(counted(t, SIGNAL_TCP_RTT, 6) == 6);
	for (size_t i = 0; i < 3; i++)
		send_bytes(ends[i], 500);
	assert_true(counted(t, SIGNAL_TCP_CWND, 3) == 3);
	/* The same four numbers, and fewer bytes than the one before had. */
	assert_int_equal(getsockname(ends[0][0], (struct sockaddr *)&own, &length), 0);
	setsockopt(ends[0][0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(ends[0][0]);
	close(ends[0][1]);
	again = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	assert_int_equal(bind(again, (struct sockaddr *)&own, length), 0);
	assert_int_equal(connect(again, (struct sockaddr *)&address, sizeof(address)), 0);
	ends[0][0] = again;
	ends[0][1] = accept(fd, NULL, NULL);
	send_bytes(ends[0], 100);
	assert_true(counted(t, SIGNAL_TCP_RTT, 1) == 1);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close(fd);
}

#define MANY 1500 /* twice as many ends: more than one tick has time for */

static void connections_that_do_not_fit_into_a_tick_come_in_the_next_ones(void **state)
{
	static const uint32_t signals[] = { SIGNAL_TCP_RTT, SIGNAL_TCP_CWND };

	static int ends[MANY][2];
	struct truth *t = *state;
	struct rlimit limit;
	struct sockaddr_in address;
	int fd = listener(64, &address);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (size_t i = 0; i < MANY; i++) {
		pair(fd, &address, ends[i]);
		send_bytes(ends[i], 500);
	}
	usleep(SILENCE_US);
	demand(t, SCOPE_HOST, "", signals, 1);
	settle(t);
	for (size_t i = 0; i < MANY; i++)
		send_bytes(ends[i], 500);
	assert_true(counted(t, SIGNAL_TCP_RTT, MANY) == MANY);
	/* Another demand while the kernel's list is half told. */
	for (int i = 0; i < 20; i++) {
		demand(t, SCOPE_HOST, "", signals, 1 + (size_t)i % 2);
		usleep(5000);
		sample(t);
	}
	assert_int_equal(t->frame->losses[LOSS_EVENT], 0);
	assert_int_equal(t->frame->losses[LOSS_CONNECTION], 0);
	/* Who sends while nothing is known of anybody counts, too: with 100,000 of them all would take half a minute. */
	observer_demand(t->observer, NULL, 0);
	for (size_t i = 0; i < MANY; i++)
		send_bytes(ends[i], 500);
	demand(t, SCOPE_HOST, "", signals, 1);
	assert_true(counted(t, SIGNAL_TCP_RTT, 1) >= 1);
	for (size_t i = 0; i < MANY; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close(fd);
}

/* What ss(8) says of the connection that has moved most. */
struct told {
	double rtt_ns, cwnd;
};

static bool ss_tells(struct told *ret_told)
{
	FILE *pipe = popen("ss -tinH state established dst 10.77.2.2", "r");
	char line[4096];
	double most = 0;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *acked = strstr(line, " bytes_acked:"), *rtt = strstr(line, " rtt:"),
			   *cwnd = strstr(line, " cwnd:");
		double bytes = acked ? atof(acked + strlen(" bytes_acked:")) : 0;

		if (!rtt || !cwnd || bytes <= most)
			continue;
		most = bytes;
		ret_told->rtt_ns = atof(rtt + strlen(" rtt:")) * 1e6;
		ret_told->cwnd = atof(cwnd + strlen(" cwnd:"));
	}
	if (pipe)
		pclose(pipe);
	return most > 100000;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return values[n / 2];
}

/* The route to the far side, and not the one to the router, which nothing but a few bytes goes over. */
#define FAR_ROUTE "10.77.2.0/24@main"

/* A child that reads what comes to the far side until the other end closes. */
static pid_t reader(const struct truth *t, int *ret_listening)
{
	static char bytes[1 << 20];
	int netns = netns_open(t->root, "far");
	pid_t child;

	assert_int_equal(netns_visit(netns, listen_there, ret_listening), 0);
	close(netns);
	child = fork();
	if (child == 0) {
		int fd = accept(*ret_listening, NULL, NULL);

		while (recv(fd, bytes, sizeof(bytes), 0) > 0)
			;
		_exit(0);
	}
	assert_true(child > 0);
	return child;
}

static int connect_far(const char *algorithm)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7777) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), size = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, algorithm,
				    (socklen_t)strlen(algorithm)),
			 0);
	to.sin_addr.s_addr = inet_addr("10.77.2.2");
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void demand_host_and_route(struct truth *t)
{
	static const uint32_t signals[] = { SIGNAL_TCP_RTT, SIGNAL_TCP_CWND,
					    SIGNAL_TCP_DELIVERY_RATE, SIGNAL_TCP_RETRANSMITS };
	struct demand demands[2 * ARRAY_SIZE(signals)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		demands[2 * i].signal = demands[2 * i + 1].signal = signals[i];
		demands[2 * i + 1].scope = (struct scope){ .kind = SCOPE_ROUTE, .name = FAR_ROUTE };
	}
	assert_int_equal(observer_demand(t->observer, demands, ARRAY_SIZE(demands)), 0);
	sample(t);
	settle(t);
}

static void wait_acknowledged(int fd)
{
	int waiting = 1;

	for (int tick = 0; waiting && tick < 200; tick++) {
		usleep(50000);
		assert_int_equal(ioctl(fd, SIOCOUTQ, &waiting), 0);
	}
	assert_int_equal(waiting, 0);
}

/* Each as ss(8) and as the observer tell of it. */
struct compared {
	size_t n;
	double rtts[2][SAMPLES_MAX], cwnds[2][SAMPLES_MAX], rates[SAMPLES_MAX];
	double host_retransmits, route_retransmits;
};

static void compare(struct truth *t, struct compared *compared)
{
	const struct series *rtt, *cwnd, *rate;
	struct told told = { 0 };
	const size_t n = compared->n;

	sample(t);
	rtt = series_of(t, SIGNAL_TCP_RTT, FAR_ROUTE);
	cwnd = series_of(t, SIGNAL_TCP_CWND, FAR_ROUTE);
	rate = series_of(t, SIGNAL_TCP_DELIVERY_RATE, FAR_ROUTE);
	compared->host_retransmits += value_of(t, SIGNAL_TCP_RETRANSMITS, "");
	if (!rtt)
		return; /* nobody has used the route yet */
	compared->route_retransmits += value_of(t, SIGNAL_TCP_RETRANSMITS, FAR_ROUTE);
	if (rtt->hist->count != 1 || n == SAMPLES_MAX || !ss_tells(&told))
		return;
	assert_int_equal(series_of(t, SIGNAL_TCP_RTT, "")->hist->count, 1);
	compared->rtts[0][n] = told.rtt_ns;
	compared->rtts[1][n] = hist_mean(rtt->hist);
	compared->cwnds[0][n] = told.cwnd;
	compared->cwnds[1][n] = hist_mean(cwnd->hist);
	compared->rates[n] = hist_mean(rate->hist) * 8 / 1e6;
	compared->n++;
}

static void a_transfer_through_a_router_is_as_ss_and_its_own_socket_tell_it(void **state)
{
	struct compared compared = { 0 };
	struct truth *t = *state;
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	int listening, fd;
	char bytes[65536] = { 0 };
	pid_t child;

	if (!make_router("tbf rate 20mbit burst 32kb latency 100ms")) {
		print_message("skipped: no veth or tbf\n");
		remove_router();
		skip();
	}
	child = reader(t, &listening);
	demand_host_and_route(t);
	fd = connect_far("cubic");
	for (int tick = 0; tick < 50 || (compared.n < SAMPLES_MIN && tick < 500); tick++) {
		while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
		usleep(50000);
		compare(t, &compared);
	}
	wait_acknowledged(fd);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	compare(t, &compared);
	close(fd);
	close(listening);
	waitpid(child, NULL, 0);
	remove_router();
	assert_true(compared.n >= SAMPLES_MIN);
	print_message(
		"%zu samples: rtt %.2f ms by ss, %.2f ms here; cwnd %.0f, %.0f; delivery rate "
		"%.1f Mbit/s of 20; retransmits %u by the socket, %.0f of the host, %.0f of the "
		"route\n",
		compared.n, median(compared.rtts[0], compared.n) / 1e6,
		median(compared.rtts[1], compared.n) / 1e6, median(compared.cwnds[0], compared.n),
		median(compared.cwnds[1], compared.n), median(compared.rates, compared.n),
		info.tcpi_total_retrans, compared.host_retransmits, compared.route_retransmits);
	assert_true(
		fabs(median(compared.rtts[1], compared.n) / median(compared.rtts[0], compared.n) -
		     1) < 0.10);
	assert_true(
		fabs(median(compared.cwnds[1], compared.n) / median(compared.cwnds[0], compared.n) -
		     1) < 0.10);
	assert_true(fabs(median(compared.rates, compared.n) / 20 - 1) < 0.10);
	assert_true(info.tcpi_total_retrans > 0);
	assert_true(compared.host_retransmits == info.tcpi_total_retrans);
	/* Of the route those that were sent before the connection was first looked at are missing. */
	assert_true(compared.route_retransmits > 0);
	assert_true(compared.route_retransmits <= info.tcpi_total_retrans);
}

/* Segments that came too early at the far end's socket, by ss(8). */
static double ss_out_of_order(void)
{
	FILE *pipe = popen("ip netns exec far ss -tinH state established sport 7777", "r");
	char line[4096];
	double n = 0;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *at = strstr(line, " rcv_ooopack:");

		n += at ? atof(at + strlen(" rcv_ooopack:")) : 0;
	}
	if (pipe)
		pclose(pipe);
	return n;
}

static void a_delay_and_a_loss_are_measured(void **state)
{
	const struct demand demands[] = {
		{ .signal = SIGNAL_TCP_RTT },
		{ .signal = SIGNAL_TCP_RETRANSMITS },
		{ .signal = SIGNAL_TCP_OUT_OF_ORDER,
		  .scope = { .kind = SCOPE_NETNS, .name = "far" } },
	};
	double retransmits = 0, out_of_order = 0, rtts[SAMPLES_MAX], theirs;
	struct truth *t = *state;
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	char bytes[16384] = { 0 };
	int listening, fd, ticks = 0;
	size_t n = 0;
	pid_t child;

	if (!make_router("netem delay 100ms loss 2%")) {
		print_message("skipped: no netem\n");
		remove_router();
		skip();
	}
	child = reader(t, &listening);
	assert_int_equal(observer_demand(t->observer, demands, ARRAY_SIZE(demands)), 0);
	sample(t);
	settle(t);
	fd = connect_far("reno");
	for (bool more = true; more; ticks++) {
		const struct series *rtt;

		more = ticks < SAMPLES_MAX || (n < SAMPLES_MIN && ticks < 500);
		if (more)
			(void)!send(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		else
			wait_acknowledged(fd);
		usleep(50000);
		sample(t);
		retransmits += value_of(t, SIGNAL_TCP_RETRANSMITS, "");
		out_of_order += value_of(t, SIGNAL_TCP_OUT_OF_ORDER, "far");
		rtt = series_of(t, SIGNAL_TCP_RTT, "");
		if (rtt->hist->count == 1 && n < SAMPLES_MAX)
			rtts[n++] = hist_mean(rtt->hist);
	}
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	theirs = ss_out_of_order();
	close(fd);
	close(listening);
	waitpid(child, NULL, 0);
	remove_router();
	assert_true(n >= SAMPLES_MIN);
	print_message("%zu samples: rtt %.1f ms of 100; retransmits %u by the socket, %.0f here; "
		      "out of "
		      "order %.0f by ss, %.0f here\n",
		      n, median(rtts, n) / 1e6, info.tcpi_total_retrans, retransmits, theirs,
		      out_of_order);
	assert_true(fabs(median(rtts, n) / 100e6 - 1) < 0.10);
	assert_true(info.tcpi_total_retrans > 0);
	assert_true(retransmits == info.tcpi_total_retrans);
	assert_true(theirs > 0);
	/* The socket counts segments, the kernel's counter packets: what was joined is one. */
	assert_true(out_of_order > 0 && out_of_order <= theirs);
}

/* What the daemon's observer is: a user with no right to enter another namespace. */
static void a_user_who_may_not_enter_a_namespace_is_told_what_to_do(void **state)
{
	const struct demand demand = { .signal = SIGNAL_TCP_SEGMENTS_OUT,
				       .scope = { .kind = SCOPE_NETNS } };
	struct source_status status[SOURCES_MAX];
	struct truth *t = *state;
	int result;
	pid_t child;

	assert_int_equal(shell("ip netns add closed"), 0);
	child = fork();
	if (child == 0) {
		bool told = false;
		size_t n;

		if (setresuid(65534, 65534, 65534) < 0 ||
		    observer_demand(t->observer, &demand, 1) < 0 ||
		    observer_sample(t->observer, clock_now_ns(), t->frame) < 0)
			_exit(2);
		n = observer_sources(t->observer, status);
		for (size_t i = 0; i < n; i++)
			told |= !strcmp(status[i].name, "tcp") &&
				status[i].state == SOURCE_DEGRADED &&
				strstr(status[i].text, "CAP_SYS_ADMIN") &&
				strstr(status[i].remedy, "as root");
		_exit(told && t->frame->n_series == 0 ? 0 : 1);
	}
	waitpid(child, &result, 0);
	shell("ip netns del closed");
	assert_int_equal(result, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRUTH(overflows_of_a_listener_are_counted_exactly),
		TRUTH(resets_are_counted_exactly),
		TRUTH(windows_that_close_are_counted_exactly),
		TRUTH(requests_that_nobody_answers_are_sent_again),
		TRUTH(a_namespace_has_its_own_counts_and_is_let_go),
		TRUTH(only_connections_that_sent_count_and_a_reused_address_is_another_one),
		TRUTH(connections_that_do_not_fit_into_a_tick_come_in_the_next_ones),
		TRUTH(a_transfer_through_a_router_is_as_ss_and_its_own_socket_tell_it),
		TRUTH(a_delay_and_a_loss_are_measured),
		TRUTH(a_user_who_may_not_enter_a_namespace_is_told_what_to_do),
	};

	if (!may_run(argc, argv))
		return 77;
	/* How many connections a tick has time for is the machine's affair: that one is for a run of its own. */
	if (argc <= 1)
		cmocka_set_skip_filter("*do_not_fit*");
	return cmocka_run_group_tests_name("tcp truth", tests, NULL, NULL);
}
