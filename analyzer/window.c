// SPDX-License-Identifier: Apache-2.0
#include "analyzer/window.h"

#include <math.h>
#include <string.h>

#include "base/hist.h"
#include "base/scope.h"

#define NS_PER_SECOND 1e9

const struct series *frame_find(const struct frame *frame, const struct signal_ref *ref,
				const struct scope *scope)
{
	struct scope of_ref = { .kind = ref->kind };

	if (signal_is_split(ref->signal))
		return NULL;
	if (ref->kind == SCOPE_HOST)
		return frame_series(frame, ref->signal, &of_ref);
	if (!ref->instance[0])
		return scope->kind == ref->kind ? frame_series(frame, ref->signal, scope) : NULL;
	memcpy(of_ref.name, ref->instance, strnlen(ref->instance, SIGNAL_INSTANCE_MAX - 1));
	return frame_series(frame, ref->signal, &of_ref);
}

const struct series *frame_find_side(const struct frame *frame, const struct signal_ref *ref,
				     const struct scope *scope, uint32_t side)
{
	if (!signal_is_split(ref->signal))
		return frame_find(frame, ref, scope);
	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		if (series->signal == ref->signal && (series->flags & side) &&
		    scope_equal(&series->scope, scope))
			return series;
	}
	return NULL;
}

bool series_usable(const struct series *series, uint32_t stat)
{
	if (!series || !(series->flags & SERIES_VALID) || (series->flags & SERIES_LOSSY))
		return false;
	if ((stat == STAT_P50 || stat == STAT_P90 || stat == STAT_P99) &&
	    (series->flags & SERIES_SUMS))
		return false;
	if (stat == STAT_VALUE || (stat == STAT_RATE && !series->hist))
		return isfinite(series->value);
	return series->hist != NULL;
}

void window_init(struct window *window)
{
	memset(window, 0, sizeof(*window));
}

void window_add(struct window *window, const struct series *series, uint32_t stat,
		const struct frame *frame)
{
	if (window->frames++ == 0)
		window->start_ns = frame->time_ns - frame->interval_ns;
	window->covered_ns += frame->interval_ns;
	if (stat == STAT_VALUE)
		window->sum += series->value * (double)frame->interval_ns;
	else if (series->hist)
		hist_merge(&window->hist, series->hist);
	else
		window->sum += series->value;
}

double hist_stat(const struct hist *hist, uint32_t stat, uint64_t covered_ns)
{
	switch (stat) {
	case STAT_P50:
		return hist_quantile(hist, 0.5);
	case STAT_P90:
		return hist_quantile(hist, 0.9);
	case STAT_P99:
		return hist_quantile(hist, 0.99);
	case STAT_MEAN:
		return hist_mean(hist);
	case STAT_RATE:
		return covered_ns ? (double)hist->count * NS_PER_SECOND / (double)covered_ns : NAN;
	default:
		return NAN;
	}
}

double window_value(const struct window *window, uint32_t stat)
{
	if (window->covered_ns == 0)
		return NAN;
	if (stat == STAT_VALUE)
		return window->sum / (double)window->covered_ns;
	/* One of the two is nothing: a signal is a counter or a distribution. */
	if (stat == STAT_RATE)
		return window->sum * NS_PER_SECOND / (double)window->covered_ns +
		       hist_stat(&window->hist, stat, window->covered_ns);
	return hist_stat(&window->hist, stat, window->covered_ns);
}

bool window_empty(const struct window *window, uint32_t stat)
{
	return stat != STAT_VALUE && window->hist.count == 0 && window->sum == 0;
}

double series_value(const struct series *series, uint32_t stat, uint64_t interval_ns)
{
	if (!series || !(series->flags & SERIES_VALID))
		return NAN;
	if (stat == STAT_VALUE)
		return series->value;
	if (series->hist)
		return hist_stat(series->hist, stat, series_covers_ns(series, interval_ns));
	if (stat != STAT_RATE || interval_ns == 0)
		return NAN;
	return series->value * NS_PER_SECOND / (double)interval_ns;
}
