// SPDX-License-Identifier: Apache-2.0
/* The keys of a policy: one table for each group of the language, one parser for each key. */
#include "policies/reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/knob_name.h"
#include "base/scope.h"
#include "base/words.h"
#include "policies/expression.h"
#include "policies/policies.h"
#include "policies/reference.h"

#define MIN_EFFECT 0.05

static const struct range effect_range = {
	.min = 0.001, .max = 0.9, .min_text = "0.1%", .max_text = "90%"
};
static const struct range drop_range = { .min = 0, .max = 1, .min_text = "0%", .max_text = "100%" };
static const struct range rise_range = {
	.min = 0, .max = 100, .min_text = "0%", .max_text = "10000%"
};

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
		if (knob_name_is(name, catalogue->knobs[i].name))
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
	if (reader->scope < SCOPE_KIND_COUNT && !knob_fits(row, reader->scope))
		reader_fail(reader, setting,
			    "'%s' belongs to %s, the policy to %s: write scope = \"%s\"", row->name,
			    scope_phrase(row->scope), scope_phrase(reader->scope),
			    scope_kind_word(row->scope));
	snprintf(reader->policy->knob, sizeof(reader->policy->knob), "%s", row->name);
	reader->policy->knob_domain = row->domain;
}

int reader_reference(struct reader *reader, const config_setting_t *setting,
		     struct signal_ref *ret_ref)
{
	struct findings findings = { .n = 0 };
	const char *text;
	int r = reader_string(reader, setting, &text);

