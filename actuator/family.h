/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family of knobs: how its settings are found, read, written, captured and restored. A family is one .c file that
 * exports one `struct knob_family_ops`, listed in knob_families[] (knobs.c).
 *
 *     scopes → read → allowed → capture (before the first write) → write … → write(old) → restore
 */
#ifndef FLYBALL_ACTUATOR_FAMILY_H
#define FLYBALL_ACTUATOR_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actuator/knobs.h"
#include "include/knob.h"

/*
 * What a change of one knob may disturb besides, as text: a `name=value` line each. The journal keeps it. A name that
 * begins with @ is no setting: the line says which instance it was. The masks of some thousand threads fit, too.
 */
#define COMPANIONS_MAX 16384

/* Of a family with write_parts() or wants_new: the line that says what the transaction's new value is. */
#define KNOB_NEW_NAME "@new"

/* Of a transaction that is split: the line that says so. Nothing of a split outlives the process that holds it. */
#define KNOB_SPLIT_NAME "@split"

struct knob_family_ops {
	/* As knob_scopes(). */
	size_t (*scopes)(int root, const struct knob_row *row, struct scope *ret_scopes,
			 size_t max);

	/*
	 * As knob_list(), for rows of this family. NULL: scopes(), read() and command() of each row, which is dear where
	 * instances are many and each has to be found anew.
	 */
	int (*list)(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
		    void *context);

	/*
	 * Completes a scope as people write it (`process:123`) to the one instance that it means now. Returns 0 or
	 * -ENOENT. NULL: scopes are complete as they are written.
	 */
	int (*resolve)(int root, const struct knob_row *row, struct scope *scope);

	/* As knob_read(); row and scope fit each other. */
	int (*read)(int root, const struct knob_row *row, const struct scope *scope,
		    struct knob_reading *ret_reading);

	/*
	 * What no check of the value knows: a scope that must not be touched, a value that this scope cannot take now.
	 * Asked before BEGIN. Returns 0, or -EPERM / -EINVAL with the reason in `ret_text`. NULL: all are allowed.
	 */
	int (*allowed)(int root, const struct knob_row *row, const struct scope *scope,
		       const struct knob_reading *reading, const char *value, char *ret_text,
		       size_t text_size);

	/* The shell command that does a change by hand; 0 or -errno. NULL: the file at knob_path() is written. */
	int (*command)(int root, const struct knob_row *row, const struct scope *scope,
		       const char *value, char *buffer, size_t size);

	/* Writes once; 0 or -errno. */
	int (*write)(int root, const struct knob_row *row, const struct scope *scope,
		     const char *value);

	/*
	 * In the place of write(), for a knob that is the value of many parts, each of which somebody may change: the
	 * threads of a process. Puts `value` in force on the parts that have one of the transaction's values, and leaves the
	 * others. `companions` is what capture() wrote, with the new value in a line KNOB_NEW_NAME. Where somebody else's
	 * value is found in the knob itself, restore() is called all the same, for the parts that are still changed.
	 */
	int (*write_parts)(int root, const struct knob_row *row, const struct scope *scope,
			   const char *companions, const char *value);

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
	 * one for which error_is_gone(). NULL where capture is, or tells only which instance it was.
	 */
	int (*restore)(int root, const struct knob_row *row, const struct scope *scope,
		       const char *companions, char *ret_text, size_t text_size);

	/*
	 * Lets what is new from now on (connections) draw `base`, which is in force, or `arm` each; asked again, a new cohort
	 * begins. 0, or -errno with a sentence in `ret_text`. NULL where the row has not `splits`.
	 */
	int (*split)(int root, const struct knob_row *row, const struct scope *scope,
		     const char *base, const char *arm, char *ret_text, size_t text_size);

	/* Ends that, where it goes on. Asked whenever the transaction has no split any more. NULL where split() is. */
	void (*split_end)(const struct scope *scope);

	bool wants_new; /* restore() needs the line KNOB_NEW_NAME, as write_parts() has it */

	/*
	 * 1 when the scope is still the very instance that was captured; 0 when it is not: a disk that was pulled, also
	 * where another has its name now. -errno when that cannot be told: then nothing is done, and it is asked again
	 * later. NULL: scopes of the family cannot be replaced.
	 */
	int (*same_instance)(int root, const struct knob_row *row, const struct scope *scope,
			     const char *companions);
};

extern const struct knob_family_ops family_affinity;
extern const struct knob_family_ops family_cgroup;
extern const struct knob_family_ops family_io_scheduler;
extern const struct knob_family_ops family_numa;
extern const struct knob_family_ops family_numa_cpus; /* of the same family, its row of threads */
extern const struct knob_family_ops family_sysctl;
extern const struct knob_family_ops family_tcp_congestion;
extern const struct knob_family_ops
	family_tcp_route; /* of the same family, its rows of SCOPE_ROUTE */

/* The family of a row; never NULL for a row of knob_rows[]. */
const struct knob_family_ops *knob_family_ops(const struct knob_row *row);

/* Reads the file of an integer or a choice at knob_path(): what most families do. As knob_read(). */
int knob_read_file(int root, const struct knob_row *row, const struct scope *scope,
		   struct knob_reading *ret_reading);

/*
 * The reading of a knob that `error` kept from being read: GONE, or HIDDEN where only the actuator may read. Returns 0,
 * or `error` when it is neither.
 */
int knob_unreadable(int error, const struct knob_row *row, const struct scope *scope,
		    struct knob_reading *ret_reading);

/* A row of a listing before it is read. */
void knob_found_init(struct knob_found *found, const struct knob_row *row,
		     const struct scope *scope);

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

/* The value of the first line of that name. 0, -ENODATA, -EBADMSG. */
int companions_find(const char *companions, const char *wanted, char *ret_value, size_t size);

/* 0, or -errno with the reason in `ret_text`: dctcp is refused where the namespace of the scope does not want ECN. */
int tcp_congestion_check(int root, const struct scope *netns, const char *algorithm, char *ret_text,
			 size_t size);

/* Writes "unable to restore NAME (reason)" behind what is in `text` already; what does not fit is left out. */
void companions_complain(char *text, size_t size, const char *name, int error);

/*
 * What the operator allows families to do besides the value itself. A family asks for it where it acts, with
 * family_limits(); what goes back to an old value is never kept from it.
 */
struct family_limits {
	uint64_t numa_rate_bytes; /* moved between nodes in a second; 0 = none */
	uint64_t numa_free_bytes; /* stays free on a node that pages come to */
	uint32_t load_modules;    /* 1: a value may make the kernel load a module */
	uint32_t going_back;      /* 1: what is done now puts an old value back */
};

/* Those in force: in the hand what came with the request; elsewhere moves have no limit, and no module is loaded. */
const struct family_limits *family_limits(void);

/* In the hand, for the rest of this request: an old value is put back. */
void family_limits_go_back(void);

/*
 * For what takes longer than the hand's limit by its nature, called in between: it is still getting on. The whole may
 * take HAND_TOTAL_NS. Does nothing outside of the hand.
 */
void family_progress(void);

/* True when the error says that the file or the device behind it does not exist (any more). */
bool error_is_gone(int error);

#endif
