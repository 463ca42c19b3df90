/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one group of a policy file by a table of its keys: what is missing, unknown or of the wrong type is found
 * here, and the rest is each key's own parser.
 */
#ifndef FLYBALL_POLICIES_READER_H
#define FLYBALL_POLICIES_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <libconfig.h>

#include "include/catalogue.h"
#include "include/policy.h"
#include "policies/errors.h"
#include "policies/literal.h"
#include "policies/source.h"

/* The policy that is being read; parsers fill in `policy` and add errors. */
struct reader {
	const struct source *source;
	const struct catalogue *catalogue;
	struct error_list *errors;
	struct policy *policy;
	const struct knob_row *knob;   /* NULL while it is not known */
	enum scope_kind scope;         /* SCOPE_KIND_COUNT while it is not known */
	struct guardrail *guardrail;   /* that is being read */
	unsigned int guardrail_limits; /* how many of them it gives */
};

struct policy_key {
	const char *name;
	void (*parse)(struct reader *reader, const config_setting_t *setting);
	bool required;
	const char *type;     /* for people: "string", "time" */
	const char *fallback; /* what holds without it; NULL = nothing */
	const char *about;    /* one sentence, for people */
};

/* A group's keys, in the order in which they are parsed: later ones need earlier ones. */
struct policy_group {
	const char *name; /* `trial`, as messages call it */
	const struct policy_key *keys;
	size_t n_keys;
};

/* Every group of the language, for the reference and its test. */
extern const struct policy_group *const policy_groups[];
extern const size_t policy_groups_count;

/* Reads the members of `setting` by the table. */
void reader_group(struct reader *reader, const struct policy_group *group,
		  const config_setting_t *setting);

/* Reads one `policy: { … };` group. */
void reader_policy(struct reader *reader, const config_setting_t *setting);

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

/* Each returns 0, or -EINVAL with an error added. A string is never empty. */
int reader_string(struct reader *reader, const config_setting_t *setting, const char **ret_text);
int reader_text(struct reader *reader, const config_setting_t *setting, size_t size,
		char *ret_text);
int reader_reference(struct reader *reader, const config_setting_t *setting,
		     struct signal_ref *ret_ref);

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

/* The arms: `try` of a policy whose knob is known (arms.c). */
extern const struct policy_group policy_group_steps, policy_group_ladder;
void reader_arms(struct reader *reader, const config_setting_t *setting);

/* The experiment: `trial` of a policy, and what holds without it (trial_keys.c). */
extern const struct policy_group policy_group_trial;
void reader_trial(struct reader *reader, const config_setting_t *setting);
void reader_trial_defaults(struct trial_params *ret_trial);

#endif
