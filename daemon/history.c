// SPDX-License-Identifier: Apache-2.0
/*
 * Records and reads. A trial is a row of columns that are searched, and two documents: `summary`, as a list shows it,
 * and `detail`, the rest. Pairs have rows of their own, so that each is written once.
 */
#include "daemon/history.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/history_internal.h"

static void json_unref(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(json_unref)

uint64_t history_next_trial(struct history *history)
{
	int64_t next;

	if (history_number(history->db, "SELECT value FROM meta WHERE key = 'next_trial'", &next) <
		    0 ||
	    next < 1)
		return 0;
	return (uint64_t)next;
}

/* Binds a document; SQLite copies nothing and frees it. */
static int bind_json(sqlite3_stmt *statement, int column, const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	return history_error(sqlite3_bind_text(statement, column, text, -1, free));
}

static int statement_run(sqlite3_stmt *statement)
{
	return history_error(sqlite3_step(statement));
}

static int write_trial(struct history *history, const struct trial *trial,
		       const struct json_context *context, const json_t *summary,
		       const json_t *detail)
{
	static const char sql[] = "INSERT INTO trials(id, opened_ns, ended_ns, policy, scope, "
				  "knob, verdict, summary, detail)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
				  " ON CONFLICT(id) DO UPDATE SET ended_ns = ?3, verdict = ?7, "
				  "summary = ?8, detail = ?9";
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	static const char *const columns[] = { "policy", "scope", "knob", "verdict" };
	int r;

	r = history_prepare(history->db, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)trial->id);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)trial->opened_ns + context->wall_offset_ns);
	if (trial->ended_ns)
		sqlite3_bind_int64(statement, 3,
				   (sqlite3_int64)trial->ended_ns + context->wall_offset_ns);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		sqlite3_bind_text(statement, 4 + (int)i,
				  json_string_value(json_object_get(summary, columns[i])), -1,
				  SQLITE_TRANSIENT);
	r = bind_json(statement, 8, summary);
	if (r == 0)
		r = bind_json(statement, 9, detail);
	return r < 0 ? r : statement_run(statement);
}

/* Only the pairs that are new: those before them do not change. */
static int write_pairs(struct history *history, uint64_t id, const json_t *pairs)
{
	_cleanup_statement_ sqlite3_stmt *count = NULL, *insert = NULL;
	size_t known = 0;
	int r;

	r = history_prepare(history->db, "SELECT count(*) FROM pairs WHERE trial = ?", &count);
	if (r == 0)
		r = history_prepare(history->db,
				    "INSERT INTO pairs(trial, n, document) VALUES(?, ?, ?)",
				    &insert);
	if (r < 0)
		return r;
	sqlite3_bind_int64(count, 1, (sqlite3_int64)id);
	if (sqlite3_step(count) == SQLITE_ROW)
		known = (size_t)sqlite3_column_int64(count, 0);
	for (size_t n = known; n < json_array_size(pairs); n++) {
		sqlite3_reset(insert);
		sqlite3_bind_int64(insert, 1, (sqlite3_int64)id);
		sqlite3_bind_int64(insert, 2, (sqlite3_int64)n);
		r = bind_json(insert, 3, json_array_get(pairs, n));
		if (r == 0)
			r = statement_run(insert);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_next(struct history *history, uint64_t id)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = history_prepare(history->db,
			    "UPDATE meta SET value = max(value, ?) WHERE key = 'next_trial'",
			    &statement);
	if (r < 0)
		return r;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id + 1);
	return statement_run(statement);
}

