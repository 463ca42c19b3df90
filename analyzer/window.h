/* SPDX-License-Identifier: Apache-2.0 */
/* Accumulates one signal over a stretch of frames, and asks the whole for its value. Percentiles are never averaged. */
#ifndef FLYBALL_ANALYZER_WINDOW_H
#define FLYBALL_ANALYZER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "include/frame.h"
#include "include/hist.h"

struct window {
	uint64_t start_ns;   /* where its first frame began; 0 before one was added */
	uint64_t covered_ns; /* sum of its frames' intervals */
	uint64_t frames;
	double sum; /* counters: the increase; gauges: value × ns */
	struct hist hist;
};

/* The series that a reference means in `scope`: the host's, the instance it names, or the scope's own. Or NULL, as for
 * what has two sides. */
const struct series *frame_find(const struct frame *frame, const struct signal_ref *ref,
				const struct scope *scope);

/*
 * The series of one side (SERIES_BASE, SERIES_ARM) of a split of that very scope; for a signal that has no sides the same
 * as frame_find(), whatever `side` is. Or NULL.
 */
const struct series *frame_find_side(const struct frame *frame, const struct signal_ref *ref,
				     const struct scope *scope, uint32_t side);

/* True when the series may be used for `stat` in a trial: there, valid, nothing of it lost. */
bool series_usable(const struct series *series, uint32_t stat);

void window_init(struct window *window);

/* Adds one tick's series, as `stat` (enum signal_stat) wants it. */
void window_add(struct window *window, const struct series *series, uint32_t stat,
		const struct frame *frame);

/* The value of the whole; NAN when there is none. */
double window_value(const struct window *window, uint32_t stat);

/* True for events of which there was none; false for a gauge. */
bool window_empty(const struct window *window, uint32_t stat);

/* The value of one tick alone; NAN when there is none. */
double series_value(const struct series *series, uint32_t stat, uint64_t interval_ns);

/* A distribution's value of `stat`; `covered_ns` for rates. */
double hist_stat(const struct hist *hist, uint32_t stat, uint64_t covered_ns);

#endif
