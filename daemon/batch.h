/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many series as the bytes of one message. A series takes some 20 bytes and its scope's name, or some 10 when its scope is
 * that of the series before; a distribution 6 bytes for each bucket that has something in it.
 *
 *     sender:   batch_begin → batch_add … until -ENOSPC → send, and begin anew
 *     receiver: batch_valid (by message_check) → batch_next … until 0
 *
 *     series     head, name, [value], [histogram]
 *     head       signal (2 bytes), flags (1), kind of scope (1), length of the name (1)
 *     value      8 bytes; left out when it is 0
 *     histogram  count, sum, clamped (8 each), number of buckets (2), each: index (2), count (4), in order, none empty
 *
 * Both ends are of one build on one machine: numbers lie as the CPU has them.
 */
#ifndef FLYBALL_DAEMON_BATCH_H
#define FLYBALL_DAEMON_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/frame.h"

/*
 * The largest distribution (6,144 bytes and its name) fits; some six of these are on their way before the channel is
 * full, and a frame of 10,000 series takes some nine.
 */
#define BATCH_BYTES_MAX 61440

struct message_batch {
	uint32_t n_series, n_bytes;
	uint8_t bytes[BATCH_BYTES_MAX];
};

/* Where a reader or a writer is: the scope of the series before. */
struct batch_cursor {
	uint32_t at; /* bytes */
	bool has_scope;
	struct scope scope;
};

void batch_begin(struct message_batch *batch, struct batch_cursor *cursor);

/* Adds a series. Returns 0, or -ENOSPC when it does not fit; then nothing was added. */
int batch_add(struct message_batch *batch, struct batch_cursor *cursor,
	      const struct series *series);

/*
 * The next series, from a cursor that is all zeroes on. `hist` gets a distribution, and series->hist points to it; NULL
 * where only the form matters. Returns 1; 0 at the end;
 * -EBADMSG for what batch_add() would not have written.
 */
int batch_next(const struct message_batch *batch, struct batch_cursor *cursor,
	       struct series *ret_series, struct hist *hist);

/* True when all of it can be read, and there are as many series as it says: one at least. */
bool batch_valid(const struct message_batch *batch);

#endif
