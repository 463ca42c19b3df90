// SPDX-License-Identifier: Apache-2.0
#include "base/conf_lexer.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* libconfig: [A-Za-z\*][-A-Za-z0-9_\*]* */
static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '*';
}

static bool is_name_byte(char c)
{
	return is_name_start(c) || isdigit((unsigned char)c) || c == '-' || c == '_';
}

static bool is_number_start(char c)
{
	return isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.';
}

/* Wider than a number on purpose: `2s` and `5%` are shown whole in the error. */
static bool is_number_byte(char c)
{
	return is_number_start(c) || isalpha((unsigned char)c) || c == '%' ||
	       (unsigned char)c >= 0x80;
}

/* Passes over blanks and comments; true when a comment does not end, `*offset` is then its beginning. */
static bool skip_blank(const char *text, size_t *offset)
{
	size_t i = *offset;
	const char *end;

	for (;;) {
		if (isspace((unsigned char)text[i])) {
			i++;
		} else if (text[i] == '#' || (text[i] == '/' && text[i + 1] == '/')) {
			i += strcspn(text + i, "\n");
		} else if (text[i] == '/' && text[i + 1] == '*') {
			end = strstr(text + i + 2, "*/");
			if (!end)
				break;
			i = (size_t)(end + 2 - text);
		} else {
			*offset = i;
			return false;
		}
	}
	*offset = i;
	return true;
}

size_t lexer_escape_length(const char *text)
{
	if (text[0] != '\\')
		return 1;
	if (text[1] == 'x' && isxdigit((unsigned char)text[2]) && isxdigit((unsigned char)text[3]))
		return 4;
	/* Others stay two characters, as libconfig leaves them. */
	return text[1] && strchr("nrtf\\\"", text[1]) ? 2 : 1;
}

static struct token lex_string(const char *text, size_t size, size_t offset)
{
	size_t i = offset + 1;

	while (i < size && text[i] != '"')
		i += lexer_escape_length(text + i);
	if (i >= size)
		return (struct token){ .kind = TOKEN_OPEN_STRING, .offset = offset, .length = 1 };
	return (struct token){ .kind = TOKEN_STRING, .offset = offset, .length = i + 1 - offset };
}

struct token lexer_next(const char *text, size_t size, size_t offset)
{
	struct token token = { .kind = TOKEN_BAD };
	bool open = skip_blank(text, &offset);
	char c = text[offset];

	token.offset = offset;
	token.length = 1;
	if (open) {
		token.kind = TOKEN_OPEN_COMMENT;
	} else if (offset >= size) {
		token.kind = TOKEN_END;
		token.length = 0;
	} else if (c == '"') {
		return lex_string(text, size, offset);
	} else if (is_name_start(c)) {
		token.kind = TOKEN_NAME;
		while (is_name_byte(text[offset + token.length]))
			token.length++;
	} else if (is_number_start(c)) {
		token.kind = TOKEN_NUMBER;
		while (is_number_byte(text[offset + token.length]))
			token.length++;
	} else if (c == '=' || c == ':') {
		token.kind = TOKEN_ASSIGN;
	} else if (c == '{' || c == '[' || c == '(') {
		token.kind = TOKEN_OPEN;
	} else if (c == '}' || c == ']' || c == ')') {
		token.kind = TOKEN_CLOSE;
	} else if (c == ',') {
		token.kind = TOKEN_COMMA;
	} else if (c == ';') {
		token.kind = TOKEN_SEMICOLON;
	}
	return token;
}
