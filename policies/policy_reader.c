// SPDX-License-Identifier: Apache-2.0
/* The keys of a policy: one table for each group of the language, one parser for each key. */
#include "policies/reader.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/words.h"
#include "include/trial.h"
#include "policies/expression.h"
#include "policies/outline.h"
#include "policies/reference.h"

#define WINDOW_NS 2e9
#define WASHOUT_NS 500e6
#define MAX_PAIRS 40
#define MAX_PAIRS_LEAST 5 /* 2^5 = 32 > 20 = 1 / 0.05: no fewer coins can reach an error of 5 % */
#define ERROR 0.05
#define COOLDOWN_NS 600e9
#define MIN_EFFECT 0.05

/* What a quantity may be, with the words for a message. */
struct range {
	double min, max;
	const char *min_text, *max_text;
};

static const struct range window_range = {
	.min = 100e6, .max = 600e9, .min_text = "100ms", .max_text = "10min"
};
static const struct range washout_range = {
	.min = 0, .max = 60e9, .min_text = "0s", .max_text = "1min"
};
static const struct range cooldown_range = {
	.min = 0, .max = 720 * 3600e9, .min_text = "0s", .max_text = "720h"
};
static const struct range error_range = {
	.min = 0.0001, .max = 0.2, .min_text = "0.0001", .max_text = "0.2"
};
static const struct range effect_range = {
	.min = 0.001, .max = 0.9, .min_text = "0.1%", .max_text = "90%"
};
static const struct range drop_range = { .min = 0, .max = 1, .min_text = "0%", .max_text = "100%" };
static const struct range rise_range = {
	.min = 0, .max = 100, .min_text = "0%", .max_text = "10000%"
};

static int ranged_quantity(struct reader *reader, const config_setting_t *setting, enum unit unit,
			   const struct range *range, double *ret_value)
{
	struct excerpt name = reader_name(setting);
	struct literal_target target = { .name = name.text, .unit = unit };
	double value;
	int r = reader_quantity(reader, setting, &target, &value);

	if (r < 0)
		return r;
	if (value < range->min || value > range->max) {
		bool low = value < range->min;

		reader_fail(reader, setting, "%s is %s, outside %s to %s: %s it to %s or %s",
			    name.text, reader_value(reader, setting).text, range->min_text,
			    range->max_text, low ? "raise" : "lower",
			    low ? range->min_text : range->max_text, low ? "more" : "less");
		return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

static void parse_name(struct reader *reader, const config_setting_t *setting)
{
	char name[POLICY_NAME_MAX];

	if (reader_text(reader, setting, sizeof(name), name) < 0)
		return;
	for (const char *c = name; *c; c++) {
		if (isalnum((unsigned char)*c) || (c > name && strchr("-_.", *c)))
			continue;
		reader_fail(reader, setting,
			    "'%s' is no name for a policy: use letters, digits, '-', '_' and '.', "
			    "and begin with a letter or digit",
			    excerpt(name).text);
		return;
	}
	strcpy(reader->policy->name, name);
}

static void parse_about(struct reader *reader, const config_setting_t *setting)
{
	reader_text(reader, setting, sizeof(reader->policy->about), reader->policy->about);
}

static void parse_scope(struct reader *reader, const config_setting_t *setting)
{
	const char *words[SCOPE_KIND_COUNT], *text, *nearest;
	int kind;

	if (reader_string(reader, setting, &text) < 0)
		return;
	kind = scope_kind_parse(text);
	if (kind >= 0) {
		reader->scope = (enum scope_kind)kind;
		reader->policy->scope = (uint32_t)kind;
		return;
	}
	for (uint32_t i = 0; i < SCOPE_KIND_COUNT; i++)
		words[i] = scope_kind_word(i);
	nearest = words_nearest(text, words, SCOPE_KIND_COUNT);
	if (strchr(text, ':'))
		reader_fail(reader, setting,
			    "scope takes a kind alone, found '%s': name instances in 'match'",
			    excerpt(text).text);
	else if (nearest)
		reader_fail(reader, setting, "unknown scope '%s': did you mean '%s'?",
			    excerpt(text).text, nearest);
	else
		reader_fail(reader, setting,
			    "unknown scope '%s': scopes are host, cpu, node, disk, nic, netns, "
			    "cgroup, process, service, gpu",
			    excerpt(text).text);
}

static void parse_match(struct reader *reader, const config_setting_t *setting)
{
	if (reader->scope == SCOPE_HOST)
		reader_fail_key(reader, setting,
				"'match' chooses among instances, and the host is only one: "
				"remove it");
	else
		reader_text(reader, setting, sizeof(reader->policy->scope_match),
			    reader->policy->scope_match);
}

static void parse_condition(struct reader *reader, const config_setting_t *setting,
			    struct condition *ret_condition)
{
	struct findings findings = { .n = 0 };
	const char *text;

	if (reader_string(reader, setting, &text) < 0)
		return;
	expression_compile(text, reader->catalogue, reader->scope, &findings, ret_condition);
	reader_findings(reader, setting, &findings);
}

static void parse_when(struct reader *reader, const config_setting_t *setting)
{
	parse_condition(reader, setting, &reader->policy->when);
}

static void parse_until(struct reader *reader, const config_setting_t *setting)
{
	parse_condition(reader, setting, &reader->policy->until);
}

static const struct knob_row *find_knob(const struct catalogue *catalogue, const char *name)
{
	for (size_t i = 0; i < catalogue->n_knobs; i++)
		if (!strcmp(catalogue->knobs[i].name, name))
			return &catalogue->knobs[i];
	return NULL;
}

static const char *nearest_knob(const struct catalogue *catalogue, const char *name)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < catalogue->n_knobs; i++) {
		const char *near = words_nearest(name, &catalogue->knobs[i].name, 1);
		size_t distance = near ? words_distance(name, near, best) : best;

		if (distance < best) {
			best = distance;
			nearest = near;
		}
	}
	return nearest;
}

