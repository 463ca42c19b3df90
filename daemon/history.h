/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history: trials, windows, verdicts and outcomes in one SQLite file that survives restarts and stays within its
 * bounds. Written by core alone. A history that cannot be written is reported, and never stops the loop: what records
 * accepts NULL and does nothing.
 */
#ifndef FLYBALL_DAEMON_HISTORY_H
#define FLYBALL_DAEMON_HISTORY_H

#include <jansson.h>
#include <stdint.h>

#include "daemon/json.h"
#include "include/outcome.h"
#include "include/trial.h"

struct history;

struct history_limits {
	uint32_t days; /* older trials are deleted; 0 = no limit of age */
	uint64_t
		max_bytes; /* of the file with its journal; the oldest trials go first; 0 = no limit */
};

/*
 * Opens or makes `path` (history.db). A file of a newer schema is refused (-EPROTO); a file that is no database is
 * renamed to `path.damaged-N` and a new one begun, which `ret_note` says ("" otherwise). The caller closes it.
 */
int history_open(const char *path, const struct history_limits *limits, char *ret_note,
		 size_t note_size, struct history **ret_history);

/* Accepts NULL. */
void history_close(struct history *history);

/* The id of the next trial: one more than the largest ever given, also when old ones were deleted. 0 on error. */
uint64_t history_next_trial(struct history *history);

/* Records a trial as it is now, with its new pairs; called at its beginning, after each event, and at its end. */
int history_trial(struct history *history, const struct trial *trial,
		  const struct json_context *context);

/*
 * While it is held, nothing of it waits for the disk (as long as some MiB last): a frame that shows harm must not wait for
 * an fsync of what happened before. Cheap; call it as often as you like.
 */
void history_hold(struct history *history, bool held);

/* Records what the actuator answered. `change` may be NULL (unasked and unknown); `frame_ns` as for json_outcome(). */
int history_outcome(struct history *history, const struct change *change,
		    const struct outcome *outcome, uint64_t frame_ns, int64_t wall_offset_ns);

/*
 * Deletes what is past the limits; cheap when nothing is. Call it about once a minute: a call takes some tens of ms at
 * most, never waits for another program that holds the file, and leaves the rest to the next.
 */
int history_prune(struct history *history, uint64_t wall_ns);

/* Newest first: an array of json_trial() summaries; at most `limit`. Trials that a crash cut off say "aborted". */
json_t *history_list(struct history *history, uint32_t limit);

/* One trial in full with "outcomes": []; NULL when there is none. */
json_t *history_get(struct history *history, uint64_t id);

/* Marks trials that were running when the last process ended as aborted (REASON_PEER). Returns how many. */
int history_close_stale(struct history *history, uint64_t wall_ns);

#endif
