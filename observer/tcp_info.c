// SPDX-License-Identifier: Apache-2.0
/* A file of its own: libnl's headers bring another struct tcp_info, the one of netinet/tcp.h, which ends too early. */
#include "observer/tcp_info.h"

#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#define NSEC_PER_USEC 1000ull

int tcp_info_read(const void *info, size_t size, struct tcp_connection *ret_connection)
{
	struct tcp_info known = { 0 };

	if (size < offsetof(struct tcp_info, tcpi_delivery_rate) + sizeof(known.tcpi_delivery_rate))
		return -EMSGSIZE;
	memcpy(&known, info, size < sizeof(known) ? size : sizeof(known));
	ret_connection->acked_bytes = known.tcpi_bytes_acked;
	ret_connection->delivery_rate = known.tcpi_delivery_rate;
	ret_connection->rtt_ns = known.tcpi_rtt * NSEC_PER_USEC;
	ret_connection->sent_ago_ms = known.tcpi_last_data_sent;
	ret_connection->cwnd = known.tcpi_snd_cwnd;
	ret_connection->retransmits = known.tcpi_total_retrans;
	return 0;
}
