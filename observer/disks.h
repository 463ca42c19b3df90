/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks that somebody demands, as they come and go, and the kernel's own counters of each.
 *
 * A disk keeps its place while it is there: the place is its slot in the BPF programs' maps.
 */
#ifndef FLYBALL_OBSERVER_DISKS_H
#define FLYBALL_OBSERVER_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/scope.h"
#include "observer/source.h"

#define DISKS_MAX 256 /* demanded disks at once; what is over it is counted in n_over */
#define DISK_OPS 2    /* reads, writes: as enum block_op of bpf/block.h */

/* /sys/block/NAME/stat */
struct disk_stat {
	uint64_t ios[DISK_OPS]; /* requests completed; an empty flush counts as a write */
	uint64_t sectors[DISK_OPS];
	uint64_t time_ms[DISK_OPS]; /* sum of their latencies */
	uint64_t inflight;
	uint64_t busy_ms; /* time with at least one in flight */
};

struct disk {
	struct scope scope;
	uint32_t dev; /* as the kernel's dev_t: major << 20 | minor; 0 = this place is free */
	int stat_fd;
	struct signal_set signals; /* demanded of it */
	bool present;              /* seen by the latest scan, and demanded */
	bool fresh;                /* came, or its demand changed, since the flag was cleared */
	bool request_based;        /* blk-mq: it has requests to trace; md, dm and zram have none */
	bool counted;              /* queue/iostats is on */
	bool known;                /* `before` is of the previous tick */
	bool valid;                /* `now` and `before` make a tick */
	struct disk_stat now, before;
};

struct disks {
	int folder;         /* descriptor of sys/block */
	size_t n_over;      /* demanded disks that found no place */
	size_t n_uncounted; /* disks with queue/iostats off */
	struct disk places[DISKS_MAX];
};

/* Returns 0 or -errno. */
int disks_open(struct disks *disks, int root);
void disks_close(struct disks *disks);

/*
 * Looks which disks there are. New ones, and such whose demand is another one now, are `fresh`; those that vanished or
 * are not demanded any more are not `present`: the caller lets go of them and calls disk_drop().
 */
int disks_scan(struct disks *disks, const struct source_demand *demand);
void disk_drop(struct disk *disk);

/*
 * Reads the counters of a tick. Returns 0 with disk->valid set or not; -ENODEV when it is gone; -EBADMSG for a text
 * that cannot be understood.
 */
int disk_read(struct disk *disk);

/*
 * Whether nothing ended in the tick, by its counters. The kernel counts after it has called the programs: what these have seen
 * already shows a tick later, with the counters.
 */
bool disk_idle(const struct disk *disk);

/* Reads how many requests have completed by now, and nothing else of the disk changes. Returns 0 or -errno. */
int disk_count(const struct disk *disk, uint64_t ret_ios[DISK_OPS]);

#endif
