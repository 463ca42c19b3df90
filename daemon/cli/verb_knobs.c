// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/knob_name.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "daemon/exit_code.h"
#include "daemon/json.h"
#include "daemon/cli/knob_listing.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

#define CLI_PATTERN_MAX 128 /* no name is so long */
#define ABOUTS_MAX 6        /* knobs whose texts are printed below them; of more nobody reads all */

/* The kernel's own unit of a number, where it has a name; else "". */
static const char *unit_text(const struct knob_row *row)
{
	static const struct {
		enum unit unit;
		int64_t scale;
		const char *text;
	} units[] = {
		{ UNIT_TIME, 1, " ns" },         { UNIT_TIME, 1000, " µs" },
		{ UNIT_TIME, 1000000, " ms" },   { UNIT_TIME, 10000000, " cs" },
		{ UNIT_TIME, 1000000000, " s" }, { UNIT_BYTES, 1, " B" },
		{ UNIT_BYTES, 1024, " KiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].unit == row->unit && units[i].scale == row->unit_scale)
			return units[i].text;
	return "";
}

/* What a row takes, for people. */
static const char *range_text(const struct knob_row *row, char *buffer, size_t size)
{
	if (row->type == KNOB_CHOICE)
		return "what the kernel offers";
	if (row->type == KNOB_TEXT)
		return "text, see there";
	if (row->type == KNOB_LIST)
		return row->min > 0 ? "a list such as 0-3,8" : "a list such as 0-3,8, or empty";
	snprintf(buffer, size, "%lld to %lld%s%s", (long long)row->min, (long long)row->max,
		 unit_text(row), row->type == KNOB_LIMIT ? ", or " KNOB_NO_LIMIT : "");
	return buffer;
}

/* The same of one instance, where the kernel says more. */
static void takes_cell(struct table *table, const struct knob_found *found)
{
	const struct knob_reading *reading = &found->reading;
	char text[KNOB_CHOICES_MAX * KNOB_NAME_MAX] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < reading->n_choices && i < KNOB_CHOICES_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 reading->choices[i]);
	if (text[0])
		table_cell(table, TONE_PLAIN, "%s", text);
	else if (reading->within[0])
		table_cell(table, TONE_PLAIN, "a list within %s", reading->within);
	else
		table_cell(table, TONE_PLAIN, "%s", range_text(found->row, text, sizeof(text)));
}

static void print_found(struct table *table, const struct knob_found *found)
{
	const struct knob_reading *reading = &found->reading;
	const char *reason = knob_found_reason(found);
	char scope[SCOPE_TEXT_MAX];

	table_row(table);
	table_cell(table, TONE_STRONG, "%s", found->row->name);
	table_cell(table, TONE_PLAIN, "%s", scope_format(&reading->scope, scope, sizeof(scope)));
	if (reading->flags & (KNOB_GONE | KNOB_HIDDEN))
		table_cell(table, TONE_DIM, "-");
	else if (!reading->value[0])
		table_cell(table, TONE_DIM, "(empty)");
	else
		table_cell(table, TONE_PLAIN, "%s", reading->value);
	if (reason[0])
		table_cell(table, TONE_WARN, "no: %s", reason);
	else if (reading->owner[0])
		table_cell(table, TONE_WARN, "yes, but %s",
			   strcmp(reading->owner, "systemd") ? reading->owner : "systemd's");
	else
		table_cell(table, TONE_GOOD, "yes");
	takes_cell(table, found);
}

static void print_absent(const struct invocation *invocation, const struct style *style,
			 const struct knob_listing *listing, enum knob_family family)
{
	FILE *out = invocation->out;

	for (size_t i = 0; i < listing->n_absent; i++) {
		const struct knob_row *row = listing->absent[i];
		const char *reason = knob_absent_reason(row);
		char *text = NULL;
		size_t size;
		FILE *f;

		if (row->family != family ||
		    (i > 0 && listing->absent[i - 1]->family == family &&
		     !strcmp(knob_absent_reason(listing->absent[i - 1]), reason)))
			continue;
		f = open_memstream(&text, &size);
		if (!f)
			return;
		for (size_t j = i; j < listing->n_absent; j++)
			if (listing->absent[j]->family == family &&
			    !strcmp(knob_absent_reason(listing->absent[j]), reason))
				fprintf(f, "%s%s", j > i ? ", " : "", listing->absent[j]->name);
		fprintf(f, ": %s", reason);
		fclose(f);
		fputs(tone_on(style, TONE_DIM), out);
		text_wrap(out, text, 0, 2, style->width);
		fputs(tone_off(style), out);
		free(text);
	}
}

/* A table a family: its knobs here, then those that are not. */
static void print_family(const struct invocation *invocation, const struct knob_listing *listing,
			 enum knob_family family)
{
	static const char *const titles[] = { "knob", "scope", "value", "writable", "takes" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(invocation->out);
	size_t n = 0, n_writable = 0, n_absent = 0;

	for (size_t i = 0; i < listing->n; i++) {
		const struct knob_found *found = listing->found[i];

		if (found->row->family != family || found->error)
			continue;
		print_found(table, found);
		n++;
		n_writable += !knob_found_reason(found)[0];
	}
	for (size_t i = 0; i < listing->n_absent; i++)
		n_absent += listing->absent[i]->family == family;
	if (n + n_absent == 0)
		return;
	fprintf(invocation->out, "%s%s%s: ", tone_on(&style, TONE_STRONG), knob_family_word(family),
		tone_off(&style));
	if (n == 0)
		fputs("none here\n", invocation->out);
	else if (n == n_writable)
		fprintf(invocation->out, "%zu here, %s writable\n", n, n == 1 ? "and" : "all");
	else
		fprintf(invocation->out, "%zu here, %zu of them writable\n", n, n_writable);
	if (n)
		table_print(table, &style, invocation->out);
	print_absent(invocation, &style, listing, family);
	fputc('\n', invocation->out);
}

/* What each does that is shown, where they are few. */
static void print_abouts(const struct invocation *invocation, const struct knob_listing *listing)
{
	const struct style style = style_of(invocation->out);
	const struct knob_row *rows[ABOUTS_MAX], *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < listing->n + listing->n_absent; i++) {
		const struct knob_row *row =
			i < listing->n ? listing->found[i]->row : listing->absent[i - listing->n];

		if (row == last)
			continue;
		last = row;
		if (n == ABOUTS_MAX) {
			fputs("What one does: flyball knobs NAME.\n", invocation->out);
			return;
		}
		rows[n++] = row;
	}
	for (size_t i = 0; i < n; i++) {
		fprintf(invocation->out, "%s: ", rows[i]->name);
		text_wrap(invocation->out, rows[i]->about, (unsigned int)strlen(rows[i]->name) + 2,
			  2, style.width);
	}
}

static void print_markdown(FILE *out)
{
	fputs("<!-- Made by `flyball knobs --markdown`; a test compares. -->\n# Knobs\n\n"
	      "Only these can be changed, and those that the operator declares "
	      "([policies](policy.md)); "
	      "only within these ranges, which [limits](limits.md) make narrower. Where a file has "
	      "`%s`, the name of the scope stands; files of groups are those of cgroup v2 "
	      "([control groups](groups.md) has v1's), and those of processes show what is changed "
	      "by "
	      "system calls.\n\n"
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

static int print_listing(const struct invocation *invocation, const struct knob_listing *listing)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *knobs;

	if (!invocation->json) {
		for (enum knob_family family = 0; family < FAMILY_COUNT; family++)
			print_family(invocation, listing, family);
		print_abouts(invocation, listing);
		return EXIT_CODE_OK;
	}
	knobs = json_array();
	list = json_pack("{s:i, s:o}", "schema", 1, "knobs", knobs);
	for (size_t i = 0; i < listing->n; i++)
		if (!listing->found[i]->error)
			json_array_append_new(knobs, knob_found_json(listing->found[i]));
	for (size_t i = 0; i < listing->n_absent; i++)
		json_array_append_new(knobs, knob_absent_json(listing->absent[i]));
	return print_json(invocation, list);
}

/* What could not be read, a line a knob. */
static void print_errors(const struct invocation *invocation, const struct knob_listing *listing)
{
	const struct knob_row *said = NULL;

	for (size_t i = 0; i < listing->n; i++) {
		const struct knob_found *found = listing->found[i];

		if (!found->error || found->row == said)
			continue;
		said = found->row;
		fprintf(invocation->err, "flyball: unable to read '%s': %s, ignoring\n", said->name,
			strerror(-found->error));
	}
	if (listing->error)
		fprintf(invocation->err, "flyball: not all are shown: %s\n",
			listing->error == -E2BIG ? "there are too many; name a scope with --only"
						 : strerror(-listing->error));
	if (listing->n + listing->n_absent == 0)
		fputs("flyball: there is none in the scope that --only names\n", invocation->err);
}

/* Of a name or a part of it, or of a whole family. */
static bool is_meant(const char *pattern, const struct knob_row *row)
{
	return cli_matches(pattern, row->name) ||
	       (pattern && !strcmp(pattern, knob_family_word(row->family)));
}

static int knobs_run(const struct invocation *invocation)
{
	_cleanup_listing_ struct knob_listing *listing = NULL;
	_cleanup_free_ const struct knob_row **rows = NULL;
	const struct scope only = option_scope(invocation, "--only");
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	_cleanup_close_ int root = sysroot_open("/");
	_cleanup_json_ json_t *status = NULL;
	char dotted[CLI_PATTERN_MAX];
	const char *pattern =
		invocation->n_words ? knob_name_dotted(invocation->words[0], dotted, sizeof(dotted))
				    : NULL;
	size_t n = 0;
	int r;

	if (root < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	if (option_given(invocation, "--markdown")) {
		print_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	r = knobs_load(invocation, &knobs);
	if (r != EXIT_CODE_OK)
		return r;
	rows = calloc(knobs->table.n, sizeof(const struct knob_row *));
	for (size_t i = 0; rows && i < knobs->table.n; i++)
		if (is_meant(pattern, &knobs->table.rows[i]))
			rows[n++] = &knobs->table.rows[i];
	if (rows && n == 0)
		return no_match(invocation, pattern, &knobs->table);
	listing = rows ? knob_listing_new(root, rows, n, &only) : NULL;
	if (!listing)
		return cli_error(invocation, EXIT_CODE_ERROR, "out of memory");
	status = daemon_status_quietly(invocation);
	knob_listing_pin(listing, json_object_get(status, "pinned"));
	print_errors(invocation, listing);
	return print_listing(invocation, listing);
}

const struct verb verb_knobs = {
	.name = "knobs",
	.arguments = "[PATTERN]",
	.about = "List the knobs: where they are, their values, whether they can be written, and "
		 "what they take.",
	.text = "Reads only, and needs no daemon, but only a running one knows which knobs are "
		"pinned. "
		"PATTERN is a part of a name, a name with * and ?, or a family. A knob can be "
		"written where flyball may do it, as root; else it says why not. What this machine "
		"has not, and what belongs to processes, which are not listed, comes last; in JSON "
		"with null for its scope, and the reason.",
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
					   "flyball knobs cgroup --only 'cgroup:/system.slice/*'",
					   "flyball knobs affinity --only process:1234", NULL },
	.max_words = 1,
	.run = knobs_run,
};
