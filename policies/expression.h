/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: `disk.busy > 50% and not (psi.io.full < 10%) for 5s` into postfix nodes. */
#ifndef FLYBALL_POLICIES_EXPRESSION_H
#define FLYBALL_POLICIES_EXPRESSION_H

#include "include/catalogue.h"
#include "include/policy.h"
#include "base/conf_errors.h"

#define EXPRESSION_DEPTH_MAX 16 /* brackets and nots in each other */

/*
 * Compiles a condition. Names and units that are wrong are all found; a syntax error ends it. Returns 0, or -EINVAL
 * with findings.
 */
int expression_compile(const char *text, const struct catalogue *catalogue, enum scope_kind scope,
		       struct findings *findings, struct condition *ret_condition);

#endif