	if (r < 0)
		return r;
	r = reference_parse(text, 0, strlen(text), reader->catalogue, reader->scope, &findings,
			    ret_ref);
	reader_findings(reader, setting, &findings);
	return r;
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
	reader_ranged(reader, setting, UNIT_RATIO, &effect_range,
		      &reader->policy->objective.min_effect);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key objective_keys[] = {
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

static const struct conf_group objective_group = {
	.name = "objective",
	.keys = objective_keys,
	.n_keys = ARRAY_SIZE(objective_keys),
};

static void parse_objective(struct reader *reader, const config_setting_t *setting)
{
	const config_setting_t *minimize, *maximize;
	size_t errors = reader->conf.errors->n;

	reader_group(reader, &objective_group, setting);
	/* One error is enough: a key that is misspelt is not missing, too. */
	if (reader->conf.errors->n > errors)
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
		reader_ranged(reader, setting, UNIT_RATIO, &drop_range, &reader->guardrail->limit);
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
	reader_ranged(reader, setting, UNIT_RATIO, &drop_range, &reader->guardrail->limit);
}

static void parse_max_rise(struct reader *reader, const config_setting_t *setting)
{
	reader->guardrail_limits++;
	reader->guardrail->kind = GUARDRAIL_MAX_RISE;
	reader_ranged(reader, setting, UNIT_RATIO, &rise_range, &reader->guardrail->limit);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key guardrail_keys[] = {
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

static const struct conf_group guardrail_group = {
	.name = "a guardrail",
	.keys = guardrail_keys,
	.n_keys = ARRAY_SIZE(guardrail_keys),
};

static void parse_guardrail(struct reader *reader, const config_setting_t *setting)
{
	size_t errors = reader->conf.errors->n;

	reader->guardrail = &reader->policy->guardrails[reader->policy->n_guardrails++];
	reader->guardrail_limits = 0;
	reader_group(reader, &guardrail_group, setting);
	if (reader->conf.errors->n == errors && reader->guardrail_limits != 1)
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

/* clang-format off: a table reads best as a table. */
static const struct conf_key policy_keys[] = {
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
	  .parse = reader_trial,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "how the experiment is run" },
};
/* clang-format on */

static const struct conf_group policy_group = {
	.name = "the policy",
	.keys = policy_keys,
	.n_keys = ARRAY_SIZE(policy_keys),
};

const struct conf_group *const policy_groups[] = {
	&policy_group,    &policy_group_steps, &policy_group_ladder,
	&objective_group, &guardrail_group,    &policy_group_trial,
};
const size_t policy_groups_count = ARRAY_SIZE(policy_groups);

static bool has_own_signal(const struct reader *reader)
{
	const struct policy *policy = reader->policy;

	for (uint32_t i = 0; i < policy->when.n_nodes; i++)
		if (policy->when.nodes[i].op < CONDITION_AND &&
		    signal_ref_is_own(&policy->when.nodes[i].ref, policy->scope))
			return true;
	return signal_ref_is_own(&policy->objective.ref, policy->scope);
}

/* A number alone is another process's once it has ended. */
static void check_process(struct reader *reader, const config_setting_t *match,
			  const struct scope *scope)
{
	const char *name = scope->name;
	size_t digits = strspn(name, "0123456789");

	if (scope->kind != SCOPE_PROCESS)
		return;
	if (digits && name[digits] == '@' && name[digits + 1] &&
	    strspn(name + digits + 1, "0123456789") == strlen(name + digits + 1))
		return;
	reader_fail(reader, match,
		    "'%s' is no process: write PID@START, as `flyball knobs affinity --only "
		    "process:PID` shows it",
		    excerpt(name).text);
}

/* Instances are known by their signals; where a policy has none of its own, `match` must say which it is. */
static void check_instances(struct reader *reader, const config_setting_t *setting)
{
	const config_setting_t *match = config_setting_get_member(setting, "match");
	struct scope pattern = { .kind = reader->policy->scope }, named;
	const char *kind = scope_kind_word(pattern.kind), *phrase = scope_phrase(pattern.kind);

	memcpy(pattern.name, reader->policy->scope_match, sizeof(pattern.name));
	if (has_own_signal(reader))
		return;
	if (scope_pattern_is_exact(&pattern, &named)) {
		check_process(reader, match, &named);
		return;
	}
	if (match)
		reader_fail(reader, match,
			    "'%s' is a pattern, but no signal in 'when' or the objective is of %s, "
			    "so "
			    "nothing says which there are: name one",
			    excerpt(pattern.name).text, phrase);
	else
		reader_fail(reader, config_setting_get_member(setting, "scope"),
			    "no signal in 'when' or the objective is of %s, so nothing says which "
			    "there are: add match = \"NAME\" with one %s",
			    phrase, kind);
}

static const config_setting_t *member_of(const config_setting_t *setting, const char *group,
					 const char *name)
{
	const config_setting_t *within = config_setting_get_member(setting, group);
	const config_setting_t *member = within ? config_setting_get_member(within, name) : NULL;

	return member ? member : within ? within : setting;
}

static bool is_split_signal(const struct reader *reader, const struct signal_ref *ref)
{
	(void)reader;
	return signal_is_split(ref->signal);
}

static void check_condition_unsplit(struct reader *reader, const config_setting_t *setting,
				    const char *key, const struct condition *condition)
{
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op < CONDITION_AND &&
		    is_split_signal(reader, &condition->nodes[i].ref)) {
			reader_fail(reader, config_setting_get_member(setting, key),
				    "%s has values only while a trial splits connections: use "
				    "another signal in '%s'",
				    reader->catalogue->signals[condition->nodes[i].ref.signal].name,
				    key);
			return;
		}
}

static void check_guardrails_unsplit(struct reader *reader, const config_setting_t *setting)
{
	const config_setting_t *list = config_setting_get_member(setting, "guardrails");

	for (uint32_t i = 0; i < reader->policy->n_guardrails; i++)
		if (is_split_signal(reader, &reader->policy->guardrails[i].ref))
			reader_fail(reader,
				    config_setting_get_member(config_setting_get_elem(list, i),
							      "signal"),
				    "this signal has values only while connections are split: add "
				    "trial = { split = true; }");
}

/* A split needs a knob that can be split and an objective that has two sides; and what has sides needs a split. */
static void check_split(struct reader *reader, const config_setting_t *setting)
{
	const struct policy *policy = reader->policy;
	const struct signal_row *objective =
		&reader->catalogue->signals[policy->objective.ref.signal];
	const config_setting_t *at =
		member_of(setting, "objective",
			  policy->objective.direction == OBJECTIVE_MINIMIZE ? "minimize"
									    : "maximize");

	check_condition_unsplit(reader, setting, "when", &policy->when);
	check_condition_unsplit(reader, setting, "until", &policy->until);
	if (!policy->trial.split && signal_is_split(policy->objective.ref.signal))
		reader_fail(reader, at,
			    "%s has values only while connections are split: add trial = { split = "
			    "true; }",
			    objective->name);
	if (!policy->trial.split) {
		check_guardrails_unsplit(reader, setting);
		return;
	}
	if (!reader->knob->splits)
		reader_fail(reader, member_of(setting, "trial", "split"),
			    "connections cannot be split by %s: remove it, or use tcp.congestion",
			    policy->knob);
	if (signal_is_split_end(policy->objective.ref.signal))
		reader_fail(reader, at,
			    "%s is known of connections that have closed alone, so an arm that "
			    "keeps "
			    "them open would look better: use tcp.split.rtt or tcp.split.bytes",
			    objective->name);
	if (!signal_is_split(policy->objective.ref.signal))
		reader_fail(reader, at,
			    "%s is one value for all connections: a split needs a signal that "
			    "tells "
			    "them apart, such as tcp.split.rtt.p50",
			    objective->name);
}

void reader_policy(struct reader *reader, const config_setting_t *setting)
{
	struct policy *policy = reader->policy;
	size_t errors = reader->conf.errors->n;

	*policy = (struct policy){
		.scope = SCOPE_HOST,
		.objective = { .min_effect = MIN_EFFECT },
	};
	reader_trial_defaults(&policy->trial);
	snprintf(policy->file, sizeof(policy->file), "%s", reader->conf.errors->file);
	reader->scope = SCOPE_KIND_COUNT;
	reader->knob = NULL;
	reader_group(reader, &policy_group, setting);
	if (reader->conf.errors->n > errors)
		return;
	if (policy->trial.split)
		policy->trial.washout_ns = 0;
	check_split(reader, setting);
	check_instances(reader, setting);
}
