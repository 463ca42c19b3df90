// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/sysroot.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

static char *per_run(double total, double n, char *buffer, size_t size)
{
	return quantity_format(n > 0 ? total / n : (double)NAN, UNIT_TIME, buffer, size);
}

static void print_processes(FILE *out, const struct style *style, const json_t *data)
{
	static const char *const titles[] = { "process", ">pid", ">CPU time", ">of the machine",
					      ">memory" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const json_t *row;
	char text[32];
	size_t i;

	json_array_foreach (json_object_get(data, "processes"), i, row) {
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", member_text(row, "name"));
		table_cell(table, TONE_PLAIN, "%" JSON_INTEGER_FORMAT, member_integer(row, "pid"));
		table_cell(table, TONE_PLAIN, "%s",
			   quantity_format(member_number(row, "cpu_ns"), UNIT_TIME, text,
					   sizeof(text)));
		table_cell(table, TONE_PLAIN, "%.4f %%", 100 * member_number(row, "cpu_ratio"));
		table_cell(table, TONE_PLAIN, "%s",
			   quantity_format(member_number(row, "pss_bytes"), UNIT_BYTES, text,
					   sizeof(text)));
	}
	table_print(table, style, out);
}

static void print_sources(FILE *out, const struct style *style, const json_t *data)
{
	static const char *const titles[] = { "source",          "method",    "state",
					      ">of the machine", "sampled",   ">samples",
					      ">a sample",       ">BPF runs", ">a run" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const json_t *row;
	char text[32];
	size_t i;

	json_array_foreach (json_object_get(data, "sources"), i, row) {
		double samples = member_number(row, "samples"),
		       runs = member_number(row, "bpf_runs");
		const char *thinning = member_text(row, "thinning");

		table_row(table);
		table_cell(table, TONE_STRONG, "%s", member_text(row, "name"));
		table_cell(table, TONE_PLAIN, "%s", member_text(row, "method"));
		table_cell(table, TONE_PLAIN, "%s", member_text(row, "state"));
		table_cell(table, TONE_PLAIN, "%.4f %%", 100 * member_number(row, "cpu_ratio"));
		table_cell(table, strcmp(thinning, "whole") ? TONE_WARN : TONE_PLAIN, "%s%s",
			   thinning,
			   json_is_true(json_object_get(row, "on_trial")) ? ", on trial" : "");
		table_cell(table, TONE_PLAIN, "%.0f", samples);
		table_cell(table, TONE_PLAIN, "%s",
			   per_run(member_number(row, "sample_ns"), samples, text, sizeof(text)));
		table_cell(table, TONE_PLAIN, "%s",
			   quantity_format(runs > 0 ? runs : (double)NAN, UNIT_NONE, text,
					   sizeof(text)));
		table_cell(table, TONE_PLAIN, "%s",
			   per_run(member_number(row, "bpf_run_ns"), runs, text, sizeof(text)));
	}
	fputc('\n', out);
	table_print(table, style, out);
}

/* What was lost, and what a source says of itself. */
static void print_losses(FILE *out, const json_t *data)
{
	const json_t *row, *count;
	const char *loss;
	size_t i;

	json_array_foreach (json_object_get(data, "sources"), i, row) {
		bool lost = false;

		json_object_foreach ((json_t *)json_object_get(row, "losses"), loss, count) {
			if (json_integer_value(count) == 0)
				continue;
			fprintf(out, "%s%s: %" JSON_INTEGER_FORMAT " %s", lost ? "" : "\n",
				lost ? "," : member_text(row, "name"), json_integer_value(count),
				loss);
			lost = true;
		}
		if (lost)
			fprintf(out, " lost%s%s\n", member_text(row, "text")[0] ? "; " : "",
				member_text(row, "text"));
	}
}

/* `Pss:                1234 kB`: this process's part of the pages that it shares with others. */
static int64_t read_pss_bytes(int root, int64_t pid)
{
	char path[64], text[4096];
	const char *line;

	snprintf(path, sizeof(path), "proc/%" PRId64 "/smaps_rollup", pid);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return -1;
	line = strstr(text, "\nPss:");
	return line ? strtoll(line + strlen("\nPss:"), NULL, 10) * 1024 : -1;
}

/* Core may not look into root's processes; who asks may, when it is root. */
static void add_memory(json_t *data)
{
	_cleanup_close_ int root = sysroot_open("/");
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(data, "processes"), i, row) {
		int64_t pss = read_pss_bytes(root, member_integer(row, "pid"));

		json_object_set_new(row, "pss_bytes", pss < 0 ? json_null() : json_integer(pss));
	}
}

/* Of the last ticks, where the line above it is of all its life. */
static void print_budget(FILE *out, const json_t *budget)
{
	const double limit = member_number(budget, "limit_ratio");
	const char *text = member_text(budget, "text");

	if (!(limit > 0)) {
		fprintf(out, "no budget is set\n\n");
		return;
	}
	fprintf(out, "%.4f %% of late, of a budget of %.4g %%%s%s\n\n",
		100 * member_number(budget, "ratio"), 100 * limit, text[0] ? "; " : "", text);
}

static int overhead_run(const struct invocation *invocation)
{
	const struct style style = style_of(invocation->out);
	_cleanup_json_ json_t *data = NULL;
	char window[32];
	int r;

	r = daemon_ask(invocation, "overhead", NULL, &data);
	if (r != EXIT_CODE_OK)
		return r;
	add_memory(data);
	if (invocation->json)
		return print_json(invocation, data);
	fprintf(invocation->out,
		"flyball takes %.4f %% of the machine's CPU time, measured over %s\n\n",
		100 * member_number(data, "total_ratio"),
		quantity_format(member_number(data, "window_ns"), UNIT_TIME, window,
				sizeof(window)));
	print_budget(invocation->out, json_object_get(data, "budget"));
	print_processes(invocation->out, &style, data);
	print_sources(invocation->out, &style, data);
	print_losses(invocation->out, data);
	return EXIT_CODE_OK;
}

const struct verb verb_overhead = {
	.name = "overhead",
	.arguments = "",
	.about = "Say what flyball itself costs: each process, each source.",
	.text = "The kernel times BPF programs only on demand, at some 30 ns a run: flyball has it "
		"do "
		"so for two ticks in 64 and measures the second, so the runs that are shown are "
		"those "
		"that were counted. Over its budget ('flyball daemon --budget') flyball samples "
		"the "
		"dearest source less, then drops it, but never one that a running trial needs.",
	.options = (const struct option_row[]){ OPTION_RUN, { .name = NULL } },
	.run = overhead_run,
};
