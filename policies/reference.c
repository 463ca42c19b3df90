// SPDX-License-Identifier: Apache-2.0
#include "policies/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/signal.h"
#include "base/words.h"
#include "policies/policies.h"

#define NAME_TEXT_MAX 96 /* longest `signal.stat`, with its NUL */
#define PHRASE_MAX 160   /* a part of a sentence */

/* Which suffixes a kind takes. */
static const bool stat_fits[SIGNAL_KIND_COUNT][STAT_COUNT] = {
	[SIGNAL_COUNTER] = { [STAT_RATE] = true },
	[SIGNAL_GAUGE] = { [STAT_VALUE] = true },
	[SIGNAL_DISTRIBUTION] = {
		[STAT_P50] = true, [STAT_P90] = true, [STAT_P99] = true, [STAT_MEAN] = true, [STAT_RATE] = true,
	},
};

/* The same as a sentence's end, around the signal's name. */
static const struct {
	const char *before, *after;
} stat_advice[SIGNAL_KIND_COUNT] = {
	[SIGNAL_COUNTER] = { .before = "a counter: write '", .after = ".rate'" },
	[SIGNAL_GAUGE] = { .before = "a gauge: write '", .after = "' without a suffix" },
	[SIGNAL_DISTRIBUTION] = {
		.before = "a distribution: write '", .after = "' with .p50, .p90, .p99, .mean or .rate",
	},
};

const char *scope_phrase(enum scope_kind scope)
{
	static const char *const phrases[SCOPE_KIND_COUNT] = {
		[SCOPE_HOST] = "the host",     [SCOPE_CPU] = "a cpu",
		[SCOPE_NODE] = "a node",       [SCOPE_DISK] = "a disk",
		[SCOPE_NIC] = "a nic",         [SCOPE_NETNS] = "a netns",
		[SCOPE_CGROUP] = "a cgroup",   [SCOPE_PROCESS] = "a process",
		[SCOPE_SERVICE] = "a service", [SCOPE_GPU] = "a gpu",
		[SCOPE_IRQ] = "an irq",        [SCOPE_ROUTE] = "a route",
	};

	return scope < SCOPE_KIND_COUNT ? phrases[scope] : "?";
}

/* The signal whose name is exactly `name`; -1 when there is none. */
static int find_signal(const struct catalogue *catalogue, const char *name)
{
	for (int i = 0; i < SIGNAL_ID_COUNT; i++)
		if (catalogue->signals[i].name && !strcmp(catalogue->signals[i].name, name))
			return i;
	return -1;
}

static const char *nearest_signal(const struct catalogue *catalogue, const char *name)
{
	const char *names[SIGNAL_ID_COUNT];
	size_t n = 0;

	for (size_t i = 0; i < SIGNAL_ID_COUNT; i++)
		if (catalogue->signals[i].name)
			names[n++] = catalogue->signals[i].name;
	return words_nearest(name, names, n);
}

static int fail_stat(const struct signal_row *row, const char *suffix, size_t offset,
		     struct findings *findings)
{
	const char *before = stat_advice[row->kind].before, *after = stat_advice[row->kind].after;

	if (!suffix)
		return findings_add(findings, offset, "'%s' is %s%s%s", row->name, before,
				    row->name, after);
	return findings_add(findings, offset, "'.%s' does not fit '%s', which is %s%s%s",
			    excerpt(suffix).text, row->name, before, row->name, after);
}

/* `text` is no signal's name; `prefix` is it without its last part. */
static int fail_signal(const struct catalogue *catalogue, const char *text, const char *prefix,
		       size_t offset, struct findings *findings)
{
	const char *dot = strrchr(text, '.');
	const char *name = dot && signal_stat_parse(dot + 1) > STAT_VALUE ? prefix : text;
	const char *nearest = nearest_signal(catalogue, name);

	if (nearest)
		return findings_add(findings, offset, "unknown signal '%s': did you mean '%s'?",
				    excerpt(name).text, nearest);
	return findings_add(findings, offset, "unknown signal '%s': 'flyball signals' lists them",
			    excerpt(name).text);
}

