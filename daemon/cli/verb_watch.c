// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/scope.h"
#include "daemon/exit_code.h"
#include "daemon/json_internal.h"
#include "daemon/cli/render.h"
#include "daemon/cli/sampler.h"
#include "daemon/cli/verbs.h"

static size_t print_table(FILE *out, const struct style *style, const struct frame *frame)
{
	static const char *const titles[] = { "signal", "scope", "now" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	char text[256], scope[SCOPE_TEXT_MAX];

	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		table_row(table);
		table_cell(table, TONE_STRONG, "%s", signal_rows[series->signal].name);
		table_cell(table, TONE_PLAIN, "%s",
			   scope_format(&series->scope, scope, sizeof(scope)));
		table_cell(table, TONE_PLAIN, "%s",
			   series_text(series, frame->interval_ns, text, sizeof(text)));
	}
	return table_print(table, style, out);
}

static void print_lines(FILE *out, const struct frame *frame)
{
	char text[256], scope[SCOPE_TEXT_MAX];

	for (size_t i = 0; i < frame->n_series; i++)
		fprintf(out, "%s %s %s\n", signal_rows[frame->series[i].signal].name,
			scope_format(&frame->series[i].scope, scope, sizeof(scope)),
			series_text(&frame->series[i], frame->interval_ns, text, sizeof(text)));
}

/* One line of JSON a sample. */
static void print_sample_json(FILE *out, const struct frame *frame)
{
	_cleanup_json_ json_t *sample = NULL;
	json_t *rows = json_array();
	char text[256];

	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		json_array_append_new(rows,
				      json_pack("{s:s, s:o, s:s, s:o}", "name",
						signal_rows[series->signal].name, "scope",
						json_scope(&series->scope), "text",
						series_text(series, frame->interval_ns, text,
							    sizeof(text)),
						"value",
						json_number(series->hist ? 0 : series->value)));
	}
	sample = json_pack("{s:i, s:f, s:I, s:o}", "schema", 1, "time",
			   (double)clock_wall_ns() / (double)NSEC_PER_SEC, "interval_ns",
			   (json_int_t)frame->interval_ns, "signals", rows);
	json_dumpf(sample, out, JSON_COMPACT);
	fputc('\n', out);
}

/* Below a table that is redrawn; elsewhere once for each change, apart from the samples. Returns how many lines. */
static size_t print_cost(FILE *out, const struct style *style, const struct sampled *seen)
{
	const char *text = seen->report.text;

	if (style->live && text[0])
		return fprintf(out, "%s\n", text) > 0;
	if (!style->live && seen->spending & SPENDING_CHANGED)
		fprintf(stderr, "flyball: %s; the budget is %.3f %%\n", text,
			100 * seen->report.limit_ratio);
	return 0;
}

/* What is on the terminal. */
struct screen {
	FILE *out;
	struct style style;
	size_t lines;        /* of the table that is to be redrawn */
	unsigned int n_said; /* lines below it, which stay */
};

static void redraw(struct screen *screen, const struct sampler *sampler)
{
	/* Every source was left out of this sample: what is shown stays. */
	if (sampler->seen->frame.n_series == 0 && screen->lines)
		return;
	if (screen->n_said != sampler->looker.n_said)
		screen->lines = 0;
	screen->n_said = sampler->looker.n_said;
	if (screen->lines)
		fprintf(screen->out, "\033[%zuA\033[J", screen->lines);
	screen->lines = print_table(screen->out, &screen->style, &sampler->seen->frame);
	screen->lines += print_cost(screen->out, &screen->style, sampler->seen);
}

static int show(const struct invocation *invocation, struct screen *screen,
		const struct sampler *sampler)
{
	if (invocation->json)
		print_sample_json(screen->out, &sampler->seen->frame);
	else if (screen->style.live)
		redraw(screen, sampler);
	else
		print_lines(screen->out, &sampler->seen->frame);
	if (!screen->style.live)
		print_cost(screen->out, &screen->style, sampler->seen);
	return fflush(screen->out);
}

/* Sample after sample, until there were `count` (0 = no end), nobody reads them, or this process is asked to end. */
static int watch(const struct invocation *invocation, struct sampler *sampler)
{
	const uint64_t interval = option_time_ns(invocation, "--interval"),
		       count = option_number(invocation, "--count");
	struct screen screen = { .out = invocation->out, .style = style_of(invocation->out) };
	uint64_t next = clock_now_ns();
	int r = 0;

	for (uint64_t i = 0; r == 0 && (count == 0 || i < count); i++) {
		next += interval;
		r = sampler_step(sampler, next);
		if (r == 0 && show(invocation, &screen, sampler) == EOF)
			break;
	}
	return r;
}

static int watch_run(const struct invocation *invocation)
{
	_cleanup_(sampler_deinit) struct sampler sampler = SAMPLER_NONE;
	_cleanup_config_ struct config *config = NULL;
	struct observer_options options = { 0 };
	struct sampling sampling = { .options = &options,
				     .only = option_scope(invocation, "--only") };
	struct signal_pattern pattern;
	char hint[128];
	int r;

	if (signal_pattern_parse(invocation->words[0], &pattern) < 0)
		return pattern_error(invocation, invocation->words[0]);
	if (signal_pattern_matches(&pattern) == 0)
		return cli_usage_error(invocation, "no signal matches '%s'%s", invocation->words[0],
				       signal_pattern_hint(invocation->words[0], hint,
							   sizeof(hint)));
	sampling.pattern = &pattern;
	r = budget_wanted(invocation, 0, &sampling.budget_ratio);
	if (r == EXIT_CODE_OK)
		r = observer_wanted(invocation, &config, &options);
	if (r != EXIT_CODE_OK)
		return r;
	r = sampler_init(&sampler, &sampling, invocation->err);
	if (r == 0)
		r = watch(invocation, &sampler);
	/* Interrupted: the sampler's end lets the signal through. */
	return r < 0 && r != -EINTR ? cli_error(invocation, EXIT_CODE_ERROR, "unable to sample: %s",
						strerror(-r))
				    : EXIT_CODE_OK;
}

const struct verb verb_watch = {
	.name = "watch",
	.arguments = "PATTERN",
	.about = "Show signals as they change.",
	.text = "Redraws a table on a terminal, prints lines elsewhere. Runs in this process, "
		"without a daemon. A source that does not answer for 3 seconds is left out, and "
		"said, "
		"until it answers. " PATTERN_TEXT,
	.options =
		(const struct option_row[]){
			{ .name = "--interval",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .preset = "1s",
			  .about = "Between two samples." },
			{ .name = "--count",
			  .argument = "N",
			  .type = OPTION_NUMBER,
			  .preset = "0",
			  .about = "End after so many; 0 = never." },
			OPTION_ONLY,
			OPTION_BUDGET("0 by default", ""),
			OPTION_CONFIG,
			OPTION_SOURCE,
			OPTION_RUN,
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball watch disk.read",
					   "flyball watch 'psi.*' --interval 250ms --count 20",
					   "flyball watch 'psi.io.full[cgroup:/a]'", NULL },
	.min_words = 1,
	.max_words = 1,
	.run = watch_run,
};
