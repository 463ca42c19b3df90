// SPDX-License-Identifier: Apache-2.0
#include "observer/page_series.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hist.h"
#include "observer/page_text.h"

/* Up to the first byte that is not itself in fnmatch(3). */
static size_t literal_length(const char *pattern)
{
	return strcspn(pattern, "*?[\\");
}

/* Whether a name that begins with `text` might match the pattern. */
static bool may_match(const char *pattern, const char *text, size_t length)
{
	size_t literal = literal_length(pattern);

	return strncmp(pattern, text, literal < length ? literal : length) == 0;
}

bool page_series_wants(const struct source_demand *demand, const char *page)
{
	char prefix[SCOPE_NAME_MAX];
	int length = snprintf(prefix, sizeof(prefix), "%s@", page);

	for (size_t i = 0; i < demand->n_demands; i++)
		if (may_match(demand->demands[i].scope.name, prefix, (size_t)length))
			return true;
	return false;
}

/* Lets most lines go by after a look at their names. */
static bool wants_line(const struct source_demand *demand, const char *page,
		       const struct page_line *line)
{
	const size_t prefix = strlen(page) + 1;

	for (size_t i = 0; i < demand->n_demands; i++) {
		const char *pattern = demand->demands[i].scope.name;

		if (literal_length(pattern) <= prefix ||
		    may_match(pattern + prefix, line->name, line->base))
			return true;
	}
	return false;
}

static struct page_hist *hist_take(struct page_table *table)
{
	for (size_t i = 0; i < PAGE_HISTS_MAX; i++)
		if (!table->hists[i].used) {
			table->hists[i] = (struct page_hist){ .used = true };
			page_hist_begin(&table->hists[i]);
			return &table->hists[i];
		}
	return NULL;
}

static struct page_series *series_find(struct page_table *table, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		struct page_series *series = &table->series[i];

		if (series->used && series->signal == signal && !strcmp(series->name, name))
			return series;
	}
	return NULL;
}

static struct page_series *series_make(struct page_table *table, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		struct page_series *series = &table->series[i];

		if (series->used)
			continue;
		*series = (struct page_series){ .signal = signal, .created = NAN };
		if (signal == SIGNAL_APP_LATENCY && !(series->hist = hist_take(table)))
			return NULL;
		series->used = true;
		strcpy(series->name, name);
		return series;
	}
	return NULL;
}

/* Finds a series, or makes it; NULL when there is no room, which is counted. */
static struct page_series *series_get(struct page_table *table, uint32_t signal, const char *name,
				      const char *family)
{
	struct page_series *series = series_find(table, signal, name);

	if (!series)
		series = series_make(table, signal, name);
	if (series) {
		strcpy(series->family, family); /* its type may be another now */
		return series;
	}
	table->crowded++;
	return NULL;
}

static void series_forget(struct page_series *series)
{
	if (series->hist)
		series->hist->used = false;
	*series = (struct page_series){ .used = false };
}

static int take_number(struct page_table *table, uint32_t signal, const struct page_sample *sample,
		       const char **ret_why)
{
	struct page_series *series = series_get(table, signal, sample->name, sample->family);

	if (!series)
		return 0;
	*ret_why = "a series that the page had before";
	if (series->seen)
		return -EINVAL;
	series->seen = true;
	series->new_raw = sample->value;
	return 0;
}

static int take_histogram(struct page_table *table, const struct page_line *line,
			  const struct page_sample *sample, const char **ret_why)
{
	struct page_series *series =
		series_get(table, SIGNAL_APP_LATENCY, sample->family, sample->family);
	struct page_hist *hist;

	if (!series)
		return 0;
	hist = series->hist;
	hist->unit_ns = line->unit_ns;
	if (line->part == PAGE_SUM) {
		hist->new_sum = isfinite(sample->value) ? sample->value : NAN;
		return 0;
	}
	series->seen = true;
	*ret_why = "the buckets of a histogram go up, and so do their counts";
	return page_hist_take(hist, sample->le, sample->value);
}

static void take_created(struct page_table *table, const struct page_sample *sample)
{
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++)
		if (table->series[i].used && !strcmp(table->series[i].family, sample->family))
			table->series[i].new_created = sample->value;
}

static int take_sample(struct page_table *table, const struct source_demand *demand,
		       const struct page_line *line, const struct page_sample *sample,
		       const char **ret_why)
{
	const bool is_level = line->part == PAGE_LEVEL || line->part == PAGE_EITHER;
	const bool of_hist = line->part == PAGE_BUCKET || line->part == PAGE_SUM;
	int r = 0;

	if (!sample->name[0] || !sample->family[0]) {
		table->long_names++;
		return 0;
	}
	if (line->part == PAGE_CREATED) {
		take_created(table, sample);
		return 0;
	}
	if (is_level && source_demands_service(demand, SIGNAL_APP_VALUE, sample->name))
		r = take_number(table, SIGNAL_APP_VALUE, sample, ret_why);
	if (r == 0 && line->part != PAGE_LEVEL &&
	    source_demands_service(demand, SIGNAL_APP_COUNT, sample->name))
		r = take_number(table, SIGNAL_APP_COUNT, sample, ret_why);
	if (r == 0 && of_hist && line->unit_ns > 0 &&
	    source_demands_service(demand, SIGNAL_APP_LATENCY, sample->family))
		r = take_histogram(table, line, sample, ret_why);
	return r;
}

static bool was_created_anew(const struct page_series *series)
{
	return !isnan(series->created) && !isnan(series->new_created) &&
	       series->created != series->new_created;
}

