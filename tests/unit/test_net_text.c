// SPDX-License-Identifier: Apache-2.0
/* The texts of /proc/net and /proc/softirqs, and the table of TCP connections. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observer/netstat.h"
#include "observer/softirqs.h"
#include "observer/softnet.h"
#include "observer/tcp_info.h"
#include "observer/tcp_table.h"

static const char snmp[] = "Ip: Forwarding DefaultTTL\n"
			   "Ip: 2 64\n"
			   "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens\n"
			   "Tcp: 1 200 120000 -1 13 2\n"
			   "Udp: InDatagrams NoPorts\n"
			   "Udp: 5 6\n";

static void a_counter_is_found_by_its_name(void **state)
{
	uint64_t numbers[NETSTAT_COLUMNS_MAX];

	(void)state;
	assert_int_equal(netstat_column(snmp, "Tcp:", "ActiveOpens"), 4);
	assert_int_equal(netstat_column(snmp, "Tcp:", "PassiveOpens"), 5);
	assert_int_equal(netstat_numbers(snmp, "Tcp:", numbers), 6);
	assert_int_equal(numbers[4], 13);
	assert_int_equal(numbers[5], 2);
	assert_int_equal(numbers[3], 0);
}

static void a_part_of_a_name_is_no_name(void **state)
{
	(void)state;
	assert_int_equal(netstat_column(snmp, "Tcp:", "Active"), -ENOENT);
	assert_int_equal(netstat_column(snmp, "Tcp:", "InDatagrams"), -ENOENT);
	assert_int_equal(netstat_column(snmp, "TcpExt:", "RtoMin"), -ENOENT);
	assert_int_equal(netstat_column("", "Tcp:", "RtoMin"), -ENOENT);
}

static void tables_that_are_cut_or_no_numbers_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"Tcp: A B",
		"Tcp: A B\nUdp: 1 2\n",
		"Tcp: A B\nTcp:\n",
		"Tcp: A B\nTcp: 1 x\n",
		"Tcp: A B\nTcp: 1 2x\n",
		"Tcp: A B\nTcp: 1  2\n",
		"Tcp: A\nTcp: 18446744073709551616\n",
	};
	uint64_t numbers[NETSTAT_COLUMNS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(netstat_numbers(bad[i], "Tcp:", numbers), -EBADMSG);
}

static struct softnet_cpu cpus[SOFTNET_CPUS_MAX];

static void a_line_of_softnet_is_of_the_cpu_that_it_names(void **state)
{
	static const char text[] =
		"0000000f 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000003 00000004 00000009 00000000 00000004 00000005\n"
		"ffffffff 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000 00000007 00000000 00000000";

	(void)state;
	assert_int_equal(softnet_parse(text, NULL, 0, cpus), 2);
	assert_true(cpus[0].online && cpus[7].online && !cpus[1].online);
	assert_int_equal(cpus[0].fields[SOFTNET_PACKETS], 15);
	assert_int_equal(cpus[0].fields[SOFTNET_DROPS], 1);
	assert_int_equal(cpus[0].fields[SOFTNET_SQUEEZES], 2);
	assert_int_equal(cpus[0].fields[SOFTNET_RPS], 3);
	assert_int_equal(cpus[0].fields[SOFTNET_FLOW_LIMIT], 4);
	assert_int_equal(cpus[0].fields[SOFTNET_BACKLOG], 9);
	assert_int_equal(cpus[7].fields[SOFTNET_PACKETS], UINT32_MAX);
}

static void lines_of_an_older_softnet_are_of_the_cpus_that_are_online(void **state)
{
	static const char text[] =
		"00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000\n"
		"00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
		"00000000 00000000 00000000\n";
	static const uint16_t online[] = { 0, 3 };

	(void)state;
	assert_int_equal(softnet_parse(text, online, 2, cpus), 2);
	assert_int_equal(cpus[0].fields[SOFTNET_PACKETS], 1);
	assert_int_equal(cpus[3].fields[SOFTNET_PACKETS], 2);
	assert_false(cpus[1].online);
	assert_false(cpus[3].backlog);
	assert_int_equal(softnet_parse(text, online, 1, cpus), 2);
	assert_false(cpus[3].online);
}

static void a_softnet_that_is_no_table_is_refused(void **state)
{
	static const char *const bad[] = {
		"",         "\n", "0000", "00000001 00000002", "0000000g 0 0 0", "000000001 0 0 0",
		"1 2 3 4 x"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(softnet_parse(bad[i], NULL, 0, cpus), -EBADMSG);
}

static void softirqs_have_gaps_where_cpus_are_missing(void **state)
{
	static const char text[] = "                    CPU0       CPU2       \n"
				   "          HI:          1          2\n"
				   "      NET_RX:       1177       1652\n"
				   "       BLOCK:          0      52843\n";
	uint64_t counts[4];

	(void)state;
	assert_int_equal(softirqs_parse(text, "NET_RX", counts, 4), 3);
	assert_int_equal(counts[0], 1177);
	assert_int_equal(counts[1], 0);
	assert_int_equal(counts[2], 1652);
	assert_int_equal(softirqs_parse(text, "NET_RX", counts, 1), 1);
	assert_int_equal(softirqs_parse(text, "NET", counts, 4), -EBADMSG);
	assert_int_equal(softirqs_parse("", "NET_RX", counts, 4), -EBADMSG);
	assert_int_equal(softirqs_parse("CPU0 CPU1\nNET_RX: 1\n", "NET_RX", counts, 4), -EBADMSG);
}

static void a_shorter_tcp_info_is_taken_and_one_without_the_rate_is_not(void **state)
{
	struct tcp_connection connection = { .cookie = 7 };
	uint8_t info[1024] = { 0 };

	(void)state;
	assert_int_equal(tcp_info_read(info, 160, &connection), -EMSGSIZE);
	assert_int_equal(tcp_info_read(info, 168, &connection), 0);
	assert_int_equal(tcp_info_read(info, sizeof(info), &connection), 0);
	assert_int_equal(connection.cookie, 7);
}

static void a_connection_keeps_its_place_until_it_is_not_seen_for_a_round(void **state)
{
	struct tcp_table *table = calloc(1, sizeof(*table));
	struct tcp_entry *entry;
	bool is_new;

	(void)state;
	entry = tcp_table_find(table, 42, 1, &is_new);
	assert_non_null(entry);
	assert_true(is_new);
	assert_ptr_equal(tcp_table_find(table, 42, 2, &is_new), entry);
	assert_false(is_new);
	free(table);
}

/* Every place of the table taken, by more than fit: some have none, and nobody takes the place of one that is alive. */
static void a_full_table_refuses_and_forgets_those_that_ended(void **state)
{
	struct tcp_table *table = calloc(1, sizeof(*table));
	const uint64_t n = 2ull * TCP_TABLE_SETS * TCP_TABLE_WAYS;
	uint64_t refused = 0, n_new = 0;
	bool is_new;

	(void)state;
	for (uint64_t cookie = 1; cookie <= n; cookie++)
		refused += tcp_table_find(table, cookie, 5, &is_new) == NULL;
	assert_true(refused >= n / 2);
	for (uint64_t cookie = 1; cookie <= n / 4; cookie++) {
		struct tcp_entry *entry = tcp_table_find(table, cookie, 5, &is_new);

		assert_true(entry == NULL || !is_new);
	}
	/* Two rounds later all of them have ended. */
	for (uint64_t cookie = n + 1; cookie <= n + 1000; cookie++)
		n_new += tcp_table_find(table, cookie, 7, &is_new) != NULL;
	assert_int_equal(n_new, 1000);
	free(table);
}

