// SPDX-License-Identifier: Apache-2.0
/* The operator's own changes: set, pin, unpin, drift. */
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

static int print_done(const struct invocation *invocation, const json_t *data)
{
	const json_t *text;
	size_t i;

	if (invocation->json)
		return print_json(invocation, data);
	json_array_foreach (json_object_get(data, "done"), i, text)
		fprintf(invocation->out, "%s\n",
			json_string_value(text) ? json_string_value(text) : "");
	return EXIT_CODE_OK;
}

static int unknown_knob(const struct invocation *invocation, const char *name)
{
	const char *names[256];
	char hint[128];
	size_t n = knob_rows_count < ARRAY_SIZE(names) ? knob_rows_count : ARRAY_SIZE(names);

	for (size_t i = 0; i < n; i++)
		names[i] = knob_rows[i].name;
	return cli_usage_error(invocation, "unknown knob '%s'%s", name,
			       cli_did_you_mean(name, names, n, hint, sizeof(hint)));
}

static int set_run(const struct invocation *invocation)
{
	_cleanup_free_ char *knob = strdup(invocation->words[0]);
	char *value = knob ? strchr(knob, '=') : NULL;
	_cleanup_json_ json_t *data = NULL;
	int r;

	if (!value || !value[1])
		return cli_usage_error(invocation, "unable to take '%s': write KNOB=VALUE",
				       invocation->words[0]);
	*value++ = '\0';
	if (!knob_find(knob))
		return unknown_knob(invocation, knob);
	if (!option_given(invocation, "--for"))
		return cli_usage_error(invocation,
				       "'set' needs --for TIME, after which the old value comes "
				       "back: a change by hand that nobody ends would be "
				       "forgotten, and nothing shows that it helps");
	r = daemon_ask(invocation, "set",
		       json_pack("{s:s, s:s, s:s*, s:I}", "knob", knob, "value", value, "scope",
				 option_text(invocation, "--scope"), "for_ns",
				 (json_int_t)option_time_ns(invocation, "--for")),
		       &data);
	return r == EXIT_CODE_OK ? print_done(invocation, data) : r;
}

static int pin_run(const struct invocation *invocation)
{
	_cleanup_json_ json_t *data = NULL;
	int r;

	if (!knob_find(invocation->words[0]))
		return unknown_knob(invocation, invocation->words[0]);
	r = daemon_ask(invocation, invocation->verb->name,
		       json_pack("{s:s, s:s*}", "knob", invocation->words[0], "scope",
				 option_text(invocation, "--scope")),
		       &data);
	return r == EXIT_CODE_OK ? print_done(invocation, data) : r;
}

/* What is in force now, read here: the daemon knows only what it kept. "" when it is gone. */
static void read_now(int root, const json_t *kept, char *value, size_t size)
{
	const struct knob_row *row = knob_find(member_text(kept, "knob"));
	struct knob_reading reading;
	struct scope scope;

	value[0] = '\0';
	if (row && scope_parse(member_text(kept, "scope"), &scope) == 0 &&
	    knob_read(root, row, &scope, &reading) == 0 && !(reading.flags & KNOB_GONE))
		snprintf(value, size, "%s", reading.value);
}

/* A later kept change of the same knob and scope stands on this one. */
static bool is_covered(const json_t *kept, size_t index)
{
	const json_t *row = json_array_get(kept, index);

	for (size_t i = index + 1; i < json_array_size(kept); i++) {
		const json_t *later = json_array_get(kept, i);

		if (!strcmp(member_text(later, "knob"), member_text(row, "knob")) &&
		    !strcmp(member_text(later, "scope"), member_text(row, "scope")))
			return true;
	}
	return false;
}

