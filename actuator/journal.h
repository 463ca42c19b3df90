/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actuator's write-ahead undo log: fixed-size records with a checksum and the boot id, in the file `journal` of the
 * state folder. States and invariants are in journal.c; docs/journal.md explains them to an operator.
 *
 *     journal_open → journal_scan → (journal_append | journal_rewrite)… → journal_close
 */
#ifndef FLYBALL_ACTUATOR_JOURNAL_H
#define FLYBALL_ACTUATOR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/family.h"
#include "include/knob.h"
#include "include/scope.h"

#define JOURNAL_NAME "journal"
#define JOURNAL_DAMAGED_NAME \
	"journal.damaged"         /* what a journal with bad records is kept as, for people */
#define JOURNAL_MAGIC 0x4c424c46u /* "FLBL" */
#define JOURNAL_VERSION 1
#define JOURNAL_RECORD_BYTES 2048
#define JOURNAL_BYTES_MAX \
	(1024 * 1024)       /* past this it is rewritten before the next transaction begins */
#define JOURNAL_LIVE_MAX 72 /* transactions that a rewrite can carry over */
#define JOURNAL_BOOT_MAX 40 /* a boot id is 36 characters */

enum journal_type {
	JOURNAL_INTENT, /* old may be replaced by new from now on */
	JOURNAL_APPLIED, /* new was in force and read back at least once; for people, recovery does not need it */
	JOURNAL_COMMITTED, /* kept: recovery leaves it; it can be rolled back */
	JOURNAL_UNDONE,    /* old is in force again; ended */
	JOURNAL_ABANDONED, /* somebody else's value was found, or the scope is gone: left as it is; ended */
	JOURNAL_TYPE_COUNT,
};

/* What a record says of its transaction: each one says everything, so that one alone is enough to undo it. */
struct journal_entry {
	uint64_t txn, trial;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	uint64_t wall_ns;     /* CLOCK_REALTIME when the transaction began, for people */
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	char old_value[KNOB_VALUE_MAX];
	char new_value[KNOB_VALUE_MAX];
	char companions[COMPANIONS_MAX];
};

/* As it is in the file, in the machine's byte order: a journal is of no use on another machine. */
struct journal_record {
	uint32_t magic;
	uint32_t version;
	uint32_t length; /* JOURNAL_RECORD_BYTES */
	uint32_t crc;    /* crc32 of the record with this field 0 */
	uint64_t seq;    /* grows by one a record */
	uint32_t type;   /* enum journal_type */
	uint32_t pad;
	char boot[JOURNAL_BOOT_MAX];
	struct journal_entry entry;
	char reserved[JOURNAL_RECORD_BYTES - 72 - sizeof(struct journal_entry)];
};
_Static_assert(sizeof(struct journal_record) == JOURNAL_RECORD_BYTES, "records have a fixed size");

struct journal {
	int dir;      /* the state folder, with the lock on it */
	int fd;       /* -1 when it could not be opened: see `error` */
	int error;    /* -errno: why records cannot be written; 0 = they can */
	uint64_t end; /* where the next record goes */
	uint64_t seq; /* of the next record */
	char boot[JOURNAL_BOOT_MAX];
	char *image; /* room for a rewrite */
};

/* What a scan met besides valid records. */
struct journal_scan {
	uint32_t torn;    /* 1: it ended in a record that is not whole or not valid */
	uint32_t corrupt; /* records before the last valid one that are not valid; skipped */
};

/* One valid record, oldest first. `entry` has valid strings and a valid scope. */
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
 * invalid record is used. Returns 0 or -errno.
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
 * Makes room on the disk for `n` records, so that the records that end a transaction find it when the disk is full.
 * Returns 0, also where the file system cannot; -ENOSPC and the like.
 */
int journal_reserve(struct journal *journal, size_t n);

/*
 * Replaces the journal by `n` records (JOURNAL_LIVE_MAX at most), whole or not at all: what a crash leaves is the
 * old journal or the new one. With `keep_damaged` the old one is kept as JOURNAL_DAMAGED_NAME. Returns 0 or -errno.
 */
int journal_rewrite(struct journal *journal, const enum journal_type *types,
		    const struct journal_entry *const *entries, size_t n, bool keep_damaged);

#endif
