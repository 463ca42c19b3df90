// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "daemon/exit_code.h"
#include "daemon/cli/verbs.h"

static int help_json(const struct invocation *invocation)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *rows = json_array();
	size_t n;
	const struct verb *const *all = cli_verbs(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *options = json_array();
		const struct option_row *row;

		for (size_t j = 0; (row = cli_option(all[i], j)); j++)
			json_array_append_new(options,
					      json_pack("{s:s, s:s?, s:s?, s:s}", "name", row->name,
							"argument", row->argument, "default",
							row->preset, "about", row->about));
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o}", "name", all[i]->name,
						      "arguments", all[i]->arguments, "about",
						      all[i]->about, "options", options));
	}
	list = json_pack("{s:i, s:o}", "schema", 1, "verbs", rows);
	return print_json(invocation, list);
}

static int help_run(const struct invocation *invocation)
{
	size_t n;
	const struct verb *const *all = cli_verbs(&n);

	if (invocation->json)
		return help_json(invocation);
	if (option_given(invocation, "--markdown")) {
		cli_help_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	if (invocation->n_words == 0) {
		cli_help(invocation->out);
		return EXIT_CODE_OK;
	}
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i]->name, invocation->words[0])) {
			cli_help_verb(all[i], invocation->out);
			return EXIT_CODE_OK;
		}
	return cli_usage_error(invocation, "unknown verb '%s'", invocation->words[0]);
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[VERB]",
	.about = "Say what flyball can do, or one verb in full.",
	.options =
		(const struct option_row[]){
			{ .name = "--markdown",
			  .about = "Print the whole reference (docs/cli.md)." },
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball help trial", NULL },
	.max_words = 1,
	.run = help_run,
};

static int version_run(const struct invocation *invocation)
{
	_cleanup_json_ json_t *version = NULL;

	if (invocation->json) {
		version = json_pack("{s:i, s:s}", "schema", 1, "version", FLYBALL_VERSION);
		return print_json(invocation, version);
	}
	fprintf(invocation->out, "flyball %s\n", FLYBALL_VERSION);
	return EXIT_CODE_OK;
}

const struct verb verb_version = {
	.name = "version",
	.arguments = "",
	.about = "Print the version.",
	.run = version_run,
};