static bool is_reference_byte(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

size_t reference_length(const char *text)
{
	size_t length = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	for (;;) {
		if (is_reference_byte(text[length]))
			length++;
		else if (text[length] == '[' && strchr(text + length, ']'))
			length += strcspn(text + length, "]") + 1;
		else if (text[length] == '[')
			return strlen(text);
		else
			return length;
	}
}

/* A reference in its parts. */
struct parts {
	char name[SIGNAL_REF_TEXT_MAX]; /* without the brackets and what is in them */
	char instance[SIGNAL_REF_TEXT_MAX];
	bool has_instance;
	size_t bracket; /* offset of the opening one in the reference */
};

/* Takes `[vda]` out of `disk.read.latency[vda].p99`. */
static int take_instance(struct parts *parts, size_t offset, struct findings *findings)
{
	char *open = strchr(parts->name, '['), *close = open ? strchr(open, ']') : NULL;

	if (!open)
		return 0;
	parts->has_instance = true;
	parts->bracket = offset + (size_t)(open - parts->name);
	if (!close)
		return findings_add(findings, parts->bracket,
				    "this '[' is not closed: write one like 'disk.busy[vda]'");
	*close = '\0';
	strcpy(parts->instance, open + 1);
	memmove(open, close + 1, strlen(close + 1) + 1);
	if (strpbrk(parts->name, "[]"))
		return findings_add(findings, parts->bracket,
				    "a reference names one instance, once: '%s' is left",
				    excerpt(open).text);
	return 0;
}

/* The kinds of a set as a sentence has them: "a cpu, a cgroup or a process". */
static const char *kinds_phrase(uint32_t kinds, char *buffer, size_t size)
{
	int length = 0;

	buffer[0] = '\0';
	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT && (size_t)length < size; kind++) {
		const uint32_t after = kind + 1 < SCOPE_KIND_COUNT ? kinds >> (kind + 1) : 0;

		if (kinds & SCOPE_BIT(kind))
			length += snprintf(buffer + length, size - (size_t)length, "%s%s",
					   length == 0 ? ""
					   : after     ? ", "
						       : " or ",
					   scope_phrase(kind));
	}
	return buffer;
}

/* How an instance of the signal is written: `disk.busy[NAME]`, `psi.cpu[cgroup:NAME]`. */
static const char *instance_example(const struct signal_row *row, char *buffer, size_t size)
{
	const uint32_t others = signal_scopes(row) & ~SCOPE_BIT(SCOPE_HOST);

	snprintf(buffer, size, "%s[%s%sNAME]", row->name,
		 signal_needs_kind(row) ? scope_kind_word((uint32_t)__builtin_ctz(others)) : "",
		 signal_needs_kind(row) ? ":" : "");
	return buffer;
}

/* Which kind of scope the brackets name, and the name itself; -EINVAL with a finding where that cannot be told. */
static int instance_kind(const struct parts *parts, const struct signal_row *row,
			 const char **ret_name, struct findings *findings)
{
	const enum scope_kind said = signal_take_kind(row, ret_name);
	char kinds[PHRASE_MAX], example[PHRASE_MAX];

	if (signal_scopes(row) == SCOPE_BIT(SCOPE_HOST))
		return findings_add(findings, parts->bracket,
				    "'%s' belongs to the host, which is only one: leave '[%s]' out",
				    row->name, excerpt(parts->instance).text);
	if (said != SCOPE_KIND_COUNT)
		return (int)said;
	if (signal_needs_kind(row))
		return findings_add(findings, parts->bracket, "'[%s]' may be %s: say which, '%s'",
				    excerpt(parts->instance).text,
				    kinds_phrase(signal_scopes(row) & ~SCOPE_BIT(SCOPE_HOST), kinds,
						 sizeof(kinds)),
				    instance_example(row, example, sizeof(example)));
	return (int)signal_only_kind(row);
}

/* Checks the instance against the signal that it is of, and fills in kind and name of the reference. */
static int take_named(const struct parts *parts, const struct signal_row *row,
		      struct findings *findings, struct signal_ref *ref)
{
	const char *instance = parts->instance;
	struct scope scope = { 0 }, exact;
	char example[PHRASE_MAX];
	int kind = instance_kind(parts, row, &instance, findings);

	if (kind < 0)
		return kind;
	ref->kind = scope.kind = (uint32_t)kind;
	if (strlen(instance) >= SIGNAL_INSTANCE_MAX)
		return findings_add(findings, parts->bracket,
				    "the instance '%s' is %zu bytes long: at most %d",
				    excerpt(instance).text, strlen(instance),
				    SIGNAL_INSTANCE_MAX - 1);
	strcpy(ref->instance, instance);
	if (kind == SCOPE_HOST)
		return 0;
	strcpy(scope.name, instance);
	if (!scope_valid(&scope))
		return findings_add(findings, parts->bracket,
				    "'[%s]' names no %s: write one like '%s'",
				    excerpt(parts->instance).text, scope_kind_word(scope.kind),
				    instance_example(row, example, sizeof(example)));
	if (!scope_pattern_is_exact(&scope, &exact))
		return findings_add(findings, parts->bracket,
				    "'[%s]' is a pattern: a reference names one instance",
				    excerpt(parts->instance).text);
	return 0;
}

