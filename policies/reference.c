// SPDX-License-Identifier: Apache-2.0
#include "policies/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/words.h"
#include "policies/policies.h"

#define NAME_TEXT_MAX 96 /* longest `signal.stat`, with its NUL */

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

/* Checks the instance against the signal that it is of. */
static int check_instance(const struct parts *parts, const struct signal_row *row,
			  struct findings *findings)
{
	struct scope scope = { .kind = row->scope }, exact;
	const char *instance = parts->instance;

	if (row->scope == SCOPE_HOST)
		return findings_add(findings, parts->bracket,
				    "'%s' belongs to the host, which is only one: leave '[%s]' out",
				    row->name, excerpt(instance).text);
	if (strlen(instance) >= SIGNAL_INSTANCE_MAX)
		return findings_add(findings, parts->bracket,
				    "the instance '%s' is %zu bytes long: at most %d",
				    excerpt(instance).text, strlen(instance),
				    SIGNAL_INSTANCE_MAX - 1);
	strcpy(scope.name, instance);
	if (!scope_valid(&scope))
		return findings_add(findings, parts->bracket,
				    "'[%s]' names no %s: write one like '%s[NAME]'",
				    excerpt(instance).text, scope_kind_word(row->scope), row->name);
	if (!scope_pattern_is_exact(&scope, &exact))
		return findings_add(findings, parts->bracket,
				    "'[%s]' is a pattern: a reference names one instance",
				    excerpt(instance).text);
	return 0;
}

static int check_scope(const struct parts *parts, const struct signal_row *row,
		       enum scope_kind scope, size_t offset, struct findings *findings)
{
	if (parts->has_instance)
		return check_instance(parts, row, findings);
	if (scope < SCOPE_KIND_COUNT && row->scope != SCOPE_HOST && row->scope != scope)
		return findings_add(findings, offset,
				    "'%s' belongs to %s, the policy to %s: use signals of its own "
				    "scope or of the host, or name one instance: '%s[NAME]'",
				    row->name, scope_phrase(row->scope), scope_phrase(scope),
				    row->name);
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
	if (check_scope(&parts, row, scope, offset, findings) < 0)
		return -EINVAL;
	ref.signal = (uint32_t)signal;
	ref.stat = (uint32_t)stat;
	strcpy(ref.instance, parts.instance);
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
	const char *name =
		ref->signal < SIGNAL_ID_COUNT ? catalogue->signals[ref->signal].name : NULL;
	const char *stat = signal_stat_word(ref->stat), *instance = ref->instance;

	snprintf(buffer, size, "%s%s%s%s%s%s", name ? name : "?", instance[0] ? "[" : "", instance,
		 instance[0] ? "]" : "", stat[0] ? "." : "", stat);
	return buffer;
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
