// SPDX-License-Identifier: Apache-2.0
/* Opens the history: makes it, takes it, refuses it (newer, or not ours), or puts a damaged one aside. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/history_internal.h"

#define DAMAGED_MAX 1000 /* names that are tried for a damaged file */

/* The bound that can be held: below it one trial with its journal does not fit. */
#define BYTES_MIN (4ull * 1024 * 1024)

/* Pages of the WAL (4 KiB each) past which it is folded into the file: usually, and while that is held back. */
#define WAL_PAGES 128
#define WAL_PAGES_HELD 1024 /* more than a trial writes; at most a sixteenth of the bound */

/*
 * auto_vacuum must come before the first table: afterwards the file gives pages back without a rewrite. The journal
 * (WAL) is folded into the file by on_commit() and cut to 1 MiB: it counts towards the bound.
 */
static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA journal_size_limit = 1048576;";

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"PRAGMA application_id = 1718384994;" /* HISTORY_APPLICATION */
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE trials(id INTEGER PRIMARY KEY, opened_ns INTEGER NOT NULL, ended_ns INTEGER,"
	"	policy TEXT NOT NULL, scope TEXT NOT NULL, knob TEXT NOT NULL, verdict TEXT NOT "
	"NULL,"
	"	summary TEXT NOT NULL, detail TEXT NOT NULL);"
	"CREATE INDEX trials_opened ON trials(opened_ns);"
	"CREATE INDEX trials_verdict ON trials(verdict);"
	"CREATE TABLE pairs(trial INTEGER NOT NULL REFERENCES trials(id) ON DELETE CASCADE, n "
	"INTEGER NOT NULL,"
	"	document TEXT NOT NULL, PRIMARY KEY(trial, n)) WITHOUT ROWID;"
	"CREATE TABLE outcomes(id INTEGER PRIMARY KEY, trial INTEGER NOT NULL, txn INTEGER NOT "
	"NULL,"
	"	at_ns INTEGER NOT NULL, document TEXT NOT NULL);"
	"CREATE INDEX outcomes_trial ON outcomes(trial);"
	"CREATE INDEX outcomes_txn ON outcomes(txn);"
	"CREATE INDEX outcomes_at ON outcomes(at_ns);"
	"INSERT INTO meta VALUES('schema', 1), ('next_trial', 1);" /* HISTORY_SCHEMA */
	"COMMIT;";

_Static_assert(HISTORY_APPLICATION == 1718384994, "the number in schema[]");
_Static_assert(HISTORY_SCHEMA == 1, "the number in schema[]");

int history_error(int code)
{
	switch (code & 0xff) { /* extended codes carry the plain one in the low byte */
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

int history_exec(sqlite3 *db, const char *sql)
{
	return history_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int history_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement)
{
	return history_error(sqlite3_prepare_v2(db, sql, -1, ret_statement, NULL));
}

int history_number(sqlite3 *db, const char *sql, int64_t *ret_value)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r, code;

	r = history_prepare(db, sql, &statement);
	if (r < 0)
		return r;
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? -ENODATA : history_error(code);
	*ret_value = sqlite3_column_int64(statement, 0);
	return 0;
}

static void db_closep(sqlite3 **db)
{
	sqlite3_close(*db);
}

/* Makes the file with its mode before SQLite does: the WAL files take theirs from it. */
static int file_prepare(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((status.st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0)
		return -errno;
	return 0;
}

/* 0 for a database that is intact; -EBADMSG for a damaged one or no database at all. */
static int check_intact(sqlite3 *db)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	const char *answer;
	int r, code;

	r = history_prepare(db, "PRAGMA quick_check(1)", &statement);
	if (r < 0)
		return r;
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? 0 : history_error(code);
	answer = (const char *)sqlite3_column_text(statement, 0);
	return answer && !strcmp(answer, "ok") ? 0 : -EBADMSG;
}

/* Makes the tables of an empty file; refuses a newer or a foreign one. */
static int check_schema(sqlite3 *db)
{
	int64_t application = 0, tables = 0, version = 0;
	int r;

	r = history_number(db, "PRAGMA application_id", &application);
	if (r == 0)
		r = history_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (tables == 0) {
		r = history_exec(db, schema);
		if (r < 0)
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return r;
	}
	if (application != HISTORY_APPLICATION)
		return -EPROTO;
	r = history_number(db, "SELECT value FROM meta WHERE key = 'schema'", &version);
	if (r < 0)
		return r == -ENODATA ? -EBADMSG : r;
	return version == HISTORY_SCHEMA ? 0 : -EPROTO;
}

static int db_open(const char *path, sqlite3 **ret_db)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int r;

	r = file_prepare(path);
	if (r < 0)
		return r;
	r = history_error(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL));
	if (r < 0)
		return r;
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, HISTORY_BUSY_MS);
	r = check_intact(db);
	if (r == 0)
		r = history_exec(db, settings);
	if (r == 0)
		r = check_schema(db);
	if (r < 0)
		return r;
	*ret_db = take_ptr(db);
	return 0;
}

