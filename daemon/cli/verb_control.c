// SPDX-License-Identifier: Apache-2.0
/* The operator's hand: abort, rollback, freeze, thaw. One request each; the daemon answers with what it did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/exit_code.h"
#include "daemon/cli/verbs.h"

static int control(const struct invocation *invocation, const char *verb, json_t *args)
{
	_cleanup_json_ json_t *data = NULL;
	const json_t *text;
	size_t i;
	int r;

	r = daemon_ask(invocation, verb, args, &data);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, data);
	json_array_foreach (json_object_get(data, "done"), i, text)
		fprintf(invocation->out, "%s\n",
			json_string_value(text) ? json_string_value(text) : "");
	if (json_array_size(json_object_get(data, "done")) == 0)
		fputs("nothing to do\n", invocation->out);
	return EXIT_CODE_OK;
}

/* {"id": N}, or {"id": "all"} with --all or the word; an exit code for what is neither. */
static int id_args(const struct invocation *invocation, json_t **ret_args)
{
	const char *word = invocation->n_words ? invocation->words[0] : NULL;
	unsigned long long id;
	char *end;

	if (word && option_given(invocation, "--all"))
		return cli_usage_error(invocation, "give either '%s' or '--all'", word);
	if (option_given(invocation, "--all") || (word && !strcmp(word, "all"))) {
		*ret_args = json_pack("{s:s}", "id", "all");
		return EXIT_CODE_OK;
	}
	if (!word)
		return cli_usage_error(invocation, "'%s' needs the id of a trial, or --all",
				       invocation->verb->name);
	/* The name of a knob: a change by hand. */
	if (strchr(word, '.')) {
		const char *scope = option_text(invocation, "--scope");

		*ret_args = json_pack("{s:s, s:s*}", "knob", word, "scope", scope);
		return EXIT_CODE_OK;
	}
	errno = 0;
	id = strtoull(word, &end, 10);
	if (errno || *end || word[0] < '0' || word[0] > '9' || id == 0 || id > INT64_MAX)
		return cli_usage_error(invocation,
				       "unable to take '%s' as the id of a trial: 'flyball trials' "
				       "lists them",
				       word);
	*ret_args = json_pack("{s:I}", "id", (json_int_t)id);
	return EXIT_CODE_OK;
}

static int control_id(const struct invocation *invocation)
{
	json_t *args = NULL;
	int r = id_args(invocation, &args);

	return r == EXIT_CODE_OK ? control(invocation, invocation->verb->name, args) : r;
}

static int control_plain(const struct invocation *invocation)
{
	return control(invocation, invocation->verb->name, NULL);
}

static const struct option_row id_options[] = {
	{ .name = "--all", .about = "Every one." },
	OPTION_SCOPE_OF_KNOB,
	OPTION_RUN,
	{ .name = NULL },
};

static const struct option_row plain_options[] = { OPTION_RUN, { .name = NULL } };

const struct verb verb_abort = {
	.name = "abort",
	.arguments = "ID|KNOB|all",
	.about = "End a running trial now; its change is undone at once.",
	.text = "With the name of a knob it ends a change by hand ('flyball set').",
	.options = id_options,
	.examples = (const char *const[]){ "flyball abort 12", "flyball abort --all", NULL },
	.max_words = 1,
	.run = control_id,
};

const struct verb verb_rollback = {
	.name = "rollback",
	.arguments = "ID|KNOB|all",
	.about = "Undo a kept change: the value of before comes back.",
	.text = "Only values that are still as flyball left them are put back; what somebody else "
		"changed is theirs.",
	.options = id_options,
	.examples = (const char *const[]){ "flyball rollback 12", "flyball rollback --all", NULL },
	.max_words = 1,
	.run = control_id,
};

const struct verb verb_freeze = {
	.name = "freeze",
	.arguments = "",
	.about = "Undo running trials and start none until 'flyball thaw'.",
	.text = "Kept changes stay; 'flyball rollback --all' undoes them.",
	.options = plain_options,
	.run = control_plain,
};

const struct verb verb_thaw = {
	.name = "thaw",
	.arguments = "",
	.about = "Allow trials again after 'flyball freeze'.",
	.options = plain_options,
	.run = control_plain,
};
