// SPDX-License-Identifier: Apache-2.0
#include "observer/app_metrics.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hist.h"
#include "base/quantity.h"

/* One byte of a name: what stands in a policy's brackets, in a scope and on a shell's command line as it is. */
static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("._:-", c));
}

static int parse_name(const char *line, char *ret_name, size_t *ret_length, const char **ret_why)
{
	size_t length = 0;

	while (is_name_byte(line[length]))
		length++;
	*ret_why = "a line is NAME VALUE; a name has letters, digits and . _ : -";
	if (length == 0 || !isalnum((unsigned char)line[0]) ||
	    (line[length] != ' ' && line[length] != '\t'))
		return -EINVAL;
	*ret_why = "a name has 63 bytes at most";
	if (length >= APP_NAME_MAX)
		return -EINVAL;
	memcpy(ret_name, line, length);
	ret_name[length] = '\0';
	*ret_length = length;
	return 0;
}

int app_parse(const char *line, struct app_push *ret_push, const char **ret_why)
{
	struct app_push push = { .signal = SIGNAL_APP_VALUE };
	enum unit unit;
	size_t length;
	bool counts;
	int r = parse_name(line, push.name, &length, ret_why);

	if (r < 0)
		return r;
	line += length + strspn(line + length, " \t");
	counts = line[0] == '+';
	*ret_why = "a value is a number: 12, +3, 1.5ms";
	if (quantity_parse_all(line, &push.value, &unit) < 0)
		return -EINVAL;
	*ret_why = "the only units are those of time: ns us ms s min h";
	if (unit != UNIT_NONE && unit != UNIT_TIME)
		return -EINVAL;
	*ret_why = "a duration has no sign";
	if (unit == UNIT_TIME && (counts || push.value < 0))
		return -EINVAL;
	if (unit == UNIT_TIME)
		push.signal = SIGNAL_APP_LATENCY;
	else if (counts)
		push.signal = SIGNAL_APP_COUNT;
	*ret_push = push;
	return 0;
}

static void metric_forget(struct app_metrics *metrics, struct app_metric *metric)
{
	if (metric->hist)
		metrics->hist_used[metric->hist - metrics->hists] = false;
	*metric = (struct app_metric){ .used = false };
}

static struct hist *hist_take(struct app_metrics *metrics)
{
	for (size_t i = 0; i < APP_LATENCIES_MAX; i++)
		if (!metrics->hist_used[i]) {
			metrics->hist_used[i] = true;
			memset(&metrics->hists[i], 0, sizeof(metrics->hists[i]));
			return &metrics->hists[i];
		}
	return NULL;
}

/* The metric of a push, made when it is new; NULL when there is no room for it. */
static struct app_metric *metric_get(struct app_metrics *metrics, const struct app_push *push)
{
	struct app_metric *place = NULL;

	for (size_t i = 0; i < APP_METRICS_MAX; i++) {
		struct app_metric *metric = &metrics->metrics[i];

		if (!metric->used)
			place = place ? place : metric;
		else if (metric->signal == push->signal && !strcmp(metric->name, push->name))
			return metric;
	}
	if (!place)
		return NULL;
	if (push->signal == SIGNAL_APP_LATENCY) {
		place->hist = hist_take(metrics);
		if (!place->hist)
			return NULL;
	}
	place->used = true;
	place->signal = push->signal;
	place->age = APP_GAUGE_TICKS;
	strcpy(place->name, push->name);
	return place;
}

/* Whoever may push may push any bytes, and an operator's terminal shows them. */
static void say_why(struct app_metrics *metrics, const char *line, const char *why)
{
	char excerpt[49];
	size_t n;

	for (n = 0; line[n] && n + 1 < sizeof(excerpt); n++)
		excerpt[n] = isprint((unsigned char)line[n]) ? line[n] : '?';
	excerpt[n] = '\0';
	snprintf(metrics->why, sizeof(metrics->why), "'%s%s': %s", excerpt, line[n] ? "…" : "",
		 why);
}

static void take_line(struct app_metrics *metrics, const struct source_demand *demand,
		      const char *line)
{
	struct app_metric *metric;
	struct app_push push;
	const char *why;

	if (app_parse(line, &push, &why) < 0) {
		metrics->refused++;
		say_why(metrics, line, why);
		return;
	}
	if (!source_demands_service(demand, push.signal, push.name))
		return;
	metric = metric_get(metrics, &push);
	if (!metric) {
		metrics->crowded++;
		say_why(metrics, line, "too many names are pushed");
		return;
	}
	metric->n++;
	metric->sum += push.value;
	if (metric->hist)
		hist_add(metric->hist, push.value < (double)HIST_VALUE_MAX ? (uint64_t)push.value
									   : HIST_VALUE_MAX + 1);
}

void app_metrics_take(struct app_metrics *metrics, const struct source_demand *demand, char *text)
{
	char *line;

	while ((line = strsep(&text, "\r\n")))
		if (line[0])
			take_line(metrics, demand, line);
}

/* The mean of the tick's levels; between them, for a while, the last one. */
static void sample_level(struct app_metric *metric, struct series *series)
{
	if (metric->n)
		metric->level = metric->sum / metric->n;
	series->value = metric->level;
	if (metric->age >= APP_GAUGE_TICKS)
		series->flags = 0;
}

static void metric_sample(struct app_metric *metric, struct sampler *sampler)
{
	struct scope scope = { .kind = SCOPE_SERVICE };
	struct series *series;

	strcpy(scope.name, metric->name);
	metric->age = metric->n ? 0 : metric->age + (metric->age < APP_GAUGE_TICKS);
	series = sampler_add(sampler, metric->signal, &scope);
	if (!series)
		return;
	series->flags = sampler->interval_ns ? SERIES_VALID : 0;
	if (metric->signal == SIGNAL_APP_VALUE)
		sample_level(metric, series);
	else if (metric->hist)
		*series->hist = *metric->hist;
	else
		series->value = metric->sum;
	if (!isfinite(series->value))
		*series = (struct series){ .signal = metric->signal, .scope = scope };
	if (series->hist)
		sampler->losses[LOSS_CLAMPED] += series->hist->clamped;
}

void app_metrics_sample(struct app_metrics *metrics, struct sampler *sampler)
{
	sampler->losses[LOSS_EVENT] += metrics->refused;
	sampler->losses[LOSS_SERIES] += metrics->crowded;
	metrics->refused = metrics->crowded = 0;
	for (size_t i = 0; i < APP_METRICS_MAX; i++) {
		struct app_metric *metric = &metrics->metrics[i];

		if (!metric->used)
			continue;
		metric->silent_ns = metric->n ? 0 : metric->silent_ns + sampler->interval_ns;
		if (metric->silent_ns >= APP_SILENT_NS) {
			metric_forget(metrics, metric);
			continue;
		}
		metric_sample(metric, sampler);
		metric->n = 0;
		metric->sum = 0;
		if (metric->hist)
			memset(metric->hist, 0, sizeof(*metric->hist));
	}
}

void app_metrics_keep(struct app_metrics *metrics, const struct source_demand *demand)
{
	for (size_t i = 0; i < APP_METRICS_MAX; i++) {
		struct app_metric *metric = &metrics->metrics[i];

		if (metric->used && !source_demands_service(demand, metric->signal, metric->name))
			metric_forget(metrics, metric);
	}
}
