// SPDX-License-Identifier: Apache-2.0
#include "base/idset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Digits and nothing else; moves `text` behind them. */
static int parse_id(const char **text, unsigned int *ret_id)
{
	const char *c = *text;
	unsigned int id = 0;

	if (*c < '0' || *c > '9')
		return -EINVAL;
	for (; *c >= '0' && *c <= '9'; c++) {
		id = id * 10 + (unsigned int)(*c - '0');
		if (id >= IDSET_MAX)
			return -ERANGE;
	}
	*text = c;
	*ret_id = id;
	return 0;
}

/*
 * 0-3,8
 * 0
 */
int idset_parse(const char *text, struct idset *ret_set)
{
	struct idset set = { 0 };
	unsigned int first = 0, last;
	int r;

	if (*text == '\0') {
		*ret_set = set;
		return 0;
	}
	for (;; text++) {
		r = parse_id(&text, &first);
		last = first;
		if (r == 0 && *text == '-') {
			text++;
			r = parse_id(&text, &last);
		}
		if (r < 0)
			return r;
		if (last < first || (*text && *text != ','))
			return -EINVAL;
		for (unsigned int id = first; id <= last; id++)
			idset_add(&set, id);
		if (*text == '\0')
			break;
	}
	*ret_set = set;
	return 0;
}

int idset_format(const struct idset *set, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (unsigned int first = 0, last; first < IDSET_MAX; first++) {
		int n;

		if (!idset_has(set, first))
			continue;
		for (last = first; last + 1 < IDSET_MAX && idset_has(set, last + 1); last++)
			;
		if (last == first)
			n = snprintf(buffer + used, size - used, "%s%u", used ? "," : "", first);
		else
			n = snprintf(buffer + used, size - used, "%s%u-%u", used ? "," : "", first,
				     last);
		if (n < 0 || (size_t)n >= size - used)
			return -E2BIG;
		used += (size_t)n;
		first = last;
	}
	return 0;
}

bool idset_has(const struct idset *set, unsigned int id)
{
	return id < IDSET_MAX && (set->words[id / 64] >> (id % 64) & 1);
}

void idset_add(struct idset *set, unsigned int id)
{
	set->words[id / 64] |= UINT64_C(1) << (id % 64);
}

size_t idset_count(const struct idset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(set->words); i++)
		n += (size_t)__builtin_popcountll(set->words[i]);
	return n;
}

bool idset_equal(const struct idset *a, const struct idset *b)
{
	return !memcmp(a->words, b->words, sizeof(a->words));
}

void idset_intersect(const struct idset *a, const struct idset *b, struct idset *ret_set)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->words); i++)
		ret_set->words[i] = a->words[i] & b->words[i];
}

void idset_unite(const struct idset *a, const struct idset *b, struct idset *ret_set)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->words); i++)
		ret_set->words[i] = a->words[i] | b->words[i];
}

bool idset_within(const struct idset *set, const struct idset *whole)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->words); i++)
		if (set->words[i] & ~whole->words[i])
			return false;
	return true;
}
