// SPDX-License-Identifier: Apache-2.0
#include "base/conf_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "base/conf_lexer.h"
#include "base/conf_outline.h"
#include "base/cleanup.h"

static const struct conf *conf_of(const struct reader *reader)
{
	return (const struct conf *)reader;
}

static void add_error(struct reader *reader, size_t offset, const char *format, va_list ap)
{
	char text[CONF_TEXT_MAX];

	vsnprintf(text, sizeof(text), format, ap);
	error_list_add(conf_of(reader)->errors, source_place(conf_of(reader)->source, offset), "%s",
		       text);
}

void reader_fail(struct reader *reader, const config_setting_t *setting, const char *format, ...)
{
	const struct outline_entry *entry = config_setting_get_hook(setting);
	va_list ap;

	va_start(ap, format);
	add_error(reader, entry->value, format, ap);
	va_end(ap);
}

void reader_fail_key(struct reader *reader, const config_setting_t *setting, const char *format,
		     ...)
{
	const struct outline_entry *entry = config_setting_get_hook(setting);
	va_list ap;

	va_start(ap, format);
	add_error(reader, entry->name, format, ap);
	va_end(ap);
}

void reader_findings(struct reader *reader, const config_setting_t *setting,
		     const struct findings *findings)
{
	const struct outline_entry *entry = config_setting_get_hook(setting);

	for (size_t i = 0; i < findings->n; i++) {
		size_t offset = outline_locate(conf_of(reader)->source, entry->value,
					       findings->items[i].offset);

		error_list_add(conf_of(reader)->errors,
			       source_place(conf_of(reader)->source, offset), "%s",
			       findings->items[i].text);
	}
}

struct excerpt reader_name(const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	char text[64];

	if (name)
		return excerpt(name);
	name = config_setting_name(config_setting_parent(setting));
	snprintf(text, sizeof(text), "element %d of %s", config_setting_index(setting) + 1,
		 name ? name : "the list");
	return excerpt(text);
}

const char *setting_phrase(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return "a group { … }";
	case CONFIG_TYPE_LIST:
		return "a list ( … )";
	case CONFIG_TYPE_ARRAY:
		return "an array [ … ]";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	default:
		return "a number";
	}
}

struct excerpt reader_value(const struct reader *reader, const config_setting_t *setting)
{
	const struct outline_entry *entry = config_setting_get_hook(setting);
	struct token token;

	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return excerpt(config_setting_get_string(setting));
	token = lexer_next(conf_of(reader)->source->text, conf_of(reader)->source->size,
			   entry->value);
	return excerpt_of(conf_of(reader)->source->text + token.offset, token.length);
}

int reader_string(struct reader *reader, const config_setting_t *setting, const char **ret_text)
{
	struct excerpt name = reader_name(setting);
	const char *text;

	if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
		reader_fail(reader, setting, "%s takes a string in quotes, found %s", name.text,
			    setting_phrase(setting));
		return -EINVAL;
	}
	text = config_setting_get_string(setting);
	if (!text || text[strspn(text, " \t\r\n")] == '\0') {
		reader_fail(reader, setting, "%s is empty", name.text);
		return -EINVAL;
	}
	*ret_text = text;
	return 0;
}

int reader_text(struct reader *reader, const config_setting_t *setting, size_t size, char *ret_text)
{
	const char *text;
	int r = reader_string(reader, setting, &text);

	if (r < 0)
		return r;
	if (strlen(text) >= size) {
		reader_fail(reader, setting, "%s is %zu bytes long: at most %zu",
			    reader_name(setting).text, strlen(text), size - 1);
		return -EINVAL;
	}
	strcpy(ret_text, text);
	return 0;
}

