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

/* Whether it is a knob of the build, or one that --knobs declares; an exit code, after saying what it may be. */
static int check_knob(const struct invocation *invocation, const char *name)
{
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	const char *names[256];
	char hint[128];
	size_t n;
	int r = knobs_load(invocation, &knobs);

	if (r != EXIT_CODE_OK || knob_table_find(&knobs->table, name))
		return r;
	n = knobs->table.n < ARRAY_SIZE(names) ? knobs->table.n : ARRAY_SIZE(names);
	for (size_t i = 0; i < n; i++)
		names[i] = knobs->table.rows[i].name;
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
	r = check_knob(invocation, knob);
	if (r != EXIT_CODE_OK)
		return r;
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
	int r = check_knob(invocation, invocation->words[0]);

	if (r != EXIT_CODE_OK)
		return r;
	r = daemon_ask(invocation, invocation->verb->name,
		       json_pack("{s:s, s:s*}", "knob", invocation->words[0], "scope",
				 option_text(invocation, "--scope")),
		       &data);
	return r == EXIT_CODE_OK ? print_done(invocation, data) : r;
}

/* What is in force now, read here: the daemon knows only what it kept. Returns knob_read()'s flags. */
static uint32_t read_now(int root, const struct knob_row *row, const json_t *kept, char *ret_value)
{
	struct knob_reading reading;
	struct scope scope;

	ret_value[0] = '\0';
	if (!row || scope_parse(member_text(kept, "scope"), &scope) < 0 ||
	    knob_read(root, row, &scope, &reading) < 0)
		return KNOB_GONE;
	memcpy(ret_value, reading.value, KNOB_VALUE_MAX);
	return reading.flags;
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

static json_t *drift_list(const struct invocation *invocation, const struct knob_table *knobs,
			  int root, const json_t *kept)
{
	json_t *list = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach (kept, i, row) {
		const char *knob = member_text(row, "knob"), *scope = member_text(row, "scope");
		const struct knob_row *knob_row = knob_table_find(knobs, knob);
		char value[KNOB_VALUE_MAX];
		uint32_t flags = read_now(root, knob_row, row, value);

		if (is_covered(kept, i) || (!(flags & (KNOB_GONE | KNOB_HIDDEN)) &&
					    knob_same(knob_row, value, member_text(row, "new"))))
			continue;
		if (flags & KNOB_HIDDEN) {
			fprintf(invocation->err, "flyball: unable to read %s of %s: ask as root\n",
				knob, scope);
			continue;
		}
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "knob", knob,
						"scope", scope, "kept", member_text(row, "new"),
						"value", value, "gone", (flags & KNOB_GONE) != 0,
						"trial", member_integer(row, "trial")));
	}
	return list;
}

static int drift_run(const struct invocation *invocation)
{
	_cleanup_json_ json_t *status = NULL, *drift = NULL;
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	_cleanup_close_ int root = sysroot_open("/");
	const json_t *row;
	size_t i;
	int r;

	if (root < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	r = knobs_load(invocation, &knobs);
	if (r == EXIT_CODE_OK)
		r = daemon_ask(invocation, "status", NULL, &status);
	if (r != EXIT_CODE_OK)
		return r;
	drift = json_pack("{s:i, s:o}", "schema", 1, "drift",
			  drift_list(invocation, &knobs->table, root,
				     json_object_get(status, "kept")));
	r = json_array_size(json_object_get(drift, "drift")) ? EXIT_CODE_CHANGES : EXIT_CODE_OK;
	if (invocation->json) {
		print_json(invocation, drift);
		return r;
	}
	json_array_foreach (json_object_get(drift, "drift"), i, row)
		fprintf(invocation->out, "%s of %s is %s%s%s, and '%s' was kept (trial %lld)\n",
			member_text(row, "knob"), member_text(row, "scope"),
			json_is_true(json_object_get(row, "gone")) ? "gone" : "'",
			member_text(row, "value"),
			json_is_true(json_object_get(row, "gone")) ? "" : "'",
			member_text(row, "kept"), (long long)member_integer(row, "trial"));
	i = json_array_size(json_object_get(status, "kept"));
	if (r == EXIT_CODE_OK && i == 0)
		fputs("nothing is kept\n", invocation->out);
	else if (r == EXIT_CODE_OK)
		fprintf(invocation->out, "all that was kept is in force (%zu)\n", i);
	return r;
}

static const struct option_row pin_options[] = {
	OPTION_SCOPE_OF_KNOB, OPTION_KNOBS, OPTION_RUN, { .name = NULL }
};

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
			OPTION_KNOBS,
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
	.options = (const struct option_row[]){ OPTION_KNOBS, OPTION_RUN, { .name = NULL } },
	.run = drift_run,
};
