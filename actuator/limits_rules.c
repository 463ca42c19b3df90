// SPDX-License-Identifier: Apache-2.0
/* The lists of the limits file: rules, times, what is protected. */
#include "actuator/limits_reader.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/scope.h"

void limits_scalar_text(const config_setting_t *setting, char *text, size_t size)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		snprintf(text, size, "%s", config_setting_get_string(setting));
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(text, size, "%s", config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_FLOAT:
		snprintf(text, size, "%.17g", config_setting_get_float(setting));
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(text, size, "%lld", config_setting_get_int64(setting));
		break;
	default:
		snprintf(text, size, "%s", setting_phrase(setting));
	}
}

static void add_rule(struct reader *reader, const config_setting_t *setting)
{
	struct limits *limits = reader->limits;

	if (limits->n_rules == LIMIT_RULES_MAX) {
		reader_fail(reader, setting, "more than %d rules: merge some by patterns",
			    LIMIT_RULES_MAX);
		return;
	}
	reader->rule.source =
		(struct limit_source){ .origin = LIMIT_FILE, .line = reader_line(reader, setting) };
	limits->rules[limits->n_rules++] = reader->rule;
}

/* What the file says of a kind stands instead of what is built in. */
static void drop_presets(struct limits *limits, uint32_t kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < limits->n_rules; i++)
		if (limits->rules[i].kind != kind ||
		    limits->rules[i].source.origin != LIMIT_BUILT_IN)
			limits->rules[n++] = limits->rules[i];
	limits->n_rules = n;
}

static void parse_rule_knob(struct reader *reader, const config_setting_t *setting)
{
	const char *nearest, *text;

	if (reader_text(reader, setting, sizeof(reader->rule.knob), reader->rule.knob) < 0)
		return;
	text = reader->rule.knob;
	if (limit_knobs_matched(text, &nearest) > 0)
		return;
	if (nearest)
		reader_fail(reader, setting, "no knob matches '%s': did you mean '%s'?",
			    excerpt(text).text, nearest);
	else
		reader_fail(reader, setting, "no knob matches '%s': 'flyball knobs' lists them",
			    excerpt(text).text);
}

static void parse_rule_scope(struct reader *reader, const config_setting_t *setting)
{
	struct scope scope;

	if (reader_text(reader, setting, sizeof(reader->rule.text), reader->rule.text) == 0 &&
	    scope_parse(reader->rule.text, &scope) < 0)
		reader_fail(reader, setting,
			    "'%s' is no scope: write \"disk:sda\", \"disk:nvme*\" or \"host\"",
			    excerpt(reader->rule.text).text);
}

static void parse_bound(struct reader *reader, const config_setting_t *setting,
			struct limit_bound *bound)
{
	char text[128], error[CONF_TEXT_MAX];

	limits_scalar_text(setting, text, sizeof(text));
	if (limit_bound_parse(reader->rule.knob, text, bound, error, sizeof(error)) < 0)
		reader_fail(reader, setting, "%s: %s", reader_name(setting).text, error);
}

static void parse_min(struct reader *reader, const config_setting_t *setting)
{
	parse_bound(reader, setting, &reader->rule.min);
}

static void parse_max(struct reader *reader, const config_setting_t *setting)
{
	parse_bound(reader, setting, &reader->rule.max);
}

static void parse_step(struct reader *reader, const config_setting_t *setting)
{
	parse_bound(reader, setting, &reader->rule.step);
}

/* A knob's own value of a number that there is for all, too. */
static void parse_own(struct reader *reader, const config_setting_t *setting, uint32_t id,
		      struct limit_bound *bound)
{
	char text[128], error[CONF_TEXT_MAX];

	limits_scalar_text(setting, text, sizeof(text));
	if (limit_value_parse(id, text, &bound->value, error, sizeof(error)) < 0) {
		reader_fail(reader, setting, "%s: %s", reader_name(setting).text, error);
		return;
	}
	bound->given = 1;
	bound->unit = limit_numbers[id].unit;
}

static void parse_own_changes(struct reader *reader, const config_setting_t *setting)
{
	parse_own(reader, setting, LIMIT_CHANGES_PER_HOUR_KNOB, &reader->rule.changes_per_hour);
}

