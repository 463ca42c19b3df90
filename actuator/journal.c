// SPDX-License-Identifier: Apache-2.0
/*
 * The write-ahead undo log.
 *
 * A transaction's states, as its records say them:
 *
 *              ARM, BASE, ARM …
 *                 ┌────┐
 *     ───────► intent  │ ──────────────► committed ─────► (kept: survives restarts, not reboots)
 *     BEGIN      │ │◄──┘      KEEP          │
 *                │ └─► applied              │ UNDO (rollback)
 *                │ UNDO, deadline,          │
 *                │ heartbeat, recovery      │
 *                ├────────► undone ◄────────┤
 *                └──────► abandoned ◄───────┘   foreign value found, or gone
 *
 *     transition             done by                  fsync   and only then
 *     ─ → intent             begin (actuator.c)       yes     the first write to the system
 *     intent → applied       switch_to (actuator.c)   no      -
 *     intent → committed     keep (actuator.c)        yes     DONE is answered
 *     * → undone, abandoned  txn_end (txn.c)          no      - (old was read back before)
 *
 * Invariants
 *
 * 1. No byte of the system is written before a valid intent with `old` and the companions is on the disk.
 * 2. At any instant after a crash: recovery puts `old` back for every transaction that has an intent (or applied) of
 *    this boot and no committed, undone or abandoned; unless the present value is neither old nor new.
 * 3. No value is ever written that does not come from a record whose checksum holds.
 * 4. A second intent for a knob in a scope says that the first transaction had ended: the guard allows one open
 *    transaction in a domain and scope. So a lost `undone` cannot undo a later change.
 * 5. Recovery is idempotent: what is old already is not written again; `undone` is recorded after `old` is in force.
 *
 * Which records need fsync. A process that dies takes nothing from the page cache, so for kill -9 no fsync is needed
 * at all. A machine that dies gets a new boot id, and its /proc/sys and /sys start anew: nothing is to be undone.
 * What fsync adds: BEGIN and KEEP answer only when the disk has really taken the record (an I/O error or a full disk
 * shows itself before the first write, not after it). The switches ARM and BASE need no records: intent names old and
 * new, and every value that they put in force is one of the two. A lost `undone` is harmless: by then old is in
 * force, and recovery finds nothing to write.
 *
 * A torn tail is the normal end of a crash: the next record overwrites it. What is invalid before a valid record is
 * damage: skipped, counted, and the file kept aside at the next rewrite. Records differ in length, so a damaged one does
 * not say where the next begins: it is looked for at each multiple of 64. What a shorter record leaves of a torn one
 * that it overwrites holds no valid record, for none began behind the last valid one.
 */
#include "actuator/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actuator/failpoint.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/sysroot.h"

#define JOURNAL_MODE 0600
#define LOCK_TRIES 250 /* a quarter of a second */
#define LOCK_PAUSE_NS 1000000
#define IMAGE_BYTES ((size_t)JOURNAL_LIVE_MAX * JOURNAL_RECORD_MAX)
#define WINDOW_BYTES ((size_t)4 * JOURNAL_RECORD_MAX) /* of the file that a scan looks at */

static size_t record_make(const struct journal *journal, uint64_t seq, enum journal_type type,
			  const struct journal_entry *entry, char *bytes)
{
	struct journal_record record;

	record.seq = seq;
	record.type = type;
	record.pad = 0;
	memcpy(record.boot, journal->boot, sizeof(record.boot));
	memcpy(&record.entry, entry, journal_entry_bytes(entry));
	return journal_record_encode(&record, bytes);
}

