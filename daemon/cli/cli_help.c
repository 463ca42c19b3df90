// SPDX-License-Identifier: Apache-2.0
/* Help on the screen and the reference in docs/cli.md, both from the table of verbs. */
#include <string.h>

#include "daemon/cli/cli.h"
#include "daemon/cli/render.h"

static const char intro[] =
	"flyball observes the machine, tries one change at a time in randomised A/B windows, "
	"keeps\n"
	"it only where the measurement proves a gain, and undoes everything else.\n";

static const struct {
	int code;
	const char *text;
} exit_codes[] = {
	{ 0, "done" },
	{ 1, "an error" },
	{ 2, "changes are recommended" },
	{ 3, "no daemon runs" },
	{ 4, "permission denied" },
	{ 5, "refused by a limit" },
	{ 6, "the trial failed and was undone" },
	{ 7, "the trial was inconclusive and was undone" },
	{ 8, "time-out" },
	{ 64, "wrong usage" },
};

void cli_help(FILE *out)
{
	size_t n;
	const struct verb *const *verbs = cli_verbs(&n);

	fprintf(out, "%s\nUsage: flyball VERB [OPTION]...\n\n", intro);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-10s  %s\n", verbs[i]->name, verbs[i]->about);
	fputs("\n'flyball VERB --help' says more. Every verb takes --json. Begin with 'flyball "
	      "doctor'.\n",
	      out);
}

static void option_label(const struct option_row *row, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s%s%s", row->name, row->argument ? " " : "",
		 row->argument ? row->argument : "");
}

void cli_help_verb(const struct verb *verb, FILE *out)
{
	const struct style style = style_of(out);
	const unsigned int width = style.width ? style.width : 80;
	const struct option_row *row;
	char label[64], about[512];

	fprintf(out, "Usage: flyball %s [OPTION]...%s%s\n\n%s\n", verb->name,
		verb->arguments[0] ? " " : "", verb->arguments, verb->about);
	if (verb->text) {
		fputc('\n', out);
		text_wrap(out, verb->text, 0, 0, width);
	}
	fputs("\nOptions:\n", out);
	for (size_t i = 0; (row = cli_option(verb, i)); i++) {
		option_label(row, label, sizeof(label));
		snprintf(about, sizeof(about), "%s%s%s%s", row->about, row->preset ? " [" : "",
			 row->preset ? row->preset : "", row->preset ? "]" : "");
		fprintf(out, "  %-20s  ", label);
		text_wrap(out, about, 24, 24, width);
	}
	if (verb->examples && verb->examples[0])
		fputs("\nExamples:\n", out);
	for (size_t i = 0; verb->examples && verb->examples[i]; i++)
		fprintf(out, "  %s\n", verb->examples[i]);
}

static void verb_markdown(const struct verb *verb, FILE *out)
{
	const struct option_row *row;
	char label[64];

	fprintf(out, "\n## flyball %s\n\n%s\n", verb->name, verb->about);
	if (verb->text)
		fprintf(out, "\n%s\n", verb->text);
	fprintf(out,
		"\n```\nflyball %s [OPTION]...%s%s\n```\n\n| option | what | default "
		"|\n|---|---|---|\n",
		verb->name, verb->arguments[0] ? " " : "", verb->arguments);
	for (size_t i = 0; (row = cli_option(verb, i)); i++) {
		option_label(row, label, sizeof(label));
		fprintf(out, "| `%s` | %s | %s%s%s |\n", label, row->about, row->preset ? "`" : "",
			row->preset ? row->preset : "", row->preset ? "`" : "");
	}
	if (verb->examples && verb->examples[0])
		fputs("\nExamples:\n\n```sh\n", out);
	for (size_t i = 0; verb->examples && verb->examples[i]; i++)
		fprintf(out, "%s\n", verb->examples[i]);
	if (verb->examples && verb->examples[0])
		fputs("```\n", out);
}

void cli_help_markdown(FILE *out)
{
	size_t n;
	const struct verb *const *verbs = cli_verbs(&n);

	fprintf(out,
		"<!-- Made by `flyball help --markdown`; a test compares. -->\n# The command "
		"line\n\n%s",
		intro);
	fputs("Data goes to stdout, talk to stderr. Colour and moving lines appear only on a "
	      "terminal, and not with\n"
	      "`NO_COLOR`. Every verb takes `--json` and `--help`.\n\n| exit code | what "
	      "|\n|---|---|\n",
	      out);
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		fprintf(out, "| %d | %s |\n", exit_codes[i].code, exit_codes[i].text);
	for (size_t i = 0; i < n; i++)
		verb_markdown(verbs[i], out);
}
