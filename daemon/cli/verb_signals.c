// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/scope.h"
#include "base/signal.h"
#include "base/words.h"
#include "daemon/exit_code.h"
#include "daemon/json.h"
#include "daemon/json_internal.h"
#include "daemon/cli/render.h"
#include "daemon/cli/sampler.h"
#include "daemon/cli/verbs.h"

#define LOOK_NS \
	NSEC_PER_SEC /* between the two samples: a counter and a histogram need an interval */

static json_t *series_json(const struct series *series, uint64_t interval_ns)
{
	const struct signal_row *row = &signal_rows[series->signal];
	bool valid = (series->flags & SERIES_VALID) != 0;
	double seconds = (double)interval_ns / (double)NSEC_PER_SEC;
	const struct hist *hist = series->hist;
	json_t *value = json_pack("{s:o}", "scope", json_scope(&series->scope));

	if (row->kind == SIGNAL_GAUGE)
		json_object_set_new(value, "value",
				    json_number(valid ? series->value : (double)NAN));
	else if (row->kind == SIGNAL_COUNTER)
		json_object_set_new(value, "rate",
				    json_number(valid ? series->value / seconds : (double)NAN));
	else if (hist)
		json_object_update_new(value,
				       json_pack("{s:o, s:o, s:o, s:o, s:o}", "rate",
						 json_number((double)hist->count / seconds), "p50",
						 json_number(hist_quantile(hist, 0.5)), "p90",
						 json_number(hist_quantile(hist, 0.9)), "p99",
						 json_number(hist_quantile(hist, 0.99)), "mean",
						 json_number(hist_mean(hist))));
	return value;
}

/* [{"scope", "source", "state", "text", "remedy"}]: who has the signal in each kind of scope, and whether it works. */
static json_t *signal_sources_json(uint32_t signal, const struct source_status *sources, size_t n)
{
	json_t *rows = json_array();

	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		const char *name = observer_source_of(signal, kind);

		for (size_t i = 0; name && i < n; i++)
			if (!strcmp(sources[i].name, name))
				json_array_append_new(rows,
						      json_pack("{s:s, s:s, s:s, s:s, s:s}",
								"scope", scope_kind_word(kind),
								"source", name, "state",
								source_state_word(sources[i].state),
								"text", sources[i].text, "remedy",
								sources[i].remedy));
	}
	return rows;
}

static json_t *signals_json(const struct signal_pattern *pattern, const struct frame *frame,
			    const struct source_status *sources, size_t n_sources)
{
	struct scope scopes[SCOPE_KIND_COUNT];
	json_t *rows = json_array(), *all = json_array();

	for (size_t i = 0; i < n_sources; i++)
		json_array_append_new(all, json_source(&sources[i]));
	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		json_t *row, *values;

		if (signal_pattern_scopes(pattern, i, scopes) == 0)
			continue;
		row = json_signal_row(&signal_rows[i]);
		json_object_set_new(row, "sources", signal_sources_json(i, sources, n_sources));
		values = json_array();
		for (size_t j = 0; frame && j < frame->n_series; j++)
			if (frame->series[j].signal == i)
				json_array_append_new(values, series_json(&frame->series[j],
									  frame->interval_ns));
		if (frame)
			json_object_set_new(row, "values", values);
		else
			json_decref(values);
		json_array_append_new(rows, row);
	}
	return json_pack("{s:i, s:o, s:o}", "schema", 1, "signals", rows, "sources", all);
}

static char *scopes_text(const struct signal_row *row, char *buffer, size_t size)
{
	return signal_scopes_text(signal_scopes(row), row->scope, buffer, size);
}

/* `psi, cgroup-psi`: the source of the main scope, then the others in the order of their scopes. */
static char *sources_text(uint32_t signal, char *buffer, size_t size)
{
	const char *said[SCOPE_KIND_COUNT] = { signal_rows[signal].source };
	size_t n = 1, length = (size_t)snprintf(buffer, size, "%s", said[0]);

	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		const char *name = observer_source_of(signal, kind);
		bool is_new = name != NULL;

		for (size_t i = 0; name && i < n; i++)
			is_new &= strcmp(said[i], name) != 0;
		if (!is_new || length >= size)
			continue;
		said[n++] = name;
		length += (size_t)snprintf(buffer + length, size - length, ", %s", name);
	}
	return buffer;
}

