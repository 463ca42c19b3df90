// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/knob_name.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "daemon/exit_code.h"
#include "daemon/json.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

#define CLI_PATTERN_MAX 128 /* no name is so long */
#define INSTANCES_MAX 256   /* of one knob; a machine with more disks gets a note */

/* What a row takes, for people. */
static const char *range_text(const struct knob_row *row, char *buffer, size_t size)
{
	if (row->type == KNOB_CHOICE)
		return "what the kernel offers";
	if (row->type == KNOB_TEXT)
		return "text, see there";
	if (row->type == KNOB_LIST)
		return row->min > 0 ? "a list such as 0-3,8" : "a list such as 0-3,8, or empty";
	snprintf(buffer, size, "%lld to %lld%s", (long long)row->min, (long long)row->max,
		 row->type == KNOB_LIMIT ? ", or " KNOB_NO_LIMIT : "");
	return buffer;
}

static void print_knob(struct table *table, const struct knob_row *row,
		       const struct knob_reading *reading)
{
	char scope[SCOPE_TEXT_MAX], range[64], choices[KNOB_CHOICES_MAX * KNOB_NAME_MAX] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < reading->n_choices && i < KNOB_CHOICES_MAX; i++)
		used += (size_t)snprintf(choices + used, sizeof(choices) - used, "%s%s",
					 i ? " " : "", reading->choices[i]);
	table_row(table);
	table_cell(table, TONE_STRONG, "%s", row->name);
	table_cell(table, TONE_PLAIN, "%s", scope_format(&reading->scope, scope, sizeof(scope)));
	if (reading->flags & (KNOB_GONE | KNOB_HIDDEN))
		table_cell(table, TONE_DIM, "-");
	else
		table_cell(table, TONE_PLAIN, "%s", reading->value);
	table_cell(table, TONE_PLAIN, "%s", knob_family_word(row->family));
	if (reading->flags & KNOB_GONE)
		table_cell(table, TONE_WARN, "not on this kernel");
	else if (reading->flags & KNOB_HIDDEN)
		table_cell(table, TONE_WARN, "ask as root");
	else if (reading->flags & KNOB_WRITABLE)
		table_cell(table, TONE_GOOD, "yes");
	else
		table_cell(table, TONE_WARN, "read-only%s%s", reading->reason[0] ? ": " : "",
			   reading->reason);
	table_cell(table, reading->owner[0] ? TONE_WARN : TONE_DIM, "%s",
		   reading->owner[0] ? reading->owner : "-");
	table_cell(table, TONE_PLAIN, "%s. %s",
		   row->type == KNOB_CHOICE ? choices : range_text(row, range, sizeof(range)),
		   row->about);
}

/* A running daemon knows which knobs somebody has taken for his own. */
static void find_owner(const json_t *pinned, struct knob_reading *reading)
{
	char scope[SCOPE_TEXT_MAX];
	const json_t *pin;
	size_t i;

	scope_format(&reading->scope, scope, sizeof(scope));
	json_array_foreach (pinned, i, pin)
		if (!strcmp(member_text(pin, "knob"), reading->knob) &&
		    !strcmp(member_text(pin, "scope"), scope))
			snprintf(reading->owner, sizeof(reading->owner), "%s",
				 member_text(pin, "owner"));
}

/* Appends the instances of one row that can be read to the table and to the list. Returns 0 or the first -errno. */
static int collect(int root, const struct knob_row *row, const struct scope *only,
		   const json_t *pinned, struct table *table, json_t *list)
{
	struct scope scopes[INSTANCES_MAX];
	struct knob_reading reading;
	size_t n;
	int r, first = 0;

	/* One that is named need not be among those that are listed. */
	if (only->kind != SCOPE_KIND_COUNT && only->name[0] && !strpbrk(only->name, "*?[")) {
		scopes[0] = *only;
		n = knob_fits(row, only->kind) && knob_resolve(root, row, &scopes[0]) == 0;
		only = n ? &scopes[0] : only;
	} else {
		n = knob_scopes(root, row, scopes, INSTANCES_MAX);
	}

	if (n > INSTANCES_MAX)
		fprintf(stderr, "flyball: %s has %zu instances, the first %d are shown\n",
			row->name, n, INSTANCES_MAX);

	for (size_t i = 0; i < n && i < INSTANCES_MAX; i++) {
		if (only->kind != SCOPE_KIND_COUNT && !scope_matches(&scopes[i], only))
			continue;
		r = knob_read(root, row, &scopes[i], &reading);
		if (r < 0) {
			first = first ? first : r;
			continue;
		}
		if (only == scopes && (reading.flags & KNOB_GONE))
			continue;
		find_owner(pinned, &reading);
		print_knob(table, row, &reading);
		json_array_append_new(list, json_knob(row, &reading));
	}
	return first;
}