/* 100,000 connections, whose cookies are numbers in a row: hardly one finds its set full. */
static void a_hundred_thousand_connections_have_a_place(void **state)
{
	struct tcp_table *table = calloc(1, sizeof(*table));
	size_t refused = 0;
	bool is_new;

	(void)state;
	for (uint64_t cookie = 1000000; cookie < 1100000; cookie++)
		refused += tcp_table_find(table, cookie, 1, &is_new) == NULL;
	assert_true(refused < 500);
	free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_is_found_by_its_name),
		cmocka_unit_test(a_part_of_a_name_is_no_name),
		cmocka_unit_test(tables_that_are_cut_or_no_numbers_are_refused),
		cmocka_unit_test(a_line_of_softnet_is_of_the_cpu_that_it_names),
		cmocka_unit_test(lines_of_an_older_softnet_are_of_the_cpus_that_are_online),
		cmocka_unit_test(a_softnet_that_is_no_table_is_refused),
		cmocka_unit_test(softirqs_have_gaps_where_cpus_are_missing),
		cmocka_unit_test(a_shorter_tcp_info_is_taken_and_one_without_the_rate_is_not),
		cmocka_unit_test(a_connection_keeps_its_place_until_it_is_not_seen_for_a_round),
		cmocka_unit_test(a_full_table_refuses_and_forgets_those_that_ended),
		cmocka_unit_test(a_hundred_thousand_connections_have_a_place),
	};

	return cmocka_run_group_tests_name("net text", tests, NULL, NULL);
}
