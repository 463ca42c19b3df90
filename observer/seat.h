/* SPDX-License-Identifier: Apache-2.0 */
/* One BPF program and what it is attached to. */
#ifndef FLYBALL_OBSERVER_SEAT_H
#define FLYBALL_OBSERVER_SEAT_H

#include <stdbool.h>

#include "observer/source.h"

struct bpf_link;
struct bpf_program;

struct seat {
	struct bpf_program *program; /* NULL = the kernel has not what it would be attached to */
	struct bpf_link *link;       /* of libbpf, or */
	int fd;                      /* of a link that was made without it; -1 = none */
};

/* Each attaches to `target`. Returns 0 or -errno. */
int seat_typed(struct seat *seat, const struct source_context *context,
	       const char *target); /* what the program was loaded for; allocates nothing */
int seat_raw(struct seat *seat, const struct source_context *context,
	     const char *target); /* a tracepoint, by its name; likewise */
int seat_kprobe(struct seat *seat, const struct source_context *context,
		const char *target); /* a function */
int seat_event(struct seat *seat, const struct source_context *context,
	       const char *target); /* an event of tracefs; see source_event() */

bool seat_taken(const struct seat *seat);

/* Detaches, if it is attached. */
void seat_leave(struct seat *seat);

#endif