static void print_markdown(FILE *out)
{
	fputs("<!-- Made by `flyball knobs --markdown`; a test compares. -->\n# Knobs\n\n"
	      "Only these can be changed, and only within these ranges.\n\n"
	      "| knob | family | scope | type | range | file | what "
	      "|\n|---|---|---|---|---|---|---|\n",
	      out);
	for (size_t i = 0; i < knob_rows_count; i++) {
		const struct knob_row *row = &knob_rows[i];
		char range[64];

		fprintf(out, "| `%s` | %s | %s%s | %s | %s | `%s%s` | %s |\n", row->name,
			knob_family_word(row->family), scope_kind_word(row->scope),
			row->per_netns ? ", netns" : "", knob_type_word(row->type),
			range_text(row, range, sizeof(range)), row->scope == SCOPE_ROUTE ? "" : "/",
			row->path, row->about);
	}
}

static int no_match(const struct invocation *invocation, const char *pattern,
		    const struct knob_table *knobs)
{
	const char *names[256];
	char hint[128];
	size_t n = knobs->n < ARRAY_SIZE(names) ? knobs->n : ARRAY_SIZE(names);

	for (size_t i = 0; i < n; i++)
		names[i] = knobs->rows[i].name;
	return cli_usage_error(invocation, "no knob matches '%s'%s", pattern,
			       cli_did_you_mean(pattern, names, n, hint, sizeof(hint)));
}

static int knobs_run(const struct invocation *invocation)
{
	static const char *const titles[] = { "knob",
					      "scope",
					      "value",
					      "family",
					      "writable",
					      "owner",
					      "choices or range, and what" };
	char dotted[CLI_PATTERN_MAX];
	const char *pattern =
		invocation->n_words ? knob_name_dotted(invocation->words[0], dotted, sizeof(dotted))
				    : NULL;
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct scope only = option_scope(invocation, "--only");
	const struct style style = style_of(invocation->out);
	_cleanup_close_ int root = sysroot_open("/");
	_cleanup_json_ json_t *list = NULL, *status = NULL;
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	json_t *rows = json_array();
	size_t matched = 0;
	int r = 0;

	list = json_pack("{s:i, s:o}", "schema", 1, "knobs", rows);
	if (root < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	if (option_given(invocation, "--markdown")) {
		print_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	status = daemon_status_quietly(invocation);
	r = knobs_load(invocation, &knobs);
	if (r != EXIT_CODE_OK)
		return r;
	for (size_t i = 0; i < knobs->table.n; i++) {
		if (!cli_matches(pattern, knobs->table.rows[i].name))
			continue;
		matched++;
		r = collect(root, &knobs->table.rows[i], &only, json_object_get(status, "pinned"),
			    table, rows);
		if (r < 0)
			fprintf(invocation->err, "flyball: unable to read '%s': %s, ignoring\n",
				knobs->table.rows[i].name, strerror(-r));
	}
	if (matched == 0)
		return no_match(invocation, pattern, &knobs->table);
	if (invocation->json)
		return print_json(invocation, list);
	table_print(table, &style, invocation->out);
	return EXIT_CODE_OK;
}

const struct verb verb_knobs = {
	.name = "knobs",
	.arguments = "[PATTERN]",
	.about = "List the knobs: value, choices or range, owner, and whether they can be written.",
	.text = "Reads only; needs no daemon, but only a running one knows which knobs are owned "
		"by "
		"admin. PATTERN is a part of a name, or has * and ?. Processes are shown where "
		"--only "
		"names one.",
	.options =
		(const struct option_row[]){
			OPTION_ONLY,
			OPTION_RUN,
			OPTION_KNOBS,
			{ .name = "--markdown", .about = "Print the reference (docs/knobs.md)." },
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball knobs block",
					   "flyball knobs --only disk:vda --json",
					   "flyball knobs affinity --only process:1234", NULL },
	.max_words = 1,
	.run = knobs_run,
};
