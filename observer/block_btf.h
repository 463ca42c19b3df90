/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's type information says of the places that the block programs sit at. */
#ifndef FLYBALL_OBSERVER_BLOCK_BTF_H
#define FLYBALL_OBSERVER_BLOCK_BTF_H

#include <stdbool.h>

struct btf;

/*
 * Whether block_rq_issue's first argument is the queue (1) or the request (0); -EOPNOTSUPP when the kernel has no
 * such tracepoint, or one of another shape.
 */
int block_btf_queue_first(const struct btf *btf);

/* Whether the kernel has a function of that name that is not inlined everywhere. */
bool block_btf_has_function(const struct btf *btf, const char *name);

#endif
