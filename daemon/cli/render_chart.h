/* SPDX-License-Identifier: Apache-2.0 */
/* Charts of a trial: two histograms on one axis, and the interval of the effect. */
#ifndef FLYBALL_DAEMON_RENDER_CHART_H
#define FLYBALL_DAEMON_RENDER_CHART_H

#include <stdio.h>

#include "daemon/cli/render.h"
#include "include/hist.h"
#include "include/unit.h"

#define CHART_WIDTH_MAX 100 /* columns; wider makes nothing clearer */

/* One histogram of the chart. */
struct chart_panel {
	const char *title; /* `before: none` */
	enum tone tone;
	const struct hist *hist;
	enum unit unit; /* of its values, in the base of the unit; the axis has the first panel's */
};

/*
 * Draws the panels one above the other over a common logarithmic axis. Heights are shares of each panel's own
 * tallest column, per equal step of the axis; the middle (p50) is marked. Panels without values say so.
 */
void chart_hists(FILE *f, const struct style *style, const struct chart_panel *panels, size_t n);

/*
 * Writes `|----[==•==]---┼---------|` into buffer: from -100 % (left) to +100 % (right), ┼ where nothing changes,
 * the interval in brackets, • the estimate. NAN: open to that side, or no estimate. Returns `buffer`; it needs
 * 3 * width + 8 bytes.
 */
char *chart_interval(double low, double estimate, double high, unsigned int width, char *buffer,
		     size_t size);

#endif
