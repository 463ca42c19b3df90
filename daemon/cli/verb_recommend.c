// SPDX-License-Identifier: Apache-2.0
/*
 * The plan in the foreground. The supervisor runs the same pipeline as the daemon, without the actuator: core writes
 * one JSON document into a memory file, and this renders it. A memory file, since a pipe would block core at 64 KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "actuator/knobs.h"
#include "base/clock.h"
#include "base/quantity.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "daemon/catalogue.h"
#include "daemon/exit_code.h"
#include "daemon/json.h"
#include "daemon/cli/render.h"
#include "daemon/supervisor.h"
#include "daemon/cli/verbs.h"

#define LEAST_PAIRS 5 /* fewer cannot pass a test at 5 % */

static const struct policy *policy_find(const struct policy_set *set, const char *name)
{
	for (size_t i = 0; i < set->n_policies; i++)
		if (!strcmp(set->policies[i].name, name))
			return &set->policies[i];
	return NULL;
}

/* Least and most time of a trial with so many arms: readiness, screening, then pairs of windows. */
static void trial_duration(const struct policy *policy, size_t n_arms, uint64_t *ret_least_ns,
			   uint64_t *ret_most_ns)
{
	uint64_t ready = TRIAL_READY_WINDOWS * policy->trial.window_ns + policy->trial.washout_ns;
	uint64_t window = policy->trial.window_ns + policy->trial.washout_ns;
	uint64_t pair = policy->trial.split ? window : 2 * window;

	*ret_least_ns = ready + window * n_arms + pair * LEAST_PAIRS;
	*ret_most_ns = ready + window * n_arms + pair * policy->trial.max_pairs;
}

static bool is_offered(const struct knob_reading *reading, const char *value)
{
	for (uint32_t i = 0; i < reading->n_choices && i < KNOB_CHOICES_MAX; i++)
		if (!strcmp(reading->choices[i], value))
			return true;
	return reading->n_choices == 0;
}

static void add_candidate(json_t *list, int root, const struct knob_row *row,
			  const struct scope *scope, const char *value)
{
	char command[512] = "";

	knob_command(root, row, scope, value, command, sizeof(command));
	json_array_append_new(list, json_pack("{s:s, s:s}", "value", value, "command", command));
}

/* The values that the policy would try here: those that the kernel offers and that are not in force. */
static json_t *candidates(const struct policy *policy, int root, const struct knob_row *row,
			  const struct knob_reading *reading)
{
	json_t *list = json_array();
	double steps[2], present = strtod(reading->value, NULL);
	char value[32];

	for (uint32_t i = 0; i < policy->n_arms; i++)
		if (!knob_same(row, policy->arms[i], reading->value) &&
		    is_offered(reading, policy->arms[i]))
			add_candidate(list, root, row, &reading->scope, policy->arms[i]);
	if (policy->ladder != LADDER_FACTOR)
		return list;
	steps[0] = round(present * policy->factor);
	steps[1] = round(present / policy->factor);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		snprintf(value, sizeof(value), "%.0f", steps[i]);
		if (steps[i] >= (double)policy->ladder_min &&
		    steps[i] <= (double)policy->ladder_max &&
		    !knob_same(row, value, reading->value))
			add_candidate(list, root, row, &reading->scope, value);
	}
	return list;
}

/* Adds to an entry of the plan what only the policy and the knob know. */
static void enrich(json_t *entry, const struct policy_set *set, const struct knob_table *knobs,
		   int root)
{
	const struct policy *policy = policy_find(set, member_text(entry, "policy"));
	const struct knob_row *row = knob_table_find(knobs, member_text(entry, "knob"));
	struct knob_reading reading;
	uint64_t least, most;
	struct scope scope;
	char command[512] = "";
	json_t *list;

	if (!policy || !row || scope_parse(member_text(entry, "scope"), &scope) < 0 ||
	    knob_read(root, row, &scope, &reading) < 0)
		return;
	list = candidates(policy, root, row, &reading);
	trial_duration(policy, json_array_size(list), &least, &most);
	knob_command(root, row, &scope, reading.value, command, sizeof(command));
	json_object_set_new(entry, "about", json_string(policy->about));
	json_object_set_new(entry, "incumbent", json_string(reading.value));
	json_object_set_new(entry, "candidates", list);
	json_object_set_new(entry, "undo_command", json_string(command));
	json_object_set_new(entry, "least_ns", json_integer((json_int_t)least));
	json_object_set_new(entry, "most_ns", json_integer((json_int_t)most));
}

