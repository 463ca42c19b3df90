// SPDX-License-Identifier: Apache-2.0
/* The tcp and net sources over a folder of /proc and /sys files that the tests write. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define T0 1000000000ull
#define TICK 250000000ull
#define ZEROES "00000000 00000000 00000000 00000000 00000000 00000000 "

struct fixture {
	char folder[64];
	int root;
	uint64_t now_ns;
	struct observer *observer;
	struct frame *frame;
};

/* Written in place, so that descriptors that are kept open see the new text; folders are made. */
static void put(const struct fixture *f, const char *path, const char *text)
{
	char full[256], command[320];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", full);
	assert_int_equal(system(command), 0);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct observer_options options = { 0 };

	f->frame = calloc(1, sizeof(*f->frame));
	f->now_ns = T0;
	strcpy(f->folder, "/tmp/flyball-network-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	put(f, "proc/net/snmp",
	    "Tcp: MaxConn ActiveOpens InSegs OutSegs RetransSegs CurrEstab\n"
	    "Tcp: -1 10 1000 2000 30 4\n");
	put(f, "proc/net/netstat",
	    "TcpExt: SyncookiesSent ListenOverflows ListenDrops\n"
	    "TcpExt: 0 5 6\nIpExt: InNoRoutes\nIpExt: 0\n");
	put(f, "proc/net/sockstat", "sockets: used 17\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 3\n");
	put(f, "proc/net/softnet_stat",
	    "fffffffe 00000002 00000003 " ZEROES "00000000 00000001 00000004 00000000 0 0\n"
	    "00000010 00000000 00000000 " ZEROES "00000000 00000000 00000000 00000001 0 0\n");
	put(f, "proc/softirqs", "     CPU0  CPU1\n NET_RX:  100   200\n");
	put(f, "sys/class/net/eth0/statistics/rx_bytes", "1000\n");
	put(f, "sys/class/net/eth0/statistics/rx_missed_errors", "7\n");
	put(f, "sys/class/net/eth0/device/msi_irqs/40", "msix\n");
	put(f, "sys/class/net/eth0/device/msi_irqs/41", "msix\n");
	put(f, "sys/kernel/irq/40/per_cpu_count", "100,0\n");
	put(f, "sys/kernel/irq/41/per_cpu_count", "0,50\n");
	f->root = options.root = sysroot_open(f->folder);
	assert_int_equal(observer_new(&options, &f->observer), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	observer_free(f->observer);
	close(f->root);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f->frame);
	free(f);
	return 0;
}

static void tick(struct fixture *f)
{
	assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
	f->now_ns += TICK;
}

static void demand(struct fixture *f, enum scope_kind kind, const uint32_t *signals, size_t n)
{
	struct demand demands[16] = { 0 };

	assert_true(n <= ARRAY_SIZE(demands));
	for (size_t i = 0; i < n; i++) {
		demands[i].signal = signals[i];
		demands[i].scope.kind = kind;
	}
	assert_int_equal(observer_demand(f->observer, demands, n), 0);
	tick(f);
}

static const struct series *find(const struct fixture *f, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < f->frame->n_series; i++)
		if (f->frame->series[i].signal == signal &&
		    !strcmp(f->frame->series[i].scope.name, name))
			return &f->frame->series[i];
	return NULL;
}

static void expect(const struct fixture *f, uint32_t signal, const char *name, double value)
{
	const struct series *series = find(f, signal, name);

	assert_non_null(series);
	if (!(series->flags & SERIES_VALID) || fabs(series->value - value) > 1e-9)
		fail_msg("%s is %g with flags %u, not %g", signal_rows[signal].name, series->value,
			 series->flags, value);
}

static void expect_unknown(const struct fixture *f, uint32_t signal, const char *name)
{
	const struct series *series = find(f, signal, name);

	assert_non_null(series);
	assert_int_equal(series->flags & SERIES_VALID, 0);
}

