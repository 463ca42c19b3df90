// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/quantity.h"
#include "base/words.h"
#include "daemon/catalogue.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/verbs.h"

static json_t *policy_json(const struct policy *policy, const struct catalogue *catalogue)
{
	json_t *arms = json_array(), *guardrails = json_array();
	char ref[128];

	for (uint32_t i = 0; i < policy->n_arms; i++)
		json_array_append_new(arms, json_string(policy->arms[i]));
	for (uint32_t i = 0; i < policy->n_guardrails; i++)
		json_array_append_new(guardrails,
				      json_pack("{s:s, s:s, s:f}", "signal",
						signal_ref_format(&policy->guardrails[i].ref,
								  catalogue, ref, sizeof(ref)),
						"kind",
						guardrail_kind_word(policy->guardrails[i].kind),
						"limit", policy->guardrails[i].limit));
	signal_ref_format(&policy->objective.ref, catalogue, ref, sizeof(ref));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s, s:f}, s:o, "
			 "s:{s:I, s:I, s:i, s:f, s:I, s:b}}",
			 "name", policy->name, "about", policy->about, "file", policy->file,
			 "scope", scope_kind_word(policy->scope), "match", policy->scope_match,
			 "when", policy->when.text, "until", policy->until.text, "knob",
			 policy->knob, "try", arms, "objective", "signal", ref, "direction",
			 objective_direction_word(policy->objective.direction), "min_effect",
			 policy->objective.min_effect, "guardrails", guardrails, "trial",
			 "window_ns", (json_int_t)policy->trial.window_ns, "washout_ns",
			 (json_int_t)policy->trial.washout_ns, "max_pairs",
			 (int)policy->trial.max_pairs, "error", policy->trial.error, "cooldown_ns",
			 (json_int_t)policy->trial.cooldown_ns, "split", (int)policy->trial.split);
}

