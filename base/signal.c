// SPDX-License-Identifier: Apache-2.0
#include "base/signal.h"

#include <stdio.h>
#include <string.h>

#include "base/words.h"

bool signal_needs_kind(const struct signal_row *row)
{
	const uint32_t others = signal_scopes(row) & ~SCOPE_BIT(SCOPE_HOST);

	return (others & (others - 1)) != 0;
}

enum scope_kind signal_only_kind(const struct signal_row *row)
{
	const uint32_t others = signal_scopes(row) & ~SCOPE_BIT(SCOPE_HOST);

	return others && !signal_needs_kind(row) ? (enum scope_kind)__builtin_ctz(others)
						 : SCOPE_KIND_COUNT;
}

enum scope_kind signal_take_kind(const struct signal_row *row, const char **instance)
{
	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++) {
		const char *word = scope_kind_word(kind);
		const size_t length = strlen(word);

		if (!signal_has_scope(row, kind) || strncmp(*instance, word, length))
			continue;
		if (kind == SCOPE_HOST && !(*instance)[length])
			return SCOPE_HOST;
		if (kind != SCOPE_HOST && (*instance)[length] == ':') {
			*instance += length + 1;
			return (enum scope_kind)kind;
		}
	}
	return SCOPE_KIND_COUNT;
}

char *signal_ref_text(const struct signal_ref *ref, const struct signal_row *rows, char *buffer,
		      size_t size)
{
	const struct signal_row *row = ref->signal < SIGNAL_ID_COUNT ? &rows[ref->signal] : NULL;
	const char *stat = signal_stat_word(ref->stat), *instance = ref->instance, *rest = instance;
	bool says_kind = false;

	if (row && instance[0] && ref->kind != SCOPE_HOST)
		says_kind =
			signal_needs_kind(row) || signal_take_kind(row, &rest) != SCOPE_KIND_COUNT;
	snprintf(buffer, size, "%s%s%s%s%s%s%s%s", row && row->name ? row->name : "?",
		 instance[0] ? "[" : "", says_kind ? scope_kind_word(ref->kind) : "",
		 says_kind ? ":" : "", instance, instance[0] ? "]" : "", stat[0] ? "." : "", stat);
	return buffer;
}

char *signal_scopes_text(uint32_t scopes, enum scope_kind main, char *buffer, size_t size)
{
	int length = snprintf(buffer, size, "%s", scope_kind_word(main));

	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		if (scopes & SCOPE_BIT(kind) && kind != main && (size_t)length < size)
			length += snprintf(buffer + length, size - (size_t)length, ", %s",
					   scope_kind_word(kind));
	return buffer;
}
