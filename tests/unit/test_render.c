// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hist.h"
#include "daemon/cli/render.h"
#include "daemon/cli/render_chart.h"

/* Looked at by eye once: before is near 5 ms, after near 55 µs, both on the axis below. */
#define SNAPSHOT_HISTS                                                                                                                                                                 \
	"  before  100 values\n"                                                                                                                                                       \
	"                                                    ▄▆█▇  \n"                                                                                                         \
	"                                                    ████  \n"                                                                                                         \
	"                                                   ▅████  \n"                                                                                                       \
	"                                                   █████  \n"                                                                                                       \
	"                                         p50 4.98 ms ▲\n"                                                                                                                   \
	"  after  100 values\n"                                                                                                                                                        \
	"     █                                                    \n"                                                                                                               \
	"    ▇█                                                    \n"                                                                                                             \
	"    ██                                                    \n"                                                                                                             \
	"    ██▇                                                   \n"                                                                                                           \
	"     ▲ p50 55.0 µs\n"                                                                                                                                                      \
	"  ─────────┴────────────────────────┴─────────────────────\n" \
	"           100 µs                   1 ms\n"

static const struct style plain = { .width = 60 };
static char *text;
static size_t size;

static FILE *begin(void)
{
	free(text);
	text = NULL;
	return open_memstream(&text, &size);
}

static void two_histograms_share_one_axis(void **state)
{
	static struct hist before, after;
	const struct chart_panel panels[] = {
		{ .title = "before", .tone = TONE_BASE, .hist = &before, .unit = UNIT_TIME },
		{ .title = "after", .tone = TONE_ARM, .hist = &after, .unit = UNIT_TIME },
	};
	FILE *f = begin();

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		hist_add(&before, 4000000 + i * 20000);
		hist_add(&after, 50000 + i * 100);
	}
	chart_hists(f, &plain, panels, 2);
	fclose(f);
	assert_string_equal(text, SNAPSHOT_HISTS);
}

static void an_axis_of_bytes_or_numbers_says_so(void **state)
{
	static const struct {
		enum unit unit;
		const char *median, *label;
	} cases[] = {
		{ .unit = UNIT_BYTES, .median = "p50 2.", .label = "1 MB" },
		{ .unit = UNIT_NONE, .median = "p50 2", .label = "1M" },
	};
	static struct hist hist;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		hist_add(&hist, 2500000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct chart_panel panel = { .title = "x",
						   .hist = &hist,
						   .unit = cases[i].unit };
		FILE *f = begin();

		chart_hists(f, &plain, &panel, 1);
		fclose(f);
		assert_non_null(strstr(text, cases[i].median));
		assert_non_null(strstr(text, cases[i].label));
		assert_null(strstr(text, " ms"));
	}
}

static void a_chart_without_values_draws_nothing(void **state)
{
	static const struct hist empty;
	const struct chart_panel panel = { .title = "before", .hist = &empty };
	FILE *f = begin();

	(void)state;
	chart_hists(f, &plain, &panel, 1);
	fclose(f);
	assert_string_equal(text, "");
}

static void no_line_of_a_chart_is_wider_than_the_terminal(void **state)
{
	static struct hist hist;

	(void)state;
	for (uint64_t value = 1; value < HIST_VALUE_MAX; value *= 3)
		hist_add(&hist, value);
	for (unsigned int width = 40; width <= 140; width++) {
		const struct style style = { .width = width };
		const struct chart_panel panel = { .title = "x", .hist = &hist, .unit = UNIT_TIME };
		FILE *f = begin();

		chart_hists(f, &style, &panel, 1);
		fclose(f);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_true(text_columns(line) <= width);
	}
}

static void the_interval_closes_in_around_the_estimate(void **state)
{
	char bar[128];

	(void)state;
	assert_string_equal(chart_interval(NAN, NAN, NAN, 11, bar, sizeof(bar)), "|~====┼====~|");
	assert_string_equal(chart_interval(-0.4, 0.4, 0.8, 11, bar, sizeof(bar)), "|---[=┼=•=]-|");
	assert_string_equal(chart_interval(0.4, 0.6, 0.8, 11, bar, sizeof(bar)), "|-----┼-[•]-|");
	assert_string_equal(chart_interval(-9, 0, 9, 11, bar, sizeof(bar)), "|[====•====]|");
}

