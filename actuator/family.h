/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family of knobs: how its settings are found, read, written, captured and restored. A family is one .c file that
 * exports one `struct knob_family_ops`, listed in knob_families[] (knobs.c).
 *
 *     scopes → read → capture (before the first write) → write … → write(old) → restore
 */
#ifndef FLYBALL_ACTUATOR_FAMILY_H
#define FLYBALL_ACTUATOR_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

#include "include/knob.h"

/*
 * What a change of one knob may disturb besides, as text: a `name=value` line each. The journal keeps it. A name that
 * begins with @ is no setting: the line says which instance it was. The masks of some thousand threads fit, too.
 */
#define COMPANIONS_MAX 16384

struct knob_family_ops {
	/* As knob_scopes(). */
	size_t (*scopes)(int root, const struct knob_row *row, struct scope *ret_scopes,
			 size_t max);

	/* As knob_read(); row and scope fit each other. */
	int (*read)(int root, const struct knob_row *row, const struct scope *scope,
		    struct knob_reading *ret_reading);

	/* Writes once; 0 or -errno. */
	int (*write)(int root, const struct knob_row *row, const struct scope *scope,
		     const char *value);

	/*
	 * Writes down what a change of the knob disturbs in the kernel, so that restore() can put it back. Returns 0,
	 * or -errno with a sentence in `ret_text`; -E2BIG when it does not fit. NULL: the family has no companions.
	 */
	int (*capture)(int root, const struct knob_row *row, const struct scope *scope,
		       char *ret_companions, size_t companions_size, char *ret_text,
		       size_t text_size);

	/*
	 * Puts back every companion whose value differs; the knob itself has its old value again. A companion that
	 * shows a value that the change cannot have made is left, and `ret_text` says so. Returns 0, or
	 * -errno with the names of what is not back in `ret_text`: the first error that is worth another try, else
	 * one for which error_is_gone(). NULL where capture is.
	 */
	int (*restore)(int root, const struct knob_row *row, const struct scope *scope,
		       const char *companions, char *ret_text, size_t text_size);

	/*
	 * 1 when the scope is still the very instance that was captured; 0 when it is not: a disk that was pulled, also
	 * where another has its name now. -errno when that cannot be told: then nothing is done, and it is asked again
	 * later. NULL: scopes of the family cannot be replaced.
	 */
	int (*same_instance)(int root, const struct knob_row *row, const struct scope *scope,
			     const char *companions);
};

extern const struct knob_family_ops family_io_scheduler;
extern const struct knob_family_ops family_sysctl;

/* The family of a row; never NULL for a row of knob_rows[]. */
const struct knob_family_ops *knob_family_ops(const struct knob_row *row);

/* Reads the file of an integer or a choice at knob_path(): what most families do. As knob_read(). */
int knob_read_file(int root, const struct knob_row *row, const struct scope *scope,
		   struct knob_reading *ret_reading);

/* Writes that file. */
int knob_write_file(int root, const struct knob_row *row, const struct scope *scope,
		    const char *value);

/* Adds `name=value` and a newline to a companions' text; -E2BIG when it does not fit (then nothing was added). */
int companions_add(char *companions, size_t size, const char *name, const char *value);

/*
 * Takes the next line of a companions' text: names and values are copied. Returns 1, 0 at the end, -EBADMSG for a
 * line that companions_add() cannot have written. `cursor` starts as the text.
 */
int companions_next(const char **cursor, char *ret_name, size_t name_size, char *ret_value,
		    size_t value_size);

/* Writes "unable to restore NAME (reason)" behind what is in `text` already; what does not fit is left out. */
void companions_complain(char *text, size_t size, const char *name, int error);

/*
 * For what takes longer than the hand's limit by its nature, called in between: it is still getting on. The whole may
 * take HAND_TOTAL_NS. Does nothing outside of the hand.
 */
void family_progress(void);

/* True when the error says that the file or the device behind it does not exist (any more). */
bool error_is_gone(int error);

#endif
