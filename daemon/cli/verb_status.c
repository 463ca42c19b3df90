// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "base/words.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

static void print_head(FILE *out, const struct style *style, const json_t *status)
{
	char uptime[32];

	fprintf(out, "flyball %s  %s%s%s, up %s, pid %" JSON_INTEGER_FORMAT,
		member_text(status, "version"), tone_on(style, TONE_STRONG),
		member_text(status, "mode"), tone_off(style),
		quantity_format(member_number(status, "uptime_ns"), UNIT_TIME, uptime,
				sizeof(uptime)),
		member_integer(status, "pid"));
	if (member_text(status, "only")[0])
		fprintf(out, ", only %s", member_text(status, "only"));
	if (json_is_true(json_object_get(status, "frozen")))
		fprintf(out, ", %sFROZEN: no trial starts until 'flyball thaw'%s",
			tone_on(style, TONE_WARN), tone_off(style));
	fputc('\n', out);
}

static void print_processes(FILE *out, const struct style *style, const json_t *status)
{
	static const char *const titles[] = { "process", ">pid", ">uid", ">restarts", "state" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const json_t *process;
	size_t i;

	json_array_foreach (json_object_get(status, "processes"), i, process) {
		bool alive = json_is_true(json_object_get(process, "alive"));

		table_row(table);
		table_cell(table, TONE_STRONG, "%s", member_text(process, "name"));
		table_cell(table, TONE_PLAIN, "%" JSON_INTEGER_FORMAT,
			   member_integer(process, "pid"));
		table_cell(table, TONE_PLAIN, "%" JSON_INTEGER_FORMAT,
			   member_integer(process, "uid"));
		table_cell(table, TONE_PLAIN, "%" JSON_INTEGER_FORMAT,
			   member_integer(process, "restarts"));
		table_cell(table, alive ? TONE_GOOD : TONE_BAD, "%s", alive ? "alive" : "dead");
	}
	fputc('\n', out);
	table_print(table, style, out);
}

/* `disk.read.latency.p99 3.1 ms (> 2.00 ms)` for each comparison. */
static void evidence_text(const json_t *target, char *buffer, size_t size)
{
	const json_t *evidence;
	size_t i, used = 0;
	char value[64];

	buffer[0] = '\0';
	json_array_foreach (json_object_get(target, "evidence"), i, evidence) {
		const char *text = member_text(evidence, "text"), *limit = strchr(text, ' ');
		int length = limit ? (int)(limit - text) : (int)strlen(text);
		char signal[96];

		snprintf(signal, sizeof(signal), "%.*s", length, text);
		value_text(member_number(evidence, "value"), member_text(evidence, "unit"), signal,
			   value, sizeof(value));
		used += (size_t)snprintf(buffer + used, size - used, "%s%s is %s, acts at%s",
					 i ? "; " : "", signal, value, limit ? limit : " ?");
		if (used >= size)
			return;
	}
}

static void print_targets(FILE *out, const struct style *style, const json_t *status)
{
	static const char *const titles[] = { "policy", "scope", "state", "what it sees" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const json_t *target, *targets = json_object_get(status, "targets");
	char text[1024];
	size_t i;

	if (json_array_size(targets) == 0) {
		fprintf(out, "\n%zu policies, no scope here that they could act on\n",
			json_array_size(json_object_get(status, "policies")));
		return;
	}
	json_array_foreach (targets, i, target) {
		const char *state = member_text(target, "state");

		evidence_text(target, text, sizeof(text));
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", member_text(target, "policy"));
		table_cell(table, TONE_PLAIN, "%s", member_text(target, "scope"));
		table_cell(table,
			   !strcmp(state, "on-trial") ? TONE_ARM
			   : !strcmp(state, "blind")  ? TONE_WARN
						      : TONE_PLAIN,
			   "%s", state);
		table_cell(table, TONE_PLAIN, "%s", text);
	}
	fputc('\n', out);
	table_print(table, style, out);
}

static void print_pins(FILE *out, const struct style *style, const json_t *status)
{
	const json_t *row;
	char until[64];
	size_t i;

	json_array_foreach (json_object_get(status, "pinned"), i, row) {
		time_t end = (time_t)member_number(row, "until"),
		       since = (time_t)member_number(row, "since");
		char start[32];
		struct tm local;

		strftime(start, sizeof(start), "%F %R", localtime_r(&since, &local));
		snprintf(until, sizeof(until), "'flyball unpin'");
		if (json_is_real(json_object_get(row, "until")))
			strftime(until, sizeof(until), "%F %R or 'flyball unpin'",
				 localtime_r(&end, &local));
		fprintf(out, "\n%sowned by admin%s (who: %s) since %s: %s of %s%s%s%s, until %s\n",
			tone_on(style, TONE_WARN), tone_off(style), member_text(row, "by"), start,
			member_text(row, "knob"), member_text(row, "scope"),
			member_text(row, "value")[0] ? ", set to '" : "", member_text(row, "value"),
			member_text(row, "value")[0] ? "'" : "", until);
	}
}

static void print_changes(FILE *out, const struct style *style, const json_t *status)
{
	const json_t *row;
	char left[32];
	size_t i;

	json_array_foreach (json_object_get(status, "trials"), i, row)
		fprintf(out,
			"\ntrial %" JSON_INTEGER_FORMAT
			" runs (%s): %s of %s, '%s' against '%s', %" JSON_INTEGER_FORMAT
			" pairs; 'flyball trial %" JSON_INTEGER_FORMAT " --follow' shows it\n",
			member_integer(row, "id"), member_text(row, "phase"),
			member_text(row, "knob"), member_text(row, "scope"),
			member_text(row, "arm"), member_text(row, "incumbent"),
			member_integer(row, "n_pairs"), member_integer(row, "id"));
	json_array_foreach (json_object_get(status, "kept"), i, row)
		fprintf(out,
			"\n%skept%s by trial %" JSON_INTEGER_FORMAT
			": %s of %s, '%s' instead of '%s'; 'flyball rollback %" JSON_INTEGER_FORMAT
			"' undoes it\n",
			tone_on(style, TONE_GOOD), tone_off(style), member_integer(row, "trial"),
			member_text(row, "knob"), member_text(row, "scope"),
			member_text(row, "new"), member_text(row, "old"),
			member_integer(row, "trial"));
	json_array_foreach (json_object_get(status, "hands"), i, row)
		fprintf(out,
			"\n%sby hand%s: %s of %s, '%s' instead of '%s', for %s more; 'flyball "
			"abort %s' ends it\n",
			tone_on(style, TONE_WARN), tone_off(style), member_text(row, "knob"),
			member_text(row, "scope"), member_text(row, "new"), member_text(row, "old"),
			quantity_format(member_number(row, "left_s") * 1e9, UNIT_TIME, left,
					sizeof(left)),
			member_text(row, "knob"));
	print_pins(out, style, status);
	json_array_foreach (json_object_get(status, "sources"), i, row)
		if (!strcmp(member_text(row, "state"), "degraded") ||
		    !strcmp(member_text(row, "state"), "unavailable"))
			fprintf(out, "\n%ssource %s is %s%s: %s\n", tone_on(style, TONE_WARN),
				member_text(row, "name"), member_text(row, "state"),
				tone_off(style), member_text(row, "text"));
	json_array_foreach (json_object_get(status, "warnings"), i, row)
		fprintf(out, "\n%swarning%s: %s\n", tone_on(style, TONE_WARN), tone_off(style),
			json_string_value(row) ? json_string_value(row) : member_text(row, "text"));
	if (member_text(json_object_get(status, "history"), "note")[0])
		fprintf(out, "\nhistory: %s\n",
			member_text(json_object_get(status, "history"), "note"));
}

static int status_run(const struct invocation *invocation)
{
	const struct style style = style_of(invocation->out);
	_cleanup_json_ json_t *status = NULL;
	int r;

	r = daemon_ask(invocation, "status", NULL, &status);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, status);
	print_head(invocation->out, &style, status);
	print_processes(invocation->out, &style, status);
	print_targets(invocation->out, &style, status);
	print_changes(invocation->out, &style, status);
	return EXIT_CODE_OK;
}

const struct verb verb_status = {
	.name = "status",
	.arguments = "",
	.about = "Say what the daemon does now: processes, policies with what they see, trials, "
		 "kept changes.",
	.options = (const struct option_row[]){ OPTION_RUN, { .name = NULL } },
	.run = status_run,
};
