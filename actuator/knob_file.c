// SPDX-License-Identifier: Apache-2.0
/*
 * The file of declared knobs:
 *
 *     knobs = (
 *         { name = "net.ipv4.tcp_keepalive_time"; min = 60; max = 86400; unit = "1s"; domain = "network";
 *           per_netns = true; about = "How long a connection is idle before it is asked whether it still lives."; },
 *         { name = "cpu.boost"; path = "/sys/devices/system/cpu/cpufreq/boost"; min = 0; max = 1;
 *           domain = "scheduler"; about = "Whether cores may run faster than their nominal clock."; }
 *     );
 *
 * The rows lie behind copies of the build's own in one array, so that whoever has the table needs not know which is
 * which.
 */
#include "actuator/knob_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf_reader.h"
#include "base/knob_name.h"
#include "base/quantity.h"
#include "base/words.h"

#define PATH_MAX_BYTES 256
#define ABOUT_MAX 256
#define FIELDS_MAX 16
#define CHOICES_TEXT_MAX (KNOB_CHOICES_MAX * KNOB_NAME_MAX)

/* A row's texts. */
struct declared {
	char name[KNOB_NAME_MAX], path[PATH_MAX_BYTES], about[ABOUT_MAX], choices[CHOICES_TEXT_MAX];
};

struct loaded {
	struct knob_file file;
	struct error_list errors;
	size_t n_declared;
	struct declared declared[KNOBS_DECLARED_MAX];
	struct knob_row rows[]; /* the build's, then KNOBS_DECLARED_MAX */
};

struct reader {
	struct conf conf; /* must be first */
	struct loaded *loaded;
	struct declared *text; /* of the knob that is being read */
	struct knob_row *row;
	bool has_min, has_max, has_choices, has_path;
};

static void parse_name(struct reader *reader, const config_setting_t *setting)
{
	char text[KNOB_NAME_MAX];

	if (reader_text(reader, setting, sizeof(text), text) < 0)
		return;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && (c == text || !strchr("._-/[]:", *c))) {
			reader_fail(reader, setting,
				    "'%s' is no name of a knob: write one like "
				    "'net.ipv4.tcp_keepalive_time'",
				    excerpt(text).text);
			return;
		}
	knob_name_dotted(text, reader->text->name, sizeof(reader->text->name));
	for (const struct knob_row *row = reader->loaded->rows; row < reader->row; row++)
		if (!strcmp(row->name, reader->text->name))
			reader_fail(reader, setting,
				    "there is a knob '%s' already: take another name", row->name);
}

static void parse_path(struct reader *reader, const config_setting_t *setting)
{
	char text[PATH_MAX_BYTES];

	reader->has_path = true;
	if (reader_text(reader, setting, sizeof(text), text) < 0)
		return;
	if ((strncmp(text, "/proc/sys/", 10) && strncmp(text, "/sys/", 5)) || strstr(text, "/..") ||
	    strchr(text, '%') || text[strlen(text) - 1] == '/') {
		reader_fail(reader, setting,
			    "'%s' is no path of a setting: give a file below /proc/sys or /sys, "
			    "without '..' and '%%'",
			    excerpt(text).text);
		return;
	}
	strcpy(reader->text->path, text + 1);
}

static void parse_about(struct reader *reader, const config_setting_t *setting)
{
	reader_text(reader, setting, sizeof(reader->text->about), reader->text->about);
}

/* -1 after an error. */
static long long whole_number(struct reader *reader, const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		return config_setting_get_int64(setting);
	reader_fail(reader, setting, "%s takes a whole number, the kernel's own, found %s",
		    reader_name(setting).text, setting_phrase(setting));
	return -1;
}

static void parse_min(struct reader *reader, const config_setting_t *setting)
{
	reader->has_min = true;
	reader->row->min = whole_number(reader, setting);
}

static void parse_max(struct reader *reader, const config_setting_t *setting)
{
	reader->has_max = true;
	reader->row->max = whole_number(reader, setting);
}

static void parse_field(struct reader *reader, const config_setting_t *setting)
{
	long long field = whole_number(reader, setting);

	if (field < 1 || field > FIELDS_MAX)
		reader_fail(reader, setting,
			    "field is %lld: the first number of the file is 1, at most %d", field,
			    FIELDS_MAX);
	else
		reader->row->field = (unsigned int)field;
}

