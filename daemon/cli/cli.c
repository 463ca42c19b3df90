// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/cli.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/scope.h"
#include "base/words.h"
#include "daemon/exit_code.h"
#include "daemon/cli/verbs.h"

#define NAMES_MAX 64 /* verbs, or options of one verb */

static const struct verb *const verbs[] = {
	&verb_doctor, &verb_signals, &verb_watch,  &verb_knobs,    &verb_recommend, &verb_daemon,
	&verb_status, &verb_trials,  &verb_trial,  &verb_explain,  &verb_abort,     &verb_rollback,
	&verb_freeze, &verb_thaw,    &verb_set,    &verb_pin,      &verb_unpin,     &verb_drift,
	&verb_limits, &verb_policy,  &verb_config, &verb_overhead, &verb_help,      &verb_version,
};

static const struct option_row common_options[] = {
	{ .name = "--json", .about = "Print JSON, with \"schema\": 1, for programs." },
	{ .name = "--help", .about = "Print this help." },
};

const struct verb *const *cli_verbs(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(verbs);
	return verbs;
}

const struct option_row *cli_option(const struct verb *verb, size_t index)
{
	size_t own = 0;

	while (verb->options && verb->options[own].name)
		own++;
	if (index < own)
		return &verb->options[index];
	return index - own < ARRAY_SIZE(common_options) ? &common_options[index - own] : NULL;
}

int cli_usage_error(const struct invocation *invocation, const char *format, ...)
{
	va_list args;

	fputs("flyball: ", invocation->err);
	va_start(args, format);
	vfprintf(invocation->err, format, args);
	va_end(args);
	if (invocation->verb)
		fprintf(invocation->err, "\nTry 'flyball %s --help'.\n", invocation->verb->name);
	else
		fputs("\nTry 'flyball help'.\n", invocation->err);
	return EXIT_CODE_USAGE;
}

int cli_error(const struct invocation *invocation, int code, const char *format, ...)
{
	va_list args;

	fputs("flyball: ", invocation->err);
	va_start(args, format);
	vfprintf(invocation->err, format, args);
	va_end(args);
	fputc('\n', invocation->err);
	return code;
}

char *cli_did_you_mean(const char *word, const char *const *candidates, size_t n, char *buffer,
		       size_t size)
{
	const char *near = words_nearest(word, candidates, n);

	buffer[0] = '\0';
	if (near)
		snprintf(buffer, size, ": did you mean '%s'?", near);
	return buffer;
}

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static int unknown_verb(const struct invocation *invocation, const char *word)
{
	const char *names[ARRAY_SIZE(verbs)];
	char hint[128];

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[i] = verbs[i]->name;
	return cli_usage_error(invocation, "unknown verb '%s'%s", word,
			       cli_did_you_mean(word, names, ARRAY_SIZE(verbs), hint,
						sizeof(hint)));
}

static int unknown_option(const struct invocation *invocation, const char *word)
{
	const char *names[NAMES_MAX];
	const struct option_row *row;
	char hint[128];
	size_t n = 0;

	while (n < NAMES_MAX && (row = cli_option(invocation->verb, n)))
		names[n++] = row->name;
	return cli_usage_error(invocation, "unknown option '%s' of '%s'%s", word,
			       invocation->verb->name,
			       cli_did_you_mean(word, names, n, hint, sizeof(hint)));
}

/* The row of `--name` or `--name=value`; NULL when there is none. */
static const struct option_row *option_find(const struct verb *verb, const char *word,
					    size_t length)
{
	const struct option_row *row;

	for (size_t i = 0; (row = cli_option(verb, i)); i++)
		if (strlen(row->name) == length && !strncmp(row->name, word, length))
			return row;
	return NULL;
}

static bool number_parse(const char *text, uint64_t *ret_value)
{
	uint64_t value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end)
		return false;
	*ret_value = value;
	return true;
}

/* What a value must look like; NULL when it does. */
static const char *value_complaint(enum option_type type, const char *value)
{
	enum unit unit;
	struct scope scope;
	uint64_t number;
	double amount;

	switch (type) {
	case OPTION_TIME:
		if (quantity_parse_all(value, &amount, &unit) < 0 || unit != UNIT_TIME ||
		    amount <= 0 || amount > 1e18)
			return "a time with its unit, such as 500ms, 30s or 2min";
		return NULL;
	case OPTION_BYTES:
		if (quantity_parse_all(value, &amount, &unit) < 0 || unit != UNIT_BYTES ||
		    amount <= 0 || amount > 1e18)
			return "a size with its unit, such as 200MB";
		return NULL;
	case OPTION_NUMBER:
		return number_parse(value, &number) ? NULL : "a whole number";
	case OPTION_SCOPE:
		return scope_parse(value, &scope) < 0
			       ? "a scope, such as disk:vda, 'disk:nvme*' or host"
			       : NULL;
	default:
		return value[0] ? NULL : "a value that is not empty";
	}
}

