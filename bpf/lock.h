/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the lock programs and user space share. */
#ifndef FLYBALL_BPF_LOCK_H
#define FLYBALL_BPF_LOCK_H

#include <stdint.h>

#include "bpf/rows.h"

#define LOCK_ABI 2 /* grows with every change of this file; checked after loading */

#define LOCK_CPUS_MAX 1024
#define LOCK_DEPTH 4      /* spinning waits on one CPU: a task's, and interrupts' on top of it */
#define LOCK_TASK_BITS 14 /* log2 of the tasks that wait for sleeping locks at once: 384 KiB */
#define LOCK_TASKS (1u << LOCK_TASK_BITS)

enum lock_kind {
	LOCK_SPIN,  /* spinlocks and rwlocks: waits with the CPU in hand */
	LOCK_MUTEX, /* spinning for it as long as its owner runs, and asleep */
	LOCK_RWSEM,
	LOCK_OTHER, /* semaphores, per-CPU rwsems, rt mutexes */
	LOCK_KIND_COUNT,
};

enum lock_count {
	LOCK_ENDS,    /* waits that ended */
	LOCK_ORPHANS, /* of these, those whose begin was not seen, or lost its place to another */
	LOCK_COUNTER_COUNT,
};

/* What the programs are told before they are loaded: all of the object's .rodata. */
struct lock_settings {
	uint32_t abi;
	uint32_t pad;
};

/* What user space tells them while they run: all of the object's .bss. */
struct lock_shared {
	uint32_t processes; /* rows */
	uint32_t pad;
	uint64_t since_ns;           /* CLOCK_MONOTONIC: what began before may have ended unseen */
	uint64_t places[ROWS_TABLE]; /* see bpf/rows.h */
};

/* A wait that has begun. */
struct lock_wait {
	uint64_t lock; /* its address in the kernel; 0 = none */
	uint64_t ns;   /* CLOCK_MONOTONIC */
};

/* A task that waits for a sleeping lock, in the place that its thread id says. */
struct lock_task {
	uint32_t pid;
	uint32_t kind; /* enum lock_kind */
	struct lock_wait wait;
};

/* One CPU, or one process. Counts and times only grow and may wrap. */
struct lock_stats {
	struct row_head head;               /* of a process */
	struct lock_wait waits[LOCK_DEPTH]; /* of a CPU: for spinning locks */
	uint64_t counts[LOCK_COUNTER_COUNT];
	uint64_t pad[4];
	struct row_hist kinds[LOCK_KIND_COUNT];
};

_Static_assert(sizeof(struct lock_stats) % 64 == 0, "CPUs share no cache line");

#endif
