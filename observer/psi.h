/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure stall information as a share of the tick: what the sources of the host and of control groups have in common. */
#ifndef FLYBALL_OBSERVER_PSI_H
#define FLYBALL_OBSERVER_PSI_H

#include <stdbool.h>
#include <stdint.h>

#include "observer/source.h"

#define PSI_BYTES 512 /* two lines of some 70 bytes */

enum psi_file {
	PSI_CPU,
	PSI_IO,
	PSI_MEMORY,
	PSI_FILE_COUNT,
};

#define PSI_SIGNALS (SIGNAL_PSI_MEMORY_FULL - SIGNAL_PSI_CPU_SOME + 1)

/* The totals of a tick, by the place of a signal among those of psi. */
struct psi_totals {
	uint64_t us[PSI_SIGNALS];
	bool known[PSI_SIGNALS];
};

/* The file that a signal is in, and those files that a set of signals needs, a bit each. */
enum psi_file psi_file_of(enum signal_id signal);
uint32_t psi_files(const struct signal_set *signals);

/*
 * The share of the tick that `text` says for a signal, against the total of the tick before, which is replaced. NAN without
 * one, and with a LOSS_EVENT for a text that cannot be understood.
 */
double psi_share(struct psi_totals *totals, enum signal_id signal, const char *text,
		 struct sampler *sampler);

#endif