static void parse_knob(struct reader *reader, const config_setting_t *setting)
{
	const struct knob_row *row;
	const char *text, *nearest;

	if (reader_string(reader, setting, &text) < 0)
		return;
	row = find_knob(reader->catalogue, text);
	if (!row) {
		nearest = nearest_knob(reader->catalogue, text);
		if (nearest)
			reader_fail(reader, setting, "unknown knob '%s': did you mean '%s'?",
				    excerpt(text).text, nearest);
		else
			reader_fail(reader, setting,
				    "unknown knob '%s': 'flyball knobs' lists them",
				    excerpt(text).text);
		return;
	}
	reader->knob = row;
	if (reader->scope < SCOPE_KIND_COUNT && row->scope != reader->scope)
		reader_fail(reader, setting,
			    "'%s' belongs to %s, the policy to %s: write scope = \"%s\"", row->name,
			    scope_phrase(row->scope), scope_phrase(reader->scope),
			    scope_kind_word(row->scope));
	snprintf(reader->policy->knob, sizeof(reader->policy->knob), "%s", row->name);
	reader->policy->knob_domain = row->domain;
}

static void parse_minimize(struct reader *reader, const config_setting_t *setting)
{
	reader->policy->objective.direction = OBJECTIVE_MINIMIZE;
	reader_reference(reader, setting, &reader->policy->objective.ref);
}

static void parse_maximize(struct reader *reader, const config_setting_t *setting)
{
	reader->policy->objective.direction = OBJECTIVE_MAXIMIZE;
	reader_reference(reader, setting, &reader->policy->objective.ref);
}

static void parse_min_effect(struct reader *reader, const config_setting_t *setting)
{
	ranged_quantity(reader, setting, UNIT_RATIO, &effect_range,
			&reader->policy->objective.min_effect);
}

/* clang-format off: a table reads best as a table. */
static const struct policy_key objective_keys[] = {
	{ .name = "minimize",
	  .parse = parse_minimize,
	  .type = "signal",
	  .about = "what is to become less" },
	{ .name = "maximize",
	  .parse = parse_maximize,
	  .type = "signal",
	  .about = "what is to become more" },
	{ .name = "min_effect",
	  .parse = parse_min_effect,
	  .type = "ratio, 0.1% to 90%",
	  .fallback = "5%",
	  .about = "a smaller improvement is not kept" },
};
/* clang-format on */

static const struct policy_group objective_group = {
	.name = "objective",
	.keys = objective_keys,
	.n_keys = ARRAY_SIZE(objective_keys),
};

