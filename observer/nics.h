/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts of one network interface: its statistics by cause, and its interrupts. */
#ifndef FLYBALL_OBSERVER_NICS_H
#define FLYBALL_OBSERVER_NICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "observer/instances.h"

#define NICS_MAX 256 /* demanded interfaces at once */
#define NIC_COUNTERS_MAX 16
#define NIC_IRQS_MAX 64   /* of one interface; with more it has no value */
#define NIC_CPUS_MAX 1024 /* CPUs that interrupts are told apart by */

/* One interface: files that are kept open. All zeroes is not open. */
struct nic {
	bool used;
	int statistics[NIC_COUNTERS_MAX]; /* descriptors; -1 = not demanded */
	uint64_t before[NIC_COUNTERS_MAX];
	bool known[NIC_COUNTERS_MAX];
	size_t n_irqs;
	int irqs[NIC_IRQS_MAX]; /* descriptors */
	uint64_t irqs_names;    /* which these are: a hash of their numbers in any order */
	bool irqs_over;         /* more than have a place, or a descriptor */
	uint64_t irqs_before[NIC_CPUS_MAX];
	bool irqs_known;
};

/* Opens what is demanded of it. Returns 0 or -errno; nic_close() follows in either case. */
int nic_open(struct nic *nic, int root, const struct instance *instance);
void nic_close(struct nic *nic);

/* Looks whether the interrupts are other ones, as after a change of its queues, and opens these. Allocates nothing. */
void nic_scan(struct nic *nic, int root, const struct instance *instance);

/* The next sample is a baseline. */
void nic_restart(struct nic *nic);

/* Adds the series of an interface. */
void nic_sample(struct nic *nic, const struct instance *instance, struct sampler *sampler);

#endif