static void commit_level(struct page_series *series)
{
	series->raw = series->new_raw;
	series->known = isfinite(series->raw);
}

static void commit_count(struct page_series *series, const struct page_times *times)
{
	const double every = (double)times->every_ns, elapsed = (double)times->elapsed_ns;
	bool is_number = isfinite(series->new_raw) && series->new_raw >= 0;
	double increase = series->new_raw - series->raw;

	series->known = series->primed && is_number && elapsed > 0;
	if (!series->known) {
		series->pending = series->per_ns = 0;
	} else {
		/* It began at zero again: what it has is what was added since. */
		if (increase < 0 || was_created_anew(series))
			increase = series->new_raw;
		/* After a gap it is a rate; what belongs to ticks without a value is not made up for. */
		if (elapsed > 2 * every)
			series->pending = increase * every / elapsed;
		else
			series->pending += increase;
		series->per_ns = series->pending > 0 ? series->pending / every : 0;
	}
	series->primed = is_number;
	series->raw = series->new_raw;
}

static void commit_hist(struct page_table *table, struct page_series *series)
{
	struct page_hist *page = series->hist;
	const bool fits = page->n_new <= PAGE_BUCKETS_MAX;

	/* After a gap nobody knows which values belong to the ticks from here on. */
	series->known = fits && series->primed && table->fresh && page_hist_has_bounds(page);
	if (series->known)
		page_hist_advance(page, was_created_anew(series));
	series->primed = fits;
	if (!fits) {
		table->crowded++;
		return;
	}
	page_hist_keep(page);
}

static void commit(struct page_table *table, const struct page_times *times)
{
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		struct page_series *series = &table->series[i];

		if (!series->used)
			continue;
		series->gone = series->seen ? 0 : series->gone + 1;
		table->n_seen += series->seen;
		if (series->gone == PAGE_GONE_MAX)
			series_forget(series);
		else if (!series->seen)
			series->known = series->primed = false;
		else if (series->hist)
			commit_hist(table, series);
		else if (series->signal == SIGNAL_APP_COUNT)
			commit_count(series, times);
		else
			commit_level(series);
		series->created = series->new_created;
	}
	table->fresh = true;
}

static void begin(struct page_table *table)
{
	table->crowded = table->long_names = table->n_seen = 0;
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		table->series[i].seen = false;
		table->series[i].new_created = NAN;
	}
	for (size_t i = 0; i < PAGE_HISTS_MAX; i++)
		page_hist_begin(&table->hists[i]);
}

static int read_lines(struct page_table *table, const char *page, struct page_text *text,
		      const struct source_demand *demand, const char **ret_why)
{
	struct page_sample sample;
	struct page_line line;
	int r;

	while ((r = page_text_next(text, &line, ret_why)) > 0) {
		if (!wants_line(demand, page, &line))
			continue;
		r = page_line_parse(&line, page, &sample, ret_why);
		if (r == 0)
			r = take_sample(table, demand, &line, &sample, ret_why);
		if (r < 0)
			break;
	}
	return r;
}

int page_series_read(struct page_table *table, const char *page, char *bytes, bool ends_with_eof,
		     const struct source_demand *demand, const struct page_times *times,
		     char *ret_why, size_t size)
{
	struct page_text text;
	const char *why;
	int r;

	begin(table);
	page_text_begin(&text, bytes);
	r = read_lines(table, page, &text, demand, &why);
	if (r == 0 && ends_with_eof && !text.ended) {
		why = "the page ends without # EOF";
		r = -EINVAL;
	}
	if (r < 0) {
		snprintf(ret_why, size, "line %u: %s", text.line, why);
		page_series_fail(table);
		return r;
	}
	commit(table, times);
	return 0;
}

/* A counter's last value stays: the next page tells what was added in between. */
void page_series_fail(struct page_table *table)
{
	table->fresh = false;
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		table->series[i].known = false;
		table->series[i].pending = table->series[i].per_ns = 0;
	}
}

static void sample_hist(struct page_series *page, struct series *series, uint64_t *losses)
{
	*series->hist = page->hist->hist;
	losses[LOSS_CLAMPED] += page->hist->hist.clamped;
	memset(&page->hist->hist, 0, sizeof(page->hist->hist));
}

void page_series_sample(struct page_table *table, struct sampler *sampler)
{
	struct scope scope = { .kind = SCOPE_SERVICE };

	for (size_t i = 0; i < PAGE_SERIES_MAX; i++) {
		struct page_series *page = &table->series[i];
		struct series *series;
		double share;

		if (!page->used)
			continue;
		strcpy(scope.name, page->name);
		series = sampler_add(sampler, page->signal, &scope);
		if (!series)
			continue;
		if (table->fresh && page->known && sampler->interval_ns)
			series->flags = SERIES_VALID;
		if (page->hist) {
			sample_hist(page, series, sampler->losses);
		} else if (page->signal == SIGNAL_APP_COUNT) {
			share = page->per_ns * (double)sampler->interval_ns;
			page->pending -= share;
			series->value = share;
		} else if (series->flags) {
			series->value = page->raw;
		}
	}
}

void page_series_keep(struct page_table *table, const struct source_demand *demand)
{
	for (size_t i = 0; i < PAGE_SERIES_MAX; i++)
		if (table->series[i].used &&
		    !source_demands_service(demand, table->series[i].signal, table->series[i].name))
			series_forget(&table->series[i]);
}
