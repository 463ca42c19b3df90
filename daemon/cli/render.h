/* SPDX-License-Identifier: Apache-2.0 */
/* What appears on a terminal: colours, tables, wrapped text, progress. Plain text where there is no terminal. */
#ifndef FLYBALL_DAEMON_RENDER_H
#define FLYBALL_DAEMON_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 10

enum tone {
	TONE_PLAIN,
	TONE_STRONG,
	TONE_DIM,
	TONE_GOOD,
	TONE_BAD,
	TONE_WARN,
	TONE_BASE, /* what belongs to the incumbent, before */
	TONE_ARM,  /* what belongs to the arm, after */
	TONE_COUNT,
};

/* How to write to one stream. */
struct style {
	bool colour;
	bool live;          /* a terminal on which lines may be redrawn */
	unsigned int width; /* columns; 0 = no limit (not a terminal) */
};

/* Colour and movement only on a terminal that can (TERM is not dumb), and neither with NO_COLOR set. */
struct style style_of(FILE *f);

/* The escape sequences that begin a tone and end it; "" without colour. */
const char *tone_on(const struct style *style, enum tone tone);
const char *tone_off(const struct style *style);

/* Columns that UTF-8 text takes; escape sequences take none. */
size_t text_columns(const char *text);

/* Writes text and a line feed, broken at blanks; `used` columns are taken already, later lines begin at `indent`. */
void text_wrap(FILE *f, const char *text, unsigned int used, unsigned int indent,
	       unsigned int width);

/*
 * A value with its unit (a word of unit_word()), and `/s` where the signal's name ends in `.rate`. Returns `buffer`.
 */
char *value_text(double value, const char *unit, const char *signal, char *buffer, size_t size);

struct table;

/* A table with `n` columns; a title that begins with `>` is of a column that is set to the right. NULL: no memory. */
struct table *table_new(size_t n, const char *const *titles);
void table_free(struct table *table);

/* Starts a row; then table_cell() for each column. What is out of memory is left out. */
void table_row(struct table *table);
void table_cell(struct table *table, enum tone tone, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints it; on a terminal the last column is wrapped to the width. Returns the number of lines. */
size_t table_print(const struct table *table, const struct style *style, FILE *f);

static inline void table_freep(struct table **table)
{
	table_free(*table);
}

#define _cleanup_table_ __attribute__((cleanup(table_freep)))

/* A moving line on a terminal; one plain line at the start elsewhere. */
struct progress {
	FILE *f;
	struct style style;
	const char *text; /* must outlive it */
	uint64_t begun_ns, total_ns;
};

/* Begins at `now_ns` (CLOCK_MONOTONIC); `total_ns` 0 = not known. */
void progress_begin(struct progress *progress, FILE *f, const char *text, uint64_t now_ns,
		    uint64_t total_ns);
void progress_step(struct progress *progress, uint64_t now_ns);
void progress_end(struct progress *progress);

#endif
