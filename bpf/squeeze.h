/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the squeeze programs and user space share: one CPU's run of receiving. */
#ifndef FLYBALL_BPF_SQUEEZE_H
#define FLYBALL_BPF_SQUEEZE_H

#include <stdint.h>

struct squeeze_cpu {
	uint64_t squeezes; /* runs that ended because the budget was used up; only grows */
	uint32_t polling;  /* 1 = in a run that still has budget */
	uint32_t work;     /* packets of this run */
};

_Static_assert(sizeof(struct squeeze_cpu) == 16, "user space and BPF must agree");

#endif