static void parse_objective(struct reader *reader, const config_setting_t *setting)
{
	const config_setting_t *minimize, *maximize;
	size_t errors = reader->errors->n;

	reader_group(reader, &objective_group, setting);
	/* One error is enough: a key that is misspelt is not missing, too. */
	if (reader->errors->n > errors)
		return;
	minimize = config_setting_get_member(setting, "minimize");
	maximize = config_setting_get_member(setting, "maximize");
	if (minimize && maximize)
		reader_fail_key(reader, maximize,
				"an objective has either 'minimize' or 'maximize': remove one");
	else if (!minimize && !maximize)
		reader_fail_key(reader, setting,
				"the objective is missing: write minimize = \"…\" or "
				"maximize = \"…\"");
}

static void parse_signal(struct reader *reader, const config_setting_t *setting)
{
	reader_reference(reader, setting, &reader->guardrail->ref);
}

/* The signal's own unit, where the signal is known; its error stands already where it is not. */
static void parse_hard_limit(struct reader *reader, const config_setting_t *setting,
			     enum guardrail_kind kind)
{
	const config_setting_t *signal =
		config_setting_get_member(config_setting_parent(setting), "signal");
	struct findings ignored = { .n = 0 };
	const char *text = signal ? config_setting_get_string(signal) : NULL;
	struct signal_ref ref;
	struct literal_target target = { .name = text, .verb = "compare" };

	reader->guardrail_limits++;
	reader->guardrail->kind = kind;
	if (!text || reference_parse(text, 0, strlen(text), reader->catalogue, SCOPE_KIND_COUNT,
				     &ignored, &ref) < 0)
		return;
	target.unit = signal_ref_unit(&ref, reader->catalogue);
	if (target.unit == UNIT_RATIO)
		ranged_quantity(reader, setting, UNIT_RATIO, &drop_range,
				&reader->guardrail->limit);
	else
		reader_quantity(reader, setting, &target, &reader->guardrail->limit);
}

static void parse_hard_max(struct reader *reader, const config_setting_t *setting)
{
	parse_hard_limit(reader, setting, GUARDRAIL_MAX);
}

static void parse_hard_min(struct reader *reader, const config_setting_t *setting)
{
	parse_hard_limit(reader, setting, GUARDRAIL_MIN);
}

static void parse_max_drop(struct reader *reader, const config_setting_t *setting)
{
	reader->guardrail_limits++;
	reader->guardrail->kind = GUARDRAIL_MAX_DROP;
	ranged_quantity(reader, setting, UNIT_RATIO, &drop_range, &reader->guardrail->limit);
}

static void parse_max_rise(struct reader *reader, const config_setting_t *setting)
{
	reader->guardrail_limits++;
	reader->guardrail->kind = GUARDRAIL_MAX_RISE;
	ranged_quantity(reader, setting, UNIT_RATIO, &rise_range, &reader->guardrail->limit);
}

/* clang-format off: a table reads best as a table. */
static const struct policy_key guardrail_keys[] = {
	{ .name = "signal",
	  .parse = parse_signal,
	  .required = true,
	  .type = "signal",
	  .about = "what must not get worse" },
	{ .name = "max",
	  .parse = parse_hard_max,
	  .type = "in the signal's unit",
	  .about = "one tick above it ends the arm" },
	{ .name = "min",
	  .parse = parse_hard_min,
	  .type = "in the signal's unit",
	  .about = "one tick below it ends the arm" },
	{ .name = "max_drop",
	  .parse = parse_max_drop,
	  .type = "ratio, 0% to 100%",
	  .about = "how far it may fall below what it was with the value in force before" },
	{ .name = "max_rise",
	  .parse = parse_max_rise,
	  .type = "ratio, 0% to 10000%",
	  .about = "how far it may rise above what it was with the value in force before" },
};
/* clang-format on */

static const struct policy_group guardrail_group = {
	.name = "a guardrail",
	.keys = guardrail_keys,
	.n_keys = ARRAY_SIZE(guardrail_keys),
};

