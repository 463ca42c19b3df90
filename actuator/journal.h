/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actuator's write-ahead undo log: records with a checksum and the boot id, in the file `journal` of the
 * state folder. States and invariants are in journal.c; docs/journal.md explains them to an operator.
 *
 *     journal_open → journal_scan → (journal_append | journal_rewrite)… → journal_close
 */
#ifndef FLYBALL_ACTUATOR_JOURNAL_H
#define FLYBALL_ACTUATOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/journal_record.h"

#define JOURNAL_NAME "journal"
#define JOURNAL_DAMAGED_NAME \
	"journal.damaged" /* what a journal with bad records is kept as, for people */
#define JOURNAL_BYTES_MAX \
	(1024 *           \
	 1024) /* past this, and twice what the last rewrite left, it is rewritten before the next BEGIN */
#define JOURNAL_LIVE_MAX 72 /* transactions that a rewrite can carry over */

struct journal {
	int dir;            /* the state folder, with the lock on it */
	int fd;             /* -1 when it could not be opened: see `error` */
	int error;          /* -errno: why records cannot be written; 0 = they can */
	uint64_t end;       /* where the next record goes */
	uint64_t rewritten; /* bytes that the last rewrite left */
	uint64_t seq;       /* of the next record */
	char boot[JOURNAL_BOOT_MAX];
	char *image; /* room for a rewrite; a scan's window, an append's record */
};

/* What a scan met besides valid records. */
struct journal_scan {
	uint32_t torn; /* 1: it ended in a record that is not whole or not valid */
	uint32_t
		corrupt; /* stretches before the last valid record that are none, and more than one torn one at the end */
};

/* One valid record, oldest first. */
typedef void (*journal_fn)(const struct journal_record *record, void *context);

enum journal_sync {
	JOURNAL_LAZY,   /* survives the death of the process, not of the machine */
	JOURNAL_SYNCED, /* fsync: survives both */
};

/*
 * Locks the folder `state` and opens (or makes) its journal. A journal that can be read but not written is opened
 * (`error` says why), so that recovery works on a full or read-only file system. The caller closes it. Returns 0,
 * -EAGAIN when another process has the lock, or -errno.
 */
int journal_open(int root, int state, struct journal *ret_journal);

/* Accepts a journal that was never opened, if it is all zero but for `dir` and `fd` = -1. */
void journal_close(struct journal *journal);

/*
 * Reads everything, calls `fn` for each valid record, and places the end behind the last valid one. Nothing of an
 * invalid record is used; behind one, the next multiple of JOURNAL_ALIGN where a valid record begins is where it goes
 * on. Returns 0 or -errno.
 */
int journal_scan(struct journal *journal, journal_fn fn, void *context,
		 struct journal_scan *ret_scan);

/*
 * Appends one record. Returns 0 or -errno, and then the file is as before. A failed JOURNAL_SYNCED append
 * was taken back, but may still be found after a crash.
 */
int journal_append(struct journal *journal, enum journal_type type,
		   const struct journal_entry *entry, enum journal_sync sync);

/*
 * Makes room on the disk for `bytes` more, so that the records that end a transaction find it when the disk is full.
 * Returns 0, also where the file system cannot; -ENOSPC and the like.
 */
int journal_reserve(struct journal *journal, size_t bytes);

/* True when a rewrite is due before the next transaction begins. */
bool journal_is_long(const struct journal *journal);

/*
 * Replaces the journal by `n` records (JOURNAL_LIVE_MAX at most), whole or not at all: what a crash leaves is the
 * old journal or the new one. With `keep_damaged` the old one is kept as JOURNAL_DAMAGED_NAME. Returns 0 or -errno.
 */
int journal_rewrite(struct journal *journal, const enum journal_type *types,
		    const struct journal_entry *const *entries, size_t n, bool keep_damaged);

#endif
