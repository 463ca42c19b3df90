// SPDX-License-Identifier: Apache-2.0
/* The keys of the limits file. */
#include "actuator/limits_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/limits.h"
#include "base/cleanup.h"
#include "base/conf_reader.h"
#include "base/scope.h"

struct reader {
	struct conf conf; /* must be first */
	struct limits *limits;
	struct limit_rule rule; /* that is being read */
	const char *group;      /* that numbers are read from; NULL = the top */
};

/* --- numbers --- */

/* The value as text: parsers of the command line and of the file are the same. */
static void scalar_text(const config_setting_t *setting, char *text, size_t size)
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

static bool is_in_group(const struct limit_number *number, const char *group)
{
	return group ? number->group && !strcmp(number->group, group) : !number->group;
}

static void parse_number(struct reader *reader, const config_setting_t *setting)
{
	char text[128], error[CONF_TEXT_MAX];
	uint32_t id = 0;
	double value;

	while (strcmp(limit_numbers[id].key, config_setting_name(setting)) ||
	       !is_in_group(&limit_numbers[id], reader->group))
		id++;
	scalar_text(setting, text, sizeof(text));
	if (limit_value_parse(id, text, &value, error, sizeof(error)) < 0) {
		reader_fail(reader, setting, "%s: %s", reader_name(setting).text, error);
		return;
	}
	reader->limits->value[id] = value;
	reader->limits->source[id] =
		(struct limit_source){ .origin = LIMIT_FILE, .line = reader_line(reader, setting) };
}

/* --- rules --- */

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

	scalar_text(setting, text, sizeof(text));
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

	scalar_text(setting, text, sizeof(text));
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

static const struct conf_group place_group = { .name = "a rule",
					       .keys = place_keys,
					       .n_keys = ARRAY_SIZE(place_keys) };
static const struct conf_group knob_group = { .name = "a rule of 'knobs'",
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

static void parse_allow(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_ALLOW, &place_group);
}

static void parse_deny(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_DENY, &place_group);
}

static void parse_knobs(struct reader *reader, const config_setting_t *setting)
{
	parse_rules(reader, setting, RULE_KNOB, &knob_group);
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

static void parse_quiet(struct reader *reader, const config_setting_t *setting)
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

static const struct conf_group protect_group = { .name = "protect",
						 .keys = protect_keys,
						 .n_keys = ARRAY_SIZE(protect_keys) };

static void parse_protect(struct reader *reader, const config_setting_t *setting)
{
	reader_group(reader, &protect_group, setting);
}

static void parse_numbers(struct reader *reader, const config_setting_t *setting);

/* clang-format off: a table reads best as a table. */
static const struct conf_key root_keys[] = {
	{ .name = "allow",
	  .parse = parse_allow,
	  .type = "list of rules",
	  .fallback = "every knob, everywhere",
	  .about = "what may be changed; what no rule matches is refused" },
	{ .name = "deny",
	  .parse = parse_deny,
	  .type = "list of rules",
	  .fallback = "nothing",
	  .about = "what may not; wins over `allow`" },
	{ .name = "knobs",
	  .parse = parse_knobs,
	  .type = "list of rules",
	  .fallback = "none",
	  .about = "limits of single knobs; of several rules that match, each holds" },
	{ .name = "quiet_hours",
	  .parse = parse_quiet,
	  .type = "array of local times",
	  .fallback = "none",
	  .about = "nothing begins then; what runs goes on: `\"mon-fri 08:00-18:00\"`, `\"daily "
		   "22:00-06:00\"`" },
	{ .name = "protect",
	  .parse = parse_protect,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "what is never touched" },
	{ .name = "harm_budget",
	  .parse = parse_numbers,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "what exploring may cost" },
	{ .name = "oscillation",
	  .parse = parse_numbers,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "when a knob is quarantined" },
	{ .name = "numa",
	  .parse = parse_numbers,
	  .type = "group",
	  .fallback = "its defaults",
	  .about = "the moving of pages between memory nodes" },
};
/* clang-format on */

/* The numbers of a group as keys, for which their own table stands. */
static size_t number_keys(const char *group, struct conf_key *keys)
{
	size_t n = 0;

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (is_in_group(&limit_numbers[i], group))
			keys[n++] = (struct conf_key){ .name = limit_numbers[i].key,
						       .parse = parse_number,
						       .about = limit_numbers[i].about };
	return n;
}

static void parse_numbers(struct reader *reader, const config_setting_t *setting)
{
	struct conf_key keys[LIMIT_COUNT];
	struct conf_group group = { .name = config_setting_name(setting), .keys = keys };

	group.n_keys = number_keys(group.name, keys);
	reader->group = group.name;
	reader_group(reader, &group, setting);
	reader->group = NULL;
}

static void check_whole(struct reader *reader, const config_setting_t *root)
{
	const double *value = reader->limits->value;
	const config_setting_t *at = config_setting_get_member(root, "oscillation");

	if (at && value[LIMIT_OSCILLATION_QUARANTINE] > value[LIMIT_OSCILLATION_QUARANTINE_MAX])
		reader_fail(reader, at,
			    "quarantine is longer than quarantine_max: raise quarantine_max");
}

static void parse_root(struct reader *reader, const config_setting_t *root)
{
	struct conf_key keys[LIMIT_COUNT + ARRAY_SIZE(root_keys)];
	struct conf_group group = { .name = "the limits", .keys = keys };

	group.n_keys = number_keys(NULL, keys);
	memcpy(keys + group.n_keys, root_keys, sizeof(root_keys));
	group.n_keys += ARRAY_SIZE(root_keys);
	reader_group(reader, &group, root);
	if (reader->conf.errors->n == 0)
		check_whole(reader, root);
}

/* --- the file --- */

static int load(const char *path, const struct source *source, struct error_list *errors,
		struct limits *ret_limits)
{
	_cleanup_free_ struct limits *limits = malloc(sizeof(*limits));
	struct reader reader = { .conf = { .source = source, .errors = errors }, .limits = limits };
	int r;

	if (!limits)
		return -ENOMEM;
	limits_defaults(limits);
	snprintf(limits->file, sizeof(limits->file), "%s", path);
	r = reader_parse(&reader, parse_root);
	if (r < 0)
		return r;
	if (errors->n > 0)
		return -EINVAL;
	*ret_limits = *limits;
	return 0;
}

static struct error_list *errors_new(const char *path)
{
	struct error_list *errors = calloc(1, sizeof(*errors));

	if (errors)
		*errors = (struct error_list){ .file = path, .what = "limits" };
	return errors;
}

int limits_load_text(const char *path, const char *bytes, size_t size, struct limits *ret_limits,
		     struct limits_errors *ret_errors)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	_cleanup_free_ struct error_list *errors = errors_new(path);
	int r;

	ret_errors->n = 0;
	if (!errors)
		return -ENOMEM;
	r = source_init(&source, bytes, size, errors);
	if (r == 0)
		r = load(path, &source, errors, ret_limits);
	error_list_move(errors, ret_errors->errors, &ret_errors->n);
	return r;
}