static void parse_guardrail(struct reader *reader, const config_setting_t *setting)
{
	size_t errors = reader->errors->n;

	reader->guardrail = &reader->policy->guardrails[reader->policy->n_guardrails++];
	reader->guardrail_limits = 0;
	reader_group(reader, &guardrail_group, setting);
	if (reader->errors->n == errors && reader->guardrail_limits != 1)
		reader_fail_key(reader, setting,
				"a guardrail has one of 'max', 'min', 'max_drop', 'max_rise'; "
				"this has %u",
				reader->guardrail_limits);
}

static void parse_guardrails(struct reader *reader, const config_setting_t *setting)
{
	int n = config_setting_length(setting);

	if (!config_setting_is_list(setting)) {
		reader_fail(reader, setting, "guardrails takes a list ( { … }, { … } ), found %s",
			    setting_phrase(setting));
		return;
	}
	if (n > POLICY_GUARDRAILS_MAX) {
		reader_fail(reader, setting, "guardrails has %d elements: at most %d", n,
			    POLICY_GUARDRAILS_MAX);
		return;
	}
	for (int i = 0; i < n; i++)
		parse_guardrail(reader, config_setting_get_elem(setting, (unsigned int)i));
}

static void parse_ns(struct reader *reader, const config_setting_t *setting,
		     const struct range *range, uint64_t *ret_ns)
{
	double ns;

	if (ranged_quantity(reader, setting, UNIT_TIME, range, &ns) == 0)
		*ret_ns = (uint64_t)ns;
}

static void parse_window(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &window_range, &reader->policy->trial.window_ns);
}

static void parse_washout(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &washout_range, &reader->policy->trial.washout_ns);
}

static void parse_cooldown(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &cooldown_range, &reader->policy->trial.cooldown_ns);
}

static void parse_error(struct reader *reader, const config_setting_t *setting)
{
	ranged_quantity(reader, setting, UNIT_RATIO, &error_range, &reader->policy->trial.error);
}

static void parse_max_pairs(struct reader *reader, const config_setting_t *setting)
{
	long long pairs;

	if (config_setting_type(setting) != CONFIG_TYPE_INT &&
	    config_setting_type(setting) != CONFIG_TYPE_INT64) {
		reader_fail(reader, setting, "max_pairs takes a whole number, found %s",
			    config_setting_is_number(setting) ? "a fraction"
							      : setting_phrase(setting));
		return;
	}
	pairs = config_setting_get_int64(setting);
	if (pairs < MAX_PAIRS_LEAST || pairs > TRIAL_PAIRS_MAX)
		reader_fail(reader, setting,
			    "max_pairs is %lld, outside %d to %d: %s it to %d or %s", pairs,
			    MAX_PAIRS_LEAST, TRIAL_PAIRS_MAX,
			    pairs < MAX_PAIRS_LEAST ? "raise" : "lower",
			    pairs < MAX_PAIRS_LEAST ? MAX_PAIRS_LEAST : TRIAL_PAIRS_MAX,
			    pairs < MAX_PAIRS_LEAST ? "more" : "less");
	else
		reader->policy->trial.max_pairs = (uint32_t)pairs;
}

static void parse_calibrate(struct reader *reader, const config_setting_t *setting)
{
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		reader_fail(reader, setting, "calibrate takes true or false, found %s",
			    setting_phrase(setting));
	else
		reader->policy->trial.calibrate = (uint32_t)config_setting_get_bool(setting);
}

/* clang-format off: a table reads best as a table. */
static const struct policy_key trial_keys[] = {
	{ .name = "window",
	  .parse = parse_window,
	  .type = "time, 100ms to 10min",
	  .fallback = "2s",
	  .about = "how long one value is measured at a time" },
	{ .name = "washout",
	  .parse = parse_washout,
	  .type = "time, 0s to 1min",
	  .fallback = "500ms",
	  .about = "how long after a change nothing is measured" },
	{ .name = "max_pairs",
	  .parse = parse_max_pairs,
	  .type = "whole number, 5 to 200",
	  .fallback = "40",
	  .about = "a trial that has shown nothing after so many pairs of windows is given up" },
	{ .name = "error",
	  .parse = parse_error,
	  .type = "ratio, 0.0001 to 0.2",
	  .fallback = "0.05",
	  .about = "the chance to keep a value that changes nothing" },
	{ .name = "cooldown",
	  .parse = parse_cooldown,
	  .type = "time, 0s to 720h",
	  .fallback = "10min",
	  .about = "how long after a verdict no new trial begins in the same place" },
	{ .name = "calibrate",
	  .parse = parse_calibrate,
	  .type = "true or false",
	  .fallback = "false",
	  .about = "try the value in force against itself, to count false keeps" },
};
/* clang-format on */

