/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outline of a configuration file: where each setting stands. libconfig tells only lines, takes numbers that do not fit
 * as others, opens files for @include and recurses as deep as the text does; so the text is walked here first, by
 * libconfig's own grammar, and what libconfig then parses is known to be harmless:
 *
 *     outline_init(source)          every syntax error ends it, with its place
 *     config_read_string
 *     outline_attach(root)          each setting's hook is its outline_entry from now on
 */
#ifndef FLYBALL_BASE_CONF_OUTLINE_H
#define FLYBALL_BASE_CONF_OUTLINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf_errors.h"
#include "base/conf_source.h"

struct config_setting_t;

#define OUTLINE_DEPTH_MAX 8      /* groups in groups; the language needs 4 */
#define OUTLINE_ENTRIES_MAX 4096 /* settings of one file; POLICY_MAX policies need half of it */

struct outline_entry {
	size_t name,
		name_length; /* offset in the source; of an element without a name: its value, 0 */
	size_t value;        /* offset of the value's first byte */
	size_t parent;       /* index of the entry that it is in; SIZE_MAX at the top */
};

struct outline {
	const struct source *source;
	size_t n;
	struct outline_entry *entries; /* in the order of the text */
};

/* Returns 0, -EINVAL when an error was added, -ENOMEM. The caller deinits it. */
int outline_init(struct outline *outline, const struct source *source, struct error_list *errors);
void outline_deinit(struct outline *outline);

/* Hooks the entries to the settings below `root`. Returns 0, or -EINVAL when the two do not agree. */
int outline_attach(const struct outline *outline, struct config_setting_t *root);

/* Where byte `index` of a string's value stands in the source: through escapes and adjacent literals. */
size_t outline_locate(const struct source *source, size_t literal, size_t index);

#endif
