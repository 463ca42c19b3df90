// SPDX-License-Identifier: Apache-2.0
#include "observer/text.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Not strtoull(): it takes signs, skips line ends, and needs errno to tell an overflow. */
static const char *read_number(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (!is_digit(*text))
		return NULL;
	for (; is_digit(*text); text++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return NULL;
	}
	if (*text && !strchr(" \t\n", *text))
		return NULL;
	*ret_number = number;
	return text;
}

bool text_numbers(const char *text, uint64_t *ret_numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		text = read_number(text, &ret_numbers[i]);
		if (!text)
			return false;
	}
	return true;
}

const char *text_line(const char *text, const char *key)
{
	const size_t length = strlen(key);

	while (text) {
		if (!strncmp(text, key, length))
			return text + length;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}
