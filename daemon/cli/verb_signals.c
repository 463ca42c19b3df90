// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/hist.h"
#include "base/scope.h"
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

static json_t *signals_json(const char *pattern, const struct frame *frame)
{
	json_t *rows = json_array();

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		json_t *row, *values;

		if (!cli_matches(pattern, signal_rows[i].name))
			continue;
		row = json_signal_row(&signal_rows[i]);
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
	return json_pack("{s:i, s:o}", "schema", 1, "signals", rows);
}

static void print_catalogue(FILE *out, const char *pattern)
{
	static const char *const titles[] = { "signal", "kind", "unit", "scope", "source", "what" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(out);

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		const struct signal_row *row = &signal_rows[i];

		if (!cli_matches(pattern, row->name))
			continue;
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", row->name);
		table_cell(table, TONE_PLAIN, "%s", signal_kind_word(row->kind));
		table_cell(table, TONE_PLAIN, "%s", unit_word(row->unit));
		table_cell(table, TONE_PLAIN, "%s", scope_kind_word(row->scope));
		table_cell(table, TONE_PLAIN, "%s", row->source);
		table_cell(table, TONE_PLAIN, "%s", row->about);
	}
	table_print(table, &style, out);
}

static void print_values(FILE *out, const char *pattern, const struct frame *frame)
{
	static const char *const titles[] = { "signal", "scope", "now", "what" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(out);
	char text[256], scope[SCOPE_TEXT_MAX];

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		size_t shown = 0;

		if (!cli_matches(pattern, signal_rows[i].name))
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
		table_cell(table, TONE_PLAIN, "%s", scope_kind_word(signal_rows[i].scope));
		table_cell(table, TONE_DIM, "no value here");
		table_cell(table, TONE_DIM, "%s", signal_rows[i].about);
	}
	table_print(table, &style, out);
}

static void print_markdown(FILE *out)
{
	fputs("<!-- Made by `flyball signals --markdown`; a test compares. -->\n# Signals\n\n"
	      "Distributions are asked for `.p50 .p90 .p99 .mean .rate`, counters for `.rate`, "
	      "gauges by their name alone.\n\n"
	      "| signal | kind | unit | scope | source | what |\n|---|---|---|---|---|---|\n",
	      out);
	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		fprintf(out, "| `%s` | %s | %s | %s | %s | %s |\n", signal_rows[i].name,
			signal_kind_word(signal_rows[i].kind), unit_word(signal_rows[i].unit),
			scope_kind_word(signal_rows[i].scope), signal_rows[i].source,
			signal_rows[i].about);
}

static int look(const struct invocation *invocation, struct sampler *sampler,
		const char *force_block, const char *pattern)
{
	const struct scope only = option_scope(invocation, "--only");
	struct progress progress;
	uint64_t now = clock_now_ns();
	int r;

	r = sampler_init(sampler, force_block, pattern, &only, run_folder(invocation));
	if (r < 0)
		return r;
	progress_begin(&progress, invocation->err, "looking for a second", now, LOOK_NS);
	r = sampler_step(sampler, clock_now_ns() + LOOK_NS);
	progress_end(&progress);
	return r;
}

static int signals_run(const struct invocation *invocation)
{
	const char *pattern = invocation->n_words ? invocation->words[0] : NULL;
	_cleanup_(sampler_deinit) struct sampler sampler = SAMPLER_NONE;
	bool values = !option_given(invocation, "--no-values");
	struct observer_options options = { 0 };
	_cleanup_json_ json_t *list = NULL;
	char hint[128];
	int r;

	if (option_given(invocation, "--markdown")) {
		print_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	if (sampler_matches(pattern) == 0)
		return cli_usage_error(invocation, "no signal matches '%s'%s", pattern,
				       sampler_did_you_mean(pattern, hint, sizeof(hint)));
	r = source_forced(invocation, &options);
	if (r != EXIT_CODE_OK)
		return r;
	if (values) {
		r = look(invocation, &sampler, options.force_block, pattern);
		if (r < 0)
			return cli_error(invocation, EXIT_CODE_ERROR, "unable to sample: %s",
					 strerror(-r));
	}
	if (invocation->json) {
		list = signals_json(pattern, values ? sampler.frame : NULL);
		return print_json(invocation, list);
	}
	if (values)
		print_values(invocation->out, pattern, sampler.frame);
	else
		print_catalogue(invocation->out, pattern);
	return EXIT_CODE_OK;
}

const struct verb verb_signals = {
	.name = "signals",
	.arguments = "[PATTERN]",
	.about = "List the signals with their present values.",
	.text = "Looks for one second in this process, without a daemon, and attaches only what "
		"the pattern asks for. "
		"PATTERN is a part of a name, or has * and ?.",
	.options =
		(const struct option_row[]){
			{ .name = "--no-values",
			  .about = "Only the catalogue: attach nothing, look at nothing." },
			OPTION_ONLY,
			OPTION_SOURCE,
			OPTION_RUN,
			{ .name = "--markdown", .about = "Print the reference (docs/signals.md)." },
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball signals",
					   "flyball signals 'disk.read.*' --only disk:vda", NULL },
	.max_words = 1,
	.run = signals_run,
};
