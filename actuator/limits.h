/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: the table of them, and the pure functions that hold a change against them. What happened so far comes as
 * numbers in a view; the clock comes as an argument.
 *
 *     limits_defaults → limits_load (limits_file.h) → limits_tighten… → limits_judge_begin, limits_judge_value
 */
#ifndef FLYBALL_ACTUATOR_LIMITS_H
#define FLYBALL_ACTUATOR_LIMITS_H

#include <stddef.h>

#include "include/limits.h"
#include "include/outcome.h"
#include "include/unit.h"

/* One row of the table of numbers; drives the reader, `flyball limits` and docs/limits.md. */
struct limit_number {
	const char *group; /* NULL = at the top of the file */
	const char *key;
	enum unit unit;
	bool is_switch; /* true or false */
	bool or_never;  /* takes the word never */
	bool less_is_tighter;
	double min, max, preset;
	const char *min_text, *max_text, *preset_text;
	const char *about;
};

extern const struct limit_number limit_numbers[LIMIT_COUNT];

/* Rules that hold unless the file gives a rule of their kind: everything in the table is allowed, some are protected. */
void limits_defaults(struct limits *ret_limits);

/* `oscillation.flips`; returns `buffer`. */
char *limit_name(uint32_t id, char *buffer, size_t size);

/* The value as it would stand in the file; returns `buffer`. */
char *limit_value_text(uint32_t id, double value, char *buffer, size_t size);

/* `/etc/flyball/limits.conf:12`; returns `buffer`. */
char *limit_from(const struct limits *limits, const struct limit_source *source, char *buffer,
		 size_t size);

/* A rule as a row. */
void limit_rule_row(const struct limits *limits, const struct limit_rule *rule,
		    struct limit_row *ret_row);

/* What a change is held against. Times are CLOCK_MONOTONIC. */
struct limits_view {
	uint64_t now_ns;
	uint32_t weekday, minute; /* local: 0 = Sunday; of the day */
	const struct knob_row *row;
	size_t n_open;
	uint32_t changes, changes_knob;   /* within the last hour */
	uint64_t ended_ns;                /* of the last change in the same place; 0 = none */
	bool same_trial;                  /* that one served the same trial, which may go on */
	uint64_t quarantine_ns;           /* until when; 0 = none */
	uint64_t arm_time_ns;             /* of the last 24 h with an unproven value in force */
	bool by_hand;                     /* `flyball set`: no exploration */
	int32_t pid;                      /* of a process's scope; 0 = none */
	const char *executable, *command; /* of that process; "" when they cannot be read */
};

/* Judges a BEGIN by everything but its value. OUTCOME_DONE or OUTCOME_REFUSED with limit, value, origin, remedy. */
enum outcome_status limits_judge_begin(const struct limits *limits, const struct limits_view *view,
				       const struct change *change, char *ret_text, size_t size);

/* Judges what is asked to be in force by what is in force now: range and step of a number. */
enum outcome_status limits_judge_value(const struct limits *limits, const struct knob_row *row,
				       const struct change *change, const char *present,
				       char *ret_text, size_t size);

/* Judges one more write of an open change: the rates, and freeze. */
enum outcome_status limits_judge_write(const struct limits *limits, const struct limits_view *view,
				       const struct scope *scope, char *ret_text, size_t size);

/* True at such a local time. */
bool limit_is_quiet(const struct limit_rule *rule, uint32_t weekday, uint32_t minute);

/*
 * Makes a limit stricter, or adds a rule: `changes_per_hour=100`, `vm.swappiness.max=60`, `deny=block.* disk:sda`,
 * `quiet_hours=mon-fri 08:00-18:00`. Returns 0; -EINVAL with a sentence for what would loosen or is no limit;
 * -ENOSPC when there are too many rules.
 */
int limits_tighten(struct limits *limits, const char *name, const char *value, char *ret_text,
		   size_t size);

/* Parses `mon-fri 08:00-18:00` into days, from and to. Returns 0, or -EINVAL with a sentence. */
int quiet_hours_parse(const char *text, struct limit_rule *rule, char *ret_text, size_t size);

/* The value of a number from its text (`10min`, `0.5%`, `true`, `never`). 0, or -EINVAL with a sentence. */
int limit_value_parse(uint32_t id, const char *text, double *ret_value, char *ret_text,
		      size_t size);

/* A bound of a knob's rule: a plain number is the kernel's own. 0, or -EINVAL with a sentence. */
int limit_bound_parse(const char *knob, const char *text, struct limit_bound *ret_bound,
		      char *ret_text, size_t size);

/* How many rows of the catalogue a pattern matches, and the nearest name when there is none. */
size_t limit_knobs_matched(const char *pattern, const char **ret_nearest);

#endif
