/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's type information says of the scheduler. */
#ifndef FLYBALL_OBSERVER_SCHED_BTF_H
#define FLYBALL_OBSERVER_SCHED_BTF_H

struct btf;

/*
 * Whether sched_switch says the state of the task that leaves (1) or not (0); -EOPNOTSUPP when the kernel has no such
 * tracepoint, or does not stamp tasks (CONFIG_SCHED_INFO, CONFIG_FAIR_GROUP_SCHED).
 */
int sched_btf_has_state(const struct btf *btf);

#endif