int reader_quantity(struct reader *reader, const config_setting_t *setting,
		    const struct literal_target *target, double *ret_value)
{
	struct findings findings = { .n = 0 };
	char number[64];
	const char *text = number;
	int r;

	if (config_setting_is_number(setting)) {
		/* The file's own digits: 0.05 stays 0.05 in a message. */
		snprintf(number, sizeof(number), "%.17g",
			 config_setting_type(setting) == CONFIG_TYPE_FLOAT
				 ? config_setting_get_float(setting)
				 : (double)config_setting_get_int64(setting));
	} else {
		r = reader_string(reader, setting, &text);
		if (r < 0)
			return r;
	}
	r = literal_parse_for(text, target, &findings, ret_value);
	if (r < 0 && text == number) {
		reader_fail(reader, setting, "%s", findings.items[0].text);
		return r;
	}
	reader_findings(reader, setting, &findings);
	return r;
}

static const struct conf_key *find_key(const struct conf_group *group, const char *name)
{
	for (size_t i = 0; i < group->n_keys; i++)
		if (!strcmp(group->keys[i].name, name))
			return &group->keys[i];
	return NULL;
}

static void fail_unknown_key(struct reader *reader, const struct conf_group *group,
			     const config_setting_t *member)
{
	const char *names[CONF_KEYS_MAX], *nearest;
	size_t n = group->n_keys < CONF_KEYS_MAX ? group->n_keys : CONF_KEYS_MAX;
	char all[160] = "";

	for (size_t i = 0; i < n; i++) {
		names[i] = group->keys[i].name;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			 names[i]);
	}
	nearest = words_nearest(config_setting_name(member), names, n);
	if (nearest)
		reader_fail_key(reader, member, "unknown key '%s' in %s: did you mean '%s'?",
				reader_name(member).text, group->name, nearest);
	else
		reader_fail_key(reader, member, "unknown key '%s' in %s: it takes %s",
				reader_name(member).text, group->name, all);
}

void reader_group(struct reader *reader, const struct conf_group *group,
		  const config_setting_t *setting)
{
	if (!config_setting_is_group(setting)) {
		reader_fail(reader, setting, "%s takes a group { … }, found %s",
			    reader_name(setting).text, setting_phrase(setting));
		return;
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, (unsigned int)i);

		if (!find_key(group, config_setting_name(member)))
			fail_unknown_key(reader, group, member);
	}
	for (size_t i = 0; i < group->n_keys; i++) {
		const struct conf_key *key = &group->keys[i];
		const config_setting_t *member = config_setting_get_member(setting, key->name);

		if (member)
			key->parse(reader, member);
		else if (key->required)
			reader_fail_key(reader, setting, "'%s' is missing in %s: %s", key->name,
					group->name, key->about);
	}
}

int reader_ranged(struct reader *reader, const config_setting_t *setting, enum unit unit,
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

unsigned int reader_line(const struct reader *reader, const config_setting_t *setting)
{
	const struct outline_entry *entry = config_setting_get_hook(setting);

	return source_place(conf_of(reader)->source, entry->value).line;
}

int reader_parse(struct reader *reader,
		 void (*parse_root)(struct reader *reader, const config_setting_t *root))
{
	_cleanup_(outline_deinit) struct outline outline = { .n = 0 };
	const struct conf *conf = conf_of(reader);
	struct conf_place place = { .line = 0 };
	config_t config;
	int r;

	r = outline_init(&outline, conf->source, conf->errors);
	if (r < 0)
		return r;
	config_init(&config);
	if (config_read_string(&config, conf->source->text) != CONFIG_TRUE) {
		/* libconfig found what the outline did not; it knows no column. */
		place = (struct conf_place){ .line = (unsigned int)config_error_line(&config),
					     .column = 1 };
		error_list_add(conf->errors, place, "%s",
			       config_error_text(&config) ?: "syntax error");
	} else if (outline_attach(&outline, config_root_setting(&config)) < 0) {
		error_list_add(conf->errors, place,
			       "the file is read in two ways: simplify its strings");
	} else {
		parse_root(reader, config_root_setting(&config));
	}
	config_destroy(&config);
	return 0;
}
