// SPDX-License-Identifier: Apache-2.0
#include "base/conf_outline.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libconfig.h>

#include "base/conf_lexer.h"

/* A container that is open while the text is walked. */
struct level {
	char open;     /* '{', '[', '('; the file itself is a '{' */
	size_t offset; /* of the bracket */
	size_t entry;  /* that it is the value of; SIZE_MAX = the file */
	char type;     /* of an array's elements, as scalar_type(); 0 before the first */
};

struct walk {
	struct outline *outline;
	const struct source *source;
	struct error_list *errors;
	struct token token; /* the next one */
	size_t last_end;    /* behind the one before it */
	struct level levels[OUTLINE_DEPTH_MAX + 1];
	size_t depth; /* of the innermost open one */
};

static void advance(struct walk *w)
{
	w->last_end = w->token.offset + w->token.length;
	w->token = lexer_next(w->source->text, w->source->size, w->last_end);
}

static struct excerpt token_excerpt(const struct walk *w)
{
	return excerpt_of(w->source->text + w->token.offset, w->token.length);
}

static char token_char(const struct walk *w)
{
	return w->source->text[w->token.offset];
}

#define fail_at(w, at, ...) \
	(error_list_add((w)->errors, source_place((w)->source, at), __VA_ARGS__), -EINVAL)

/* The next token is none that may stand here. */
static int fail_unexpected(struct walk *w, const char *expected)
{
	const struct level *level = &w->levels[w->depth];
	size_t at = w->token.offset;
	const char *rest = w->source->text + at;

	switch (w->token.kind) {
	case TOKEN_OPEN_STRING:
		return fail_at(w, at, "this string does not end: close it with '\"'");
	case TOKEN_OPEN_COMMENT:
		return fail_at(w, at, "this comment does not end: close it with '*/'");
	case TOKEN_END:
		if (w->depth > 0)
			return fail_at(w, level->offset, "this '%c' is not closed: add '%c'",
				       level->open,
				       level->open == '{'   ? '}'
				       : level->open == '[' ? ']'
							    : ')');
		return fail_at(w, w->last_end, "the file ends where %s should be", expected);
	default:
		if (!strncmp(rest, "@include", strlen("@include")))
			return fail_at(w, at,
				       "'@include' is not allowed: a %s file stands alone, "
				       "copy the text into it",
				       w->errors->what);
		/* The whole character, not its first byte. */
		while (w->token.kind == TOKEN_BAD &&
		       ((unsigned char)rest[w->token.length] & 0xc0) == 0x80)
			w->token.length++;
		return fail_at(w, at, "found '%s' where %s should be", token_excerpt(w).text,
			       expected);
	}
}

static int add_entry(struct walk *w, const struct token *name)
{
	struct outline *o = w->outline;
	struct outline_entry *e = &o->entries[o->n];
	const char *text = w->source->text;
	size_t parent = w->levels[w->depth].entry;

	if (o->n == OUTLINE_ENTRIES_MAX)
		return fail_at(w, w->token.offset, "more than %d settings in one file: split it",
			       OUTLINE_ENTRIES_MAX);
	*e = (struct outline_entry){ .name = name->offset,
				     .name_length = name->length,
				     .parent = parent };
	for (size_t i = 0; name->length > 0 && i < o->n; i++)
		if (o->entries[i].parent == parent && o->entries[i].name_length == name->length &&
		    !memcmp(text + o->entries[i].name, text + name->offset, name->length))
			return fail_at(w, name->offset,
				       "'%s' is given twice, first in line %u: remove one",
				       token_excerpt(w).text,
				       source_place(w->source, o->entries[i].name).line);
	o->n++;
	return 0;
}

/* libconfig 1.5 reads a number that does not fit as another number: 4294967296 becomes 0. */
static int check_integer(struct walk *w, const char *number, const char *end)
{
	long long value;

	errno = 0;
	value = strtoll(number, NULL, tolower((unsigned char)number[1]) == 'x' ? 16 : 10);
	if (errno == ERANGE)
		return fail_at(w, w->token.offset, "'%s' is too large", number);
	if (*end != 'L' && (value < INT_MIN || value > INT_MAX))
		return fail_at(w, w->token.offset, "'%s' needs more than 32 bits: write %sL",
			       number, number);
	return 0;
}