static void print_catalogue(FILE *out, const struct signal_pattern *pattern)
{
	static const char *const titles[] = {
		"signal", "kind", "unit", "scopes", "source", "what"
	};
	struct scope scopes[SCOPE_KIND_COUNT];
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	char text[SIGNAL_SCOPES_TEXT_MAX], other[SIGNAL_SCOPES_TEXT_MAX];
	const struct style style = style_of(out);

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		const struct signal_row *row = &signal_rows[i];

		if (signal_pattern_scopes(pattern, i, scopes) == 0)
			continue;
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", row->name);
		table_cell(table, TONE_PLAIN, "%s", signal_kind_word(row->kind));
		table_cell(table, TONE_PLAIN, "%s", unit_word(row->unit));
		table_cell(table, TONE_PLAIN, "%s", scopes_text(row, text, sizeof(text)));
		table_cell(table, TONE_PLAIN, "%s", sources_text(i, other, sizeof(other)));
		table_cell(table, TONE_PLAIN, "%s", row->about);
	}
	table_print(table, &style, out);
}

/* Why a signal has no value: its source cannot work here, or nothing of the kind is there. */
static const char *no_value_text(uint32_t signal, uint32_t kind,
				 const struct source_status *sources, size_t n)
{
	const char *name = observer_source_of(signal, kind);

	for (size_t i = 0; name && i < n; i++)
		if (!strcmp(sources[i].name, name) && sources[i].state == SOURCE_UNAVAILABLE)
			return sources[i].text;
	return "no value here";
}

static void print_values(FILE *out, const struct signal_pattern *pattern, const struct frame *frame,
			 const struct source_status *sources, size_t n_sources)
{
	static const char *const titles[] = { "signal", "scope", "now", "what" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(out);
	char text[256], scope[SCOPE_TEXT_MAX];
	struct scope scopes[SCOPE_KIND_COUNT];

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		size_t shown = 0;

		if (signal_pattern_scopes(pattern, i, scopes) == 0)
			continue;
		for (size_t j = 0; j < frame->n_series; j++) {
			const struct series *series = &frame->series[j];

			if (series->signal != i)
				continue;
			table_row(table);
			table_cell(table, TONE_STRONG, "%s", signal_rows[i].name);
			table_cell(table, TONE_PLAIN, "%s",
				   scope_format(&series->scope, scope, sizeof(scope)));
			table_cell(table, TONE_PLAIN, "%s",
				   series_text(series, frame->interval_ns, text, sizeof(text)));
			table_cell(table, TONE_DIM, "%s", shown++ ? "" : signal_rows[i].about);
		}
		if (shown)
			continue;
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", signal_rows[i].name);
		table_cell(table, TONE_PLAIN, "%s", scope_kind_word(scopes[0].kind));
		table_cell(table, TONE_DIM, "%s",
			   no_value_text(i, scopes[0].kind, sources, n_sources));
		table_cell(table, TONE_DIM, "%s", signal_rows[i].about);
	}
	table_print(table, &style, out);
}

static void print_markdown(FILE *out)
{
	char scopes[SIGNAL_SCOPES_TEXT_MAX], sources[SIGNAL_SCOPES_TEXT_MAX];

	fputs("<!-- Made by `flyball signals --markdown`; a test compares. -->\n# Signals\n\n"
	      "Distributions are asked for `.p50 .p90 .p99 .mean .rate`, counters for `.rate`, "
	      "gauges by their name alone.\n\n"
	      "The first scope is the main one, which `flyball signals` shows. In a policy a "
	      "signal is "
	      "of the policy's own scope where it has that, else of the host; one instance is "
	      "named in "
	      "brackets, with its kind where there are several besides the host: `cpu.user[3]`, "
	      "`psi.io.full[cgroup:/a]`, `psi.io.full[host]`.\n\n"
	      "| signal | kind | unit | scopes | sources | what |\n|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", signal_rows[i].name,
			signal_kind_word(signal_rows[i].kind), unit_word(signal_rows[i].unit),
			scopes_text(&signal_rows[i], scopes, sizeof(scopes)),
			sources_text(i, sources, sizeof(sources)), signal_rows[i].about);
}

