/* SPDX-License-Identifier: Apache-2.0 */
/* The words of libconfig's grammar, with their places. */
#ifndef FLYBALL_BASE_CONF_LEXER_H
#define FLYBALL_BASE_CONF_LEXER_H

#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_ASSIGN, /* `=` or `:` */
	TOKEN_OPEN,   /* `{`, `[`, `(` */
	TOKEN_CLOSE,
	TOKEN_STRING,
	TOKEN_NUMBER, /* also what only begins like one: `2s` */
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_OPEN_STRING,  /* the file ends before the string does */
	TOKEN_OPEN_COMMENT, /* the file ends before the comment does */
	TOKEN_BAD,          /* a byte that begins nothing */
	TOKEN_COUNT,
};

struct token {
	enum token_kind kind;
	size_t offset, length;
};

/* The first token at or after `offset`; comments and blanks are passed over. `text` ends in a NUL at `size`. */
struct token lexer_next(const char *text, size_t size, size_t offset);

/* The length of one character within a string literal: an escape counts as one. */
size_t lexer_escape_length(const char *text);

#endif
