// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/hist.h"
#include "daemon/catalogue.h"
#include "daemon/history.h"

#define DAY_NS (86400ull * NSEC_PER_SEC)

static struct policy policy = { .name = "p",
				.knob = "block.scheduler",
				.scope = SCOPE_DISK,
				.objective = { .ref = { .signal = SIGNAL_DISK_READ_LATENCY,
							.stat = STAT_P50 } },
				.trial = { .max_pairs = 40, .error = 0.05 } };
static struct catalogue catalogue;
static struct json_context context = { .catalogue = &catalogue, .policies = &policy };
static struct trial trial;
static char folder[64], path[128], note[512];
static const struct history_limits unlimited;

/* In memory: a real disk syncs thousands of times here, which shows nothing more. */
static int set_up(void **state)
{
	(void)state;
	catalogue = catalogue_here();
	snprintf(folder, sizeof(folder), "/dev/shm/flyball-history-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/history.db", folder);
	trial = (struct trial){ .id = 1,
				.scope = { .kind = SCOPE_DISK, .name = "vda" },
				.incumbent = "none",
				.arm = "bfq",
				.verdict = VERDICT_KEPT,
				.phase = TRIAL_ENDED,
				.opened_ns = NSEC_PER_SEC,
				.ended_ns = 2 * NSEC_PER_SEC,
				.alpha = 0.05,
				.n_pairs = 2 };
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct history *open_with(const struct history_limits *limits)
{
	struct history *history = NULL;

	assert_int_equal(history_open(path, limits, note, sizeof(note), &history), 0);
	return history;
}

static void run_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static uint64_t bytes_on_disk(void)
{
	char wal[160];
	struct stat status;
	uint64_t bytes = 0;

	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (stat(path, &status) == 0)
		bytes += (uint64_t)status.st_size;
	if (stat(wal, &status) == 0)
		bytes += (uint64_t)status.st_size;
	return bytes;
}

static void a_trial_with_pairs_and_outcomes_survives_a_reopen(void **state)
{
	const struct change change = {
		.txn = 5, .trial = 1, .action = ACTION_KEEP, .knob = "block.scheduler"
	};
	const struct outcome outcome = {
		.txn = 5, .action = ACTION_KEEP, .value = "bfq", .time_ns = 3
	};
	const struct outcome unasked = {
		.txn = 5, .action = ACTION_UNDO, .unasked = 1, .value = "none"
	};
	struct history *history = open_with(&unlimited);
	json_t *json;

	(void)state;
	trial.n_pairs = 1;
	trial.pairs[0].y_base = 11;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	trial.n_pairs = 2;
	trial.pairs[1].y_base = 12;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	assert_int_equal(history_outcome(history, &change, &outcome, 0, 0), 0);
	assert_int_equal(history_outcome(history, NULL, &unasked, 0, 0), 0);
	history_close(history);
	history = open_with(&unlimited);
	json = history_get(history, 1);
	assert_non_null(json);
	assert_int_equal(json_array_size(json_object_get(json, "pairs")), 2);
	assert_true(
		json_number_value(json_object_get(json_array_get(json_object_get(json, "pairs"), 1),
						  "y_base")) == 12);
	assert_int_equal(json_array_size(json_object_get(json, "outcomes")),
			 2); /* the unasked one by its transaction */
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "kept");
	assert_non_null(json_object_get(json, "histograms"));
	json_decref(json);
	assert_null(history_get(history, 2));
	history_close(history);
}

static void the_list_is_newest_first_and_limited(void **state)
{
	struct history *history = open_with(&unlimited);
	json_t *list;

	(void)state;
	for (trial.id = 1; trial.id <= 5; trial.id++)
		assert_int_equal(history_trial(history, &trial, &context), 0);
	list = history_list(history, 3);
	assert_int_equal(json_array_size(list), 3);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "id")), 5);
	assert_null(json_object_get(json_array_get(list, 0), "pairs"));
	json_decref(list);
	history_close(history);
}

static void an_id_is_never_given_again_even_when_all_trials_are_pruned(void **state)
{
	const struct history_limits limits = { .days = 1 };
	struct history *history = open_with(&limits);
	json_t *list;

	(void)state;
	assert_int_equal(history_next_trial(history), 1);
	trial.id = 41;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	assert_int_equal(history_prune(history, 10 * DAY_NS), 0);
	list = history_list(history, 10);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	history_close(history);
	history = open_with(&limits);
	assert_int_equal(history_next_trial(history), 42);
	history_close(history);
}

