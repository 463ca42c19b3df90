// SPDX-License-Identifier: Apache-2.0
/* The keys of the limits file. */
#include "actuator/limits_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/limits_reader.h"
#include "base/cleanup.h"

/* --- numbers --- */

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
	limits_scalar_text(setting, text, sizeof(text));
	if (limit_value_parse(id, text, &value, error, sizeof(error)) < 0) {
		reader_fail(reader, setting, "%s: %s", reader_name(setting).text, error);
		return;
	}
	reader->limits->value[id] = value;
	reader->limits->source[id] =
		(struct limit_source){ .origin = LIMIT_FILE, .line = reader_line(reader, setting) };
}

static void parse_numbers(struct reader *reader, const config_setting_t *setting);

/* clang-format off: a table reads best as a table. */
static const struct conf_key root_keys[] = {
	{ .name = "allow",
	  .parse = limits_parse_allow,
	  .type = "list of rules",
	  .fallback = "every knob, everywhere",
	  .about = "what may be changed; what no rule matches is refused" },
	{ .name = "deny",
	  .parse = limits_parse_deny,
	  .type = "list of rules",
	  .fallback = "nothing",
	  .about = "what may not; wins over `allow`" },
	{ .name = "knobs",
	  .parse = limits_parse_knobs,
	  .type = "list of rules",
	  .fallback = "none",
	  .about = "limits of single knobs; of several rules that match, each holds" },
	{ .name = "quiet_hours",
	  .parse = limits_parse_quiet,
	  .type = "array of local times",
	  .fallback = "none",
	  .about = "nothing begins then; what runs goes on: `\"mon-fri 08:00-18:00\"`, `\"daily "
		   "22:00-06:00\"`" },
	{ .name = "protect",
	  .parse = limits_parse_protect,
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
	print_keys(out, limits_place_group.keys, limits_place_group.n_keys);
	fputs("\nIn each rule of `knobs`:\n", out);
	print_keys(out, limits_knob_group.keys, limits_knob_group.n_keys);
	fputs("\nIn `protect`:\n", out);
	print_keys(out, limits_protect_group.keys, limits_protect_group.n_keys);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		fprintf(out, "\nIn `%s`:\n", groups[i]);
		print_keys(out, NULL, 0);
		print_numbers(out, groups[i]);
	}
}
