/* SPDX-License-Identifier: Apache-2.0 */
/* One look at one NVIDIA GPU: what it does, and which processes use it. */
#ifndef FLYBALL_OBSERVER_GPU_LOOK_H
#define FLYBALL_OBSERVER_GPU_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/signal.h"
#include "observer/nvml.h"

#define GPU_SIGNALS (SIGNAL_GPU_THROTTLE_OTHER - SIGNAL_GPU_BUSY + 1)
#define GPU_PROCESSES_MAX 256 /* of one GPU */

struct gpu_process {
	unsigned int pid;
	double used_bytes, busy_ratio; /* NAN = not known */
	uint64_t sample_us; /* when busy_ratio was measured; 0 = not busy since the last look */
};

struct gpu_look {
	double values[GPU_SIGNALS]; /* by signal, from SIGNAL_GPU_BUSY; NAN = not known */
	size_t n_processes;
	struct gpu_process processes[GPU_PROCESSES_MAX];
	bool sampled;               /* samples were asked for before */
	unsigned long long seen_us; /* the newest sample that was seen */
};

/*
 * Reads what is in `signals` and, if `processes`, the processes; everything else is not known then. Returns how many
 * functions failed for another reason than that the device has not what they say or nobody may know it.
 */
uint64_t gpu_look(const struct nvml *nvml, struct nvml_device *device,
		  const struct signal_set *signals, bool processes, struct gpu_look *look);

#endif
