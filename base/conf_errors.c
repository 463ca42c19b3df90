// SPDX-License-Identifier: Apache-2.0
#include "base/conf_errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of a UTF-8 sequence by its first byte; 1 for what begins none. */
static size_t sequence_length(unsigned char first)
{
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

void text_trim(char *text)
{
	size_t length = strlen(text), start = length;

	while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && start - 1 + sequence_length((unsigned char)text[start - 1]) > length)
		text[start - 1] = '\0';
}

void error_list_add(struct error_list *list, struct conf_place place, const char *format, ...)
{
	struct conf_error *error;
	va_list ap;

	if (list->n++ >= CONF_ERRORS_MAX)
		return;
	error = &list->kept[list->n - 1];
	snprintf(error->file, sizeof(error->file), "%s", list->file);
	error->line = place.line;
	error->column = place.column;
	va_start(ap, format);
	vsnprintf(error->text, sizeof(error->text), format, ap);
	va_end(ap);
	text_trim(error->text);
}

static int compare_places(const void *a, const void *b)
{
	const struct conf_error *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

void error_list_move(struct error_list *list, struct conf_error *errors, size_t *n)
{
	size_t kept = list->n < CONF_ERRORS_MAX ? list->n : CONF_ERRORS_MAX;

	qsort(list->kept, kept, sizeof(list->kept[0]), compare_places);
	for (size_t i = 0; i < kept && *n + i < CONF_ERRORS_MAX; i++)
		errors[*n + i] = list->kept[i];
	*n += list->n;
	list->n = 0;
}

int findings_add(struct findings *findings, size_t offset, const char *format, ...)
{
	struct finding *finding;
	va_list ap;

	if (findings->n >= FINDINGS_MAX)
		return -EINVAL;
	finding = &findings->items[findings->n++];
	finding->offset = offset;
	va_start(ap, format);
	vsnprintf(finding->text, sizeof(finding->text), format, ap);
	va_end(ap);
	text_trim(finding->text);
	return -EINVAL;
}

struct excerpt excerpt_of(const char *text, size_t length)
{
	static const char more[] = "…";
	struct excerpt e;
	size_t room = sizeof(e.text) - sizeof(more);
	size_t n = length < room ? length : room;

	memcpy(e.text, text, n);
	e.text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)e.text[i] < 0x20 || e.text[i] == 0x7f)
			e.text[i] = ' ';
	if (n < length) {
		text_trim(e.text);
		strcat(e.text, more);
	}
	return e;
}

struct excerpt excerpt(const char *text)
{
	return excerpt_of(text, strlen(text));
}

const char *unit_phrase(enum unit unit)
{
	static const char *const phrases[UNIT_COUNT] = {
		[UNIT_NONE] = "a plain number",
		[UNIT_TIME] = "a time",
		[UNIT_BYTES] = "a size",
		[UNIT_RATIO] = "a ratio",
	};

	return unit < UNIT_COUNT ? phrases[unit] : "?";
}