static void print_evidence(FILE *out, const struct style *style, const json_t *evidence)
{
	const char *text = member_text(evidence, "text");
	char signal[128], value[64];

	snprintf(signal, sizeof(signal), "%.*s", (int)strcspn(text, " "), text);
	value_text(member_number(evidence, "value"), member_text(evidence, "unit"), signal, value,
		   sizeof(value));
	fprintf(out, "     %s is %s%s%s, acts at%s\n", signal, tone_on(style, TONE_STRONG), value,
		tone_off(style), text + strlen(signal));
}

static void print_entry(FILE *out, const struct style *style, const json_t *entry, size_t number)
{
	const json_t *objective = json_object_get(entry, "objective"), *row;
	bool minimize = !strcmp(member_text(objective, "direction"), "minimize");
	char least[32], most[32], effect[32];
	size_t i;

	fprintf(out, "%zu. %s%s of %s%s, now '%s'\n", number, tone_on(style, TONE_STRONG),
		member_text(entry, "knob"), member_text(entry, "scope"), tone_off(style),
		member_text(entry, "incumbent"));
	if (member_text(entry, "about")[0]) {
		fputs("   ", out);
		text_wrap(out, member_text(entry, "about"), 3, 3, style->width);
	}
	fprintf(out, "   because (policy %s):\n", member_text(entry, "policy"));
	json_array_foreach (json_object_get(entry, "evidence"), i, row)
		print_evidence(out, style, row);
	fprintf(out, "   worth trying, by hand:\n");
	json_array_foreach (json_object_get(entry, "candidates"), i, row)
		fprintf(out, "     %s%s%s\n", tone_on(style, TONE_ARM), member_text(row, "command"),
			tone_off(style));
	fprintf(out, "   and back:\n     %s%s%s\n", tone_on(style, TONE_BASE),
		member_text(entry, "undo_command"), tone_off(style));
	fprintf(out,
		"   'flyball daemon --mode autonomous' would try them in turn with '%s', and keep "
		"one only where %s is "
		"shown to be %s %s or more; it would take %s to %s\n",
		member_text(entry, "incumbent"), member_text(objective, "signal"),
		quantity_format(member_number(objective, "min_effect"), UNIT_RATIO, effect,
				sizeof(effect)),
		minimize ? "lower" : "higher",
		quantity_format(member_number(entry, "least_ns"), UNIT_TIME, least, sizeof(least)),
		quantity_format(member_number(entry, "most_ns"), UNIT_TIME, most, sizeof(most)));
	json_array_foreach (json_object_get(entry, "guardrails"), i, row)
		fprintf(out, "   %s: %s\n", i ? "         " : "guardrail",
			member_text(row, "text"));
	fputc('\n', out);
}

static void print_nothing(FILE *out, const struct style *style, const json_t *plan)
{
	const json_t *target, *row;
	size_t i, j;

	fputs("nothing to recommend, because:\n", out);
	json_array_foreach (json_object_get(plan, "observed"), i, target) {
		fprintf(out, "\n   %s%s%s on %s (%s)\n", tone_on(style, TONE_STRONG),
			member_text(target, "policy"), tone_off(style),
			member_text(target, "scope"), member_text(target, "state"));
		json_array_foreach (json_object_get(target, "evidence"), j, row)
			print_evidence(out, style, row);
	}
	if (json_array_size(json_object_get(plan, "observed")) == 0)
		fputs("   no policy has a scope here that it could act on ('flyball policy list', "
		      "'flyball doctor')\n",
		      out);
}