static int check_number(struct walk *w)
{
	char number[64], *end;
	bool hex;

	if (w->token.length >= sizeof(number))
		return fail_at(w, w->token.offset, "'%s' is no number", token_excerpt(w).text);
	memcpy(number, w->source->text + w->token.offset, w->token.length);
	number[w->token.length] = '\0';
	end = number + strspn(number, "+-");
	if (end - number > 1 || (!isdigit((unsigned char)*end) && *end != '.'))
		return fail_at(w, w->token.offset, "'%s' is no number", number);
	hex = number[0] == '0' && tolower((unsigned char)number[1]) == 'x';
	if (hex && isxdigit((unsigned char)number[2]))
		end = number + 2 + strspn(number + 2, "0123456789abcdefABCDEF");
	else
		end += strspn(end, "0123456789");
	if (!strcmp(end, "") || !strcmp(end, "L") || !strcmp(end, "LL"))
		return check_integer(w, number, end);
	/* A hexadecimal fraction is a number for C alone. */
	if (!hex)
		strtod(number, &end);
	if (*end || hex)
		return fail_at(w, w->token.offset, "'%s' is no number: write \"%s\" with quotes",
			       number, number);
	return 0;
}

/* The type that libconfig gives a scalar; an array takes one of them only. */
static char scalar_type(const struct walk *w)
{
	const char *text = w->source->text + w->token.offset;
	bool hex = w->token.length > 1 && text[0] == '0' && tolower((unsigned char)text[1]) == 'x';

	if (w->token.kind != TOKEN_NUMBER)
		return w->token.kind == TOKEN_STRING ? 's' : 'b';
	if (text[w->token.length - 1] == 'L')
		return 'L';
	for (size_t i = 0; i < w->token.length && !hex; i++)
		if (strchr(".eE", text[i]))
			return 'f';
	return 'i';
}

/* A value that is no bracket; strings may follow each other and make one. */
static int walk_scalar(struct walk *w)
{
	int r = 0;

	if (w->token.kind == TOKEN_STRING) {
		while (w->token.kind == TOKEN_STRING)
			advance(w);
		return 0;
	}
	if (w->token.kind == TOKEN_NAME) {
		struct excerpt e = token_excerpt(w);

		if (strcasecmp(e.text, "true") && strcasecmp(e.text, "false"))
			return fail_at(w, w->token.offset, "'%s' needs quotes: write \"%s\"",
				       e.text, e.text);
	} else if (w->token.kind == TOKEN_NUMBER) {
		r = check_number(w);
	} else {
		return fail_unexpected(w, "a value");
	}
	advance(w);
	return r;
}

/* The value of the entry added last. */
static int walk_value(struct walk *w)
{
	struct outline *o = w->outline;
	struct level *in = &w->levels[w->depth];
	size_t at = w->token.offset;
	char type;
	int r;

	o->entries[o->n - 1].value = at;
	if (o->entries[o->n - 1].name_length == 0)
		o->entries[o->n - 1].name = at;
	if (w->token.kind != TOKEN_OPEN) {
		type = scalar_type(w);
		r = walk_scalar(w);
		if (r == 0 && in->open == '[' && in->type && in->type != type)
			return fail_at(w, at,
				       "an array [ … ] holds one type of value: use a list ( … ) "
				       "to mix them");
		in->type = type;
		return r;
	}
	if (in->open == '[')
		return fail_at(w, at, "an array [ … ] holds plain values only: use a list ( … )");
	if (w->depth == OUTLINE_DEPTH_MAX)
		return fail_at(w, at, "nested deeper than %d: no %s needs that", OUTLINE_DEPTH_MAX,
			       w->errors->what);
	w->depth++;
	w->levels[w->depth] = (struct level){
		.open = token_char(w),
		.offset = at,
		.entry = o->n - 1,
	};
	advance(w);
	return 0;
}

