// SPDX-License-Identifier: Apache-2.0
/* The net source against a known number of frames and datagrams. Counts must agree exactly, or to the bound that is said. */
#include "tests/native/net_truth.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

/* Frames of a kind that nobody takes (0x88b5, for experiments): the receiver counts each and drops it. */
static void packets_and_drops_of_an_interface_are_counted_exactly(void **state)
{
	static const uint32_t signals[] = { SIGNAL_NET_RX_PACKETS,     SIGNAL_NET_RX_BYTES,
					    SIGNAL_NET_RX_DROPS_STACK, SIGNAL_NET_RX_DROPS_RING,
					    SIGNAL_NET_TX_PACKETS,     SIGNAL_NET_TX_DROPS };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(0x88b5),
				  .sll_halen = 6 };
	uint8_t frame[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5 };
	struct truth *t = *state;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	assert_int_equal(shell("ip link add one type veth peer name two && "
			       "echo 1 >/proc/sys/net/ipv6/conf/one/disable_ipv6 && "
			       "echo 1 >/proc/sys/net/ipv6/conf/two/disable_ipv6 && "
			       "ip link set one up && ip link set two up"),
			 0);
	to.sll_ifindex = (int)if_nametoindex("one");
	demand(t, SCOPE_NIC, "", signals, ARRAY_SIZE(signals));
	for (int i = 0; i < 500; i++)
		assert_int_equal(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to,
					sizeof(to)),
				 sizeof(frame));
	usleep(50000);
	sample(t);
	expect(t, SIGNAL_NET_TX_PACKETS, "one", 500);
	expect(t, SIGNAL_NET_TX_DROPS, "one", 0);
	expect(t, SIGNAL_NET_RX_PACKETS, "two", 500);
	expect(t, SIGNAL_NET_RX_BYTES, "two", 500 * sizeof(frame));
	expect(t, SIGNAL_NET_RX_DROPS_STACK, "two", 500);
	expect(t, SIGNAL_NET_RX_DROPS_RING, "two", 0);
	expect(t, SIGNAL_NET_RX_PACKETS, "one", 0);
	close(fd);
	shell("ip link del one");
}

/* A softnet counter is the machine's: others receive, too. */
static void packets_of_the_cpus_are_those_of_the_interface_and_more(void **state)
{
	static const uint32_t signals[] = { SIGNAL_NET_PACKETS, SIGNAL_NET_SQUEEZES_ALL,
					    SIGNAL_NET_SOFTIRQS_SHARE };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct truth *t = *state;
	double packets = 0, share = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	demand(t, SCOPE_CPU, "", signals, 2);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 2000; i++)
		(void)!sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	usleep(20000);
	sample(t);
	for (size_t i = 0; i < t->frame->n_series; i++)
		if (t->frame->series[i].signal == SIGNAL_NET_PACKETS)
			packets += t->frame->series[i].value;
	print_message("%.0f packets for 2000 datagrams\n", packets);
	assert_true(packets >= 2000 && packets < 8000);
	demand(t, SCOPE_CPU, "", signals + 2, 1);
	for (int i = 0; i < 2000; i++)
		(void)!sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	sample(t);
	for (size_t i = 0; i < t->frame->n_series; i++)
		share += t->frame->series[i].value;
	assert_true(fabs(share - 1) < 1e-9);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TRUTH(packets_and_drops_of_an_interface_are_counted_exactly),
		TRUTH(packets_of_the_cpus_are_those_of_the_interface_and_more),
	};

	if (!may_run(argc, argv))
		return 77;
	return cmocka_run_group_tests_name("net truth", tests, NULL, NULL);
}