static json_t *drift_list(int root, const json_t *kept)
{
	json_t *list = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach (kept, i, row) {
		const struct knob_row *knob = knob_find(member_text(row, "knob"));
		char value[KNOB_VALUE_MAX];

		read_now(root, row, value, sizeof(value));
		if (is_covered(kept, i) ||
		    (knob && value[0] && knob_same(knob, value, member_text(row, "new"))))
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "knob",
						member_text(row, "knob"), "scope",
						member_text(row, "scope"), "kept",
						member_text(row, "new"), "value", value, "gone",
						!value[0], "trial", member_integer(row, "trial")));
	}
	return list;
}

static int drift_run(const struct invocation *invocation)
{
	_cleanup_json_ json_t *status = NULL, *drift = NULL;
	_cleanup_close_ int root = sysroot_open("/");
	const json_t *row;
	size_t i;
	int r;

	if (root < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	r = daemon_ask(invocation, "status", NULL, &status);
	if (r != EXIT_CODE_OK)
		return r;
	drift = json_pack("{s:i, s:o}", "schema", 1, "drift",
			  drift_list(root, json_object_get(status, "kept")));
	r = json_array_size(json_object_get(drift, "drift")) ? EXIT_CODE_CHANGES : EXIT_CODE_OK;
	if (invocation->json) {
		print_json(invocation, drift);
		return r;
	}
	json_array_foreach (json_object_get(drift, "drift"), i, row)
		fprintf(invocation->out, "%s of %s is '%s', and '%s' was kept (trial %lld)\n",
			member_text(row, "knob"), member_text(row, "scope"),
			member_text(row, "value")[0] ? member_text(row, "value") : "gone",
			member_text(row, "kept"), (long long)member_integer(row, "trial"));
	if (r == EXIT_CODE_OK)
		fprintf(invocation->out, "all that was kept is in force (%zu)\n",
			json_array_size(json_object_get(status, "kept")));
	return r;
}

static const struct option_row pin_options[] = { OPTION_SCOPE_OF_KNOB,
						 OPTION_RUN,
						 { .name = NULL } };

const struct verb verb_set = {
	.name = "set",
	.arguments = "KNOB=VALUE",
	.about = "Change a knob by hand for a time, within the limits; then the old value comes "
		 "back.",
	.text = "The change is journaled as a trial's is, and undone at its deadline, also when "
		"the part that decides has died; at the end of the daemon or of its actuator it "
		"is undone at once. 'flyball abort KNOB' ends it early.",
	.options =
		(const struct option_row[]){
			{ .name = "--for",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .about = "How long, 24h at most; required." },
			OPTION_SCOPE_OF_KNOB,
			OPTION_RUN,
			{ .name = NULL },
		},
	.examples =
		(const char *const[]){ "flyball set vm.swappiness=10 --for 10min",
				       "flyball set block.scheduler=bfq --scope disk:vda --for 1h",
				       NULL },
	.min_words = 1,
	.max_words = 1,
	.run = set_run,
};

const struct verb verb_pin = {
	.name = "pin",
	.arguments = "KNOB",
	.about = "Keep flyball's hands off a knob, until 'flyball unpin'.",
	.text = "A knob that somebody else has changed is pinned by itself, for the time of the "
		"limit resume_after.",
	.options = pin_options,
	.examples = (const char *const[]){ "flyball pin block.scheduler --scope disk:vda", NULL },
	.min_words = 1,
	.max_words = 1,
	.run = pin_run,
};

const struct verb verb_unpin = {
	.name = "unpin",
	.arguments = "KNOB",
	.about = "Let flyball change a knob again that is owned by admin.",
	.options = pin_options,
	.examples = (const char *const[]){ "flyball unpin block.scheduler --scope disk:vda", NULL },
	.min_words = 1,
	.max_words = 1,
	.run = pin_run,
};

const struct verb verb_drift = {
	.name = "drift",
	.arguments = "",
	.about = "List kept values that are not in force any more; exit code 2 when there are any.",
	.options = (const struct option_row[]){ OPTION_RUN, { .name = NULL } },
	.run = drift_run,
};
