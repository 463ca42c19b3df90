/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: flyball.conf and the conf.d/ beside it, read before the processes part. docs/config.md describes the
 * keys.
 */
#ifndef FLYBALL_CONFIG_H
#define FLYBALL_CONFIG_H

#include <stddef.h>
#include <stdio.h>

#include "base/conf_errors.h"
#include "include/page.h"
#include "include/service.h"

#define CONFIG_FOLDER "conf.d"
#define CONFIG_FILES_MAX 64 /* *.conf in conf.d */

/* Where a setting stands, for people. */
struct config_place {
	char file[CONF_PATH_MAX];
	unsigned int line;
};

struct config {
	double budget_ratio; /* of the machine, that flyball may take; 0 = as much as it needs */
	struct config_place budget_place; /* line 0 = nowhere: the default */
	struct service_list services;
	struct config_place service_places[SERVICES_MAX];
	struct page_list pages;
	struct config_place page_places[PAGES_MAX];
	size_t n_files;  /* that were read */
	size_t n_errors; /* all; the first CONF_ERRORS_MAX of them are kept */
	struct conf_error errors[CONF_ERRORS_MAX];
};

/*
 * Reads `path`, then the *.conf of conf.d/ in the same folder, in the order of their names; what comes later is added.
 * What does not exist says nothing; to /dev/null there is no folder. Returns 0 or -errno; -EINVAL with all errors of
 * all files in the configuration, which the caller frees in either case.
 */
int config_load(const char *path, struct config **ret_config);

/* The same of one text, called `path` in errors. */
int config_load_text(const char *path, const char *bytes, size_t size, struct config **ret_config);

void config_free(struct config *config);

/* Writes what holds as a file of its own, each setting with its place as a comment. */
void config_show(const struct config *config, FILE *out);

/* Writes the tables of docs/config.md. */
void config_markdown(FILE *out);

#endif
