/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Squeezes by their cause. The kernel counts in one number how often a run of receiving stopped with work left, for either of
 * two reasons (net_rx_action): its budget of packets (net.core.netdev_budget) or its time (netdev_budget_usecs) was used
 * up. BPF programs add up the packets of each run, and so know the first; what is left is the second.
 */
#ifndef FLYBALL_OBSERVER_SQUEEZE_H
#define FLYBALL_OBSERVER_SQUEEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/source.h"

struct squeeze;

/* Loads the programs. Returns 0, or -errno with why in `ret_text`, of `size` bytes, and nothing left behind. */
int squeeze_open(const struct source_context *context, struct squeeze **ret_squeeze, char *ret_text,
		 size_t size);

/* Detaches and unloads; accepts NULL. */
void squeeze_close(struct squeeze *squeeze);

/* Attaches the programs, or detaches them; what is so already stays so. Allocates nothing. Returns 0 or -errno. */
int squeeze_attach(struct squeeze *squeeze);
void squeeze_detach(struct squeeze *squeeze);

bool squeeze_attached(const struct squeeze *squeeze);

/*
 * Tells the programs the present budget, and reads how many squeezes by budget each CPU has had while they were
 * attached, into `max` numbers indexed by CPU. Allocates nothing. Returns 0 or -errno.
 */
int squeeze_read(struct squeeze *squeeze, uint64_t *ret_counts, size_t max);

/* Fills in bpf_runs and bpf_run_ns. */
void squeeze_status(const struct squeeze *squeeze, struct source_status *status);

#endif
