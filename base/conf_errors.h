/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of one configuration file: collected while it is read, sorted by place, handed on together. */
#ifndef FLYBALL_BASE_CONF_ERRORS_H
#define FLYBALL_BASE_CONF_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "include/unit.h"

#define CONF_ERRORS_MAX 64 /* errors of one load that are kept; the rest is counted */
#define CONF_TEXT_MAX 256  /* a message, with its NUL */
#define CONF_PATH_MAX 256  /* path of a file, with its NUL */

struct conf_error {
	char file[CONF_PATH_MAX];
	unsigned int line, column; /* from 1; 0 where it concerns the whole file */
	char text
		[CONF_TEXT_MAX]; /* "unknown signal 'disk.raed.latency': did you mean 'disk.read.latency'?" */
};

/* Where something stands in a file; both from 1, 0 for the whole file. Columns count characters, a tab is one. */
struct conf_place {
	unsigned int line, column;
};

struct error_list {
	const char *file;
	const char *what; /* what such a file is called: "policy" */
	size_t n;         /* all; the first CONF_ERRORS_MAX of them are kept */
	struct conf_error kept[CONF_ERRORS_MAX];
};

void error_list_add(struct error_list *list, struct conf_place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends all errors, by line and column, to the `n` of `errors` (CONF_ERRORS_MAX of them are kept). */
void error_list_move(struct error_list *list, struct conf_error *errors, size_t *n);

/* What is wrong with a text that is no file: a condition, a reference, a literal. */
#define FINDINGS_MAX 8

struct finding {
	size_t offset; /* byte of the text where the offending part begins */
	char text[CONF_TEXT_MAX];
};

struct findings {
	size_t n; /* kept ones; what is past FINDINGS_MAX is dropped */
	struct finding items[FINDINGS_MAX];
};

/* Always returns -EINVAL, so that a parser can return it. */
int findings_add(struct findings *findings, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A piece of somebody's file made fit for a message: cut, control bytes replaced. */
struct excerpt {
	char text[68];
};

struct excerpt excerpt_of(const char *text, size_t length);
struct excerpt excerpt(const char *text);

/* Cuts a string that vsnprintf() cut already, so that it does not end inside a character. */
void text_trim(char *text);

/* "a time", "a size", "a ratio", "a plain number" */
const char *unit_phrase(enum unit unit);

#endif