static const struct policy_group trial_group = {
	.name = "trial",
	.keys = trial_keys,
	.n_keys = ARRAY_SIZE(trial_keys),
};

static void parse_trial(struct reader *reader, const config_setting_t *setting)
{
	const struct trial_params *trial = &reader->policy->trial;
	size_t errors = reader->errors->n;
	const config_setting_t *at;
	int least;

	reader_group(reader, &trial_group, setting);
	if (reader->errors->n > errors)
		return;
	/* n fair coins fall alike with a chance of 2^-n: fewer cannot be more convincing. */
	least = (int)floor(log2(1 / trial->error)) + 1;
	if ((int)trial->max_pairs >= least)
		return;
	at = config_setting_get_member(setting, "max_pairs");
	reader_fail(reader, at ? at : setting,
		    "%u pairs cannot reach an error of %g: raise max_pairs to %d or more, "
		    "or allow a larger error",
		    trial->max_pairs, trial->error, least);
}

/* clang-format off: a table reads best as a table. */
static const struct policy_key policy_keys[] = {
	{ .name = "name",
	  .parse = parse_name,
	  .required = true,
	  .type = "string",
	  .about = "what the policy is called everywhere" },
	{ .name = "about",
	  .parse = parse_about,
	  .type = "string",
	  .fallback = "empty",
	  .about = "one sentence for whoever reads the plan" },
	{ .name = "scope",
	  .parse = parse_scope,
	  .required = true,
	  .type = "kind of scope",
	  .about = "the policy holds for each instance of it" },
	{ .name = "match",
	  .parse = parse_match,
	  .type = "pattern of fnmatch(3)",
	  .fallback = "all instances",
	  .about = "only instances whose name matches" },
	{ .name = "when",
	  .parse = parse_when,
	  .required = true,
	  .type = "condition",
	  .about = "what makes an opportunity" },
	{ .name = "until",
	  .parse = parse_until,
	  .type = "condition",
	  .fallback = "never",
	  .about = "what ends the opportunity, and with it a trial that still runs" },
	{ .name = "knob",
	  .parse = parse_knob,
	  .required = true,
	  .type = "knob",
	  .about = "what is changed" },
	{ .name = "try",
	  .parse = reader_arms,
	  .required = true,
	  .type = "values or a group",
	  .about = "the values to try" },
	{ .name = "objective",
	  .parse = parse_objective,
	  .required = true,
	  .type = "group",
	  .about = "what has to get better" },
	{ .name = "guardrails",
	  .parse = parse_guardrails,
	  .type = "list of groups",
	  .fallback = "none",
	  .about = "what must not get worse meanwhile" },
	{ .name = "trial",
	  .parse = parse_trial,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "how the experiment is run" },
};
/* clang-format on */

static const struct policy_group policy_group = {
	.name = "the policy",
	.keys = policy_keys,
	.n_keys = ARRAY_SIZE(policy_keys),
};

const struct policy_group *const policy_groups[] = {
	&policy_group,    &policy_group_steps, &policy_group_ladder,
	&objective_group, &guardrail_group,    &trial_group,
};
const size_t policy_groups_count = ARRAY_SIZE(policy_groups);

void reader_policy(struct reader *reader, const config_setting_t *setting)
{
	struct policy *policy = reader->policy;

	*policy = (struct policy){
		.scope = SCOPE_HOST,
		.objective = { .min_effect = MIN_EFFECT },
		.trial = {
			.window_ns = (uint64_t)WINDOW_NS,
			.washout_ns = (uint64_t)WASHOUT_NS,
			.max_pairs = MAX_PAIRS,
			.error = ERROR,
			.cooldown_ns = (uint64_t)COOLDOWN_NS,
		},
	};
	snprintf(policy->file, sizeof(policy->file), "%s", reader->errors->file);
	reader->scope = SCOPE_KIND_COUNT;
	reader->knob = NULL;
	reader_group(reader, &policy_group, setting);
}