static void old_trials_go_by_age_and_younger_and_running_ones_stay(void **state)
{
	const struct history_limits limits = { .days = 2 };
	struct history *history = open_with(&limits);
	json_t *list;

	(void)state;
	trial.id = 1; /* too old, ended */
	assert_int_equal(history_trial(history, &trial, &context), 0);
	trial.id = 2; /* too old, running */
	trial.verdict = VERDICT_NONE;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	trial.id = 3;
	trial.verdict = VERDICT_KEPT;
	trial.opened_ns = 9 * DAY_NS;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	assert_int_equal(history_prune(history, 10 * DAY_NS), 0);
	list = history_list(history, 10);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "id")), 2);
	json_decref(list);
	history_close(history);
}

static void the_files_stay_under_the_bound_and_the_oldest_go_first(void **state)
{
	const struct history_limits limits = { .max_bytes = 4 * 1024 * 1024 };
	struct history *history = open_with(&limits);
	uint64_t most = 0, total = 1000;
	json_t *list, *gone;
	size_t n;

	(void)state;
	trial.n_pairs = 6;
	for (uint64_t value = 1000; value < 100000000; value += value / 20)
		hist_add(&trial.hist[WINDOW_ARM], value);
	for (trial.id = 1; trial.id <= total; trial.id++) {
		const struct change change = { .txn = trial.id, .trial = trial.id };
		const struct outcome outcome = { .txn = trial.id, .time_ns = trial.id };

		assert_int_equal(history_trial(history, &trial, &context), 0);
		assert_int_equal(history_outcome(history, &change, &outcome, 0, 0), 0);
		if (bytes_on_disk() > most)
			most = bytes_on_disk();
	}
	print_message("most on disk: %llu bytes of %llu\n", (unsigned long long)most,
		      (unsigned long long)limits.max_bytes);
	assert_true(most <= limits.max_bytes);
	assert_true(most > limits.max_bytes /
				   2); /* else the bound was not reached, and nothing was shown */
	list = history_list(history, 10000);
	n = json_array_size(list);
	print_message("%zu trials kept\n", n);
	assert_true(n > 100 && n < total);
	for (size_t i = 0; i < n; i++) /* no holes: only the oldest went */
		assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "id")),
				 total - i);
	gone = history_get(history, total - n);
	assert_null(gone);
	json_decref(list);
	history_close(history);
}

/* As long as the wait for somebody's lock, which pruning must not do. */
#define SLOW_NS (90 * NSEC_PER_MSEC)

static unsigned int add_trials(struct history *history, uint64_t first, uint64_t last)
{
	unsigned int n_slow = 0;

	for (trial.id = first; trial.id <= last; trial.id++) {
		uint64_t start_ns = clock_now_ns();

		assert_int_equal(history_trial(history, &trial, &context), 0);
		n_slow += clock_now_ns() - start_ns >= SLOW_NS;
	}
	return n_slow;
}

static size_t trials_kept(struct history *history)
{
	json_t *list = history_list(history, 100000);
	size_t n = json_array_size(list);

	json_decref(list);
	return n;
}

static void an_open_reader_neither_empties_the_history_nor_holds_it_up(void **state)
{
	const struct history_limits limits = { .max_bytes = 4 * 1024 * 1024 };
	struct history *history = open_with(&limits);
	unsigned int n_slow;
	sqlite3_stmt *reader;
	sqlite3 *db;

	(void)state;
	trial.n_pairs = 6;
	for (uint64_t value = 1000; value < 100000000; value += value / 20)
		hist_add(&trial.hist[WINDOW_ARM], value);
	add_trials(history, 1, 10);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT id FROM trials", -1, &reader, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(reader), SQLITE_ROW);
	n_slow = add_trials(history, 11, 400);
	assert_true(bytes_on_disk() > limits.max_bytes); /* else nothing was to be pruned */
	assert_int_equal(trials_kept(history), 400);
	print_message("%u of 390 calls were slow\n", n_slow);
	assert_true(n_slow < 10);
	sqlite3_finalize(reader);
	sqlite3_close(db);
	for (int i = 0; i < 100 && bytes_on_disk() > limits.max_bytes; i++)
		assert_int_equal(history_prune(history, 0), 0);
	assert_true(bytes_on_disk() <= limits.max_bytes);
	print_message("%zu trials kept\n", trials_kept(history));
	assert_true(trials_kept(history) > 100);
	history_close(history);
}