int limits_load(const char *path, struct limits *ret_limits, struct limits_errors *ret_errors)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	_cleanup_free_ struct error_list *errors = errors_new(path);
	int r;

	ret_errors->n = 0;
	if (!errors)
		return -ENOMEM;
	r = limits_trust(path, errors);
	if (r == 0 && strlen(path) >= LIMITS_FILE_MAX) {
		error_list_add(errors, (struct conf_place){ .line = 0 },
			       "the path is longer than %d bytes", LIMITS_FILE_MAX - 1);
		r = -EINVAL;
	}
	if (r == 0)
		r = source_open(&source, path, errors);
	if (r == 0)
		r = load(path, &source, errors, ret_limits);
	error_list_move(errors, ret_errors->errors, &ret_errors->n);
	return r == 1 ? -ENOENT : r;
}

/* --- the reference --- */

static void print_keys(FILE *out, const struct conf_key *keys, size_t n)
{
	fputs("\n| key | type | default | what |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "| `%s` | %s | %s | %s |\n", keys[i].name, keys[i].type,
			keys[i].required ? "required" : keys[i].fallback, keys[i].about);
}

static void print_numbers(FILE *out, const char *group)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_number *number = &limit_numbers[i];
		static const char *const kinds[UNIT_COUNT] = { [UNIT_NONE] = "whole number",
							       [UNIT_TIME] = "time",
							       [UNIT_BYTES] = "size",
							       [UNIT_RATIO] = "share" };

		if (!is_in_group(number, group))
			continue;
		if (number->is_switch)
			fprintf(out, "| `%s` | true or false | %s | %s |\n", number->key,
				number->preset_text, number->about);
		else
			fprintf(out, "| `%s` | %s, %s to %s%s | %s | %s |\n", number->key,
				kinds[number->unit], number->min_text, number->max_text,
				number->or_never ? ", or `\"never\"`" : "", number->preset_text,
				number->about);
	}
}

void limits_markdown(FILE *out)
{
	static const char *const groups[] = { "harm_budget", "oscillation", "numa" };

	fputs("At the top of the file:\n", out);
	print_keys(out, root_keys, ARRAY_SIZE(root_keys));
	print_numbers(out, NULL);
	fputs("\nIn each rule of `allow` and `deny`:\n", out);
	print_keys(out, place_keys, ARRAY_SIZE(place_keys));
	fputs("\nIn each rule of `knobs`:\n", out);
	print_keys(out, knob_keys, ARRAY_SIZE(knob_keys));
	fputs("\nIn `protect`:\n", out);
	print_keys(out, protect_keys, ARRAY_SIZE(protect_keys));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		fprintf(out, "\nIn `%s`:\n", groups[i]);
		print_keys(out, NULL, 0);
		print_numbers(out, groups[i]);
	}
}
