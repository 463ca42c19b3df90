/* SPDX-License-Identifier: Apache-2.0 */
/* The knobs of all groups, found in one walk a hierarchy. */
#ifndef FLYBALL_ACTUATOR_CGROUP_LIST_H
#define FLYBALL_ACTUATOR_CGROUP_LIST_H

#include "actuator/family.h"

/* As list() of a family. */
int cgroup_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
		void *context);

#endif