static void a_writer_elsewhere_postpones_the_pruning(void **state)
{
	const struct history_limits limits = { .days = 1 };
	struct history *history = open_with(&limits);
	uint64_t start_ns;
	sqlite3 *db;

	(void)state;
	add_trials(history, 1, 20);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	start_ns = clock_now_ns();
	assert_int_equal(history_prune(history, 10 * DAY_NS), 0);
	assert_true(clock_now_ns() - start_ns < SLOW_NS);
	assert_int_equal(trials_kept(history), 20);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	/* One call has some milliseconds, which on a busy machine are not enough. */
	for (int i = 0; i < 50 && trials_kept(history) > 0; i++)
		assert_int_equal(history_prune(history, 10 * DAY_NS), 0);
	assert_int_equal(trials_kept(history), 0);
	history_close(history);
}

static void much_to_prune_is_spread_over_calls(void **state)
{
	const struct history_limits limits = { .days = 1 };
	struct history *history = open_with(&unlimited);
	unsigned int n_calls = 0, n_slow = 0;

	(void)state;
	trial.n_pairs = TRIAL_PAIRS_MAX;
	add_trials(history, 1, 800);
	history_close(history);
	history = open_with(&limits);
	while (n_calls < 800 && trials_kept(history) > 0) {
		uint64_t start_ns = clock_now_ns();

		assert_int_equal(history_prune(history, 10 * DAY_NS), 0);
		n_slow += clock_now_ns() - start_ns >= SLOW_NS;
		n_calls++;
	}
	print_message("%u calls, %u of them slow\n", n_calls, n_slow);
	assert_int_equal(trials_kept(history), 0);
	assert_true(n_calls > 1 && n_slow * 4 < n_calls);
	history_close(history);
}

static void outcomes_without_a_trial_cannot_fill_the_disk(void **state)
{
	const struct history_limits limits = { .max_bytes = 4 * 1024 * 1024 };
	struct history *history = open_with(&limits);
	struct outcome outcome = { .value = "x", .text = "deadline" };

	(void)state;
	for (uint64_t i = 1; i <= 12000; i++) {
		outcome.txn = i;
		outcome.time_ns = i;
		assert_int_equal(history_outcome(history, NULL, &outcome, 0, 0), 0);
		if (i % 500 == 0)
			assert_int_equal(history_prune(history, 0), 0);
		assert_true(bytes_on_disk() <= limits.max_bytes);
	}
	history_close(history);
}