static void parse_unit(struct reader *reader, const config_setting_t *setting)
{
	const char *text;
	enum unit unit;
	double value;

	if (reader_string(reader, setting, &text) < 0)
		return;
	if (quantity_parse_all(text, &value, &unit) < 0 || value < 1 || value > 1e15 ||
	    value != (double)(int64_t)value || (unit != UNIT_TIME && unit != UNIT_BYTES)) {
		reader_fail(reader, setting,
			    "'%s' is no unit: write what 1 stands for, like \"1ms\" or \"1KiB\"",
			    excerpt(text).text);
		return;
	}
	reader->row->unit = unit;
	reader->row->unit_scale = (int64_t)value;
}

static void parse_domain(struct reader *reader, const config_setting_t *setting)
{
	const char *text;
	int domain;

	if (reader_string(reader, setting, &text) < 0)
		return;
	domain = knob_domain_parse(text);
	if (domain < 0 || domain == DOMAIN_DISK)
		reader_fail(reader, setting,
			    "unknown domain '%s': it is memory, network or scheduler",
			    excerpt(text).text);
	else
		reader->row->domain = (enum knob_domain)domain;
}

static void parse_choice(struct reader *reader, const config_setting_t *setting)
{
	size_t used = strlen(reader->text->choices);
	const char *text;

	if (reader_string(reader, setting, &text) < 0)
		return;
	if (strlen(text) >= KNOB_NAME_MAX || strpbrk(text, " \t\r\n[]"))
		reader_fail(reader, setting, "'%s' is no choice: one word of at most %d bytes",
			    excerpt(text).text, KNOB_NAME_MAX - 1);
	else
		snprintf(reader->text->choices + used, sizeof(reader->text->choices) - used, "%s%s",
			 used ? " " : "", text);
}

static void parse_choices(struct reader *reader, const config_setting_t *setting)
{
	int n = config_setting_length(setting);

	reader->has_choices = true;
	reader->row->type = KNOB_CHOICE;
	if (!config_setting_is_array(setting) || n > KNOB_CHOICES_MAX) {
		reader_fail(reader, setting,
			    "choices takes an array [ \"…\", \"…\" ] of at most %d, or an empty "
			    "one "
			    "where the file lists them and has the present one in brackets",
			    KNOB_CHOICES_MAX);
		return;
	}
	for (int i = 0; i < n; i++)
		parse_choice(reader, config_setting_get_elem(setting, (unsigned int)i));
}

