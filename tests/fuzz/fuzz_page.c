// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a page of metrics that is read twice, everything of it demanded.
 *
 *	fuzz_page tests/fuzz/corpus/page
 *
 * Besides crashes: a name is a scope's, and a distribution holds as much as its buckets.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/scope.h"
#include "observer/page_series.h"

#define TEXT_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct frame frame;

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Stands in for observer/source.c, which needs all of the observer. */
struct series *sampler_add(struct sampler *sampler, enum signal_id signal,
			   const struct scope *scope)
{
	struct series *series = &sampler->frame->series[sampler->frame->n_series++];

	*series = (struct series){ .signal = signal, .scope = *scope };
	if (signal == SIGNAL_APP_LATENCY)
		series->hist = &sampler->frame->hists[sampler->frame->n_hists++];
	return series;
}

static void require_series(const struct series *series)
{
	uint64_t sum = 0;

	require(scope_valid(&series->scope) && !strncmp(series->scope.name, "p@", 2));
	require(!series->hist || series->hist->count == 0 || series->signal == SIGNAL_APP_LATENCY);
	for (size_t i = 0; series->hist && i < HIST_BUCKETS; i++)
		sum += series->hist->buckets[i];
	require(!series->hist || sum == series->hist->count);
	require(!series->flags || isfinite(series->value));
}

static void read_page(struct page_table *table, const struct source_demand *demand,
		      const uint8_t *data, size_t size)
{
	static char text[TEXT_MAX + 1];
	uint64_t losses[LOSS_COUNT] = { 0 };
	const struct page_times times = { .every_ns = 1000, .elapsed_ns = 1000 };
	struct sampler sampler = {
		.frame = &frame, .interval_ns = 250, .demand = demand, .losses = losses
	};
	char why[112];

	memcpy(text, data, size);
	text[size] = '\0';
	frame.n_series = frame.n_hists = 0;
	page_series_read(table, "p", text, false, demand, &times, why, sizeof(why));
	page_series_sample(table, &sampler);
	for (size_t i = 0; i < frame.n_series; i++)
		require_series(&frame.series[i]);
}

/* The two pages are the halves of the bytes: a counter may grow, or fall. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct demand demands[3];
	struct source_demand demand = { .demands = demands, .n_demands = 3 };
	struct page_table *table = calloc(1, sizeof(*table));

	require(table != NULL);
	for (uint32_t i = 0; i < 3; i++) {
		demands[i].signal = SIGNAL_APP_VALUE + i;
		demands[i].scope = (struct scope){ .kind = SCOPE_SERVICE };
		signal_set_add(&demand.signals, demands[i].signal);
	}
	size = size > TEXT_MAX ? TEXT_MAX : size;
	read_page(table, &demand, data, size / 2);
	read_page(table, &demand, data + size / 2, size - size / 2);
	read_page(table, &demand, data, size);
	free(table);
	return 0;
}
