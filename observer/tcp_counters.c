// SPDX-License-Identifier: Apache-2.0
#include "observer/tcp_counters.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/netstat.h"
#include "observer/observer.h"
#include "observer/text.h"

#define TCP_TEXT_BYTES 16384 /* netstat is some 5 KiB */
#define SNMP_PROTOCOL "Tcp:"
#define NETSTAT_PROTOCOL "TcpExt:"

static const char *const tcp_paths[TCP_FILE_COUNT] = {
	[TCP_SNMP] = "proc/net/snmp",
	[TCP_NETSTAT] = "proc/net/netstat",
	[TCP_SOCKSTAT] = "proc/net/sockstat",
};

struct tcp_row {
	enum signal_id signal;
	enum tcp_file file;
	const char *name;
};

static const struct tcp_row tcp_rows[] = {
	{ .signal = SIGNAL_TCP_CONNECTIONS, .file = TCP_SNMP, .name = "CurrEstab" },
	{ .signal = SIGNAL_TCP_OPENS_ACTIVE, .file = TCP_SNMP, .name = "ActiveOpens" },
	{ .signal = SIGNAL_TCP_OPENS_PASSIVE, .file = TCP_SNMP, .name = "PassiveOpens" },
	{ .signal = SIGNAL_TCP_SEGMENTS_IN, .file = TCP_SNMP, .name = "InSegs" },
	{ .signal = SIGNAL_TCP_SEGMENTS_OUT, .file = TCP_SNMP, .name = "OutSegs" },
	{ .signal = SIGNAL_TCP_RETRANSMITS, .file = TCP_SNMP, .name = "RetransSegs" },
	{ .signal = SIGNAL_TCP_RESETS_SENT, .file = TCP_SNMP, .name = "OutRsts" },
	{ .signal = SIGNAL_TCP_RESETS_ESTABLISHED, .file = TCP_SNMP, .name = "EstabResets" },
	{ .signal = SIGNAL_TCP_TIMEOUTS, .file = TCP_NETSTAT, .name = "TCPTimeouts" },
	{ .signal = SIGNAL_TCP_OUT_OF_ORDER, .file = TCP_NETSTAT, .name = "TCPOFOQueue" },
	{ .signal = SIGNAL_TCP_ZERO_WINDOWS, .file = TCP_NETSTAT, .name = "TCPToZeroWindowAdv" },
	{ .signal = SIGNAL_TCP_ZERO_WINDOW_PROBES, .file = TCP_NETSTAT, .name = "TCPWinProbe" },
	{ .signal = SIGNAL_TCP_LISTEN_OVERFLOWS, .file = TCP_NETSTAT, .name = "ListenOverflows" },
	{ .signal = SIGNAL_TCP_LISTEN_DROPS, .file = TCP_NETSTAT, .name = "ListenDrops" },
	{ .signal = SIGNAL_TCP_BACKLOG_DROPS, .file = TCP_NETSTAT, .name = "TCPBacklogDrop" },
	{ .signal = SIGNAL_TCP_MEMORY_PRESSURES,
	  .file = TCP_NETSTAT,
	  .name = "TCPMemoryPressures" },
	{ .signal = SIGNAL_TCP_MEMORY, .file = TCP_SOCKSTAT, .name = "mem" },
};

_Static_assert(ARRAY_SIZE(tcp_rows) <= TCP_COUNTERS_MAX, "struct tcp_counters has room");

/* One tick's text and numbers of one file. */
struct tcp_text {
	char text[TCP_TEXT_BYTES];
	uint64_t numbers[NETSTAT_COLUMNS_MAX];
	int n;
};

void tcp_counters_close(struct tcp_counters *counters)
{
	for (size_t i = 0; i < TCP_FILE_COUNT; i++) {
		closep(&counters->fds[i]);
		counters->fds[i] = -1;
	}
}

