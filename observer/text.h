/* SPDX-License-Identifier: Apache-2.0 */
/* Reading numbers out of the kernel's text files. */
#ifndef FLYBALL_OBSERVER_TEXT_H
#define FLYBALL_OBSERVER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads `n` decimal numbers separated by blanks, all on the line that `text` starts in. Returns false when there
 * are fewer, or something that is no number, or one that does not fit.
 */
bool text_numbers(const char *text, uint64_t *ret_numbers, size_t n);

/* What follows `key` at the beginning of a line; NULL when no line begins with it. */
const char *text_line(const char *text, const char *key);

#endif