static int render(const struct invocation *invocation, json_t *plan, const struct policy_set *set,
		  const struct knob_table *knobs)
{
	const struct style style = style_of(invocation->out);
	_cleanup_close_ int root = sysroot_open("/");
	json_t *entries = json_object_get(plan, "plan"), *entry;
	int code = json_array_size(entries) ? EXIT_CODE_CHANGES : EXIT_CODE_OK;
	size_t i;

	if (root < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to open '/': %s",
				 strerror(-root));
	json_array_foreach (entries, i, entry)
		enrich(entry, set, knobs, root);
	if (invocation->json) {
		print_json(invocation, plan);
		return code;
	}
	json_array_foreach (entries, i, entry)
		print_entry(invocation->out, &style, entry, i + 1);
	if (code == EXIT_CODE_OK)
		print_nothing(invocation->out, &style, plan);
	return code;
}

static json_t *read_plan(int fd)
{
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	json_t *plan;

	if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0)
		return NULL;
	plan = json_loadfd(copy, 0, NULL);
	if (json_is_object(plan))
		return plan;
	json_decref(plan);
	return NULL;
}

static int recommend_run(const struct invocation *invocation)
{
	_cleanup_config_ struct config *config = NULL;
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	_cleanup_policies_ struct policy_set *policies = NULL;
	_cleanup_close_ int fd = -1;
	_cleanup_json_ json_t *plan = NULL;
	struct observer_options sources = { 0 };
	struct daemon_options options;
	struct catalogue catalogue;
	int r;

	r = source_forced(invocation, &sources);
	if (r == EXIT_CODE_OK)
		r = config_read(invocation, &config);
	if (r != EXIT_CODE_OK)
		return r;
	r = knobs_load(invocation, &knobs);
	if (r != EXIT_CODE_OK)
		return r;
	catalogue = catalogue_of(&knobs->table);
	r = policies_load(invocation, &catalogue, &policies);
	if (r != EXIT_CODE_OK)
		return r;
	fd = memfd_create("flyball-plan", 0);
	if (fd < 0)
		return cli_error(invocation, EXIT_CODE_ERROR, "unable to make a memory file: %s",
				 strerror(errno));
	options = (struct daemon_options){
		.mode = ANALYZER_RECOMMEND,
		.foreground_plan = true,
		.plan_ns = option_time_ns(invocation, "--for"),
		.plan_fd = fd,
		.state_dir = DEFAULT_STATE_DIR,
		.run_dir = run_folder(invocation),
		.user = option_text(invocation, "--user"),
		.tick_ns = option_time_ns(invocation, "--tick"),
		.budget_ratio = config->budget_ratio,
		.only = option_scope(invocation, "--only"),
		.force = sources.force,
		.services = &config->services,
		.pages = &config->pages,
		.policies = policies,
		.knobs = &knobs->table,
	};
	fprintf(invocation->err, "looking for %s with %zu policies; nothing is written ...\n",
		option_text(invocation, "--for"), policies->n_policies);
	r = supervisor_run(&options);
	plan = read_plan(fd);
	if (!plan)
		return cli_error(invocation, r ? r : EXIT_CODE_ERROR, "no plan was made");
	if (json_is_true(json_object_get(plan, "blind")))
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "no plan was made: not one sample came within %s (a source that "
				 "hangs is named above; look for longer with --for)",
				 option_text(invocation, "--for"));
	return render(invocation, plan, policies, &knobs->table);
}

const struct verb verb_recommend = {
	.name = "recommend",
	.arguments = "",
	.about = "Look for a while and print what is worth changing, with the evidence. Writes "
		 "nothing.",
	.text = "The same pipeline as the daemon's, in the foreground, without the process that "
		"can write. Exits with 2 when "
		"something is recommended, with 0 when nothing is, and then says why.",
	.options =
		(const struct option_row[]){
			{ .name = "--for",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .preset = "30s",
			  .about = "How long to look." },
			OPTION_CONFIG,
			OPTION_POLICY,
			OPTION_POLICIES,
			OPTION_KNOBS,
			OPTION_ONLY,
			OPTION_SOURCE,
			OPTION_RUN,
			{ .name = "--user",
			  .argument = "NAME|UID",
			  .type = OPTION_TEXT,
			  .preset = DEFAULT_USER,
			  .about = "Whom the process runs as that decides." },
			{ .name = "--tick",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .preset = "250ms",
			  .about = "Between two samples." },
			{ .name = NULL },
		},
	.examples =
		(const char *const[]){ "flyball recommend",
				       "flyball recommend --for 10s --only disk:vda --json", NULL },
	.run = recommend_run,
};