static const uint32_t tcp_signals[] = {
	SIGNAL_TCP_CONNECTIONS,      SIGNAL_TCP_OPENS_ACTIVE, SIGNAL_TCP_RETRANSMITS,
	SIGNAL_TCP_LISTEN_OVERFLOWS, SIGNAL_TCP_MEMORY,       SIGNAL_TCP_ZERO_WINDOWS,
};

static void counters_of_tcp_are_the_difference_of_two_ticks(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, tcp_signals, ARRAY_SIZE(tcp_signals));
	expect_unknown(f, SIGNAL_TCP_RETRANSMITS, "");
	put(f, "proc/net/snmp",
	    "Tcp: MaxConn ActiveOpens InSegs OutSegs RetransSegs CurrEstab\n"
	    "Tcp: -1 12 1000 2000 37 9\n");
	put(f, "proc/net/netstat",
	    "TcpExt: SyncookiesSent ListenOverflows ListenDrops\n"
	    "TcpExt: 0 105 6\nIpExt: InNoRoutes\nIpExt: 0\n");
	tick(f);
	expect(f, SIGNAL_TCP_CONNECTIONS, "", 9);
	expect(f, SIGNAL_TCP_OPENS_ACTIVE, "", 2);
	expect(f, SIGNAL_TCP_RETRANSMITS, "", 7);
	expect(f, SIGNAL_TCP_LISTEN_OVERFLOWS, "", 100);
	expect(f, SIGNAL_TCP_MEMORY, "", (double)(3 * sysconf(_SC_PAGESIZE)));
}

static void a_counter_that_this_kernel_has_not_is_absent(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, tcp_signals, ARRAY_SIZE(tcp_signals));
	tick(f);
	assert_null(find(f, SIGNAL_TCP_ZERO_WINDOWS, ""));
	assert_non_null(find(f, SIGNAL_TCP_LISTEN_OVERFLOWS, ""));
}

static void a_table_that_is_no_numbers_is_a_loss_and_the_next_tick_a_baseline(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, tcp_signals, ARRAY_SIZE(tcp_signals));
	put(f, "proc/net/snmp", "Tcp: ActiveOpens\nTcp: many\n");
	tick(f);
	expect_unknown(f, SIGNAL_TCP_RETRANSMITS, "");
	assert_true(f->frame->losses[LOSS_EVENT] > 0);
	put(f, "proc/net/snmp",
	    "Tcp: MaxConn ActiveOpens InSegs OutSegs RetransSegs CurrEstab\n"
	    "Tcp: -1 12 1000 2000 50 9\n");
	tick(f);
	expect_unknown(f, SIGNAL_TCP_RETRANSMITS, "");
	tick(f);
	expect(f, SIGNAL_TCP_RETRANSMITS, "", 0);
}

static void a_counter_that_goes_back_is_no_increase(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, tcp_signals, ARRAY_SIZE(tcp_signals));
	put(f, "proc/net/snmp",
	    "Tcp: MaxConn ActiveOpens InSegs OutSegs RetransSegs CurrEstab\n"
	    "Tcp: -1 12 1000 2000 3 9\n");
	tick(f);
	expect_unknown(f, SIGNAL_TCP_RETRANSMITS, "");
	expect(f, SIGNAL_TCP_OPENS_ACTIVE, "", 2);
}

static const uint32_t cpu_signals[] = { SIGNAL_NET_PACKETS, SIGNAL_NET_DROPS_BACKLOG,
					SIGNAL_NET_DROPS_FLOW_LIMIT, SIGNAL_NET_SQUEEZES_ALL,
					SIGNAL_NET_BACKLOG };

static void after_softnet(struct fixture *f)
{
	put(f, "proc/net/softnet_stat",
	    "00000008 0000000c 00000005 " ZEROES "00000000 00000004 00000009 00000000 0 0\n"
	    "00000030 00000000 00000001 " ZEROES "00000000 00000000 00000000 00000001 0 0\n");
	tick(f);
}

