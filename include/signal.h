/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: named, typed series with a unit, and how a policy refers to them. */
#ifndef FLYBALL_SIGNAL_H
#define FLYBALL_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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
	SIGNAL_CPU_FREQUENCY,    /* Hz */
	SIGNAL_CPU_IDLE_SHALLOW, /* shares of the tick */
	SIGNAL_CPU_IDLE_DEEP,
	SIGNAL_CPU_THROTTLE_CORE, /* by heat, events */
	SIGNAL_CPU_THROTTLE_PACKAGE,
	SIGNAL_CPU_THROTTLED, /* by a group's limit, share of its periods */
	SIGNAL_CPU_THROTTLED_TIME,
	SIGNAL_CPU_POWER,     /* watts */
	SIGNAL_MEM_AVAILABLE, /* levels, bytes */
	SIGNAL_MEM_FREE,
	SIGNAL_MEM_CACHED,
	SIGNAL_MEM_DIRTY,
	SIGNAL_MEM_WRITEBACK,
	SIGNAL_MEM_SWAP_USED,
	SIGNAL_MEM_FAULTS_MINOR, /* counters */
	SIGNAL_MEM_FAULTS_MAJOR,
	SIGNAL_MEM_SWAP_IN, /* pages */
	SIGNAL_MEM_SWAP_OUT,
	SIGNAL_MEM_STALL_RECLAIM, /* tasks that had to reclaim, or compact, before they got memory */
	SIGNAL_MEM_STALL_COMPACT,
	SIGNAL_MEM_SCAN_KSWAPD, /* pages looked at */
	SIGNAL_MEM_SCAN_DIRECT,
	SIGNAL_MEM_REFAULTS,    /* pages */
	SIGNAL_MEM_THP_SUCCESS, /* huge pages */
	SIGNAL_MEM_THP_FAILURE,
	SIGNAL_NUMA_HIT, /* pages given, by where they were wanted and who got them */
	SIGNAL_NUMA_MISS,
	SIGNAL_NUMA_FOREIGN,
	SIGNAL_NUMA_LOCAL,
	SIGNAL_NUMA_OTHER,
	SIGNAL_NUMA_HINT_MARKED, /* the kernel's own balancing */
	SIGNAL_NUMA_HINT_FAULTS,
	SIGNAL_NUMA_HINT_LOCAL,
	SIGNAL_NUMA_MIGRATED,
	SIGNAL_NUMA_PAGES_LOCAL, /* levels of a process, bytes */
	SIGNAL_NUMA_PAGES_REMOTE,
	SIGNAL_NUMA_PAGES_AGE, /* how old the two are */
	SIGNAL_TASK_DELAY_CPU, /* time that all threads of a process waited */
	SIGNAL_TASK_DELAY_BLKIO,
	SIGNAL_TASK_DELAY_SWAPIN,
	SIGNAL_TASK_DELAY_FREEPAGES,
	SIGNAL_TASK_DELAY_THRASHING,
	SIGNAL_TASK_DELAY_COMPACT,
	SIGNAL_TASK_DELAY_WPCOPY,
	SIGNAL_APP_VALUE,      /* what a service says of itself: a level */
	SIGNAL_APP_COUNT,      /* events */
	SIGNAL_APP_LATENCY,    /* durations */
	SIGNAL_ID_COUNT,
};

/*
 * A set of signals, a bit for each enum signal_id. All zeroes is the empty set, and == of two sets is memcmp(3).
 */
#define SIGNALS_MAX 256
struct signal_set {
	uint64_t words[SIGNALS_MAX / 64];
};

_Static_assert(SIGNAL_ID_COUNT <= SIGNALS_MAX, "a set has a bit for each signal");

static inline void signal_set_add(struct signal_set *set, uint32_t signal)
{
	set->words[signal / 64] |= 1ull << signal % 64;
}

static inline bool signal_set_has(const struct signal_set *set, uint32_t signal)
{
	return set->words[signal / 64] >> signal % 64 & 1;
}

/* Adds all of `from` to `into`. */
static inline void signal_set_merge(struct signal_set *into, const struct signal_set *from)
{
	for (int i = 0; i < SIGNALS_MAX / 64; i++)
		into->words[i] |= from->words[i];
}

/* True when some signal is in both. */
static inline bool signal_set_meets(const struct signal_set *a, const struct signal_set *b)
{
	uint64_t both = 0;

	for (int i = 0; i < SIGNALS_MAX / 64; i++)
		both |= a->words[i] & b->words[i];
	return both != 0;
}

static inline bool signal_set_empty(const struct signal_set *set)
{
	return !signal_set_meets(set, set);
}

static inline bool signal_set_equal(const struct signal_set *a, const struct signal_set *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* The bit of a kind of scope in signal_row.scopes. */
#define SCOPE_BIT(kind) (1u << (kind))

/* One row of the catalogue (observer/signals.c), in the order of enum signal_id. */
struct signal_row {
	const char *name; /* `disk.read.latency` */
	enum signal_kind kind;
	enum unit unit;
	enum scope_kind scope; /* the main one: what `flyball signals` shows of it */
	uint32_t scopes;       /* SCOPE_BIT() of each further kind that has it */
	const char *source;    /* name of the source that produces it in its main scope: `block` */
	const char *about;     /* one sentence, for people */
};

/* All kinds of scopes that have the signal, a SCOPE_BIT() each. */
static inline uint32_t signal_scopes(const struct signal_row *row)
{
	return row->scopes | SCOPE_BIT(row->scope);
}

static inline bool signal_has_scope(const struct signal_row *row, uint32_t kind)
{
	return kind < SCOPE_KIND_COUNT && signal_scopes(row) & SCOPE_BIT(kind);
}

#define SIGNAL_INSTANCE_MAX 120 /* longest instance in a reference, with its NUL */
#define SIGNAL_REF_TEXT_MAX 224 /* longest `signal[instance].stat`, with its NUL */

/* A signal and what is asked of it: `disk.read.latency[vda].p99`, `psi.io.full[cgroup:/a]`. */
struct signal_ref {
	uint32_t signal; /* enum signal_id */
	uint32_t stat;   /* enum signal_stat */
	uint32_t kind;   /* enum scope_kind, one of the signal's: what the reference is to */
	/* A name of that kind, `host` for a host that was named; "" = the policy's own, or the host. */
	char instance[SIGNAL_INSTANCE_MAX];
};

static inline bool signal_is_app(uint32_t signal)
{
	return signal >= SIGNAL_APP_VALUE && signal <= SIGNAL_APP_LATENCY;
}

/* True when the reference is to what each instance of a policy of that scope has of its own. */
static inline bool signal_ref_is_own(const struct signal_ref *ref, uint32_t scope)
{
	return ref->kind == scope && !ref->instance[0];
}

#endif
