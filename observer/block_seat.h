/* SPDX-License-Identifier: Apache-2.0 */
/* One BPF program and what it is attached to. */
#ifndef FLYBALL_OBSERVER_BLOCK_SEAT_H
#define FLYBALL_OBSERVER_BLOCK_SEAT_H

#include <stdbool.h>

#include "observer/source.h"

struct bpf_link;
struct bpf_program;

struct block_seat {
	struct bpf_program *program; /* NULL = the kernel has not what it would be attached to */
	struct bpf_link *link;       /* of libbpf, or */
	int fd;                      /* of a link that was made without it; -1 = none */
};

/* Each attaches to `target`. Returns 0 or -errno. */
int block_seat_typed(struct block_seat *seat, const struct source_context *context,
		     const char *target); /* what the program was loaded for; allocates nothing */
int block_seat_kprobe(struct block_seat *seat, const struct source_context *context,
		      const char *target); /* a function */
int block_seat_event(struct block_seat *seat, const struct source_context *context,
		     const char *target); /* an event of tracefs; see source_event() */

bool block_seat_taken(const struct block_seat *seat);

/* Detaches, if it is attached. */
void block_seat_leave(struct block_seat *seat);

#endif