/* Where it cannot be written it is opened for reading: recovery has to work on a file system that went read-only. */
static int journal_open_file(struct journal *journal)
{
	struct stat st;

	journal->error = 0;
	journal->fd = openat(journal->dir, JOURNAL_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			     JOURNAL_MODE);
	if (journal->fd < 0) {
		journal->error = -errno;
		journal->fd = openat(journal->dir, JOURNAL_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (journal->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(journal->fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EISDIR;
}

/* A hand that its actuator had forked just before it was killed has the lock, too, until it first runs: it is waited for. */
static int journal_lock(int dir)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (int try = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; try++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (try == LOCK_TRIES)
			return -EAGAIN;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int journal_open(int root, int state, struct journal *ret_journal)
{
	struct journal journal = { .dir = -1, .fd = -1, .seq = 1 };
	ssize_t n;
	int r;

	n = sysroot_read(root, "proc/sys/kernel/random/boot_id", journal.boot,
			 sizeof(journal.boot));
	if (n <= 0)
		return n < 0 ? (int)n : -EBADMSG;
	/* A description of its own for the lock; the file itself would not do, a rewrite replaces it. */
	journal.dir = openat(state, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal.dir < 0)
		return -errno;
	r = journal_lock(journal.dir);
	if (r == 0)
		r = journal_open_file(&journal);
	if (r == 0) {
		journal.image = malloc(IMAGE_BYTES);
		r = journal.image ? 0 : -ENOMEM;
	}
	if (r < 0) {
		journal_close(&journal);
		return r;
	}
	*ret_journal = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	closep(&journal->fd);
	closep(&journal->dir);
	free(journal->image);
	journal->fd = journal->dir = -1;
	journal->image = NULL;
}

/* Reads up to `size` bytes; fewer only at the end of the file. Returns how many, or -errno. */
static ssize_t read_bytes(int fd, uint64_t offset, char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* A part of the file, with a whole record behind each place that is looked at, unless the file ends. */
struct window {
	char *bytes;
	uint64_t offset; /* of the first byte */
	size_t size;     /* less than WINDOW_BYTES: the file ends with it */
};

static int window_move(struct window *window, int fd, uint64_t offset)
{
	ssize_t n;

	if (offset - window->offset + JOURNAL_RECORD_MAX <= WINDOW_BYTES)
		return 0;
	n = read_bytes(fd, offset, window->bytes, WINDOW_BYTES);
	if (n < 0)
		return (int)n;
	window->offset = offset;
	window->size = (size_t)n;
	return 0;
}

static bool has_magic(const char *bytes, size_t size)
{
	uint32_t magic = JOURNAL_MAGIC;

	return size >= sizeof(magic) && !memcmp(bytes, &magic, sizeof(magic));
}

int journal_scan(struct journal *journal, journal_fn fn, void *context,
		 struct journal_scan *ret_scan)
{
	struct window window = { .bytes = journal->image, .offset = -(uint64_t)WINDOW_BYTES };
	struct journal_scan scan = { 0 };
	struct journal_record record;
	uint64_t offset = 0, magics = 0;
	bool invalid = false;

	journal->end = 0;
	while (journal->fd >= 0) {
		int r = window_move(&window, journal->fd, offset);
		size_t at = (size_t)(offset - window.offset), size;
		const char *bytes;
		ssize_t length;

		if (r < 0)
			return r;
		if (at >= window.size)
			break;
		bytes = window.bytes + at;
		size = window.size - at;
		length = journal_record_decode(bytes, size, &record);
		if (length < 0) {
			invalid = true;
			magics += has_magic(bytes, size);
			offset += JOURNAL_ALIGN;
			continue;
		}
		/* What is invalid before a valid record is not the tail. */
		scan.corrupt += invalid;
		invalid = false;
		magics = 0;
		offset += (uint64_t)length;
		journal->end = offset;
		journal->seq = record.seq + 1;
		fn(&record, context);
	}
	/* A crash tears one record: where more begin at the end, all but the last are damage. */
	scan.torn = invalid;
	scan.corrupt += invalid && magics > 1 ? (uint32_t)magics - 1 : 0;
	*ret_scan = scan;
	return 0;
}

static int write_bytes(int fd, uint64_t offset, const char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* After a rewrite whose file could not be opened again, and after a disk that was read-only for a while. */
static int journal_ready(struct journal *journal)
{
	if (journal->error == 0 && journal->fd >= 0)
		return 0;
	closep(&journal->fd);
	journal->fd = -1;
	return journal_open_file(journal) < 0 || journal->error
		       ? (journal->error ? journal->error : -EIO)
		       : 0;
}

int journal_append(struct journal *journal, enum journal_type type,
		   const struct journal_entry *entry, enum journal_sync sync)
{
	int r = journal_ready(journal);
	size_t length;

	if (r < 0)
		return r;
	length = record_make(journal, journal->seq, type, entry, journal->image);
	FAILPOINT(RECORD_BEFORE);
	r = write_bytes(journal->fd, journal->end, journal->image, length);
	FAILPOINT(RECORD_WRITTEN);
	if (r == 0 && sync == JOURNAL_SYNCED && fsync(journal->fd) < 0)
		r = -errno;
	if (r < 0) {
		/* If this fails, too, the half record is a torn tail, which the next record overwrites. */
		if (ftruncate(journal->fd, (off_t)journal->end) < 0)
			return r;
		return r;
	}
	journal->end += length;
	journal->seq++;
	FAILPOINT(RECORD_DONE);
	return 0;
}

int journal_reserve(struct journal *journal, size_t bytes)
{
	int r = journal_ready(journal);

	if (r < 0)
		return r;
	if (fallocate(journal->fd, FALLOC_FL_KEEP_SIZE, (off_t)journal->end, (off_t)bytes) < 0)
		return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
	return 0;
}

bool journal_is_long(const struct journal *journal)
{
	return journal->end > JOURNAL_BYTES_MAX && journal->end > 2 * journal->rewritten;
}

/* True when the name stands for another file than the descriptor. */
static bool journal_replaced(const struct journal *journal)
{
	struct stat named, held;

	if (fstatat(journal->dir, JOURNAL_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return journal->fd < 0 || fstat(journal->fd, &held) < 0 || held.st_ino != named.st_ino;
}

int journal_rewrite(struct journal *journal, const enum journal_type *types,
		    const struct journal_entry *const *entries, size_t n, bool keep_damaged)
{
	size_t size = 0;
	int r;

	if (n > JOURNAL_LIVE_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		size += record_make(journal, journal->seq + i, types[i], entries[i],
				    journal->image + size);
	if (keep_damaged) {
		unlinkat(journal->dir, JOURNAL_DAMAGED_NAME, 0);
		if (linkat(journal->dir, JOURNAL_NAME, journal->dir, JOURNAL_DAMAGED_NAME, 0) < 0)
			return -errno;
	}
	FAILPOINT(REWRITE_BEFORE);
	r = file_replace(journal->dir, JOURNAL_NAME, JOURNAL_MODE, journal->image, size);
	/* An error after the rename (fsync of the folder) leaves the new file in place, too: ask which one it is. */
	if (r < 0 && !journal_replaced(journal))
		return r;
	FAILPOINT(REWRITE_DONE);
	journal->end = journal->rewritten = size;
	journal->seq += n;
	/* The old descriptor is of the file that was replaced: whatever went there would be lost. */
	closep(&journal->fd);
	journal->fd = -1;
	r = journal_open_file(journal);
	return r < 0 ? r : journal->error;
}
