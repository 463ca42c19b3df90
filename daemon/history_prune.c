// SPDX-License-Identifier: Apache-2.0
/*
 * Bounds of the history. Trials that have ended go oldest first, with their pairs and outcomes; a running one is never
 * deleted. Small transactions and small steps of vacuum, since each goes through the WAL, which counts as well.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/history_internal.h"

#define DAY_NS (24ull * 3600 * NSEC_PER_SEC)
#define ORPHANS 256                 /* outcomes without a trial that are deleted at once */
#define RESERVE_MIN (768ull * 1024) /* for one more trial and the WAL of a step of pruning */

/* One step: the oldest 8 ended trials, and what has no trial and is older than they are. */
static const char delete_oldest[] =
	"BEGIN IMMEDIATE;"
	"CREATE TEMP TABLE IF NOT EXISTS doomed(id INTEGER PRIMARY KEY, opened_ns INTEGER);"
	"INSERT INTO doomed SELECT id, opened_ns FROM trials WHERE verdict <> 'running' ORDER BY "
	"id LIMIT 8;"
	"DELETE FROM outcomes WHERE trial IN (SELECT id FROM doomed)"
	"	OR (trial = 0 AND at_ns <= (SELECT max(opened_ns) FROM doomed));"
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

/* Gives freed pages back, 32 at a time; a reader may hold the journal back: then the next call does it. */
static int give_back(struct history *history)
{
	int64_t before = 0, after = 0;
	int r = 0;

	for (;;) {
		r = history_number(history->db, "PRAGMA freelist_count", &before);
		if (r == 0 && before > 0)
			r = history_exec(history->db, "PRAGMA incremental_vacuum(32)");
		if (r == 0)
			r = history_exec(history->db, "PRAGMA wal_checkpoint(TRUNCATE)");
		if (r == 0)
			r = history_number(history->db, "PRAGMA freelist_count", &after);
		if (r < 0 || after == 0 || after >= before)
			return r;
	}
}

static int delete_step(struct history *history, int *ret_deleted)
{
	int before = sqlite3_total_changes(history->db);
	char orphans[160];
	int r;

	r = history_exec(history->db, delete_oldest);
	if (r < 0) {
		sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	if (sqlite3_total_changes(history->db) == before) {
		snprintf(orphans, sizeof(orphans),
			 "DELETE FROM outcomes WHERE id IN (SELECT id FROM outcomes"
			 " WHERE trial = 0 ORDER BY at_ns LIMIT %d)",
			 ORPHANS);
		r = history_exec(history->db, orphans);
	}
	*ret_deleted = sqlite3_total_changes(history->db) - before;
	return r;
}

int history_prune_bytes(struct history *history)
{
	uint64_t max = history->limits.max_bytes,
		 reserve = max / 8 > RESERVE_MIN ? max / 8 : RESERVE_MIN;
	int deleted, r;

	if (max == 0 || history_bytes(history) + reserve <= max)
		return 0;
	/* Often the journal is all that is over. Then a quarter is cleared, so that it is not needed at each trial. */
	r = history_exec(history->db, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (r < 0)
		return r;
	if (history_bytes(history) + reserve <= max)
		return 0;
	while (history_bytes(history) + reserve + max / 16 > max) {
		r = delete_step(history, &deleted);
		if (r < 0)
			return r;
		r = give_back(history);
		if (r < 0 || deleted == 0)
			return r;
	}
	return 0;
}

static int prune_days(struct history *history, uint64_t wall_ns)
{
	uint64_t age = history->limits.days * DAY_NS;
	int before = sqlite3_total_changes(history->db);
	char sql[640];
	int r;

	if (history->limits.days == 0 || wall_ns <= age)
		return 0;
	snprintf(sql, sizeof(sql),
		 "BEGIN IMMEDIATE;"
		 "DELETE FROM outcomes WHERE trial IN (SELECT id FROM trials WHERE opened_ns < "
		 "%lld AND verdict <> 'running')"
		 "	OR (trial = 0 AND at_ns < %lld);"
		 "DELETE FROM trials WHERE opened_ns < %lld AND verdict <> 'running';"
		 "COMMIT;",
		 (long long)(wall_ns - age), (long long)(wall_ns - age),
		 (long long)(wall_ns - age));
	r = history_exec(history->db, sql);
	if (r < 0) {
		sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	return sqlite3_total_changes(history->db) == before ? 0 : give_back(history);
}

int history_prune(struct history *history, uint64_t wall_ns)
{
	int r;

	if (!history)
		return 0;
	r = prune_days(history, wall_ns);
	return r < 0 ? r : history_prune_bytes(history);
}