static int walk_close(struct walk *w)
{
	char open = w->levels[w->depth].open;
	char close = open == '{' ? '}' : open == '[' ? ']' : ')';

	if (w->depth == 0)
		return fail_at(w, w->token.offset, "this '%c' closes nothing: remove it",
			       token_char(w));
	if (token_char(w) != close)
		return fail_at(w, w->token.offset,
			       "found '%c' where '%c' should be, which closes line %u",
			       token_char(w), close,
			       source_place(w->source, w->levels[w->depth].offset).line);
	w->depth--;
	advance(w);
	/* One of these may follow a setting; libconfig takes no second one. */
	if (w->levels[w->depth].open == '{' &&
	    (w->token.kind == TOKEN_SEMICOLON || w->token.kind == TOKEN_COMMA))
		advance(w);
	return 0;
}

static int walk_setting(struct walk *w)
{
	struct token name = w->token;
	size_t depth = w->depth;
	int r;

	if (w->token.kind != TOKEN_NAME)
		return fail_unexpected(w, "a key");
	r = add_entry(w, &name);
	if (r < 0)
		return r;
	advance(w);
	if (w->token.kind != TOKEN_ASSIGN)
		return fail_unexpected(w, "'='");
	advance(w);
	r = walk_value(w);
	if (r < 0)
		return r;
	if (w->depth == depth && (w->token.kind == TOKEN_SEMICOLON || w->token.kind == TOKEN_COMMA))
		advance(w);
	return 0;
}

/* One element of a list or an array, or its end. */
static int walk_element(struct walk *w)
{
	static const struct token no_name;
	size_t last = w->outline->n - 1;
	/* What was added last is the list itself: nothing is in it yet. */
	bool first = last == w->levels[w->depth].entry;
	int r;

	if (w->token.kind == TOKEN_CLOSE)
		return walk_close(w);
	if (!first) {
		size_t comma = w->token.offset;

		if (w->token.kind != TOKEN_COMMA)
			return fail_unexpected(w, "',' or the end of the list");
		advance(w);
		if (w->token.kind == TOKEN_CLOSE)
			return fail_at(w, comma, "no ',' may follow the last element: remove it");
	}
	r = add_entry(w, &no_name);
	return r < 0 ? r : walk_value(w);
}

static int walk_text(struct walk *w)
{
	int r = 0;

	while (r == 0 && (w->token.kind != TOKEN_END || w->depth > 0)) {
		if (w->token.kind == TOKEN_END)
			return fail_unexpected(w, "its end");
		if (w->levels[w->depth].open != '{')
			r = walk_element(w);
		else if (w->token.kind == TOKEN_CLOSE)
			r = walk_close(w);
		else
			r = walk_setting(w);
	}
	return r;
}

int outline_init(struct outline *outline, const struct source *source, struct error_list *errors)
{
	struct walk walk = {
		.outline = outline,
		.source = source,
		.errors = errors,
		.levels = { { .open = '{', .entry = SIZE_MAX } },
	};

	*outline = (struct outline){ .source = source };
	outline->entries = calloc(OUTLINE_ENTRIES_MAX, sizeof(outline->entries[0]));
	if (!outline->entries)
		return -ENOMEM;
	advance(&walk);
	return walk_text(&walk);
}

void outline_deinit(struct outline *outline)
{
	free(outline->entries);
	*outline = (struct outline){ .n = 0 };
}

/* As deep as the text, which outline_init() has bounded. */
static int attach(const struct outline *outline, config_setting_t *setting, size_t *next)
{
	for (int i = 0; i < config_setting_length(setting); i++) {
		config_setting_t *member = config_setting_get_elem(setting, (unsigned int)i);

		if (*next >= outline->n)
			return -EINVAL;
		config_setting_set_hook(member, &outline->entries[(*next)++]);
		if (config_setting_is_aggregate(member) && attach(outline, member, next) < 0)
			return -EINVAL;
	}
	return 0;
}

int outline_attach(const struct outline *outline, struct config_setting_t *root)
{
	size_t next = 0;

	return attach(outline, root, &next) < 0 || next != outline->n ? -EINVAL : 0;
}

size_t outline_locate(const struct source *source, size_t literal, size_t index)
{
	const char *text = source->text;
	size_t i = literal + 1;

	while (text[i] == '"' || index > 0) {
		if (text[i] == '"') {
			struct token next = lexer_next(text, source->size, i + 1);

			/* Past the end of the value: its closing quote. */
			if (next.kind != TOKEN_STRING)
				return i;
			i = next.offset + 1;
			continue;
		}
		i += lexer_escape_length(text + i);
		index--;
	}
	return i;
}
