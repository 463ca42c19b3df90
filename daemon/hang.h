/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source that does not return, as who watches over the observer sees it: which it is and what it waits for, until when
 * it is left out. A process that hangs in the kernel cannot be ended: only when its read returns, it dies.
 *
 *     hang_note, kill … hang_end when the process is gone
 */
#ifndef FLYBALL_DAEMON_HANG_H
#define FLYBALL_DAEMON_HANG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/source.h"

#define HANG_TEXT_MAX 256

/* After the read has returned: the first pause until the source is tried again, doubled each time that it hangs at once. */
#define HANG_PAUSE_MIN_NS 5000000000ull
#define HANG_PAUSE_MAX_NS 600000000000ull

/*
 * What `pid` is blocked in: "a read of '/proc/pressure/io'"; "a read" if the caller may not look into that process. True
 * where that is a call on a file, which ends when the file answers; others may well take seconds (loading programs).
 */
bool hang_find(int root, pid_t pid, char *what, size_t size);

/*
 * The observer `pid` hangs where `watch` says that it is: its source is left out from now on. Says so in `text`, with the
 * file if the caller may look into that process. Nothing is left out where it hangs between two sources.
 */
void hang_note(struct source_watch *watch, int root, pid_t pid, uint64_t now_ns, char *text,
	       size_t size);

/* That process is gone: what was left out for it is tried again after a pause. */
void hang_end(struct source_watch *watch, pid_t pid, uint64_t now_ns);

#endif
