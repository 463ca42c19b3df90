// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/signal_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/signal.h"
#include "base/words.h"
#include "daemon/cli/cli.h"
#include "observer/observer.h"

int signal_pattern_parse(const char *text, struct signal_pattern *ret_pattern)
{
	char *open, *close;

	*ret_pattern = (struct signal_pattern){ .name = text };
	if (!text || !strchr(text, '['))
		return 0;
	snprintf(ret_pattern->text, sizeof(ret_pattern->text), "%s", text);
	open = strchr(ret_pattern->text, '[');
	close = strrchr(open, ']');
	if (strlen(text) >= sizeof(ret_pattern->text) || !close || close[1] ||
	    close - open > (ptrdiff_t)sizeof(ret_pattern->instance))
		return -EINVAL;
	*open = *close = '\0';
	strcpy(ret_pattern->instance, open + 1);
	ret_pattern->has_instance = true;
	ret_pattern->name = ret_pattern->text;
	return 0;
}

/* `cpu:3`: whatever signal that is asked of, it means a CPU. */
static bool says_kind(const char *instance)
{
	char word[32];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(instance, ":"), instance);
	return strchr(instance, ':') && scope_kind_parse(word) >= 0;
}

size_t signal_pattern_scopes(const struct signal_pattern *pattern, uint32_t signal,
			     struct scope scopes[SCOPE_KIND_COUNT])
{
	const struct signal_row *row = &signal_rows[signal];
	const char *name = pattern->instance;
	enum scope_kind kind;
	bool all_kinds;
	size_t n = 0;

	if (!cli_matches(pattern->name, row->name))
		return 0;
	if (!pattern->has_instance) {
		scopes[0] = (struct scope){ .kind = row->scope };
		return 1;
	}
	all_kinds = !strcmp(name, "*");
	kind = signal_take_kind(row, &name);
	if (kind == SCOPE_KIND_COUNT && !all_kinds && !says_kind(name))
		kind = signal_only_kind(row);
	for (uint32_t i = 0; i < SCOPE_KIND_COUNT; i++) {
		if (!signal_has_scope(row, i) || (i != kind && !all_kinds))
			continue;
		scopes[n] = (struct scope){ .kind = i };
		if (i != SCOPE_HOST && strcmp(name, "*") != 0)
			strcpy(scopes[n].name, name);
		n++;
	}
	return n;
}

size_t signal_pattern_matches(const struct signal_pattern *pattern)
{
	struct scope scopes[SCOPE_KIND_COUNT];
	size_t n = 0;

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		n += signal_pattern_scopes(pattern, i, scopes) > 0;
	return n;
}

char *signal_pattern_hint(const char *pattern, char *buffer, size_t size)
{
	const char *names[SIGNAL_ID_COUNT];

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		names[i] = signal_rows[i].name;
	return cli_did_you_mean(pattern, names, SIGNAL_ID_COUNT, buffer, size);
}
