// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/render.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "base/words.h"

#define WIDTH_MIN 40    /* a narrower terminal gets lines that it breaks itself */
#define LAST_MIN 24     /* columns that the last column of a table keeps */
#define PROGRESS_BAR 24 /* columns */

struct cell {
	enum tone tone;
	char *text;
};

struct table {
	size_t n_columns, n_rows, room; /* room: rows that fit into cells */
	const char *titles[TABLE_COLUMNS_MAX];
	bool right[TABLE_COLUMNS_MAX];
	size_t filled; /* cells of the last row */
	struct cell (*rows)[TABLE_COLUMNS_MAX];
};

struct style style_of(FILE *f)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	struct style style = { .width = 0 };
	struct winsize size;
	int fd = fileno(f);

	if (fd < 0 || !isatty(fd))
		return style;
	style.live = term && strcmp(term, "dumb") && !(no_colour && no_colour[0]);
	style.colour = style.live;
	style.width = 80;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
		style.width = size.ws_col;
	return style;
}

const char *tone_on(const struct style *style, enum tone tone)
{
	/* The sixteen colours that every terminal lets its user choose; never a background. */
	static const char *const sequences[TONE_COUNT] = {
		[TONE_PLAIN] = "",        [TONE_STRONG] = "\033[1m", [TONE_DIM] = "\033[2m",
		[TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m",   [TONE_WARN] = "\033[33m",
		[TONE_BASE] = "\033[35m", [TONE_ARM] = "\033[36m",
	};

	return style->colour ? sequences[tone] : "";
}

const char *tone_off(const struct style *style)
{
	return style->colour ? "\033[0m" : "";
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '\033') {
			p += strcspn(p, "m");
			if (!*p)
				break;
			continue;
		}
		/* Bytes 10xxxxxx continue a character. All that is printed here is one column wide. */
		columns += ((unsigned char)*p & 0xc0) != 0x80;
	}
	return columns;
}

/* Bytes of the longest prefix that fits into `width` columns, cut at a blank where there is one. */
static size_t fitting_bytes(const char *text, size_t width)
{
	size_t columns = 0, blank = 0, i = 0;

	for (; text[i] && text[i] != '\n'; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80 && columns++ == width)
			break;
		if (text[i] == ' ')
			blank = i;
	}
	return !text[i] || text[i] == '\n' || !blank || text[i] == ' ' ? i : blank;
}

/* Writes one line of `text`; returns what is left, NULL at its end. */
static const char *wrap_line(FILE *f, const char *text, size_t width)
{
	size_t length = width ? fitting_bytes(text, width) : strcspn(text, "\n");

	fwrite(text, 1, length, f);
	text += length;
	if (*text == '\n' || *text == ' ')
		text++;
	else if (!*text)
		return NULL;
	return text;
}

void text_wrap(FILE *f, const char *text, unsigned int used, unsigned int indent,
	       unsigned int width)
{
	const char *left = text;

	left = wrap_line(f, left, width > used + LAST_MIN ? width - used : width ? LAST_MIN : 0);
	fputc('\n', f);
	while (left && *left) {
		fprintf(f, "%*s", *left == '\n' ? 0 : (int)indent, "");
		left = wrap_line(f, left,
				 width > indent + LAST_MIN ? width - indent
				 : width                   ? LAST_MIN
							   : 0);
		fputc('\n', f);
	}
}

char *value_text(double value, const char *unit, const char *signal, char *buffer, size_t size)
{
	size_t length = strlen(signal);
	int kind = unit_parse(unit);
	char number[48];

	quantity_format(value, kind < 0 ? UNIT_NONE : (enum unit)kind, number, sizeof(number));
	snprintf(buffer, size, "%s%s", number,
		 strcmp(number, "-") && length > 5 && !strcmp(signal + length - 5, ".rate") ? "/s"
											    : "");
	return buffer;
}

struct table *table_new(size_t n, const char *const *titles)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table || n > TABLE_COLUMNS_MAX) {
		free(table);
		return NULL;
	}
	table->n_columns = n;
	for (size_t i = 0; i < n; i++) {
		table->right[i] = titles[i][0] == '>';
		table->titles[i] = titles[i] + table->right[i];
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t row = 0; row < table->n_rows; row++)
		for (size_t i = 0; i < table->n_columns; i++)
			free(table->rows[row][i].text);
	free(table->rows);
	free(table);
}

void table_row(struct table *table)
{
	void *larger;

	if (!table)
		return;
	if (table->n_rows == table->room) {
		larger = realloc(table->rows, (table->room * 2 + 16) * sizeof(table->rows[0]));
		if (!larger)
			return;
		table->rows = larger;
		table->room = table->room * 2 + 16;
	}
	memset(&table->rows[table->n_rows++], 0, sizeof(table->rows[0]));
	table->filled = 0;
}

