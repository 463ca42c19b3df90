/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: named, typed series with a unit, and how a policy refers to them. */
#ifndef FLYBALL_SIGNAL_H
#define FLYBALL_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "include/scope.h"
#include "include/unit.h"

enum signal_kind {
	SIGNAL_COUNTER,      /* grows; a frame carries the increase of the tick */
	SIGNAL_GAUGE,        /* a level, or a ratio of the tick */
	SIGNAL_DISTRIBUTION, /* a histogram; a frame carries what the tick added */
	SIGNAL_KIND_COUNT,
};

/* What is asked of a signal: the suffix of `disk.read.latency.p99`. */
enum signal_stat {
	STAT_VALUE, /* no suffix; gauges only */
	STAT_P50,   /* distributions: median */
	STAT_P90,   /* distributions */
	STAT_P99,   /* distributions */
	STAT_MEAN,  /* distributions: sum / count */
	STAT_RATE,  /* counters: increase a second; distributions: values a second */
	STAT_COUNT,
};

enum signal_id {
	SIGNAL_DISK_READ_LATENCY,  /* from allocation of the request to completion */
	SIGNAL_DISK_READ_QUEUE,    /* from allocation to issue to the driver */
	SIGNAL_DISK_READ_SERVICE,  /* from issue to completion */
	SIGNAL_DISK_READ_BYTES,    /* bytes of completed reads */
	SIGNAL_DISK_READ_OPS,      /* completed reads */
	SIGNAL_DISK_WRITE_LATENCY, /* the same for writes */
	SIGNAL_DISK_WRITE_QUEUE,
	SIGNAL_DISK_WRITE_SERVICE,
	SIGNAL_DISK_WRITE_BYTES,
	SIGNAL_DISK_WRITE_OPS,
	SIGNAL_DISK_INFLIGHT, /* requests in flight at the tick */
	SIGNAL_DISK_BUSY,     /* share of the tick with at least one request in flight */
	SIGNAL_PSI_CPU_SOME,  /* share of the tick in which some task waited for a CPU */
	SIGNAL_PSI_IO_SOME,
	SIGNAL_PSI_IO_FULL,
	SIGNAL_PSI_MEMORY_SOME,
	SIGNAL_PSI_MEMORY_FULL,
	SIGNAL_CPU_USER, /* shares of all CPUs' time in the tick */
	SIGNAL_CPU_SYSTEM,
	SIGNAL_CPU_IOWAIT,
	SIGNAL_CPU_IRQ,
	SIGNAL_CPU_STEAL,
	SIGNAL_CPU_IDLE,
	SIGNAL_MEM_AVAILABLE, /* levels, bytes */
	SIGNAL_MEM_FREE,
	SIGNAL_MEM_CACHED,
	SIGNAL_MEM_DIRTY,
	SIGNAL_MEM_WRITEBACK,
	SIGNAL_MEM_SWAP_USED,
	SIGNAL_MEM_FAULTS_MAJOR, /* counters */
	SIGNAL_MEM_SWAP_IN,
	SIGNAL_MEM_SWAP_OUT,
	SIGNAL_APP_VALUE,   /* what a service says of itself: a level */
	SIGNAL_APP_COUNT,   /* events */
	SIGNAL_APP_LATENCY, /* durations */
	SIGNAL_TCP_SPLIT_RTT, /* of connections that drew their congestion control: smoothed, once a round trip */
	SIGNAL_TCP_SPLIT_RTT_MIN,     /* the least of each, when it closes */
	SIGNAL_TCP_SPLIT_DURATION,    /* from established to closed */
	SIGNAL_TCP_SPLIT_DELIVERY,    /* delivery rate, bytes a second, when it closes */
	SIGNAL_TCP_SPLIT_BYTES,       /* acknowledged */
	SIGNAL_TCP_SPLIT_RETRANSMITS, /* segments */
	SIGNAL_TCP_SPLIT_CONNECTIONS, /* that drew */
	SIGNAL_ID_COUNT,
};

/* One row of the catalogue (observer/signals.c), in the order of enum signal_id. */
struct signal_row {
	const char *name; /* `disk.read.latency` */
	enum signal_kind kind;
	enum unit unit;
	enum scope_kind scope;
	const char *source; /* name of the source that produces it: `block` */
	const char *about;  /* one sentence, for people */
	bool split; /* a series a side, while connections are split; of the host or of a network namespace */
};

#define SIGNAL_INSTANCE_MAX 120 /* longest instance in a reference, with its NUL */
#define SIGNAL_REF_TEXT_MAX 224 /* longest `signal[instance].stat`, with its NUL */

/* A signal and what is asked of it: `disk.read.latency[vda].p99`. */
struct signal_ref {
	uint32_t signal; /* enum signal_id */
	uint32_t stat;   /* enum signal_stat */
	char instance
		[SIGNAL_INSTANCE_MAX]; /* of the signal's kind of scope; "" = the policy's, or the host */
};

static inline bool signal_is_app(uint32_t signal)
{
	return signal >= SIGNAL_APP_VALUE && signal <= SIGNAL_APP_LATENCY;
}

/* True when each instance of a policy of that scope has the signal of its own. */
static inline bool signal_ref_is_own(const struct signal_ref *ref, const struct signal_row *rows,
				     uint32_t scope)
{
	return rows[ref->signal].scope == scope && !ref->instance[0] && !rows[ref->signal].split;
}

#endif
