/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in for NVIDIA's library says; a test changes it in the library that is loaded, by dlsym(3). */
#ifndef FLYBALL_LAB_NVML_H
#define FLYBALL_LAB_NVML_H

#include "observer/nvml.h"

struct fake_nvml {
	unsigned int n_gpus; /* 2 at most */
	unsigned int denied; /* 1 + the index of one that may not be used; 0 = none */
	int init_result, result;
	int n_open; /* how often initialised and not shut down */
	unsigned int n_calls;
	long pcie_ns; /* that a look at PCIe takes */
	struct nvml_utilization utilization;
	struct nvml_memory memory[2];
	unsigned long long reasons;
	unsigned int n_processes[2]; /* of these, the first ones, on each GPU */
	struct nvml_process processes[300];
	struct nvml_sample sample; /* on GPU 0 */
};

#endif