void table_cell(struct table *table, enum tone tone, const char *format, ...)
{
	struct cell *cell;
	va_list args;

	if (!table || table->n_rows == 0 || table->filled == table->n_columns)
		return;
	cell = &table->rows[table->n_rows - 1][table->filled++];
	cell->tone = tone;
	va_start(args, format);
	if (vasprintf(&cell->text, format, args) < 0)
		cell->text = NULL;
	va_end(args);
}

static void table_widths(const struct table *table, size_t *widths)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		widths[i] = text_columns(table->titles[i]);
		for (size_t row = 0; row < table->n_rows; row++) {
			const char *text = table->rows[row][i].text;
			size_t width = text ? text_columns(text) : 0;

			if (width > widths[i])
				widths[i] = width;
		}
	}
}

static void print_cell(const struct style *style, FILE *f, enum tone tone, const char *text,
		       size_t width, bool right, bool last)
{
	size_t columns = text_columns(text), blanks = width > columns ? width - columns : 0;

	fprintf(f, "%*s%s%s%s%*s", right ? (int)blanks : 0, "", tone_on(style, tone), text,
		tone == TONE_PLAIN ? "" : tone_off(style), right || last ? 0 : (int)blanks, "");
	if (!last)
		fputs("  ", f);
}

/* The last cell, wrapped below itself; returns the number of lines. */
static size_t print_last(const struct style *style, FILE *f, const struct cell *cell, size_t indent)
{
	size_t room = style->width > indent + LAST_MIN ? style->width - indent
		      : style->width                   ? LAST_MIN
						       : 0,
	       lines = 0;
	const char *left = cell->text ? cell->text : "";

	do {
		if (lines++)
			fprintf(f, "%*s", (int)indent, "");
		fputs(tone_on(style, cell->tone), f);
		left = wrap_line(f, left, room);
		fputs(cell->tone == TONE_PLAIN ? "" : tone_off(style), f);
		fputc('\n', f);
	} while (left && *left);
	return lines;
}

size_t table_print(const struct table *table, const struct style *style, FILE *f)
{
	size_t widths[TABLE_COLUMNS_MAX], indent = 0, lines = 1,
					  last = table ? table->n_columns - 1 : 0;

	if (!table || table->n_columns == 0)
		return 0;
	table_widths(table, widths);
	for (size_t i = 0; i < last; i++)
		indent += widths[i] + 2;
	for (size_t i = 0; i <= last; i++)
		print_cell(style, f, TONE_DIM, table->titles[i], widths[i], table->right[i],
			   i == last);
	fputc('\n', f);
	for (size_t row = 0; row < table->n_rows; row++) {
		const struct cell *cells = table->rows[row];

		for (size_t i = 0; i < last; i++)
			print_cell(style, f, cells[i].tone, cells[i].text ? cells[i].text : "",
				   widths[i], table->right[i], false);
		if (table->right[last]) {
			print_cell(style, f, cells[last].tone,
				   cells[last].text ? cells[last].text : "", widths[last], true,
				   true);
			fputc('\n', f);
			lines++;
		} else {
			lines += print_last(style, f, &cells[last], indent);
		}
	}
	return lines;
}

void progress_begin(struct progress *progress, FILE *f, const char *text, uint64_t now_ns,
		    uint64_t total_ns)
{
	*progress = (struct progress){
		.f = f, .style = style_of(f), .text = text, .begun_ns = now_ns, .total_ns = total_ns
	};
	if (progress->style.live)
		progress_step(progress, now_ns);
	else
		fprintf(f, "%s ...\n", text);
	fflush(f);
}

void progress_step(struct progress *progress, uint64_t now_ns)
{
	uint64_t past = now_ns > progress->begun_ns ? now_ns - progress->begun_ns : 0;
	size_t full;

	if (!progress->style.live)
		return;
	fprintf(progress->f, "\r\033[K%s", progress->text);
	if (progress->total_ns) {
		full = past >= progress->total_ns
			       ? PROGRESS_BAR
			       : (size_t)(past * PROGRESS_BAR / progress->total_ns);
		fputs("  ", progress->f);
		for (size_t i = 0; i < PROGRESS_BAR; i++)
			fputs(i < full ? "━" : i == full ? "╸" : " ", progress->f);
	}
	fprintf(progress->f, "  %.1f s", (double)past / (double)NSEC_PER_SEC);
	fflush(progress->f);
}

void progress_end(struct progress *progress)
{
	if (progress->style.live)
		fputs("\r\033[K", progress->f);
	fflush(progress->f);
}
