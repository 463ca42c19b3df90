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
	SIGNAL_PMU_CYCLES,     /* what the hardware counts */
	SIGNAL_PMU_INSTRUCTIONS,
	SIGNAL_PMU_IPC, /* the second by the first */
	SIGNAL_PMU_LLC_MISSES,
	SIGNAL_PMU_BRANCH_MISSES,
	SIGNAL_PMU_REMOTE_LOADS,
	SIGNAL_PERF_FAULTS, /* what the kernel counts for perf */
	SIGNAL_PERF_SWITCHES,
	SIGNAL_TASK_DELAY_CPU, /* time that all threads of a process waited */
	SIGNAL_TASK_DELAY_BLKIO,
	SIGNAL_TASK_DELAY_SWAPIN,
	SIGNAL_TASK_DELAY_FREEPAGES,
	SIGNAL_TASK_DELAY_THRASHING,
	SIGNAL_TASK_DELAY_COMPACT,
	SIGNAL_TASK_DELAY_WPCOPY,
	SIGNAL_SCHED_WAKEUP, /* durations, in the order of enum sched_time of bpf/sched.h */
	SIGNAL_SCHED_PREEMPTED,
	SIGNAL_SCHED_RUN,
	SIGNAL_SCHED_BLOCKED_DISK,
	SIGNAL_SCHED_BLOCKED_LOCK,
	SIGNAL_SCHED_BLOCKED_NETWORK,
	SIGNAL_SCHED_BLOCKED_OTHER,
	SIGNAL_SCHED_SLEEP,
	SIGNAL_LOCK_FUTEX_WAIT,
	SIGNAL_SCHED_WAIT,     /* the first two together */
	SIGNAL_SCHED_WAITING,  /* tasks that wait, on average */
	SIGNAL_SCHED_SWITCHES, /* counters, in the order of enum sched_count */
	SIGNAL_SCHED_INVOLUNTARY,
	SIGNAL_SCHED_MIGRATIONS,
	SIGNAL_SCHED_MIGRATIONS_NODE,
	SIGNAL_LOCK_KERNEL_SPIN, /* durations, in the order of enum lock_kind of bpf/lock.h */
	SIGNAL_LOCK_KERNEL_MUTEX,
	SIGNAL_LOCK_KERNEL_RWSEM,
	SIGNAL_LOCK_KERNEL_OTHER,
	SIGNAL_LOCK_KERNEL_WAIT,  /* all of them together */
	SIGNAL_SERVICE_LATENCY,   /* from the first byte of a request read to that of its answer */
	SIGNAL_SERVICE_REQUESTS,  /* requests whose first byte was read */
	SIGNAL_SERVICE_BYTES_IN,  /* read by the service */
	SIGNAL_SERVICE_BYTES_OUT, /* sent by it */
	SIGNAL_SERVICE_ERRORS,    /* answers that say so, in a protocol that shows it */
	SIGNAL_SERVICE_QUEUE,     /* connections that wait to be accepted */
	SIGNAL_SERVICE_QUEUE_DROPS, /* connections that found no room to wait */
	SIGNAL_APP_VALUE,           /* what a service says of itself: a level */
	SIGNAL_APP_COUNT,           /* events */
	SIGNAL_APP_LATENCY,         /* durations */
	SIGNAL_TCP_CONNECTIONS,     /* of a network namespace */
	SIGNAL_TCP_OPENS_ACTIVE,
	SIGNAL_TCP_OPENS_PASSIVE,
	SIGNAL_TCP_SEGMENTS_IN,
	SIGNAL_TCP_SEGMENTS_OUT,
	SIGNAL_TCP_RETRANSMITS,
	SIGNAL_TCP_RESETS_SENT,
	SIGNAL_TCP_RESETS_ESTABLISHED,
	SIGNAL_TCP_TIMEOUTS,
	SIGNAL_TCP_OUT_OF_ORDER,
	SIGNAL_TCP_ZERO_WINDOWS,
	SIGNAL_TCP_ZERO_WINDOW_PROBES,
	SIGNAL_TCP_LISTEN_OVERFLOWS,
	SIGNAL_TCP_LISTEN_DROPS,
	SIGNAL_TCP_BACKLOG_DROPS,
	SIGNAL_TCP_MEMORY_PRESSURES,
	SIGNAL_TCP_MEMORY,
	SIGNAL_TCP_RTT, /* of connections, by the snapshot */
	SIGNAL_TCP_CWND,
	SIGNAL_TCP_DELIVERY_RATE,
	SIGNAL_NET_PACKETS, /* of CPUs */
	SIGNAL_NET_DROPS_BACKLOG,
	SIGNAL_NET_DROPS_FLOW_LIMIT,
	SIGNAL_NET_SQUEEZES_ALL,
	SIGNAL_NET_SQUEEZES_BUDGET,
	SIGNAL_NET_SQUEEZES_TIME,
	SIGNAL_NET_RPS,
	SIGNAL_NET_BACKLOG,
	SIGNAL_NET_SOFTIRQS_SHARE,
	SIGNAL_NET_RX_BYTES, /* of interfaces */
	SIGNAL_NET_RX_PACKETS,
	SIGNAL_NET_RX_ERRORS,
	SIGNAL_NET_RX_DROPS_RING,
	SIGNAL_NET_RX_DROPS_FIFO,
	SIGNAL_NET_RX_DROPS_STACK,
	SIGNAL_NET_RX_DROPS_INACTIVE,
	SIGNAL_NET_TX_BYTES,
	SIGNAL_NET_TX_PACKETS,
	SIGNAL_NET_TX_ERRORS,
	SIGNAL_NET_TX_DROPS,
	SIGNAL_NET_IRQS,
	SIGNAL_NET_IRQS_SHARE,
	SIGNAL_TCP_SPLIT_RTT, /* of connections that drew their congestion control: smoothed, once a round trip */
	SIGNAL_TCP_SPLIT_RTT_MIN,     /* the least of each, when it closes */
	SIGNAL_TCP_SPLIT_DURATION,    /* from established to closed */
	SIGNAL_TCP_SPLIT_DELIVERY,    /* delivery rate, bytes a second, when it closes */
	SIGNAL_TCP_SPLIT_BYTES,       /* acknowledged */
	SIGNAL_TCP_SPLIT_RETRANSMITS, /* segments */
	SIGNAL_TCP_SPLIT_CONNECTIONS, /* that drew */
	SIGNAL_GPU_BUSY,        /* of NVIDIA's GPUs, and of processes on them: share of the time */
	SIGNAL_GPU_MEMORY_USED, /* bytes */
	SIGNAL_GPU_MEMORY_TOTAL,
	SIGNAL_GPU_MEMORY_BUSY, /* share of the time */
	SIGNAL_GPU_CLOCK_SM,    /* Hz */
	SIGNAL_GPU_CLOCK_MEMORY,
	SIGNAL_GPU_POWER,       /* watts */
	SIGNAL_GPU_TEMPERATURE, /* degrees Celsius */
	SIGNAL_GPU_PCIE_RX,     /* bytes a second */
	SIGNAL_GPU_PCIE_TX,
	SIGNAL_GPU_THROTTLE_HEAT, /* 1 while it is the reason why clocks are low */
	SIGNAL_GPU_THROTTLE_POWER,
	SIGNAL_GPU_THROTTLE_OTHER,
	SIGNAL_DRM_BUSY,        /* of processes on any GPU or NPU: share of the time */
	SIGNAL_DRM_MEMORY_USED, /* bytes */
	SIGNAL_DRM_MEMORY_TOTAL,
	SIGNAL_GPU_LAUNCH_LATENCY, /* of calls of CUDA and HIP, from call to return */
	SIGNAL_GPU_WAIT_LATENCY,
	SIGNAL_GPU_COPY_LATENCY,
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

/* It has a series a side, and only while a trial splits connections: no instance is known by it. */
static inline bool signal_is_split(uint32_t signal)
{
	return signal >= SIGNAL_TCP_SPLIT_RTT && signal <= SIGNAL_TCP_SPLIT_CONNECTIONS;
}

/*
 * Of these, what a connection says at its end alone: of those that do not end within the window it says nothing, so the
 * arm decides who is counted.
 */
static inline bool signal_is_split_end(uint32_t signal)
{
	return signal == SIGNAL_TCP_SPLIT_RTT_MIN || signal == SIGNAL_TCP_SPLIT_DURATION ||
	       signal == SIGNAL_TCP_SPLIT_DELIVERY;
}

/* True when the reference is to what each instance of a policy of that scope has of its own. */
static inline bool signal_ref_is_own(const struct signal_ref *ref, uint32_t scope)
{
	return ref->kind == scope && !ref->instance[0] && !signal_is_split(ref->signal);
}

#endif
