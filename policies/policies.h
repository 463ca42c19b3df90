/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files: libconfig text in, checked policies out. All errors of a file at once, each with file, line, column,
 * the offending text, and the nearest known name. This folder also holds the shipped policies.
 */
#ifndef FLYBALL_POLICIES_H
#define FLYBALL_POLICIES_H

#include <stddef.h>

#include "base/conf_errors.h"
#include "base/conf_source.h"
#include "include/catalogue.h"
#include "include/policy.h"

#define POLICY_FILE_BYTES_MAX CONF_FILE_BYTES_MAX
#define POLICY_ERRORS_MAX CONF_ERRORS_MAX

struct policy_set {
	size_t n_policies;
	struct policy *policies; /* in the order of files and of their text */
	size_t n_errors;         /* all, also those past POLICY_ERRORS_MAX */
	struct conf_error errors[POLICY_ERRORS_MAX];
};

/* A set with nothing in it; the caller frees it. NULL when out of memory. */
struct policy_set *policy_set_new(void);
void policy_set_free(struct policy_set *set);

/*
 * Loads a file and adds its policies to the set. When the file has an error none of its policies is added, and its
 * errors are. A name that the set has already is an error (the later file). Returns 0, or -EINVAL when
 * errors were added, -ENOMEM.
 */
int policy_set_load_file(struct policy_set *set, const struct catalogue *catalogue,
			 const char *path);

/*
 * Loads `*.conf` of a folder in alphabetical order. A file whose name was loaded from an earlier folder replaces it
 * whole: call it for the shipped folder last. A missing folder is no error. Returns 0 or -EINVAL, -ENOMEM, -errno.
 */
int policy_set_load_folder(struct policy_set *set, const struct catalogue *catalogue,
			   const char *path);

/*
 * Parses one condition, for tests and for `watch --when`. Returns 0, or -EINVAL with the message and the
 * column (from 1) of the offending text.
 */
int condition_parse(const char *text, const struct catalogue *catalogue, enum scope_kind scope,
		    struct condition *ret_condition, unsigned int *ret_column, char *ret_text,
		    size_t size);

/* Parses `disk.read.latency.p99`; the same contract. */
int signal_ref_parse(const char *text, const struct catalogue *catalogue,
		     struct signal_ref *ret_ref, char *ret_text, size_t size);

/* Writes `disk.read.latency.p99`; returns `buffer`. */
char *signal_ref_format(const struct signal_ref *ref, const struct catalogue *catalogue,
			char *buffer, size_t size);

/* The unit of a reference: a count's .rate is a number a second. */
enum unit signal_ref_unit(const struct signal_ref *ref, const struct catalogue *catalogue);

#endif
