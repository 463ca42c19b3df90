// SPDX-License-Identifier: Apache-2.0
/*
 * Bounds of the history. Trials that have ended go oldest first, with their pairs and outcomes; a running one is never
 * deleted. Small transactions and small steps of vacuum, since each goes through the WAL, which counts as well.
 *
 * One call never waits for a lock and begins no step after PRUNE_NS: what is left over is done by the next. While
 * somebody reads the file its WAL cannot be folded back, so that deleting frees nothing: then pruning waits, too.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/history_internal.h"

#define DAY_NS (24ull * 3600 * NSEC_PER_SEC)
#define UNPRUNED_MAX 10             /* minutes that it is put off while an arm is in force */
#define ORPHANS 256                 /* outcomes without a trial that are deleted at once */
#define RESERVE_MIN (768ull * 1024) /* for one more trial and the WAL of a step of pruning */

#define PRUNE_NS (20 * NSEC_PER_MSEC) /* the loop samples nothing meanwhile */
#define ANY_AGE INT64_MAX

/* One step: the oldest 8 ended trials (`%s` says which), and what has no trial and is older than they are. */
static const char delete_oldest[] =
	"BEGIN IMMEDIATE;"
	"CREATE TEMP TABLE IF NOT EXISTS doomed(id INTEGER PRIMARY KEY, opened_ns INTEGER);"
	"INSERT INTO doomed SELECT id, opened_ns FROM trials WHERE verdict <> 'running' %s LIMIT 8;"
	"DELETE FROM outcomes WHERE trial IN (SELECT id FROM doomed);"
	"DELETE FROM outcomes WHERE id IN (SELECT id FROM outcomes WHERE trial = 0"
	"	AND at_ns <= (SELECT max(opened_ns) FROM doomed) ORDER BY at_ns LIMIT %d);"
	"DELETE FROM trials WHERE id IN (SELECT id FROM doomed);"
	"DELETE FROM doomed;"
	"COMMIT;";

static uint64_t file_bytes(const char *path, const char *suffix)
{
	char name[PATH_MAX + 8];
	struct stat status;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* What the limit is about: the file as it will be after the next checkpoint, and its journal. */
static uint64_t history_bytes(struct history *history)
{
	int64_t pages = 0, page_bytes = 0;
	uint64_t in_db = 0, on_disk = file_bytes(history->path, "");

	if (history_number(history->db, "PRAGMA page_count", &pages) == 0 &&
	    history_number(history->db, "PRAGMA page_size", &page_bytes) == 0)
		in_db = (uint64_t)pages * (uint64_t)page_bytes;
	return (in_db > on_disk ? in_db : on_disk) + file_bytes(history->path, "-wal");
}

/* True when one more trial fits, and `slack` bytes besides. */
static bool fits(struct history *history, uint64_t slack)
{
	uint64_t max = history->limits.max_bytes,
		 reserve = max / 8 > RESERVE_MIN ? max / 8 : RESERVE_MIN;

	return max == 0 || history_bytes(history) + reserve + slack <= max;
}

/* Folds the WAL into the file. -EBUSY while another connection reads: SQLite says so in a row, not by an error. */
static int checkpoint(struct history *history)
{
	int64_t busy = 0;
	int r = history_number(history->db, "PRAGMA wal_checkpoint(TRUNCATE)", &busy);

	return r == 0 && busy ? -EBUSY : r;
}

/* Gives freed pages back, 32 at a time. */
static int give_back(struct history *history, uint64_t deadline_ns)
{
	int64_t before = 0, after = 0;
	int r;

	do {
		r = history_number(history->db, "PRAGMA freelist_count", &before);
		if (r == 0 && before > 0)
			r = history_exec(history->db, "PRAGMA incremental_vacuum(32)");
		if (r == 0)
			r = checkpoint(history);
		if (r == 0)
			r = history_number(history->db, "PRAGMA freelist_count", &after);
	} while (r == 0 && after > 0 && after < before && clock_now_ns() < deadline_ns);
	return r;
}

/* Deletes the oldest that were opened before `before_ns`; when there is no trial, then outcomes without one. */
static int delete_step(struct history *history, int64_t before_ns, int *ret_deleted)
{
	int before = sqlite3_total_changes(history->db);
	char which[96] = "ORDER BY id", sql[sizeof(delete_oldest) + sizeof(which)];
	int r;

	if (before_ns != ANY_AGE) /* by the index, so that a call that finds nothing is cheap */
		snprintf(which, sizeof(which), "AND opened_ns < %lld ORDER BY opened_ns",
			 (long long)before_ns);
	snprintf(sql, sizeof(sql), delete_oldest, which, ORPHANS);
	r = history_exec(history->db, sql);
	if (r < 0) {
		sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	if (sqlite3_total_changes(history->db) == before) {
		snprintf(sql, sizeof(sql),
			 "DELETE FROM outcomes WHERE id IN (SELECT id FROM outcomes"
			 " WHERE trial = 0 AND at_ns < %lld ORDER BY at_ns LIMIT %d)",
			 (long long)before_ns, ORPHANS);
		r = history_exec(history->db, sql);
		if (r < 0)
			return r;
	}
	*ret_deleted = sqlite3_total_changes(history->db) - before;
	return 0;
}

/* Often the WAL is all that is over. Else a quarter is cleared, so that it is not needed at each trial. */
static int prune_bytes(struct history *history, uint64_t deadline_ns)
{
	uint64_t slack = history->limits.max_bytes / 16;
	int deleted = 0, r;

	r = checkpoint(history);
	if (r == 0 && !fits(history, 0))
		r = give_back(history, deadline_ns); /* what the call before freed */
	if (r < 0 || fits(history, 0))
		return r;
	while (clock_now_ns() < deadline_ns && !fits(history, slack)) {
		r = delete_step(history, ANY_AGE, &deleted);
		if (r == 0)
			r = give_back(history, deadline_ns);
		if (r < 0 || deleted == 0)
			return r;
	}
	return 0;
}

static int prune_days(struct history *history, uint64_t wall_ns, uint64_t deadline_ns)
{
	uint64_t age = history->limits.days * DAY_NS;
	int deleted = 0, r;

	if (history->limits.days == 0 || wall_ns <= age)
		return 0;
	do {
		r = delete_step(history, (int64_t)(wall_ns - age), &deleted);
		if (r == 0 && deleted > 0)
			r = give_back(history, deadline_ns);
	} while (r == 0 && deleted > 0 && clock_now_ns() < deadline_ns);
	return r;
}

/* Whoever holds the file is let go first: the next call tries again. */
static int postpone(struct history *history, int r)
{
	sqlite3_busy_timeout(history->db, HISTORY_BUSY_MS);
	return r == -EBUSY ? 0 : r;
}

int history_prune_bytes(struct history *history)
{
	if (fits(history, 0))
		return 0;
	sqlite3_busy_timeout(history->db, 0);
	return postpone(history, prune_bytes(history, clock_now_ns() + PRUNE_NS));
}

int history_prune(struct history *history, uint64_t wall_ns)
{
	uint64_t deadline_ns = clock_now_ns() + PRUNE_NS;
	int r;

	if (!history)
		return 0;
	if (history->held && ++history->unpruned < UNPRUNED_MAX)
		return 0;
	history->unpruned = 0;
	sqlite3_busy_timeout(history->db, 0);
	r = prune_days(history, wall_ns, deadline_ns);
	if (r == 0 && !fits(history, 0))
		r = prune_bytes(history, deadline_ns);
	return postpone(history, r);
}