static int check(const struct invocation *invocation, const struct catalogue *catalogue)
{
	_cleanup_policies_ struct policy_set *set = policy_set_new();
	_cleanup_json_ json_t *result = NULL;
	json_t *names = json_array(), *errors = json_array();

	result = json_pack("{s:i, s:o, s:o}", "schema", 1, "policies", names, "errors", errors);
	if (!set || !result)
		return cli_error(invocation, EXIT_CODE_ERROR, "out of memory");
	if (invocation->n_words < 2)
		return cli_usage_error(invocation, "'policy check' needs a file");
	for (size_t i = 1; i < invocation->n_words; i++) {
		int r = policy_set_load_file(set, catalogue, invocation->words[i]);

		if (r < 0 && r != -EINVAL)
			return cli_error(invocation, EXIT_CODE_ERROR, "unable to load '%s': %s",
					 invocation->words[i], strerror(-r));
	}
	for (size_t i = 0; i < set->n_policies; i++)
		json_array_append_new(names, json_string(set->policies[i].name));
	for (size_t i = 0; i < set->n_errors && i < POLICY_ERRORS_MAX; i++)
		json_array_append_new(errors,
				      json_pack("{s:s, s:i, s:i, s:s}", "file", set->errors[i].file,
						"line", (int)set->errors[i].line, "column",
						(int)set->errors[i].column, "text",
						set->errors[i].text));
	if (invocation->json) {
		print_json(invocation, result);
	} else {
		policies_print_errors(invocation, set);
		fprintf(invocation->out, "%zu polic%s, %zu error%s\n", set->n_policies,
			set->n_policies == 1 ? "y" : "ies", set->n_errors,
			set->n_errors == 1 ? "" : "s");
	}
	return set->n_errors ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

static int list(const struct invocation *invocation, const struct catalogue *catalogue)
{
	static const char *const titles[] = { "policy", "scope", "knob", "file", "about" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(invocation->out);
	_cleanup_policies_ struct policy_set *set = NULL;
	_cleanup_json_ json_t *result = NULL;
	json_t *rows;
	int r;

	r = policies_load(invocation, catalogue, &set);
	if (r != EXIT_CODE_OK)
		return r;
	rows = json_array();
	result = json_pack("{s:i, s:o}", "schema", 1, "policies", rows);
	for (size_t i = 0; i < set->n_policies; i++) {
		const struct policy *policy = &set->policies[i];

		json_array_append_new(rows, policy_json(policy, catalogue));
		table_row(table);
		table_cell(table, TONE_STRONG, "%s", policy->name);
		table_cell(table, TONE_PLAIN, "%s%s%s", scope_kind_word(policy->scope),
			   policy->scope_match[0] ? ":" : "", policy->scope_match);
		table_cell(table, TONE_PLAIN, "%s", policy->knob);
		table_cell(table, TONE_PLAIN, "%s", policy->file);
		table_cell(table, TONE_PLAIN, "%s", policy->about);
	}
	if (invocation->json)
		return print_json(invocation, result);
	if (set->n_policies == 0)
		fputs("no policies: give --policy FILE, or put files into "
		      "/etc/flyball/policies.d\n",
		      invocation->err);
	else
		table_print(table, &style, invocation->out);
	return EXIT_CODE_OK;
}

static void print_trial_params(FILE *out, const struct trial_params *trial)
{
	char window[32], washout[32], error[32], cooldown[32];

	if (trial->split) {
		fprintf(out,
			"trial       split by connection, at most %u windows of %s, error %s, "
			"cooldown %s\n",
			trial->max_pairs,
			quantity_format((double)trial->window_ns, UNIT_TIME, window,
					sizeof(window)),
			quantity_format(trial->error, UNIT_RATIO, error, sizeof(error)),
			quantity_format((double)trial->cooldown_ns, UNIT_TIME, cooldown,
					sizeof(cooldown)));
		return;
	}
	fprintf(out,
		"trial       windows of %s after %s of washout, at most %u pairs, error %s, "
		"cooldown %s\n",
		quantity_format((double)trial->window_ns, UNIT_TIME, window, sizeof(window)),
		quantity_format((double)trial->washout_ns, UNIT_TIME, washout, sizeof(washout)),
		trial->max_pairs, quantity_format(trial->error, UNIT_RATIO, error, sizeof(error)),
		quantity_format((double)trial->cooldown_ns, UNIT_TIME, cooldown, sizeof(cooldown)));
}

static void print_policy(FILE *out, const struct policy *policy, const struct catalogue *catalogue)
{
	char ref[128], limit[32];

	fprintf(out,
		"name        %s\nabout       %s\nfile        %s\nscope       %s%s%s\nwhen        "
		"%s\n",
		policy->name, policy->about, policy->file, scope_kind_word(policy->scope),
		policy->scope_match[0] ? ":" : "", policy->scope_match, policy->when.text);
	if (policy->until.n_nodes)
		fprintf(out, "until       %s\n", policy->until.text);
	fprintf(out, "knob        %s\ntry        ", policy->knob);
	for (uint32_t i = 0; i < policy->n_arms; i++)
		fprintf(out, " %s", policy->arms[i]);
	if (policy->ladder == LADDER_FACTOR)
		fprintf(out,
			" %g times the present value and the present value / %g, from %lld to %lld",
			policy->factor, policy->factor, (long long)policy->ladder_min,
			(long long)policy->ladder_max);
	fprintf(out, "\nobjective   %s %s by %s or more\n",
		objective_direction_word(policy->objective.direction),
		signal_ref_format(&policy->objective.ref, catalogue, ref, sizeof(ref)),
		quantity_format(policy->objective.min_effect, UNIT_RATIO, limit, sizeof(limit)));
	for (uint32_t i = 0; i < policy->n_guardrails; i++) {
		const struct guardrail *guardrail = &policy->guardrails[i];
		bool hard = guardrail->kind == GUARDRAIL_MAX || guardrail->kind == GUARDRAIL_MIN;

		fprintf(out, "guardrail   %s %s %s\n",
			signal_ref_format(&guardrail->ref, catalogue, ref, sizeof(ref)),
			guardrail_kind_word(guardrail->kind),
			quantity_format(guardrail->limit,
					hard ? signal_ref_unit(&guardrail->ref, catalogue)
					     : UNIT_RATIO,
					limit, sizeof(limit)));
	}
	print_trial_params(out, &policy->trial);
}

static int show(const struct invocation *invocation, const struct catalogue *catalogue)
{
	_cleanup_policies_ struct policy_set *set = NULL;
	_cleanup_json_ json_t *result = NULL;
	const char *names[POLICY_MAX];
	char hint[128];
	size_t n = 0;
	int r;

	if (invocation->n_words != 2)
		return cli_usage_error(invocation, "'policy show' needs one NAME");
	r = policies_load(invocation, catalogue, &set);
	if (r != EXIT_CODE_OK)
		return r;
	for (size_t i = 0; i < set->n_policies; i++) {
		const struct policy *policy = &set->policies[i];

		if (n < POLICY_MAX)
			names[n++] = policy->name;
		if (strcmp(policy->name, invocation->words[1]))
			continue;
		if (!invocation->json) {
			print_policy(invocation->out, policy, catalogue);
			return EXIT_CODE_OK;
		}
		result = json_pack("{s:i, s:o}", "schema", 1, "policy",
				   policy_json(policy, catalogue));
		return print_json(invocation, result);
	}
	return cli_usage_error(invocation, "no policy '%s'%s", invocation->words[1],
			       cli_did_you_mean(invocation->words[1], names, n, hint,
						sizeof(hint)));
}

static int policy_run(const struct invocation *invocation)
{
	static const char *const actions[] = { "check", "list", "show" };
	const char *action = invocation->words[0];
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	struct catalogue catalogue;
	char hint[128];
	int r;

	r = knobs_load(invocation, &knobs);
	if (r != EXIT_CODE_OK)
		return r;
	catalogue = catalogue_of(&knobs->table);
	if (!strcmp(action, "check"))
		return check(invocation, &catalogue);
	if (!strcmp(action, "show"))
		return show(invocation, &catalogue);
	if (strcmp(action, "list"))
		return cli_usage_error(invocation, "unknown action '%s' of 'policy'%s", action,
				       cli_did_you_mean(action, actions, ARRAY_SIZE(actions), hint,
							sizeof(hint)));
	if (invocation->n_words > 1)
		return cli_usage_error(invocation, "one word too many for 'policy list': '%s'",
				       invocation->words[1]);
	return list(invocation, &catalogue);
}

const struct verb verb_policy = {
	.name = "policy",
	.arguments = "check FILE... | list | show NAME",
	.about = "Check policy files, list the policies in force, show one.",
	.text = "check reports all errors at once, each as file:line:column: text, and exits with "
		"1 when there are any.",
	.options =
		(const struct option_row[]){
			OPTION_POLICY, OPTION_POLICIES, OPTION_KNOBS, { .name = NULL } },
	.examples = (const char *const[]){ "flyball policy check /etc/flyball/policies.d/*.conf",
					   "flyball policy list",
					   "flyball policy show disk-read-latency", NULL },
	.min_words = 1,
	.max_words = CLI_WORDS_MAX,
	.run = policy_run,
};
