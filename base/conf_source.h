/* SPDX-License-Identifier: Apache-2.0 */
/* The text of one configuration file in memory, and where in it things stand. */
#ifndef FLYBALL_BASE_CONF_SOURCE_H
#define FLYBALL_BASE_CONF_SOURCE_H

#include <stddef.h>

#include "base/conf_errors.h"

/* A configuration file that is larger is refused: no hand has written it. */
#define CONF_FILE_BYTES_MAX (256 * 1024)

struct source {
	char *text; /* UTF-8 without zero bytes, ends in a newline and a NUL; begins after a byte order mark */
	size_t size;
	char *buffer; /* what is freed */
};

/*
 * Reads a regular file, never blocking on anything else. Returns 0, 1 when it is /dev/null (a mask), -EINVAL when
 * an error was added, -ENOMEM. The caller deinits it.
 */
int source_open(struct source *source, const char *path, struct error_list *errors);

/* Takes a copy of `size` bytes as the text; checks it likewise. Returns 0, -EINVAL, -ENOMEM. */
int source_init(struct source *source, const char *bytes, size_t size, struct error_list *errors);

/* Accepts a zeroed one. */
void source_deinit(struct source *source);

struct conf_place source_place(const struct source *source, size_t offset);

#endif
