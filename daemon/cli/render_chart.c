// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/render_chart.h"

#include <math.h>
#include <string.h>

#include "base/hist.h"
#include "base/quantity.h"

#define ROWS 4   /* lines of a panel; eight steps each */
#define MARGIN 2 /* columns on the left */
#define TAIL \
	0.002 /* share of values that may lie outside on each side, so that one outlier sets no axis */
#define LABEL_COLUMNS 10 /* room of a label of the axis */

/* The axis: columns of equal steps of the logarithm. */
struct axis {
	double low, step; /* log10 of a value; of one column */
	unsigned int columns;
	enum unit unit;
};

static double axis_column(const struct axis *axis, double value)
{
	return (log10(fmax(value, 1.0)) - axis->low) / axis->step;
}

/* False when no panel has a value. */
static bool axis_fit(struct axis *axis, const struct chart_panel *panels, size_t n,
		     unsigned int columns)
{
	double low = INFINITY, high = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		double from = hist_quantile(panels[i].hist, TAIL),
		       to = hist_quantile(panels[i].hist, 1.0 - TAIL);

		if (isnan(from))
			continue;
		low = fmin(low, log10(fmax(from, 1.0)));
		high = fmax(high, log10(fmax(to, 1.0)));
	}
	if (!isfinite(low))
		return false;
	/* At least a decade: over less the buckets of the histogram would show. Then some air at the ends. */
	if (high - low < 1.0) {
		double middle = (low + high) / 2;

		low = middle - 0.5;
		high = middle + 0.5;
	}
	axis->columns = columns;
	axis->unit = panels[0].unit;
	axis->low = fmax(low - (high - low) * 0.04, 0.0);
	axis->step = (high + (high - low) * 0.04 - axis->low) / columns;
	return true;
}

/* Spreads each bucket over the columns that it covers, so that its edges leave no comb. */
static void fill_columns(const struct axis *axis, const struct hist *hist, double *heights)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		double from, to;

		if (hist->buckets[i] == 0)
			continue;
		from = axis_column(axis, (double)hist_lower(i));
		to = fmax(axis_column(axis, (double)hist_lower(i + 1)), from + 1e-6);
		for (size_t column = (size_t)fmax(floor(from), 0.0);
		     (double)column < to && column < axis->columns; column++) {
			double inside = fmin(to, (double)column + 1) - fmax(from, (double)column);

			heights[column] += hist->buckets[i] * fmax(inside, 0.0) / (to - from);
		}
	}
}

static void draw_bars(FILE *f, const struct style *style, enum tone tone, const double *heights,
		      unsigned int columns)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	double tallest = 0;

	for (unsigned int i = 0; i < columns; i++)
		tallest = fmax(tallest, heights[i]);
	for (int row = ROWS - 1; row >= 0; row--) {
		fprintf(f, "%*s%s", MARGIN, "", tone_on(style, tone));
		for (unsigned int i = 0; i < columns; i++) {
			double eighths =
				tallest > 0 ? heights[i] / tallest * ROWS * 8 - row * 8 : 0;
			int block = eighths <= 0 ? 0 : eighths >= 8 ? 8 : (int)ceil(eighths);

			fputs(blocks[block], f);
		}
		fprintf(f, "%s\n", tone_off(style));
	}
}

/* The line under a panel: `▲ p50 4.21 ms` with its tip at the value. */
static void draw_median(FILE *f, const struct style *style, const struct axis *axis,
			const struct chart_panel *panel)
{
	double median = hist_quantile(panel->hist, 0.5), column = axis_column(axis, median);
	int at = (int)fmin(fmax(column, 0), axis->columns - 1);
	char value[32], label[64];
	int length;

	quantity_format(median, panel->unit, value, sizeof(value));
	snprintf(label, sizeof(label), "p50 %s", value);
	length = (int)text_columns(label) + 1;
	if (at + 1 + length <= (int)axis->columns)
		fprintf(f, "%*s%s▲ %s%s\n", MARGIN + at, "", tone_on(style, panel->tone), label,
			tone_off(style));
	else
		fprintf(f, "%*s%s%s ▲%s\n", MARGIN + at - length, "", tone_on(style, panel->tone),
			label, tone_off(style));
}

/* `1 ms`, not `1.00 ms`: the numbers of the axis are whole in their unit. */
static void axis_label(enum unit unit, double value, char *buffer, size_t size)
{
	static const char *const words[UNIT_COUNT][4] = {
		[UNIT_NONE] = { "", "k", "M", "G" },
		[UNIT_TIME] = { " ns", " µs", " ms", " s" },
		[UNIT_BYTES] = { " B", " KB", " MB", " GB" },
		[UNIT_RATIO] = { "", "", "", "" }, /* buckets are whole numbers: there are none */
	};
	size_t step = value >= 1e9 ? 3 : value >= 1e6 ? 2 : value >= 1e3 ? 1 : 0;

	snprintf(buffer, size, "%.0f%s", value / pow(1000, (double)step), words[unit][step]);
}