static off_t bytes_of_file(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Folding the WAL into the file is what waits for the disk. */
static void while_it_is_held_nothing_waits_for_the_disk(void **state)
{
	struct history *history = open_with(&unlimited);
	off_t before, after;

	(void)state;
	history_hold(history, true);
	before = bytes_of_file();
	for (uint64_t i = 1; i <= 100; i++) {
		const struct outcome outcome = { .txn = i, .time_ns = i };

		assert_int_equal(history_outcome(history, NULL, &outcome, 0, 0), 0);
	}
	assert_int_equal(bytes_of_file(), before);
	assert_int_equal(history_prune(history, 1), 0);
	assert_int_equal(bytes_of_file(), before);
	history_hold(history, false);
	after = bytes_of_file();
	assert_true(after > before);
	/* Not for ever: a WAL without end would be worse. */
	history_hold(history, true);
	for (uint64_t i = 1; i <= 1000; i++) {
		const struct outcome outcome = { .txn = i, .time_ns = i };

		assert_int_equal(history_outcome(history, NULL, &outcome, 0, 0), 0);
	}
	assert_true(bytes_of_file() > after);
	history_close(history);
}

static void a_file_that_is_no_database_is_put_aside(void **state)
{
	char aside[192];
	struct history *history;
	FILE *f = fopen(path, "w");

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("this is no database, whatever its name says\n", f);
	fclose(f);
	history = open_with(&unlimited);
	snprintf(aside, sizeof(aside), "%s.damaged-1", path);
	assert_int_equal(access(aside, F_OK), 0);
	assert_non_null(strstr(note, aside));
	assert_int_equal(history_trial(history, &trial, &context), 0);
	history_close(history);
	history = open_with(&unlimited);
	assert_string_equal(note, "");
	history_close(history);
}

static void a_damaged_file_is_put_aside_and_its_ids_are_not_given_again(void **state)
{
	struct history *history = open_with(&unlimited);
	char garbage[4096];
	int fd;

	(void)state;
	for (trial.id = 1; trial.id <= 200; trial.id++)
		assert_int_equal(history_trial(history, &trial, &context), 0);
	history_close(history);
	memset(garbage, 0xa5, sizeof(garbage));
	fd = open(path, O_WRONLY);
	for (off_t page = 40; page < 60; page++)
		assert_int_equal(pwrite(fd, garbage, sizeof(garbage), page * 4096),
				 sizeof(garbage));
	close(fd);
	history = open_with(&unlimited);
	assert_non_null(strstr(note, "damaged"));
	assert_int_equal(history_next_trial(history), 201);
	history_close(history);
}

static void a_newer_schema_is_refused_and_left_as_it_is(void **state)
{
	struct history *history = open_with(&unlimited);

	(void)state;
	history_close(history);
	run_sql("UPDATE meta SET value = 2 WHERE key = 'schema'");
	assert_int_equal(history_open(path, &unlimited, note, sizeof(note), &history), -EPROTO);
	run_sql("UPDATE meta SET value = 1 WHERE key = 'schema'");
	history = open_with(&unlimited);
	assert_string_equal(note, "");
	history_close(history);
}

static void a_database_of_somebody_else_is_refused(void **state)
{
	struct history *history = NULL;

	(void)state;
	run_sql("CREATE TABLE recipes(name TEXT)");
	assert_int_equal(history_open(path, &unlimited, note, sizeof(note), &history), -EPROTO);
	run_sql("SELECT name FROM recipes");
}

static void only_the_owner_may_read_it(void **state)
{
	struct history *history;
	struct stat status;
	mode_t before = umask(0);
	char wal[160];

	(void)state;
	history = open_with(&unlimited);
	assert_int_equal(history_trial(history, &trial, &context), 0);
	umask(before);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(wal, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	history_close(history);
}

/* A limit of the file size is the cheapest full disk; SIGXFSZ is ignored, as a daemon does. */
static void a_full_disk_is_an_error_and_the_history_goes_on_after_it(void **state)
{
	struct history *history = open_with(&unlimited);
	struct rlimit before, small;
	int r = 0;

	(void)state;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 128 * 1024;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (trial.id = 2; r == 0 && trial.id < 500; trial.id++)
		r = history_trial(history, &trial, &context);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(r < 0);
	trial.id = 1000;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	assert_int_equal(history_next_trial(history), 1001);
	history_close(history);
}

static void a_trial_that_a_crash_cut_off_is_closed_as_aborted(void **state)
{
	struct history *history = open_with(&unlimited);
	json_t *json;

	(void)state;
	trial.verdict = VERDICT_NONE;
	trial.phase = TRIAL_TESTING;
	trial.ended_ns = 0;
	assert_int_equal(history_trial(history, &trial, &context), 0);
	history_close(history);
	history = open_with(&unlimited);
	assert_int_equal(history_close_stale(history, 5 * NSEC_PER_SEC), 1);
	assert_int_equal(history_close_stale(history, 6 * NSEC_PER_SEC), 0);
	json = history_get(history, 1);
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "aborted");
	assert_string_equal(json_string_value(json_object_get(json, "reason")), "process-died");
	/* Core may have died after a keep was committed and before it was recorded. */
	assert_string_equal(json_string_value(json_object_get(json, "reason_text")),
			    "flyball ended while it ran; its change was undone unless it had been "
			    "kept: see 'flyball status'");
	assert_true(json_number_value(json_object_get(json, "ended_at")) == 5.0);
	assert_int_equal(json_integer_value(json_object_get(json, "duration_ns")),
			 4 * NSEC_PER_SEC);
	json_decref(json);
	history_close(history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_trial_with_pairs_and_outcomes_survives_a_reopen,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_list_is_newest_first_and_limited, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			an_id_is_never_given_again_even_when_all_trials_are_pruned, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			old_trials_go_by_age_and_younger_and_running_ones_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_files_stay_under_the_bound_and_the_oldest_go_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_open_reader_neither_empties_the_history_nor_holds_it_up, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_writer_elsewhere_postpones_the_pruning, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(much_to_prune_is_spread_over_calls, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(outcomes_without_a_trial_cannot_fill_the_disk,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_it_is_held_nothing_waits_for_the_disk, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_put_aside, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			a_damaged_file_is_put_aside_and_its_ids_are_not_given_again, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_newer_schema_is_refused_and_left_as_it_is, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_database_of_somebody_else_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_the_owner_may_read_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_full_disk_is_an_error_and_the_history_goes_on_after_it, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_trial_that_a_crash_cut_off_is_closed_as_aborted,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