/* Without a demand it attaches nothing: then the sources say whether they would work. */
static int look(const struct invocation *invocation, struct sampler *sampler,
		const struct observer_options *options, const struct signal_pattern *pattern)
{
	const struct sampling sampling = {
		.options = options,
		.pattern = pattern,
		.only = option_scope(invocation, "--only"),
		.with_sources = true,
	};
	struct progress progress;
	int r;

	r = sampler_init(sampler, &sampling, invocation->err);
	if (r < 0 || !pattern)
		return r;
	progress_begin(&progress, invocation->err, "looking for a second", clock_now_ns(), LOOK_NS);
	r = sampler_step(sampler, clock_now_ns() + LOOK_NS);
	progress_end(&progress);
	return r;
}

/* What was lost while looking, by source: `cgroup-psi: 12 instances lost; 12 instances of cgroup found no place …`. */
static void print_losses(FILE *out, const struct source_status *sources, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (uint32_t loss = 0; loss < LOSS_COUNT; loss++)
			if (sources[i].losses[loss])
				fprintf(out, "%s: %llu %s lost%s%s\n", sources[i].name,
					(unsigned long long)sources[i].losses[loss],
					loss_word(loss), sources[i].text[0] ? "; " : "",
					sources[i].text);
}

static int show(const struct invocation *invocation, const struct signal_pattern *pattern,
		const struct frame *frame, const struct source_status *sources, size_t n)
{
	_cleanup_json_ json_t *list = NULL;

	if (invocation->json) {
		list = signals_json(pattern, frame, sources, n);
		return print_json(invocation, list);
	}
	if (frame)
		print_values(invocation->out, pattern, frame, sources, n);
	else
		print_catalogue(invocation->out, pattern);
	print_losses(invocation->err, sources, n);
	return EXIT_CODE_OK;
}

static int signals_run(const struct invocation *invocation)
{
	const char *text = invocation->n_words ? invocation->words[0] : NULL;
	_cleanup_(sampler_deinit) struct sampler sampler = SAMPLER_NONE;
	bool values = !option_given(invocation, "--no-values");
	_cleanup_config_ struct config *config = NULL;
	struct observer_options options = { 0 };
	struct signal_pattern pattern;
	char hint[128];
	int r;

	if (option_given(invocation, "--markdown")) {
		print_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	if (signal_pattern_parse(text, &pattern) < 0)
		return pattern_error(invocation, text);
	if (signal_pattern_matches(&pattern) == 0)
		return cli_usage_error(invocation, "no signal matches '%s'%s", text,
				       signal_pattern_hint(text, hint, sizeof(hint)));
	r = observer_wanted(invocation, &config, &options);
	if (r != EXIT_CODE_OK)
		return r;
	r = look(invocation, &sampler, &options, values ? &pattern : NULL);
	if (r == -EINTR)
		return EXIT_CODE_ERROR; /* the sampler's end lets the signal through */
	if (r < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to sample: %s", strerror(-r));
	return show(invocation, &pattern, values ? &sampler.seen->frame : NULL,
		    sampler.seen->sources, sampler.seen->n_sources);
}

const struct verb verb_signals = {
	.name = "signals",
	.arguments = "[PATTERN]",
	.about = "List the signals with their present values.",
	.text = "Looks for one second in this process, without a daemon, and attaches only what "
		"the pattern asks for. A source that does not answer for 3 seconds is left out, "
		"and said. " PATTERN_TEXT,
	.options =
		(const struct option_row[]){
			{ .name = "--no-values",
			  .about = "Only the catalogue: attach nothing, look at nothing." },
			OPTION_ONLY,
			OPTION_CONFIG,
			OPTION_SOURCE,
			OPTION_RUN,
			{ .name = "--markdown", .about = "Print the reference (docs/signals.md)." },
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball signals",
					   "flyball signals 'disk.read.*' --only disk:vda",
					   "flyball signals 'cpu.*[cpu:*]'", NULL },
	.max_words = 1,
	.run = signals_run,
};