/* The line of the axis with a tick at each 1, 2 and 5 of a decade where there is room, and the labels below. */
static void draw_axis(FILE *f, const struct style *style, const struct axis *axis)
{
	static const double steps[] = { 1, 2, 5 };
	unsigned int decade = (unsigned int)(1 / axis->step),
		     per_decade = decade >= 3 * LABEL_COLUMNS ? 3 : 1;
	char marks[CHART_WIDTH_MAX + 1], labels[CHART_WIDTH_MAX * 3 + LABEL_COLUMNS * 4], value[32];
	size_t used = 0, bytes = 0;

	memset(marks, '-', axis->columns);
	marks[axis->columns] = '\0';
	for (int power = (int)floor(axis->low); power <= 11; power++)
		for (unsigned int i = 0; i < per_decade; i++) {
			double column = axis_column(axis, pow(10, power) * steps[i]);
			size_t width;

			if (column < 0 || column >= axis->columns)
				continue;
			marks[(size_t)column] = '+';
			axis_label(axis->unit, pow(10, power) * steps[i], value, sizeof(value));
			width = text_columns(value);
			if ((size_t)column < used || (size_t)column + width > axis->columns)
				continue;
			bytes += (size_t)snprintf(labels + bytes, sizeof(labels) - bytes, "%*s%s",
						  (int)((size_t)column - used), "", value);
			used = (size_t)column + width;
			if (used < axis->columns) {
				labels[bytes++] = ' ';
				used++;
			}
		}
	labels[bytes] = '\0';
	fprintf(f, "%*s%s", MARGIN, "", tone_on(style, TONE_DIM));
	for (unsigned int i = 0; i < axis->columns; i++)
		fputs(marks[i] == '+' ? "┴" : "─", f);
	while (bytes && labels[bytes - 1] == ' ')
		labels[--bytes] = '\0';
	fprintf(f, "%s\n%*s%s%s%s\n", tone_off(style), MARGIN, "", tone_on(style, TONE_DIM), labels,
		tone_off(style));
}

void chart_hists(FILE *f, const struct style *style, const struct chart_panel *panels, size_t n)
{
	unsigned int width =
		style->width && style->width < CHART_WIDTH_MAX ? style->width : CHART_WIDTH_MAX;
	unsigned int columns = (style->width ? width : 80) - 2 * MARGIN;
	struct axis axis;

	if (!axis_fit(&axis, panels, n, columns))
		return;
	for (size_t i = 0; i < n; i++) {
		double heights[CHART_WIDTH_MAX] = { 0 };

		fprintf(f, "%*s%s%s%s  %llu values\n", MARGIN, "", tone_on(style, panels[i].tone),
			panels[i].title, tone_off(style),
			(unsigned long long)panels[i].hist->count);
		if (isnan(hist_quantile(panels[i].hist, 0.5)))
			continue;
		fill_columns(&axis, panels[i].hist, heights);
		draw_bars(f, style, panels[i].tone, heights, columns);
		draw_median(f, style, &axis, &panels[i]);
	}
	draw_axis(f, style, &axis);
}

/* -1 … +1 → a column; what lies outside is at the edge. */
static unsigned int interval_column(double ratio, unsigned int width)
{
	double clamped = fmin(fmax(ratio, -1.0), 1.0);

	return (unsigned int)lround((clamped + 1.0) / 2.0 * (width - 1));
}

char *chart_interval(double low, double estimate, double high, unsigned int width, char *buffer,
		     size_t size)
{
	unsigned int from = isnan(low) ? 0 : interval_column(low, width);
	unsigned int to = isnan(high) ? width - 1 : interval_column(high, width);
	unsigned int zero = interval_column(0, width);
	size_t bytes = 0;

	buffer[bytes++] = '|';
	for (unsigned int i = 0; i < width && bytes + 8 < size; i++) {
		const char *mark = i > from && i < to ? "=" : "-";

		if (i == zero)
			mark = "┼";
		if (i == from && !isnan(low))
			mark = "[";
		if (i == to && !isnan(high))
			mark = "]";
		if ((isnan(low) && i == 0 && from != to) ||
		    (isnan(high) && i == width - 1 && from != to))
			mark = "~";
		if (!isnan(estimate) && i == interval_column(estimate, width))
			mark = "•";
		bytes += (size_t)snprintf(buffer + bytes, size - bytes, "%s", mark);
	}
	snprintf(buffer + bytes, size - bytes, "|");
	return buffer;
}
