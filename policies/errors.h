/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of one policy file: collected while it is read, sorted by place, handed to the set. */
#ifndef FLYBALL_POLICIES_ERRORS_H
#define FLYBALL_POLICIES_ERRORS_H

#include <stdbool.h>
#include <stddef.h>

#include "include/unit.h"
#include "policies/policies.h"

/* Where something stands in a file; both from 1, 0 for the whole file. Columns count characters, a tab is one. */
struct place {
	unsigned int line, column;
};

struct error_list {
	const char *file;
	size_t n; /* all; the first POLICY_ERRORS_MAX of them are kept */
	struct policy_error kept[POLICY_ERRORS_MAX];
};

void error_list_add(struct error_list *list, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends all errors to the set, by line and column. */
void error_list_move(struct error_list *list, struct policy_set *set);

/* What is wrong with a text that is no file: a condition, a reference, a literal. */
#define FINDINGS_MAX 8

struct finding {
	size_t offset; /* byte of the text where the offending part begins */
	char text[POLICY_TEXT_MAX];
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
