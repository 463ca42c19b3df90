/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units, as operators write and read them: `2ms`, `20MB`, `40%`. */
#ifndef FLYBALL_BASE_QUANTITY_H
#define FLYBALL_BASE_QUANTITY_H

#include <stddef.h>

#include "include/unit.h"

/*
 * Parses a number and its unit at the start of `text` (`ns us µs ms s min h`, `B KB MB GB TB KiB MiB GiB TiB`,
 * `%`, or none). The value comes in the unit's base: ns, bytes, ratio. `ret_end` is the first byte after it.
 * Returns 0; -EINVAL where there is no number; -EDOM for letters after it that are no unit (ret_end points at
 * them); -ERANGE when not finite. With -EDOM `ret_end` is set, too.
 */
int quantity_parse(const char *text, double *ret_value, enum unit *ret_unit, const char **ret_end);

/* Parses a whole string, trailing blanks allowed; -EINVAL when something else follows. */
int quantity_parse_all(const char *text, double *ret_value, enum unit *ret_unit);

/*
 * Writes a value for people, with three significant digits and a fitting unit: `4.21 ms`, `20.0 MB`, `40.0 %`,
 * `1.20 k`. NAN is `-`. Returns `buffer`.
 */
char *quantity_format(double value, enum unit unit, char *buffer, size_t size);

/* All the unit words, for error messages: "ns us ms s min h, B KB …". */
const char *quantity_unit_words(void);

/* The unit word that comes nearest to `word`; NULL when none is near. */
const char *quantity_unit_nearest(const char *word);

#endif
