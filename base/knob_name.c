// SPDX-License-Identifier: Apache-2.0
#include "base/knob_name.h"

#include <string.h>

static char swapped(char c)
{
	return c == '.' ? '/' : c == '/' ? '.' : c;
}

static bool is_slashed(const char *text)
{
	return text[strcspn(text, "./")] == '/';
}

static char *copy(const char *text, bool swap, char *buffer, size_t size)
{
	size_t n;

	for (n = 0; text[n] && n + 1 < size; n++)
		buffer[n] = swap ? swapped(text[n]) : text[n];
	buffer[n] = '\0';
	return buffer;
}

char *knob_name_dotted(const char *text, char *buffer, size_t size)
{
	return copy(text, is_slashed(text), buffer, size);
}

char *knob_name_path(const char *name, char *buffer, size_t size)
{
	return copy(name, !is_slashed(name), buffer, size);
}

bool knob_name_is(const char *text, const char *name)
{
	bool swap = is_slashed(text);

	for (; *text; text++, name++)
		if ((swap ? swapped(*text) : *text) != *name)
			return false;
	return *name == '\0';
}