static void columns_count_characters_not_bytes_or_colours(void **state)
{
	(void)state;
	assert_int_equal(text_columns("4.2 µs"), 6);
	assert_int_equal(text_columns("\033[1mab\033[0m"), 2);
	assert_int_equal(text_columns("▁▂▃"), 3);
}

static void a_table_lines_up_and_wraps_its_last_column(void **state)
{
	static const char *const titles[] = { "name", ">n", "what" };
	const struct style style = { .width = 40 };
	struct table *table = table_new(3, titles);
	FILE *f = begin();

	(void)state;
	table_row(table);
	table_cell(table, TONE_PLAIN, "µ");
	table_cell(table, TONE_PLAIN, "%d", 7);
	table_cell(table, TONE_PLAIN, "one two three four five six seven eight");
	table_row(table);
	table_cell(table, TONE_PLAIN, "longer");
	table_cell(table, TONE_PLAIN, "%d", 1234);
	table_cell(table, TONE_PLAIN, "x");
	assert_int_equal(table_print(table, &style, f), 4);
	fclose(f);
	assert_string_equal(text, "name       n  what\n"
				  "µ          7  one two three four five\n"
				  "              six seven eight\n"
				  "longer  1234  x\n");
	table_free(table);
}

static void text_is_broken_at_blanks_and_paragraphs_stay(void **state)
{
	FILE *f = begin();

	(void)state;
	text_wrap(f, "one two three four five six seven eight nine ten\n\nagain", 0, 2, 30);
	fclose(f);
	assert_string_equal(text,
			    "one two three four five six\n  seven eight nine ten\n\n  again\n");
}

static void a_rate_is_a_second(void **state)
{
	char value[64];

	(void)state;
	assert_string_equal(value_text(2e7, "bytes", "disk.write.bytes.rate", value, sizeof(value)),
			    "20.0 MB/s");
	assert_string_equal(value_text(4.2e6, "time", "disk.read.latency.p50", value,
				       sizeof(value)),
			    "4.20 ms");
	assert_string_equal(value_text(NAN, "bytes", "disk.write.bytes.rate", value, sizeof(value)),
			    "-");
}

static void a_file_gets_neither_colour_nor_movement(void **state)
{
	FILE *f = tmpfile();
	const struct style style = style_of(f);
	struct progress progress;
	char line[64] = "";

	(void)state;
	assert_false(style.colour || style.live || style.width);
	assert_string_equal(tone_on(&style, TONE_BAD), "");
	progress_begin(&progress, f, "looking", 0, 100);
	progress_step(&progress, 50);
	progress_end(&progress);
	rewind(f);
	assert_int_equal(fread(line, 1, sizeof(line) - 1, f), strlen("looking ...\n"));
	assert_string_equal(line, "looking ...\n");
	fclose(f);
}

/* A pseudo-terminal is a terminal: there NO_COLOR and TERM=dumb decide. */
static void no_color_and_a_dumb_terminal_are_obeyed(void **state)
{
	int primary = posix_openpt(O_RDWR | O_NOCTTY);
	FILE *f;

	(void)state;
	assert_true(primary >= 0);
	assert_int_equal(grantpt(primary), 0);
	assert_int_equal(unlockpt(primary), 0);
	f = fopen(ptsname(primary), "w");
	assert_non_null(f);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_true(style_of(f).colour);
	assert_true(style_of(f).live);
	setenv("NO_COLOR", "1", 1);
	assert_false(style_of(f).colour || style_of(f).live);
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	assert_false(style_of(f).colour || style_of(f).live);
	fclose(f);
	close(primary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_histograms_share_one_axis),
		cmocka_unit_test(an_axis_of_bytes_or_numbers_says_so),
		cmocka_unit_test(a_chart_without_values_draws_nothing),
		cmocka_unit_test(no_line_of_a_chart_is_wider_than_the_terminal),
		cmocka_unit_test(the_interval_closes_in_around_the_estimate),
		cmocka_unit_test(columns_count_characters_not_bytes_or_colours),
		cmocka_unit_test(a_table_lines_up_and_wraps_its_last_column),
		cmocka_unit_test(text_is_broken_at_blanks_and_paragraphs_stay),
		cmocka_unit_test(a_rate_is_a_second),
		cmocka_unit_test(a_file_gets_neither_colour_nor_movement),
		cmocka_unit_test(no_color_and_a_dumb_terminal_are_obeyed),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return r;
}
