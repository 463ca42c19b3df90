/* SPDX-License-Identifier: Apache-2.0 */
/* The table that leads programs to the rows of single processes and control groups (bpf/rows.h). Allocates nothing. */
#ifndef FLYBALL_OBSERVER_ROWS_H
#define FLYBALL_OBSERVER_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/rows.h"

struct rows {
	uint64_t *places; /* ROWS_TABLE of them, where the programs look */
	void *rows;       /* `n` of them, where the programs count */
	size_t size;      /* of one */
	uint32_t n;
};

/*
 * Gives a row to a process that began `start_ticks` after boot, or to a control group (its inode, `start_ticks` 0). What
 * the row holds is left as it is. Returns the row, or -ENOSPC.
 */
int rows_add(struct rows *rows, uint64_t key, uint64_t start_ticks);

/* Takes it back; returns its key. */
uint64_t rows_drop(struct rows *rows, uint32_t row);

/* Adds one of several CPUs' to a sum. Programs go on counting meanwhile: each number is read once. */
void row_hist_add(struct row_hist *into, const struct row_hist *from);

/* Adds what was counted since `before`. */
void row_hist_since(const struct row_hist *now, const struct row_hist *before, struct hist *hist);

#endif