static void parse_own_cooldown(struct reader *reader, const config_setting_t *setting)
{
	parse_own(reader, setting, LIMIT_COOLDOWN, &reader->rule.cooldown);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key place_keys[] = {
	{ .name = "knob",
	  .parse = parse_rule_knob,
	  .type = "pattern of fnmatch(3)",
	  .fallback = "every knob",
	  .about = "which knobs" },
	{ .name = "scope",
	  .parse = parse_rule_scope,
	  .type = "scope, may have `*` and `?`",
	  .fallback = "everywhere",
	  .about = "in which scopes" },
};

static const struct conf_key knob_keys[] = {
	{ .name = "knob",
	  .parse = parse_rule_knob,
	  .required = true,
	  .type = "pattern of fnmatch(3)",
	  .about = "which knobs" },
	{ .name = "scope",
	  .parse = parse_rule_scope,
	  .type = "scope, may have `*` and `?`",
	  .fallback = "everywhere",
	  .about = "in which scopes" },
	{ .name = "min",
	  .parse = parse_min,
	  .type = "number, or in the knob's unit",
	  .fallback = "the knob's own",
	  .about = "the least value; a plain number is the kernel's own" },
	{ .name = "max",
	  .parse = parse_max,
	  .type = "number, or in the knob's unit",
	  .fallback = "the knob's own",
	  .about = "the largest value" },
	{ .name = "step",
	  .parse = parse_step,
	  .type = "number, or in the knob's unit",
	  .fallback = "any",
	  .about = "the largest step away from the value in force" },
	{ .name = "changes_per_hour",
	  .parse = parse_own_changes,
	  .type = "number, 0 to 1000000",
	  .fallback = "changes_per_hour_knob",
	  .about = "stricter for these knobs" },
	{ .name = "cooldown",
	  .parse = parse_own_cooldown,
	  .type = "time, 0s to 720h",
	  .fallback = "cooldown",
	  .about = "longer for these knobs" },
};
/* clang-format on */

const struct conf_group limits_place_group = { .name = "a rule",
					       .keys = place_keys,
					       .n_keys = ARRAY_SIZE(place_keys) };
const struct conf_group limits_knob_group = { .name = "a rule of 'knobs'",
					      .keys = knob_keys,
					      .n_keys = ARRAY_SIZE(knob_keys) };

static void parse_rules(struct reader *reader, const config_setting_t *setting, uint32_t kind,
			const struct conf_group *group)
{
	drop_presets(reader->limits, kind);
	if (!config_setting_is_list(setting)) {
		reader_fail(reader, setting, "%s takes a list ( { … }, { … } ), found %s",
			    reader_name(setting).text, setting_phrase(setting));
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *rule = config_setting_get_elem(setting, (unsigned int)i);

		reader->rule = (struct limit_rule){ .kind = kind };
		reader_group(reader, group, rule);
		add_rule(reader, rule);
	}
}

void limits_parse_allow(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_ALLOW, &limits_place_group);
}

void limits_parse_deny(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_DENY, &limits_place_group);
}

void limits_parse_knobs(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_KNOB, &limits_knob_group);
}

/* Each element of an array (or list) as a rule of its own. */
static void parse_array(struct reader *reader, const config_setting_t *setting, uint32_t kind,
			void (*parse)(struct reader *reader, const config_setting_t *element))
{
	drop_presets(reader->limits, kind);
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		reader_fail(reader, setting, "%s takes an array [ … ], found %s",
			    reader_name(setting).text, setting_phrase(setting));
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned int)i);

		reader->rule = (struct limit_rule){ .kind = kind };
		parse(reader, element);
		add_rule(reader, element);
	}
}

static void parse_quiet_one(struct reader *reader, const config_setting_t *setting)
{
	char error[CONF_TEXT_MAX];
	const char *text;

	if (reader_string(reader, setting, &text) == 0 &&
	    quiet_hours_parse(text, &reader->rule, error, sizeof(error)) < 0)
		reader_fail(reader, setting, "%s", error);
}

void limits_parse_quiet(struct reader *reader, const config_setting_t *setting)
{
	parse_array(reader, setting, RULE_QUIET, parse_quiet_one);
}

static void parse_pattern(struct reader *reader, const config_setting_t *setting)
{
	reader_text(reader, setting, sizeof(reader->rule.text), reader->rule.text);
}

static void parse_cgroup(struct reader *reader, const config_setting_t *setting)
{
	parse_pattern(reader, setting);
	if (reader->rule.text[0] && reader->rule.text[0] != '/')
		reader_fail(reader, setting,
			    "'%s' is no path of a cgroup: write \"/system.slice/ssh.service\"",
			    excerpt(reader->rule.text).text);
}

static void parse_pid(struct reader *reader, const config_setting_t *setting)
{
	long long pid = config_setting_is_number(setting) ? config_setting_get_int64(setting) : 0;

	if (pid < 1 || pid > INT_MAX)
		reader_fail(reader, setting, "'%s' is no process id",
			    reader_value(reader, setting).text);
	else
		reader->rule.pid = (int32_t)pid;
}

static void parse_processes(struct reader *reader, const config_setting_t *setting)
{
	parse_array(reader, setting, RULE_PROCESS, parse_pattern);
}

static void parse_pids(struct reader *reader, const config_setting_t *setting)
{
	parse_array(reader, setting, RULE_PID, parse_pid);
}

static void parse_cgroups(struct reader *reader, const config_setting_t *setting)
{
	parse_array(reader, setting, RULE_CGROUP, parse_cgroup);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key protect_keys[] = {
	{ .name = "processes",
	  .parse = parse_processes,
	  .type = "patterns of fnmatch(3)",
	  .fallback = "`systemd*`, `dbus-*`, `sshd`, `flyball*`",
	  .about = "processes whose settings are never changed: by the executable's path where the "
		   "pattern has a slash, else by its name or the command's" },
	{ .name = "pids",
	  .parse = parse_pids,
	  .type = "numbers",
	  .fallback = "1",
	  .about = "likewise, by their id" },
	{ .name = "cgroups",
	  .parse = parse_cgroups,
	  .type = "patterns of fnmatch(3)",
	  .fallback = "`/init.scope`, `/system.slice/ssh.service`, `/system.slice/sshd.service`",
	  .about = "groups whose settings are never changed, with those below and above them" },
};
/* clang-format on */

const struct conf_group limits_protect_group = { .name = "protect",
						 .keys = protect_keys,
						 .n_keys = ARRAY_SIZE(protect_keys) };

void limits_parse_protect(struct reader *reader, const config_setting_t *setting)
{
	reader_group(reader, &limits_protect_group, setting);
}