/* What a damaged file still says about the ids that were given: they must not be given again. At least 1. */
static int64_t salvage_next_trial(const char *path)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int64_t next = 1, largest = 0;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return 1;
	if (history_number(db, "SELECT value FROM meta WHERE key = 'next_trial'", &next) < 0)
		next = 1;
	if (history_number(db, "SELECT max(id) FROM trials", &largest) == 0 && largest >= next)
		next = largest + 1;
	return next < 1 ? 1 : next;
}

/* Renames the file and drops its journal, which belongs to it and to no other. */
static int put_aside(const char *path, char *ret_name, size_t size)
{
	char journal[PATH_MAX + 8];

	for (unsigned int n = 1; n <= DAMAGED_MAX; n++) {
		if ((size_t)snprintf(ret_name, size, "%s.damaged-%u", path, n) >= size)
			return -ENAMETOOLONG;
		if (access(ret_name, F_OK) == 0)
			continue;
		if (rename(path, ret_name) < 0)
			return -errno;
		snprintf(journal, sizeof(journal), "%s-wal", path);
		unlink(journal);
		snprintf(journal, sizeof(journal), "%s-shm", path);
		unlink(journal);
		return 0;
	}
	return -EEXIST;
}

static int db_renew(const char *path, char *ret_note, size_t note_size, sqlite3 **ret_db)
{
	_cleanup_(db_closep) sqlite3 *db = NULL;
	int64_t next = salvage_next_trial(path);
	char aside[PATH_MAX + 32], sql[128];
	int r;

	r = put_aside(path, aside, sizeof(aside));
	if (r == 0)
		r = db_open(path, &db);
	if (r < 0)
		return r;
	snprintf(sql, sizeof(sql), "UPDATE meta SET value = %lld WHERE key = 'next_trial'",
		 (long long)next);
	r = history_exec(db, sql);
	if (r < 0)
		return r;
	snprintf(ret_note, note_size,
		 "the history was damaged: kept as %s, a new one begun (next trial %lld)", aside,
		 (long long)next);
	*ret_db = take_ptr(db);
	return 0;
}

static int wal_pages_max(const struct history *history)
{
	uint64_t share = history->limits.max_bytes / 16 / 4096;

	if (!history->held || (share && share < WAL_PAGES))
		return WAL_PAGES;
	return share && share < WAL_PAGES_HELD ? (int)share : WAL_PAGES_HELD;
}

/* Waits for the disk, twice: the one place that does, but for the pruning. */
static void fold(struct history *history)
{
	int left = 0;

	if (sqlite3_wal_checkpoint_v2(history->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, NULL) ==
	    SQLITE_OK)
		history->wal_pages = 0;
}

static int on_commit(void *data, sqlite3 *db, const char *name, int pages)
{
	struct history *history = data;

	(void)db;
	(void)name;
	history->wal_pages = pages;
	if (pages >= wal_pages_max(history))
		fold(history);
	return SQLITE_OK;
}

void history_hold(struct history *history, bool held)
{
	if (!history)
		return;
	history->held = held;
	if (!held && history->wal_pages >= WAL_PAGES)
		fold(history);
}

int history_open(const char *path, const struct history_limits *limits, char *ret_note,
		 size_t note_size, struct history **ret_history)
{
	_cleanup_free_ struct history *history = NULL;
	char note[PATH_MAX + 128] = "";
	int r;

	history = calloc(1, sizeof(*history));
	if (!history)
		return -ENOMEM;
	if ((size_t)snprintf(history->path, sizeof(history->path), "%s", path) >=
	    sizeof(history->path))
		return -ENAMETOOLONG;
	history->limits = *limits;
	if (limits->max_bytes && limits->max_bytes < BYTES_MIN)
		history->limits.max_bytes = BYTES_MIN;
	r = db_open(path, &history->db);
	if (r == -EBADMSG)
		r = db_renew(path, note, sizeof(note), &history->db);
	if (r < 0)
		return r;
	sqlite3_wal_hook(history->db, on_commit, history);
	snprintf(ret_note, note_size, "%s", note);
	*ret_history = take_ptr(history);
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	sqlite3_close(history->db);
	free(history);
}
