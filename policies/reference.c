// SPDX-License-Identifier: Apache-2.0
#include "policies/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "policies/policies.h"

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

int reference_parse(const char *text, size_t offset, size_t length,
		    const struct catalogue *catalogue, enum scope_kind scope,
		    struct findings *findings, struct signal_ref *ret_ref)
{
	char name[REFERENCE_TEXT_MAX], prefix[REFERENCE_TEXT_MAX];
	const struct signal_row *row;
	char *dot;
	int signal, stat = STAT_VALUE;

	if (length == 0)
		return findings_add(findings, offset,
				    "a signal is missing: write one like 'disk.read.latency.p99'");
	if (length >= sizeof(name))
		return findings_add(findings, offset, "unknown signal '%s': no name is so long",
				    excerpt_of(text + offset, length).text);
	snprintf(name, sizeof(name), "%.*s", (int)length, text + offset);
	strcpy(prefix, name);
	dot = strrchr(prefix, '.');
	if (dot)
		*dot = '\0';
	signal = find_signal(catalogue, name);
	if (signal < 0 && dot) {
		signal = find_signal(catalogue, prefix);
		/* The empty suffix is the word for none: a dot alone is no suffix. */
		stat = dot[1] ? signal_stat_parse(dot + 1) : -EINVAL;
	}
	if (signal < 0)
		return fail_signal(catalogue, name, prefix, offset, findings);
	row = &catalogue->signals[signal];
	if (stat < 0 || !stat_fits[row->kind][stat])
		return fail_stat(row, strlen(row->name) < length ? dot + 1 : NULL, offset,
				 findings);
	if (scope < SCOPE_KIND_COUNT && row->scope != SCOPE_HOST && row->scope != scope)
		return findings_add(findings, offset,
				    "'%s' belongs to %s, the policy to %s: use signals of its own "
				    "scope or of the host",
				    row->name, scope_phrase(row->scope), scope_phrase(scope));
	*ret_ref = (struct signal_ref){ .signal = (uint32_t)signal, .stat = (uint32_t)stat };
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
	const char *stat = signal_stat_word(ref->stat);

	snprintf(buffer, size, "%s%s%s", name ? name : "?", stat[0] ? "." : "", stat);
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