static void parse_per_netns(struct reader *reader, const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		reader->row->per_netns = config_setting_get_bool(setting);
	else
		reader_fail(reader, setting, "per_netns takes true or false, found %s",
			    setting_phrase(setting));
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key knob_keys[] = {
	{ .name = "name",
	  .parse = parse_name,
	  .required = true,
	  .type = "string",
	  .about = "what policies call it; without `path` also where it is below /proc/sys" },
	{ .name = "path",
	  .parse = parse_path,
	  .type = "string",
	  .fallback = "from the name",
	  .about = "the file, below /proc/sys or /sys" },
	{ .name = "about",
	  .parse = parse_about,
	  .required = true,
	  .type = "string",
	  .about = "one sentence on what it affects" },
	{ .name = "domain",
	  .parse = parse_domain,
	  .required = true,
	  .type = "string",
	  .about = "`memory`, `network` or `scheduler`: what one trial at a time may change" },
	{ .name = "min",
	  .parse = parse_min,
	  .type = "whole number",
	  .about = "the least value that may be set, in the kernel's own number" },
	{ .name = "max",
	  .parse = parse_max,
	  .type = "whole number",
	  .about = "the largest value that may be set" },
	{ .name = "unit",
	  .parse = parse_unit,
	  .type = "string",
	  .fallback = "a plain number",
	  .about = "what 1 stands for: `1ms`, `1KiB`" },
	{ .name = "field",
	  .parse = parse_field,
	  .type = "whole number",
	  .fallback = "the whole file",
	  .about = "which number of a file with several it is, from 1" },
	{ .name = "choices",
	  .parse = parse_choices,
	  .type = "array of strings",
	  .fallback = "a number",
	  .about = "the words that it takes; `[]` where the file itself lists them" },
	{ .name = "per_netns",
	  .parse = parse_per_netns,
	  .type = "true or false",
	  .fallback = "false",
	  .about = "whether each network namespace has its own" },
};
/* clang-format on */

static const struct conf_group knob_group = {
	.name = "the knob",
	.keys = knob_keys,
	.n_keys = ARRAY_SIZE(knob_keys),
};

/* Where the setting lies that the name alone tells of: without the `[max]` of a field. */
static void path_from_name(struct declared *text)
{
	char name[KNOB_NAME_MAX];

	strcpy(name, text->name);
	name[strcspn(name, "[")] = '\0';
	strcpy(text->path, "proc/sys/");
	knob_name_path(name, text->path + strlen(text->path), sizeof(text->path) - 16);
}

/* What the keys together must be. */
static void check_knob(struct reader *reader, const config_setting_t *setting)
{
	const struct knob_row *row = reader->row;

	if (!reader->has_choices && (!reader->has_min || !reader->has_max))
		reader_fail_key(reader, setting,
				"'min' and 'max' are missing in the knob: the values that are safe "
				"on this machine");
	else if (!reader->has_choices && row->min >= row->max)
		reader_fail_key(reader, setting, "min is %lld, max is %lld: min is the lesser",
				(long long)row->min, (long long)row->max);
	else if (reader->has_choices && (reader->has_min || reader->has_max || row->field))
		reader_fail_key(reader, setting,
				"a knob of choices has no 'min', 'max' and 'field': remove them");
	for (const struct knob_row *other = reader->loaded->rows; other < row; other++)
		if (!strcmp(other->path, row->path) &&
		    (other->field == row->field || !other->field || !row->field))
			reader_fail_key(reader, setting, "/%s is the knob '%s' already",
					excerpt(row->path).text, other->name);
}

static void parse_knob(struct reader *reader, const config_setting_t *setting)
{
	struct loaded *loaded = reader->loaded;
	size_t errors = reader->conf.errors->n;

	reader->text = &loaded->declared[loaded->n_declared];
	reader->row = &loaded->rows[knob_rows_count + loaded->n_declared];
	reader->has_min = reader->has_max = reader->has_choices = reader->has_path = false;
	*reader->text = (struct declared){ .name = "" };
	*reader->row = (struct knob_row){
		.name = reader->text->name,
		.path = reader->text->path,
		.about = reader->text->about,
		.family = FAMILY_SYSCTL,
		.type = KNOB_INTEGER,
		.scope = SCOPE_HOST,
		.unit_scale = 1,
	};
	reader_group(reader, &knob_group, setting);
	if (reader->text->choices[0])
		reader->row->choices = reader->text->choices;
	if (!reader->has_path)
		path_from_name(reader->text);
	if (reader->conf.errors->n == errors)
		check_knob(reader, setting);
	loaded->n_declared++;
}

static void parse_root(struct reader *reader, const config_setting_t *root)
{
	const config_setting_t *list = config_setting_get_member(root, "knobs");
	int n = list ? config_setting_length(list) : 0;

	for (int i = 0; i < config_setting_length(root); i++)
		if (config_setting_get_elem(root, (unsigned int)i) != list)
			reader_fail_key(reader, config_setting_get_elem(root, (unsigned int)i),
					"unknown key: a file has knobs = ( { … }, { … } )");
	if (list && !config_setting_is_list(list))
		reader_fail(reader, list, "knobs takes a list ( { … }, { … } ), found %s",
			    setting_phrase(list));
	else if (n > KNOBS_DECLARED_MAX)
		reader_fail(reader, list, "knobs has %d elements: at most %d", n,
			    KNOBS_DECLARED_MAX);
	else
		for (int i = 0; i < n; i++)
			parse_knob(reader, config_setting_get_elem(list, (unsigned int)i));
}

static int load(struct loaded *loaded, const char *path)
{
	_cleanup_(source_deinit) struct source source = { .size = 0 };
	struct reader reader = {
		.conf = { .source = &source, .errors = &loaded->errors },
		.loaded = loaded,
	};
	int r;

	loaded->errors.file = path;
	loaded->errors.what = "knob";
	r = source_open(&source, path, &loaded->errors);
	if (r == 0)
		r = reader_parse(&reader, parse_root);
	return r == -ENOMEM ? r : 0;
}

int knob_file_load(const char *path, struct knob_file **ret_file)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded) + (knob_rows_count + KNOBS_DECLARED_MAX) *
								    sizeof(struct knob_row));
	int r = 0;

	if (!loaded)
		return -ENOMEM;
	memcpy(loaded->rows, knob_rows, knob_rows_count * sizeof(struct knob_row));
	if (path && (access(path, F_OK) == 0 || errno != ENOENT))
		r = load(loaded, path);
	if (r < 0) {
		free(loaded);
		return r;
	}
	error_list_move(&loaded->errors, loaded->file.errors, &loaded->file.n_errors);
	loaded->file.table = (struct knob_table){
		.n = knob_rows_count + (loaded->file.n_errors ? 0 : loaded->n_declared),
		.rows = loaded->rows,
	};
	*ret_file = &loaded->file;
	return 0;
}

/* The first member of what was allocated. */
void knob_file_free(struct knob_file *file)
{
	free(file);
}
