/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block programs of one way: which they are, loaded. They are attached and unloaded as all programs are.
 *
 *     block_programs_load → programs_attach … → programs_close (also after a failure)
 */
#ifndef FLYBALL_OBSERVER_BLOCK_PROGRAMS_H
#define FLYBALL_OBSERVER_BLOCK_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/block.h"
#include "observer/block_tracer.h"
#include "observer/programs.h"
#include "observer/source.h"

struct block_programs {
	enum block_way way;
	struct programs base;
	struct block_shared *shared; /* of the programs, mapped */
	int hists_fd;                /* the map; belongs to the object */
};

/* Returns 0, or -errno with why in text and remedy of `status`. */
int block_programs_load(struct block_programs *programs, const struct source_context *context,
			enum block_way way, uint32_t n_slots, struct source_status *status);

/* Whether the program at issue may come and go between two ticks: attaching it allocates nothing. */
bool block_programs_switchable(const struct block_programs *programs);

/* As programs_refuse(). */
int block_programs_refuse(enum block_way way, int error, const char *what,
			  struct source_status *status);

#endif
