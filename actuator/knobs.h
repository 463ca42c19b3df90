/* SPDX-License-Identifier: Apache-2.0 */
/* The table of knobs, and reading them. Reading needs no actuator: every process may do it. */
#ifndef FLYBALL_ACTUATOR_KNOBS_H
#define FLYBALL_ACTUATOR_KNOBS_H

#include <stddef.h>

#include "include/knob.h"

/* The knobs of this build. A program also has those that its operator declares: see struct knob_table. */
extern const struct knob_row knob_rows[];
extern const size_t knob_rows_count;

/*
 * All knobs of a program: its own and the declared ones (knob_file.h). Made once at the start, before the processes
 * part, and handed to whoever looks one up: so nothing global ever changes, and every process has the same rows.
 */
struct knob_table {
	size_t n;
	const struct knob_row *rows;
};

/* The row of that name, which may be written with slashes (net/ipv4/tcp_rmem[max]); NULL when there is none. A table NULL is the build's. */
const struct knob_row *knob_table_find(const struct knob_table *table, const char *name);

/* The index-th row, NULL past the end; and the index of a row, which is the same in every process of a program. */
const struct knob_row *knob_table_row(const struct knob_table *table, size_t index);
size_t knob_table_index(const struct knob_table *table, const struct knob_row *row);

/* The same among the knobs of this build alone. */
const struct knob_row *knob_find(const char *name);

/*
 * Reads a knob: value, choices, writable or gone. Returns 0 (also with KNOB_GONE set), or -errno for an error of
 * reading, -EINVAL for a scope that the row is not of.
 */
int knob_read(int root, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading);

/* Completes a scope as people write it: `process:123` becomes the process that has that number now. 0 or -ENOENT. */
int knob_resolve(int root, const struct knob_row *row, struct scope *scope);

/*
 * All instances of a knob's scope on this machine (`disk:vda` …); at most `max`; returns how many there are. Processes
 * are not listed: there are too many, and nearly none of them is meant. Name one.
 */
size_t knob_scopes(int root, const struct knob_row *row, struct scope *ret_scopes, size_t max);

#define KNOB_COMMAND_MAX 512       /* a path, a value and the words around them */
#define KNOB_COMMAND_VALUE "VALUE" /* what stands for the value in the command of a listing */
#define KNOB_LISTED_MAX 4096       /* instances of one knob in a listing */

/* A knob of one scope, as a listing finds it. */
struct knob_found {
	const struct knob_row *row;
	int error; /* -errno: it cannot be read, and only the scope of the reading says something */
	struct knob_reading reading;
	char command[KNOB_COMMAND_MAX]; /* that changes it by hand; "" = there is none */
};

typedef void (*knob_found_fn)(const struct knob_found *found, void *context);

/*
 * Finds all instances of several rows with their readings: what knob_scopes(), knob_read() and knob_command() of each
 * would give, in one go, which looks up once what they have in common. In no certain order. Returns 0, or -E2BIG where
 * a limit (KNOB_LISTED_MAX, CGROUPS_MAX) leaves some out.
 */
int knob_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
	      void *context);

/* The path of a knob below the sysroot, `sys/block/vda/queue/scheduler`. Returns 0 or -ENAMETOOLONG. */
int knob_path(const struct knob_row *row, const struct scope *scope, char *buffer, size_t size);

/*
 * Checks a value against the row and what was read: the type, the range, the choices, the set. Returns 0, or -EINVAL /
 * -ERANGE with a sentence in `ret_text` that names the value and the remedy.
 */
int knob_check(const struct knob_row *row, const struct knob_reading *reading, const char *value,
	       char *ret_text, size_t size);

/*
 * Asks the family whether that value may be put in force on the scope of the reading: some scopes must not be touched.
 * Returns 0, or a negative value with the reason in `ret_text`.
 */
int knob_allowed(int root, const struct knob_row *row, const struct knob_reading *reading,
		 const char *value, char *ret_text, size_t size);

/*
 * The shell command that does a change by hand. Returns 0, -EINVAL where there is none, -ENAMETOOLONG, or -errno of what
 * it had to look up.
 */
int knob_command(int root, const struct knob_row *row, const struct scope *scope, const char *value,
		 char *buffer, size_t size);

/* True when two values of a knob mean the same ("32" and "032", "0-1" and "0,1"). */
int knob_same(const struct knob_row *row, const char *a, const char *b);

#endif
