/* SPDX-License-Identifier: Apache-2.0 */
/* The limits file: libconfig text in, limits out; all errors at once, each with its place. docs/limits.md. */
#ifndef FLYBALL_ACTUATOR_LIMITS_FILE_H
#define FLYBALL_ACTUATOR_LIMITS_FILE_H

#include <stdio.h>

#include "base/conf_errors.h"
#include "include/limits.h"

struct limits_errors {
	size_t n; /* all; the first CONF_ERRORS_MAX of them are kept */
	struct conf_error errors[CONF_ERRORS_MAX];
};

/*
 * Reads the file over the built-in limits. It must be root's (or the caller's own), and neither it nor a folder above
 * it may be writable by others. `ret_limits` is written only on success. Returns 0; -ENOENT when there is no file
 * (nothing is an error then); -EINVAL with errors; -ENOMEM.
 */
int limits_load(const char *path, struct limits *ret_limits, struct limits_errors *ret_errors);

/* The same for a text. */
int limits_load_text(const char *path, const char *bytes, size_t size, struct limits *ret_limits,
		     struct limits_errors *ret_errors);

/* Adds an error when somebody other than root could change the file. 0, -ENOENT, or -EINVAL. */
int limits_trust(const char *path, struct error_list *errors);

/* The tables of docs/limits.md. */
void limits_markdown(FILE *out);

#endif
