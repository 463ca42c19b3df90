/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs that an operator declares in a file: rows behind those of the build, read once before the processes part. */
#ifndef FLYBALL_ACTUATOR_KNOB_FILE_H
#define FLYBALL_ACTUATOR_KNOB_FILE_H

#include "actuator/knobs.h"
#include "base/conf_errors.h"

#define KNOBS_DECLARED_MAX 128

/* All knobs, and what is wrong with the file: then it adds none. */
struct knob_file {
	struct knob_table table;
	size_t n_errors; /* all; the first CONF_ERRORS_MAX of them are kept */
	struct conf_error errors[CONF_ERRORS_MAX];
};

/*
 * Reads the file at `path`; the rows of the build alone when there is none, or `path` is NULL. Returns 0 (also with
 * errors in it) or -ENOMEM. The caller frees it after the last use of a row.
 */
int knob_file_load(const char *path, struct knob_file **ret_file);
void knob_file_free(struct knob_file *file);

#endif
