/* SPDX-License-Identifier: Apache-2.0 */
/* Loading policies that are in memory already: for tests and for the fuzzer. */
#ifndef FLYBALL_POLICIES_POLICY_TEXT_H
#define FLYBALL_POLICIES_POLICY_TEXT_H

#include <stddef.h>

#include "policies/policies.h"

/* As policy_set_load_file(), from `size` bytes; errors name `file`. */
int policy_set_load_text(struct policy_set *set, const struct catalogue *catalogue,
			 const char *file, const char *bytes, size_t size);

#endif