static void counters_of_a_cpu_wrap_and_drops_have_their_causes(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_CPU, cpu_signals, ARRAY_SIZE(cpu_signals));
	after_softnet(f);
	expect(f, SIGNAL_NET_PACKETS, "0", 10);
	expect(f, SIGNAL_NET_PACKETS, "1", 32);
	expect(f, SIGNAL_NET_DROPS_BACKLOG, "0", 7);
	expect(f, SIGNAL_NET_DROPS_FLOW_LIMIT, "0", 3);
	expect(f, SIGNAL_NET_SQUEEZES_ALL, "1", 1);
	expect(f, SIGNAL_NET_BACKLOG, "0", 9);
}

/* The kernel counts the flow limit's drop first, and was read between the two. */
static void a_drop_that_is_half_counted_is_no_negative_one(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_CPU, cpu_signals, ARRAY_SIZE(cpu_signals));
	put(f, "proc/net/softnet_stat",
	    "fffffffe 00000002 00000003 " ZEROES "00000000 00000002 00000004 00000000 0 0\n"
	    "00000010 00000000 00000000 " ZEROES "00000000 00000000 00000000 00000001 0 0\n");
	tick(f);
	expect(f, SIGNAL_NET_DROPS_FLOW_LIMIT, "0", 1);
	expect(f, SIGNAL_NET_DROPS_BACKLOG, "0", 0);
}

static void the_host_is_the_sum_of_its_cpus(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, cpu_signals, ARRAY_SIZE(cpu_signals));
	after_softnet(f);
	expect(f, SIGNAL_NET_PACKETS, "", 42);
	expect(f, SIGNAL_NET_SQUEEZES_ALL, "", 3);
}

/* No programs look at this folder's CPUs: where there was none there is no cause, and else it is not known. */
static void a_squeeze_that_nobody_saw_has_no_known_cause(void **state)
{
	static const uint32_t signals[] = { SIGNAL_NET_SQUEEZES_ALL, SIGNAL_NET_SQUEEZES_BUDGET,
					    SIGNAL_NET_SQUEEZES_TIME };
	struct fixture *f = *state;

	demand(f, SCOPE_HOST, signals, ARRAY_SIZE(signals));
	tick(f);
	expect(f, SIGNAL_NET_SQUEEZES_ALL, "", 0);
	expect(f, SIGNAL_NET_SQUEEZES_BUDGET, "", 0);
	expect(f, SIGNAL_NET_SQUEEZES_TIME, "", 0);
	after_softnet(f);
	expect(f, SIGNAL_NET_SQUEEZES_ALL, "", 3);
	expect_unknown(f, SIGNAL_NET_SQUEEZES_BUDGET, "");
	expect_unknown(f, SIGNAL_NET_SQUEEZES_TIME, "");
}

static void a_cpu_that_goes_offline_takes_its_series_along(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_CPU, cpu_signals, ARRAY_SIZE(cpu_signals));
	put(f, "proc/net/softnet_stat",
	    "00000030 00000000 00000001 " ZEROES "00000000 00000000 00000000 00000001 0 0\n");
	for (int i = 0; i < 6; i++)
		tick(f);
	assert_null(find(f, SIGNAL_NET_PACKETS, "0"));
	expect(f, SIGNAL_NET_PACKETS, "1", 0);
}

static void the_shares_of_receiving_add_up_to_one(void **state)
{
	static const uint32_t signals[] = { SIGNAL_NET_SOFTIRQS_SHARE };
	struct fixture *f = *state;

	demand(f, SCOPE_CPU, signals, 1);
	put(f, "proc/softirqs", "     CPU0  CPU1\n NET_RX:  130   210\n");
	tick(f);
	expect(f, SIGNAL_NET_SOFTIRQS_SHARE, "0", 0.75);
	expect(f, SIGNAL_NET_SOFTIRQS_SHARE, "1", 0.25);
	tick(f);
	expect_unknown(f, SIGNAL_NET_SOFTIRQS_SHARE, "0");
}

