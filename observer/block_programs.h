/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block programs of one way: which they are, loaded, attached.
 *
 *     block_programs_load → block_programs_attach … → block_programs_unload (also after a failure)
 */
#ifndef FLYBALL_OBSERVER_BLOCK_PROGRAMS_H
#define FLYBALL_OBSERVER_BLOCK_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/block.h"
#include "observer/block_seat.h"
#include "observer/block_tracer.h"
#include "observer/source.h"

#define BLOCK_HOOKS_MAX 5 /* programs of one way */

struct bpf_object;

struct block_programs {
	enum block_way way;
	const struct source_context *context;
	struct bpf_object *object;
	struct block_seat seats[BLOCK_HOOKS_MAX]; /* indexed as the way's hooks */
	struct block_shared *shared;              /* of the programs, mapped */
	int hists_fd;                             /* the map; belongs to the object */
};

/* Returns 0, or -errno with why in text and remedy of `status`. */
int block_programs_load(struct block_programs *programs, const struct source_context *context,
			enum block_way way, uint32_t n_slots, struct source_status *status);

/*
 * Attaches what is not attached yet; what only times the issue with `issue` alone, and else detaches it. Starts come
 * before ends. After the first time it allocates nothing where block_programs_switchable(). Returns 0 or -errno.
 */
int block_programs_attach(struct block_programs *programs, bool issue);

/* Whether the program at issue may come and go between two ticks. */
bool block_programs_switchable(const struct block_programs *programs);
bool block_programs_issue_attached(const struct block_programs *programs);

/* Runs and nanoseconds of all programs so far, as far as the kernel counts. */
void block_programs_cost(const struct block_programs *programs, uint64_t *ret_runs,
			 uint64_t *ret_run_ns);

/* Detaches and unloads; accepts what is all zeroes. */
void block_programs_unload(struct block_programs *programs);

/* Says in `status` that something of the programs failed, with libbpf's own complaint and the way's remedy; returns `error`. */
int block_programs_refuse(enum block_way way, int error, const char *what,
			  struct source_status *status);

#endif