/*
 * Which scope a reference is to: the instance that it names, else the policy's own where the signal has that kind, else
 * the host where it has one. A policy's scope that is not known fits everything: then it is the signal's main one.
 */
static int resolve(const struct parts *parts, const struct signal_row *row, enum scope_kind scope,
		   size_t offset, struct findings *findings, struct signal_ref *ref)
{
	char kinds[PHRASE_MAX], example[PHRASE_MAX];

	if (parts->has_instance)
		return take_named(parts, row, findings, ref);
	if (scope == SCOPE_KIND_COUNT)
		ref->kind = row->scope;
	else if (signal_has_scope(row, scope))
		ref->kind = scope;
	else if (signal_has_scope(row, SCOPE_HOST))
		ref->kind = SCOPE_HOST;
	else
		return findings_add(findings, offset,
				    "'%s' belongs to %s, the policy to %s: use signals of its own "
				    "scope or of the host, or name one instance: '%s'",
				    row->name,
				    kinds_phrase(signal_scopes(row), kinds, sizeof(kinds)),
				    scope_phrase(scope),
				    instance_example(row, example, sizeof(example)));
	return 0;
}

int reference_parse(const char *text, size_t offset, size_t length,
		    const struct catalogue *catalogue, enum scope_kind scope,
		    struct findings *findings, struct signal_ref *ret_ref)
{
	struct parts parts = { .has_instance = false };
	char prefix[SIGNAL_REF_TEXT_MAX];
	struct signal_ref ref = { .stat = STAT_VALUE };
	const struct signal_row *row;
	int signal, stat = STAT_VALUE;
	char *dot;

	if (length == 0)
		return findings_add(findings, offset,
				    "a signal is missing: write one like 'disk.read.latency.p99'");
	if (length >= sizeof(parts.name))
		return findings_add(findings, offset, "'%s' is %zu bytes long: no reference is",
				    excerpt_of(text + offset, length).text, length);
	snprintf(parts.name, sizeof(parts.name), "%.*s", (int)length, text + offset);
	if (take_instance(&parts, offset, findings) < 0)
		return -EINVAL;
	if (strlen(parts.name) >= NAME_TEXT_MAX)
		return findings_add(findings, offset, "unknown signal '%s': no name is so long",
				    excerpt(parts.name).text);
	strcpy(prefix, parts.name);
	dot = strrchr(prefix, '.');
	if (dot)
		*dot = '\0';
	signal = find_signal(catalogue, parts.name);
	if (signal < 0 && dot) {
		signal = find_signal(catalogue, prefix);
		/* The empty suffix is the word for none: a dot alone is no suffix. */
		stat = dot[1] ? signal_stat_parse(dot + 1) : -EINVAL;
	}
	if (signal < 0)
		return fail_signal(catalogue, parts.name, prefix, offset, findings);
	row = &catalogue->signals[signal];
	if (stat < 0 || !stat_fits[row->kind][stat])
		return fail_stat(row, strcmp(row->name, parts.name) ? dot + 1 : NULL, offset,
				 findings);
	if (parts.has_instance && parts.bracket - offset != strlen(row->name))
		return findings_add(findings, parts.bracket,
				    "the instance stands behind the signal: write '%s[%s].%s'",
				    row->name, excerpt(parts.instance).text, dot + 1);
	ref.signal = (uint32_t)signal;
	ref.stat = (uint32_t)stat;
	if (resolve(&parts, row, scope, offset, findings, &ref) < 0)
		return -EINVAL;
	*ret_ref = ref;
	return 0;
}

int signal_ref_parse(const char *text, const struct catalogue *catalogue,
		     struct signal_ref *ret_ref, char *ret_text, size_t size)
{
	struct findings findings = { .n = 0 };
	int r;

	r = reference_parse(text, 0, strlen(text), catalogue, SCOPE_KIND_COUNT, &findings, ret_ref);
	if (r < 0)
		snprintf(ret_text, size, "%s", findings.items[0].text);
	return r;
}

char *signal_ref_format(const struct signal_ref *ref, const struct catalogue *catalogue,
			char *buffer, size_t size)
{
	return signal_ref_text(ref, catalogue->signals, buffer, size);
}

enum unit signal_ref_unit(const struct signal_ref *ref, const struct catalogue *catalogue)
{
	const struct signal_row *row;

	if (ref->signal >= SIGNAL_ID_COUNT)
		return UNIT_NONE;
	row = &catalogue->signals[ref->signal];
	/* Values a second, whatever the values are. */
	return row->kind == SIGNAL_DISTRIBUTION && ref->stat == STAT_RATE ? UNIT_NONE : row->unit;
}