static void an_interface_has_its_statistics_and_interrupts(void **state)
{
	static const uint32_t signals[] = { SIGNAL_NET_RX_BYTES, SIGNAL_NET_RX_DROPS_RING,
					    SIGNAL_NET_IRQS, SIGNAL_NET_IRQS_SHARE };
	struct fixture *f = *state;

	demand(f, SCOPE_NIC, signals, ARRAY_SIZE(signals));
	put(f, "sys/class/net/eth0/statistics/rx_bytes", "5000\n");
	put(f, "sys/class/net/eth0/statistics/rx_missed_errors", "8\n");
	put(f, "sys/kernel/irq/40/per_cpu_count", "160,0\n");
	put(f, "sys/kernel/irq/41/per_cpu_count", "10,60\n");
	tick(f);
	expect(f, SIGNAL_NET_RX_BYTES, "eth0", 4000);
	expect(f, SIGNAL_NET_RX_DROPS_RING, "eth0", 1);
	expect(f, SIGNAL_NET_IRQS, "eth0", 80);
	expect(f, SIGNAL_NET_IRQS_SHARE, "eth0", 70.0 / 80);
}

static const uint32_t irq_signals[] = { SIGNAL_NET_IRQS, SIGNAL_NET_IRQS_SHARE };

static void interrupts_that_come_later_are_counted_too(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_NIC, irq_signals, ARRAY_SIZE(irq_signals));
	put(f, "sys/class/net/eth0/device/msi_irqs/42", "msix\n");
	put(f, "sys/kernel/irq/42/per_cpu_count", "9000,9000\n");
	for (int i = 0; i < 8; i++)
		tick(f);
	put(f, "sys/kernel/irq/41/per_cpu_count", "0,60\n");
	put(f, "sys/kernel/irq/42/per_cpu_count", "9030,9000\n");
	tick(f);
	expect(f, SIGNAL_NET_IRQS, "eth0", 40);
	expect(f, SIGNAL_NET_IRQS_SHARE, "eth0", 0.75);
}

static void more_interrupts_than_are_kept_open_are_no_value(void **state)
{
	struct fixture *f = *state;
	char path[96];
	uint64_t before;

	for (int i = 100; i < 165; i++) {
		snprintf(path, sizeof(path), "sys/class/net/eth0/device/msi_irqs/%d", i);
		put(f, path, "msix\n");
		snprintf(path, sizeof(path), "sys/kernel/irq/%d/per_cpu_count", i);
		put(f, path, "1,1\n");
	}
	demand(f, SCOPE_NIC, irq_signals, ARRAY_SIZE(irq_signals));
	before = f->frame->losses[LOSS_INSTANCE];
	tick(f);
	expect_unknown(f, SIGNAL_NET_IRQS, "eth0");
	assert_int_equal(f->frame->losses[LOSS_INSTANCE] - before, 1);
}

#define NETWORK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETWORK(counters_of_tcp_are_the_difference_of_two_ticks),
		NETWORK(a_counter_that_this_kernel_has_not_is_absent),
		NETWORK(a_table_that_is_no_numbers_is_a_loss_and_the_next_tick_a_baseline),
		NETWORK(a_counter_that_goes_back_is_no_increase),
		NETWORK(counters_of_a_cpu_wrap_and_drops_have_their_causes),
		NETWORK(a_drop_that_is_half_counted_is_no_negative_one),
		NETWORK(the_host_is_the_sum_of_its_cpus),
		NETWORK(a_squeeze_that_nobody_saw_has_no_known_cause),
		NETWORK(a_cpu_that_goes_offline_takes_its_series_along),
		NETWORK(the_shares_of_receiving_add_up_to_one),
		NETWORK(an_interface_has_its_statistics_and_interrupts),
		NETWORK(interrupts_that_come_later_are_counted_too),
		NETWORK(more_interrupts_than_are_kept_open_are_no_value),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
