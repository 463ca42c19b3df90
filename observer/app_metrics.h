/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What services push: lines parsed, summed up by name until the next tick. Allocates nothing.
 *
 *     redis.ops 1234      a level, app.value
 *     redis.hits +3       events, app.count
 *     redis.get 1.2ms     one duration, app.latency
 */
#ifndef FLYBALL_OBSERVER_APP_METRICS_H
#define FLYBALL_OBSERVER_APP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "include/hist.h"
#include "include/signal.h"
#include "observer/source.h"

#define APP_NAME_MAX 64 /* longest name with its NUL */
#define APP_METRICS_MAX \
	128 /* names and kinds known at once; a further one is counted as LOSS_SERIES */
#define APP_LATENCIES_MAX 32 /* of them durations: 4 KiB each */
#define APP_GAUGE_TICKS \
	8 /* a level that is not pushed again for so many ticks is not valid any more */
#define APP_SILENT_NS 60000000000ull /* a name that is silent for so long is forgotten */

/* One line. */
struct app_push {
	char name[APP_NAME_MAX];
	enum signal_id signal;
	double value; /* of a duration: ns */
};

struct app_metric {
	bool used;
	uint32_t signal; /* enum signal_id */
	char name[APP_NAME_MAX];
	uint64_t silent_ns; /* since the last push, in whole ticks */
	uint32_t n, age;    /* pushes since the last tick; ticks since the last push */
	double sum, level;  /* of those pushes; the last known level */
	struct hist *hist;  /* of a duration */
};

struct app_metrics {
	uint64_t refused, crowded; /* lines: not understood; of a name too many */
	char why[160]; /* the last such line, and what is wrong with it; fit for a message */
	struct app_metric metrics[APP_METRICS_MAX];
	bool hist_used[APP_LATENCIES_MAX];
	struct hist hists[APP_LATENCIES_MAX];
};

/* Parses one line without its end. Returns 0, or -EINVAL with the reason: a constant sentence. */
int app_parse(const char *line, struct app_push *ret_push, const char **ret_why);

/* Takes a datagram of lines, a NUL at its end; it is written into. What nobody demands is passed over. */
void app_metrics_take(struct app_metrics *metrics, const struct source_demand *demand, char *text);

/* Adds the demanded series of all known names, and begins the next tick. */
void app_metrics_sample(struct app_metrics *metrics, struct sampler *sampler);

/* Forgets what is not demanded. */
void app_metrics_keep(struct app_metrics *metrics, const struct source_demand *demand);

#endif
