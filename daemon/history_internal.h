/* SPDX-License-Identifier: Apache-2.0 */
/* What history.c (records and reads), history_open.c (opens, makes, refuses) and history_prune.c (bounds) share. */
#ifndef FLYBALL_DAEMON_HISTORY_INTERNAL_H
#define FLYBALL_DAEMON_HISTORY_INTERNAL_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/history.h"

#define HISTORY_SCHEMA 1
#define HISTORY_APPLICATION \
	0x666c7962 /* "flyb": PRAGMA application_id, so that a foreign database is not taken */
#define HISTORY_BUSY_MS \
	100 /* an operator's sqlite3 may hold the file; the loop must not wait longer */

struct history {
	sqlite3 *db;
	struct history_limits limits;
	char path[PATH_MAX];
	bool held;             /* history_hold() */
	int wal_pages;         /* after the last commit */
	unsigned int unpruned; /* calls that were put off meanwhile */
};

/* -errno of an SQLite result; 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int history_error(int code);

/* Runs statements without results. */
int history_exec(sqlite3 *db, const char *sql);

/* Prepares one statement; the caller finalizes it (history_statement_done). */
int history_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement);

/* The first column of the first row as a number; -ENODATA when there is no row. */
int history_number(sqlite3 *db, const char *sql, int64_t *ret_value);

static inline void history_statement_done(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}

#define _cleanup_statement_ _cleanup_(history_statement_done)

/*
 * Deletes the oldest until the files fit, as far as some milliseconds take it; the next call goes on. 0 also when it
 * had to stop because somebody else holds the file, or because nothing is left to delete.
 */
int history_prune_bytes(struct history *history);

#endif