/* Takes one option; `next` is the word after it. Returns 1 when that was used up, 0 when not, or an exit code, negated. */
static int take_option(struct invocation *invocation, const char *word, const char *next)
{
	const char *equals = strchr(word, '='), *value = NULL, *complaint;
	const struct option_row *row;
	int used = 0;

	row = option_find(invocation->verb, word, equals ? (size_t)(equals - word) : strlen(word));
	if (!row)
		return -unknown_option(invocation, word);
	if (row->type == OPTION_FLAG && equals)
		return -cli_usage_error(invocation, "option '%s' takes no value, got '%s'",
					row->name, equals + 1);
	if (row->type != OPTION_FLAG) {
		value = equals ? equals + 1 : next;
		used = !equals;
		if (!value)
			return -cli_usage_error(invocation, "option '%s' needs a value: %s",
						row->name, row->argument);
		complaint = value_complaint(row->type, value);
		if (complaint)
			return -cli_usage_error(invocation,
						"unable to take '%s' for '%s': needs %s", value,
						row->name, complaint);
	}
	if (invocation->n_options == CLI_OPTIONS_MAX)
		return -cli_usage_error(invocation, "more than %d options at '%s'", CLI_OPTIONS_MAX,
					word);
	invocation->options[invocation->n_options].row = row;
	invocation->options[invocation->n_options++].value = value;
	return used;
}

static int take_word(struct invocation *invocation, const char *word)
{
	unsigned int max = invocation->verb->max_words;

	if (invocation->n_words >= max || invocation->n_words >= CLI_WORDS_MAX)
		return -cli_usage_error(invocation,
					max ? "one word too many for '%2$s': '%1$s'"
					    : "'%2$s' takes no words, got '%1$s'",
					word, invocation->verb->name);
	invocation->words[invocation->n_words++] = word;
	return 0;
}

/* 0, or an exit code, negated. */
static int parse_rest(struct invocation *invocation, int argc, char *const *argv)
{
	bool only_words = false;

	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		int r;

		if (!only_words && !strcmp(word, "--")) {
			only_words = true;
			continue;
		}
		if (!only_words && !strcmp(word, "-h"))
			word = "--help";
		if (!only_words && word[0] == '-' && word[1])
			r = take_option(invocation, word, i + 1 < argc ? argv[i + 1] : NULL);
		else
			r = take_word(invocation, word);
		if (r < 0)
			return r;
		i += r;
	}
	return 0;
}

int cli_run(int argc, char *const *argv, FILE *out, FILE *err)
{
	struct invocation invocation = { .out = out, .err = err };
	const char *word = argc > 1 ? argv[1] : NULL;
	int r;

	if (!word) {
		cli_help(err);
		return EXIT_CODE_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		word = "help";
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		word = "version";
	invocation.verb = verb_find(word);
	if (!invocation.verb)
		return unknown_verb(&invocation, word);
	r = parse_rest(&invocation, argc - 2, argv + 2);
	if (r < 0)
		return -r;
	if (option_given(&invocation, "--help")) {
		cli_help_verb(invocation.verb, out);
		return EXIT_CODE_OK;
	}
	if (invocation.n_words < invocation.verb->min_words)
		return cli_usage_error(&invocation, "'%s' needs %s", invocation.verb->name,
				       invocation.verb->arguments);
	invocation.json = option_given(&invocation, "--json");
	r = invocation.verb->run(&invocation);
	/* A full disk or a closed pipe: data that did not arrive is no success. */
	if ((fflush(out) == EOF || ferror(out)) && r == EXIT_CODE_OK)
		return cli_error(&invocation, EXIT_CODE_ERROR, "unable to write the output: %s",
				 strerror(errno));
	return r;
}

bool option_given(const struct invocation *invocation, const char *name)
{
	for (size_t i = 0; i < invocation->n_options; i++)
		if (!strcmp(invocation->options[i].row->name, name))
			return true;
	return false;
}

const char *option_each(const struct invocation *invocation, const char *name, size_t index)
{
	for (size_t i = 0; i < invocation->n_options; i++)
		if (!strcmp(invocation->options[i].row->name, name) && index-- == 0)
			return invocation->options[i].value;
	return NULL;
}

const char *option_text(const struct invocation *invocation, const char *name)
{
	const struct option_row *row;

	for (size_t i = invocation->n_options; i > 0; i--)
		if (!strcmp(invocation->options[i - 1].row->name, name))
			return invocation->options[i - 1].value;
	row = option_find(invocation->verb, name, strlen(name));
	return row ? row->preset : NULL;
}

static uint64_t option_quantity(const struct invocation *invocation, const char *name)
{
	const char *text = option_text(invocation, name);
	enum unit unit;
	double value;

	return text && quantity_parse_all(text, &value, &unit) == 0 ? (uint64_t)value : 0;
}

uint64_t option_time_ns(const struct invocation *invocation, const char *name)
{
	return option_quantity(invocation, name);
}

uint64_t option_bytes(const struct invocation *invocation, const char *name)
{
	return option_quantity(invocation, name);
}

uint64_t option_number(const struct invocation *invocation, const char *name)
{
	const char *text = option_text(invocation, name);
	uint64_t value;

	return text && number_parse(text, &value) ? value : 0;
}

struct scope option_scope(const struct invocation *invocation, const char *name)
{
	const char *text = option_text(invocation, name);
	struct scope scope;

	if (!text || scope_parse(text, &scope) < 0)
		return (struct scope){ .kind = SCOPE_KIND_COUNT };
	return scope;
}

bool cli_matches(const char *pattern, const char *name)
{
	if (!pattern)
		return true;
	if (strpbrk(pattern, "*?["))
		return fnmatch(pattern, name, 0) == 0;
	return strstr(name, pattern) != NULL;
}
