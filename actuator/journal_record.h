/* SPDX-License-Identifier: Apache-2.0 */
/* One record of the journal, in memory and as bytes. Pure: no files here, so that any bytes can be tried on it. */
#ifndef FLYBALL_ACTUATOR_JOURNAL_RECORD_H
#define FLYBALL_ACTUATOR_JOURNAL_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "actuator/family.h"
#include "include/knob.h"
#include "include/scope.h"

#define JOURNAL_MAGIC 0x4c424c46u /* "FLBL" */
#define JOURNAL_VERSION 2
#define JOURNAL_ALIGN 64 /* every record begins at a multiple of it, and is a multiple of it long */
#define JOURNAL_BOOT_MAX 40 /* a boot id is 36 characters */

enum journal_type {
	JOURNAL_INTENT, /* old may be replaced by new from now on */
	JOURNAL_APPLIED, /* new was in force and read back at least once; for people, recovery does not need it */
	JOURNAL_COMMITTED, /* kept: recovery leaves it; it can be rolled back */
	JOURNAL_UNDONE,    /* old is in force again; ended */
	JOURNAL_ABANDONED, /* somebody else's value was found, or the scope is gone: left as it is; ended */
	JOURNAL_TYPE_COUNT,
};

/* What a record says of its transaction: each one that does not end it says everything, so that one alone undoes it. */
struct journal_entry {
	uint64_t txn, trial;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	uint64_t wall_ns;     /* CLOCK_REALTIME when the transaction began, for people */
	char knob[KNOB_NAME_MAX];
	struct scope scope;
	char old_value[KNOB_VALUE_MAX];
	char new_value[KNOB_VALUE_MAX];
	char companions[COMPANIONS_MAX]; /* last: only what is used of it is stored and sent */
};

struct journal_record {
	uint64_t seq;  /* grows by one a record */
	uint32_t type; /* enum journal_type */
	uint32_t pad;
	char boot[JOURNAL_BOOT_MAX];
	struct journal_entry entry;
};

/* What stands before the entry in the file, in the machine's byte order: a journal is of no use on another machine. */
struct journal_head {
	uint32_t magic;
	uint32_t version;
	uint32_t length; /* of the whole record, padding and all */
	uint32_t crc;    /* crc32 of `length` bytes with this field 0 */
	uint64_t seq;
	uint32_t type;
	uint32_t companions; /* bytes of them, without a NUL */
	char boot[JOURNAL_BOOT_MAX];
};

#define JOURNAL_ALIGNED(n) (((n) + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN)
/* A record's bytes before its companions. */
#define JOURNAL_FIXED_BYTES \
	(sizeof(struct journal_head) + offsetof(struct journal_entry, companions))
/* The longest record. */
#define JOURNAL_RECORD_MAX JOURNAL_ALIGNED(JOURNAL_FIXED_BYTES + COMPANIONS_MAX - 1)

/* Bytes of an entry that are used: up to the NUL of its companions. */
size_t journal_entry_bytes(const struct journal_entry *entry);

/* Bytes of a record of that type on the disk; one that ends its transaction has no companions. */
size_t journal_record_bytes(enum journal_type type, const struct journal_entry *entry);

/* Writes the record to `bytes`, which has room for it; returns journal_record_bytes(). */
size_t journal_record_encode(const struct journal_record *record, char *bytes);

/*
 * Reads the record that begins at `bytes`, of which there are `size`. Returns its length, or -EBADMSG when no valid
 * record begins there: nothing of `ret_record` may be used then. Its strings and its scope are valid, and behind the
 * companions' NUL nothing is written. Records of version 1 are read, too.
 */
ssize_t journal_record_decode(const char *bytes, size_t size, struct journal_record *ret_record);

#endif