static int transaction_end(struct history *history, int r)
{
	if (r == 0)
		r = history_exec(history->db, "COMMIT");
	if (r < 0)
		sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int history_trial(struct history *history, const struct trial *trial,
		  const struct json_context *context)
{
	_cleanup_json_ json_t *summary = NULL, *detail = NULL, *pairs = NULL;
	const char *key;
	json_t *value;
	int r;

	if (!history)
		return 0;
	summary = json_trial(trial, context, JSON_SUMMARY);
	detail = json_trial(trial, context, JSON_FULL);
	if (!summary || !detail)
		return -ENOMEM;
	pairs = json_incref(json_object_get(detail, "pairs"));
	json_object_del(detail, "pairs");
	json_object_foreach (summary, key, value)
		json_object_del(detail, key);
	r = history_exec(history->db, "BEGIN IMMEDIATE");
	if (r < 0)
		return r;
	r = write_trial(history, trial, context, summary, detail);
	if (r == 0)
		r = write_pairs(history, trial->id, pairs);
	if (r == 0)
		r = write_next(history, trial->id);
	r = transaction_end(history, r);
	return r < 0 ? r : history_prune_bytes(history);
}

int history_outcome(struct history *history, const struct change *change,
		    const struct outcome *outcome, uint64_t frame_ns, int64_t wall_offset_ns)
{
	/* An unasked outcome names only its transaction; an earlier one of the same says which trial it was. */
	static const char sql[] = "INSERT INTO outcomes(trial, txn, at_ns, document) VALUES("
				  "coalesce(?1, (SELECT trial FROM outcomes WHERE txn = ?2 AND "
				  "trial <> 0 LIMIT 1), 0), ?2, ?3, ?4)";
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ json_t *document = json_outcome(outcome, change, frame_ns);
	int64_t at_ns = (int64_t)outcome->time_ns + wall_offset_ns;
	int r;

	if (!history)
		return 0;
	if (!document)
		return -ENOMEM;
	json_object_set_new(document, "at", json_real((double)at_ns / (double)NSEC_PER_SEC));
	r = history_prepare(history->db, sql, &statement);
	if (r < 0)
		return r;
	if (change)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)change->trial);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)outcome->txn);
	sqlite3_bind_int64(statement, 3, at_ns);
	r = bind_json(statement, 4, document);
	return r < 0 ? r : statement_run(statement);
}

static json_t *column_json(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? json_loads(text, 0, NULL) : NULL;
}

/* The documents of a query with one number to bind; NULL on error. */
static json_t *query_documents(struct history *history, const char *sql, int64_t number)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ json_t *rows = json_array();
	int code;

	if (history_prepare(history->db, sql, &statement) < 0)
		return NULL;
	sqlite3_bind_int64(statement, 1, number);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		json_array_append_new(rows, column_json(statement, 0));
	return code == SQLITE_DONE ? take_ptr(rows) : NULL;
}

json_t *history_list(struct history *history, uint32_t limit)
{
	return query_documents(history, "SELECT summary FROM trials ORDER BY id DESC LIMIT ?",
			       limit);
}

json_t *history_get(struct history *history, uint64_t id)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	_cleanup_json_ json_t *trial = NULL, *detail = NULL;

	if (history_prepare(history->db, "SELECT summary, detail FROM trials WHERE id = ?",
			    &statement) < 0)
		return NULL;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return NULL;
	trial = column_json(statement, 0);
	detail = column_json(statement, 1);
	if (!trial || !detail || json_object_update(trial, detail) < 0)
		return NULL;
	if (json_object_set_new(trial, "pairs",
				query_documents(history,
						"SELECT document FROM pairs WHERE trial = ? ORDER "
						"BY n",
						(int64_t)id)) < 0)
		return NULL;
	if (json_object_set_new(trial, "outcomes",
				query_documents(history,
						"SELECT document FROM outcomes WHERE trial = ? "
						"ORDER BY id",
						(int64_t)id)) < 0)
		return NULL;
	return take_ptr(trial);
}

/* Which end it took only the journal knows: core may have died between a keep's COMMITTED and its record here. */
int history_close_stale(struct history *history, uint64_t wall_ns)
{
	static const char sql[] =
		"UPDATE trials SET verdict = 'aborted', ended_ns = ?1, summary = json_set(summary,"
		" '$.verdict', 'aborted', '$.phase', 'ended', '$.reason', 'process-died',"
		" '$.reason_text', 'flyball ended while it ran; its change was undone unless it had"
		" been kept: see ''flyball status''',"
		" '$.ended_at', ?1 / 1e9, '$.duration_ns', max(?1 - opened_ns, 0)) WHERE verdict = "
		"'running'";
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = history_prepare(history->db, sql, &statement);
	if (r < 0)
		return r;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)wall_ns);
	r = statement_run(statement);
	return r < 0 ? r : sqlite3_changes(history->db);
}
