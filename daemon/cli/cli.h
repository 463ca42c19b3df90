/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of verbs drives parsing, help, the reference in docs/cli.md and dispatch.
 *
 *     main → cli_run → (parse by the verb's rows) → verb->run(invocation) → exit code
 */
#ifndef FLYBALL_DAEMON_CLI_H
#define FLYBALL_DAEMON_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "include/scope.h"

#define CLI_OPTIONS_MAX 64 /* options in one command line */
#define CLI_WORDS_MAX 64   /* other words in one command line */

enum option_type {
	OPTION_FLAG, /* without a value */
	OPTION_TEXT,
	OPTION_TIME,   /* `30s` */
	OPTION_BYTES,  /* `200MB` */
	OPTION_NUMBER, /* a whole number, 0 or more */
	OPTION_SCOPE,  /* `disk:vda` */
	OPTION_TYPE_COUNT,
};

struct option_row {
	const char *name;     /* `--for`; NULL ends a table */
	const char *argument; /* `TIME`; NULL for a flag */
	enum option_type type;
	const char *preset; /* value when it is not given; NULL = none */
	const char *about;
};

struct invocation;

struct verb {
	const char *name;
	const char *arguments; /* `[PATTERN]`; "" = none */
	const char *about;     /* one line */
	const char *text;      /* what it does, for its help; may have several paragraphs */
	const struct option_row *options;  /* besides --json and --help; NULL = none */
	const char *const *examples;       /* ends with NULL */
	unsigned int min_words, max_words; /* besides options */
	int (*run)(const struct invocation *invocation); /* returns an exit code */
};

/* A command line, parsed and checked: every value has the type that its row says. */
struct invocation {
	const struct verb *verb;
	FILE *out, *err; /* data, talk */
	bool json;
	size_t n_words;
	const char *words[CLI_WORDS_MAX];
	size_t n_options;
	struct {
		const struct option_row *row;
		const char *value;
	} options[CLI_OPTIONS_MAX];
};

/* Runs one command line; returns an exit code. */
int cli_run(int argc, char *const *argv, FILE *out, FILE *err);

/* All verbs in the order of the help. */
const struct verb *const *cli_verbs(size_t *ret_n);

/* The options of a verb, the common ones (--json, --help) last; NULL past the end. */
const struct option_row *cli_option(const struct verb *verb, size_t index);

/* The help of all verbs, of one, and the reference as Markdown. */
void cli_help(FILE *out);
void cli_help_verb(const struct verb *verb, FILE *out);
void cli_help_markdown(FILE *out);

/* Says on err what is wrong with the command line and where the help is; returns EXIT_CODE_USAGE. */
int cli_usage_error(const struct invocation *invocation, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Says `flyball: …` on err; returns `code`. */
int cli_error(const struct invocation *invocation, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes `: did you mean 'X'?` for the nearest of `n` words, or ""; returns `buffer`. */
char *cli_did_you_mean(const char *word, const char *const *candidates, size_t n, char *buffer,
		       size_t size);

bool option_given(const struct invocation *invocation, const char *name);

/* The value, the last one when it was given more than once, else the preset; NULL when there is neither. */
const char *option_text(const struct invocation *invocation, const char *name);

/* The index-th value of an option that may be given again and again; NULL past the end. */
const char *option_each(const struct invocation *invocation, const char *name, size_t index);

uint64_t option_time_ns(const struct invocation *invocation,
			const char *name); /* 0 when not given */
uint64_t option_bytes(const struct invocation *invocation, const char *name);
uint64_t option_number(const struct invocation *invocation, const char *name);

/* The kind is SCOPE_KIND_COUNT when it was not given. */
struct scope option_scope(const struct invocation *invocation, const char *name);

/* True when `name` matches: an fnmatch(3) pattern, or a word that it contains; NULL matches all. */
bool cli_matches(const char *pattern, const char *name);

#endif
