/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one group of a configuration file by a table of its keys: what is missing, unknown or of the wrong type is
 * found here, and the rest is each key's own parser.
 *
 * `struct reader` is each language's own (policies/reader.h, actuator/limits_file.c): what is being read, behind a
 * `struct conf`, which must be its first member. Parsers of keys so get their own type, and the functions here get
 * what they need of it.
 */
#ifndef FLYBALL_BASE_CONF_READER_H
#define FLYBALL_BASE_CONF_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <libconfig.h>

#include "base/conf_errors.h"
#include "base/conf_literal.h"
#include "base/conf_source.h"

struct reader;

/* What every reader begins with. */
struct conf {
	const struct source *source;
	struct error_list *errors;
};

struct conf_key {
	const char *name;
	void (*parse)(struct reader *reader, const config_setting_t *setting);
	bool required;
	const char *type;     /* for people: "string", "time" */
	const char *fallback; /* what holds without it; NULL = nothing */
	const char *about;    /* one sentence, for people */
};

/* A group's keys, in the order in which they are parsed: later ones need earlier ones. */
struct conf_group {
	const char *name; /* `trial`, as messages call it */
	const struct conf_key *keys;
	size_t n_keys;
};

#define CONF_KEYS_MAX 24 /* of one group; checked by a test */

/*
 * Parses the source and hands its root to `parse_root`, each setting with its place. Errors are in the list. Returns 0
 * (also with errors), -EINVAL for a syntax error, -ENOMEM.
 */
int reader_parse(struct reader *reader,
		 void (*parse_root)(struct reader *reader, const config_setting_t *root));

/* Reads the members of `setting` by the table. */
void reader_group(struct reader *reader, const struct conf_group *group,
		  const config_setting_t *setting);

/* An error at the value, or at the key, of a setting. */
void reader_fail(struct reader *reader, const config_setting_t *setting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void reader_fail_key(struct reader *reader, const config_setting_t *setting, const char *format,
		     ...) __attribute__((format(printf, 3, 4)));

/* Adds what was found in a string's value, each at its own place. */
void reader_findings(struct reader *reader, const config_setting_t *setting,
		     const struct findings *findings);

/* What a setting is called in a message: its key, or "element 2 of 'try'". */
struct excerpt reader_name(const config_setting_t *setting);

/* The line of the file that a setting's value stands in. */
unsigned int reader_line(const struct reader *reader, const config_setting_t *setting);

/* Each returns 0, or -EINVAL with an error added. A string is never empty. */
int reader_string(struct reader *reader, const config_setting_t *setting, const char **ret_text);
int reader_text(struct reader *reader, const config_setting_t *setting, size_t size,
		char *ret_text);

/* A number with a unit, as a string; where the target takes none (or is a ratio), a bare number, too. */
int reader_quantity(struct reader *reader, const config_setting_t *setting,
		    const struct literal_target *target, double *ret_value);

/* What a quantity may be, with the words for a message. */
struct range {
	double min, max;
	const char *min_text, *max_text;
};

/* A quantity of that unit within a range. */
int reader_ranged(struct reader *reader, const config_setting_t *setting, enum unit unit,
		  const struct range *range, double *ret_value);

/* The value as the file has it, for messages: `"50ms"` without its quotes. */
struct excerpt reader_value(const struct reader *reader, const config_setting_t *setting);

/* "a string", "a number", … */
const char *setting_phrase(const config_setting_t *setting);

#endif