static int column_of(const char *text, const struct tcp_row *row)
{
	if (row->file == TCP_SOCKSTAT)
		return 0;
	return netstat_column(text, row->file == TCP_SNMP ? SNMP_PROTOCOL : NETSTAT_PROTOCOL,
			      row->name);
}

int tcp_counters_open(struct tcp_counters *counters, int root)
{
	char text[TCP_TEXT_BYTES];
	ssize_t n;

	memset(counters, 0, sizeof(*counters));
	for (size_t i = 0; i < TCP_FILE_COUNT; i++)
		counters->fds[i] = -1;
	for (enum tcp_file file = 0; file < TCP_FILE_COUNT; file++) {
		counters->fds[file] = source_open_file(root, tcp_paths[file]);
		if (counters->fds[file] < 0)
			return counters->fds[file];
		n = sysroot_reread(counters->fds[file], text, sizeof(text));
		if (n < 0)
			return (int)n;
		for (size_t i = 0; i < ARRAY_SIZE(tcp_rows); i++)
			if (tcp_rows[i].file == file)
				counters->columns[i] = column_of(text, &tcp_rows[i]);
	}
	return 0;
}

void tcp_counters_restart(struct tcp_counters *counters)
{
	memset(counters->known, 0, sizeof(counters->known));
}

/*
 * sockets: used 17
 * TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 297
 */
static int sockstat_number(const char *text, uint64_t *ret_bytes)
{
	const char *line = text_line(text, "TCP: "), *mem = line ? strstr(line, " mem ") : NULL;
	uint64_t pages;

	if (!mem || !text_numbers(mem + strlen(" mem "), &pages, 1))
		return -EBADMSG;
	*ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 1;
}

static void tcp_text_read(const struct tcp_counters *counters, enum tcp_file file,
			  struct tcp_text *text, uint64_t *losses)
{
	text->n = (int)sysroot_reread(counters->fds[file], text->text, sizeof(text->text));
	if (text->n >= 0 && file == TCP_SOCKSTAT)
		text->n = sockstat_number(text->text, text->numbers);
	else if (text->n >= 0)
		text->n = netstat_numbers(text->text,
					  file == TCP_SNMP ? SNMP_PROTOCOL : NETSTAT_PROTOCOL,
					  text->numbers);
	if (text->n < 0)
		losses[LOSS_EVENT]++;
}

/* The value of one row; false where it has none yet. */
static bool row_value(struct tcp_counters *counters, size_t i, const struct tcp_text *text,
		      uint64_t *losses, double *ret_value)
{
	const bool gauge = signal_rows[tcp_rows[i].signal].kind == SIGNAL_GAUGE;
	const bool known = counters->known[i];
	const uint64_t before = counters->before[i];
	uint64_t now;

	counters->known[i] = false;
	if (text->n <= counters->columns[i])
		return false;
	now = text->numbers[counters->columns[i]];
	if (!gauge && known && now < before) {
		losses[LOSS_EVENT]++;
		return false;
	}
	counters->known[i] = true;
	counters->before[i] = now;
	*ret_value = (double)(gauge ? now : now - before);
	return gauge || known;
}

void tcp_counters_sample(struct tcp_counters *counters, const struct signal_set *signals,
			 const struct scope *scope, struct sampler *sampler)
{
	struct tcp_text text = { .n = 0 };
	int read = -1; /* rows of one file lie together */

	for (size_t i = 0; i < ARRAY_SIZE(tcp_rows); i++) {
		const struct tcp_row *row = &tcp_rows[i];
		double value;

		if (!signal_set_has(signals, row->signal)) {
			counters->known[i] = false;
			continue;
		}
		if (counters->columns[i] < 0)
			continue;
		if (read != (int)row->file) {
			tcp_text_read(counters, row->file, &text, sampler->losses);
			read = (int)row->file;
		}
		sampler_value(sampler, row->signal, scope,
			      row_value(counters, i, &text, sampler->losses, &value) ? value : NAN);
	}
}
