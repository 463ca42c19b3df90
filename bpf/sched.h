/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scheduler programs and user space share: what is wanted, whose, and the histograms. */
#ifndef FLYBALL_BPF_SCHED_H
#define FLYBALL_BPF_SCHED_H

#include <stdint.h>

#include "bpf/rows.h"

#define SCHED_ABI 1 /* grows with every change of this file; checked after loading */

#define SCHED_CPUS_MAX 1024
#define SCHED_LEVELS 8     /* cgroups over a task's own that are looked at */
#define SCHED_TASK_BITS 17 /* log2 of the tasks remembered off their CPU: 4 MiB */
#define SCHED_TASKS (1u << SCHED_TASK_BITS)
#define SCHED_CALLS 512             /* system calls whose waits are told apart */
#define SCHED_WINDOW_NS 16000000ull /* clocks that are slewed by 10 ppm differ by 160 ns after it */

/* Durations. A task that leaves its CPU while it could go on is preempted; else it is off by one of the classes. */
enum sched_time {
	SCHED_WAKEUP,    /* from entering a run queue, woken or new, to running */
	SCHED_PREEMPTED, /* from leaving a CPU, still runnable, to running */
	SCHED_RUN,       /* one stay on a CPU */
	SCHED_DISK,    /* from leaving a CPU to the wake-up: waits that the kernel counts as I/O */
	SCHED_LOCK,    /* for a futex, or a sleeping lock of the kernel */
	SCHED_NETWORK, /* in a call on a socket */
	SCHED_OTHER,   /* uninterruptible, and none of these */
	SCHED_SLEEP,   /* interruptible, and none of these: timers, poll, pipes, children */
	SCHED_FUTEX, /* from leaving a CPU in a futex call to running again: LOCK and the wake-up together */
	SCHED_TIME_COUNT,
};

enum sched_count {
	SCHED_SWITCHES,        /* a task left a CPU */
	SCHED_INVOLUNTARY,     /* of these, while it could go on */
	SCHED_MIGRATIONS,      /* to another CPU, as the kernel counts se.nr_migrations */
	SCHED_MIGRATIONS_NODE, /* runs on another node than that on which it ran last */
	SCHED_ORPHANS,         /* began to run, and how it had left its CPU is not known */
	SCHED_UNSEEN,          /* of a CPU: switches for which the kernel ran no program */
	SCHED_COUNTER_COUNT,
};

/* Times that begin when a task leaves its CPU, or need to know how it did. */
#define SCHED_TIMES_OFF ((1u << SCHED_TIME_COUNT) - 1 - (1u << SCHED_RUN))
#define SCHED_TIMES_CLASS (SCHED_TIMES_OFF - (1u << SCHED_WAKEUP) - (1u << SCHED_PREEMPTED))

/* What a wait in a system call is for; all else is seen by the task itself. */
enum sched_call {
	SCHED_CALL_ANY,
	SCHED_CALL_FUTEX,
	SCHED_CALL_SOCKET, /* on sockets only */
	SCHED_CALL_FILE,   /* on a file, which may be a socket: the first argument */
};

/* What the programs are told before they are loaded: all of the object's .rodata. */
struct sched_settings {
	uint32_t abi;
	uint32_t has_state;         /* the tracepoint has prev_state, as since 5.18 */
	uint8_t calls[SCHED_CALLS]; /* enum sched_call, by number */
};

/* What user space tells them while they run: all of the object's .bss. */
struct sched_shared {
	uint64_t
		since; /* the scheduler's clock when all CPUs ran them and did all that is wanted; 0: they set it */
	uint32_t times; /* 1 << enum sched_time that are wanted of the host, a CPU or a row */
	uint32_t waits; /* what a task did before it runs is wanted, too */
	uint32_t rows, processes, cgroups; /* whether there are any, and any of each kind */
	uint32_t attached;                 /* all CPUs run them */
	uint64_t places[ROWS_TABLE];       /* see bpf/rows.h */
	uint8_t nodes[SCHED_CPUS_MAX];     /* of each CPU */
};

/* One CPU, or one row. Counts and times only grow and may wrap. */
struct sched_stats {
	struct row_head head; /* of a row */
	uint64_t
		kernel_switches; /* of a CPU: what the kernel had counted at the last one that was seen */
	uint64_t counts[SCHED_COUNTER_COUNT];
	uint64_t began;      /* of a CPU: when what runs there began; 0 = not seen */
	uint64_t window_end; /* of a CPU, CLOCK_MONOTONIC */
	int64_t least[2]; /* distance of the two clocks of a CPU, in this window and in the last */
	uint64_t pad;
	struct row_hist times[SCHED_TIME_COUNT];
};

/* A task, as it was when it began to run the last time, in the place that its thread id says. */
struct sched_task {
	uint32_t pid;
	uint16_t start;     /* some bits of it; a new task is known by having never run */
	uint16_t stays;     /* the kernel's count of stays on a CPU, with this one: low bits */
	uint64_t run_delay; /* what it has waited in all, by the kernel's own count */
	uint64_t
		left; /* the scheduler's clock when it left its CPU, to wait for something; 0 = not seen */
	uint32_t preemptions; /* the kernel's count of involuntary switches */
	uint16_t migrations;  /* likewise, the low bits */
	uint16_t cpu : 11;
	uint16_t time : 5; /* enum sched_time: the class of that wait */
};

_Static_assert(sizeof(struct sched_task) == 32, "two in a cache line");
_Static_assert(sizeof(struct sched_stats) % 64 == 0, "CPUs share no cache line");

#endif
