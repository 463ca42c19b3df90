// SPDX-License-Identifier: Apache-2.0
/*
 * A stand-in for NVIDIA's library, with the functions of NVML that flyball uses and two GPUs that a test sets up (nvml.h). It is
 * written after nvml.h 13.3, not taken from a machine: that the real library behaves so is what it says of itself. GPU 1 is a poor
 * one, which supports next to nothing.
 */
#include "tests/lab/nvml.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT struct fake_nvml fake_nvml = { .n_gpus = 2 };

static char gpus[2]; /* a handle is the address of one */

static int index_of(const struct nvml_device *device)
{
	return (const char *)device == &gpus[1];
}

/* What a function that only the good GPU has says. */
static int outcome(const struct nvml_device *device)
{
	fake_nvml.n_calls++;
	return index_of(device) ? NVML_NOT_SUPPORTED : fake_nvml.result;
}

EXPORT int nvmlInit_v2(void);
EXPORT int nvmlInit_v2(void)
{
	if (fake_nvml.init_result == NVML_SUCCESS)
		fake_nvml.n_open++;
	return fake_nvml.init_result;
}

EXPORT int nvmlShutdown(void);
EXPORT int nvmlShutdown(void)
{
	fake_nvml.n_open--;
	return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(int result);
EXPORT const char *nvmlErrorString(int result)
{
	return result == 9 ? "Driver Not Loaded" : "Unknown Error";
}

EXPORT int nvmlDeviceGetCount_v2(unsigned int *ret_count);
EXPORT int nvmlDeviceGetCount_v2(unsigned int *ret_count)
{
	*ret_count = fake_nvml.n_gpus;
	return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int index, struct nvml_device **ret_device);
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned int index, struct nvml_device **ret_device)
{
	*ret_device = (struct nvml_device *)&gpus[index];
	return index == fake_nvml.denied - 1u ? NVML_NO_PERMISSION : NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *ret);
EXPORT int nvmlDeviceGetUtilizationRates(struct nvml_device *device, struct nvml_utilization *ret)
{
	*ret = fake_nvml.utilization;
	return outcome(device);
}

/* The one thing that the poor GPU can say. */
EXPORT int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *ret_memory);
EXPORT int nvmlDeviceGetMemoryInfo(struct nvml_device *device, struct nvml_memory *ret_memory)
{
	fake_nvml.n_calls++;
	*ret_memory = fake_nvml.memory[index_of(device)];
	return fake_nvml.result;
}

EXPORT int nvmlDeviceGetClockInfo(struct nvml_device *device, int clock, unsigned int *ret_mhz);
EXPORT int nvmlDeviceGetClockInfo(struct nvml_device *device, int clock, unsigned int *ret_mhz)
{
	*ret_mhz = clock == NVML_CLOCK_SM ? 1980 : clock == NVML_CLOCK_MEMORY ? 2619 : 0;
	return outcome(device);
}

EXPORT int nvmlDeviceGetPowerUsage(struct nvml_device *device, unsigned int *ret_mw);
EXPORT int nvmlDeviceGetPowerUsage(struct nvml_device *device, unsigned int *ret_mw)
{
	*ret_mw = 123456;
	return outcome(device);
}

EXPORT int nvmlDeviceGetTemperature(struct nvml_device *device, int sensor, unsigned int *ret);
EXPORT int nvmlDeviceGetTemperature(struct nvml_device *device, int sensor, unsigned int *ret)
{
	*ret = sensor == NVML_SENSOR_GPU ? 41 : 0;
	return outcome(device);
}

EXPORT int nvmlDeviceGetPcieThroughput(struct nvml_device *device, int counter, unsigned int *ret);
EXPORT int nvmlDeviceGetPcieThroughput(struct nvml_device *device, int counter, unsigned int *ret)
{
	const struct timespec window = { .tv_nsec = fake_nvml.pcie_ns };

	nanosleep(&window, NULL);
	*ret = counter == NVML_PCIE_RX ? 1000 : 20;
	return outcome(device);
}

/* The older name: a library may have this one alone. */
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(struct nvml_device *device,
						     unsigned long long *ret_reasons);
EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(struct nvml_device *device,
						     unsigned long long *ret_reasons)
{
	*ret_reasons = fake_nvml.reasons;
	return outcome(device);
}

static int list(unsigned int n, unsigned int *size, struct nvml_process *ret_processes)
{
	const unsigned int room = *size;

	fake_nvml.n_calls++;
	*size = n;
	if (n > room)
		return NVML_INSUFFICIENT_SIZE;
	memcpy(ret_processes, fake_nvml.processes, n * sizeof(*ret_processes));
	return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(struct nvml_device *device, unsigned int *n,
						   struct nvml_process *ret_processes);
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(struct nvml_device *device, unsigned int *n,
						   struct nvml_process *ret_processes)
{
	return list(fake_nvml.n_processes[index_of(device)], n, ret_processes);
}

/* The first process draws, too. */
EXPORT int nvmlDeviceGetGraphicsRunningProcesses_v3(struct nvml_device *device, unsigned int *n,
						    struct nvml_process *ret_processes);
EXPORT int nvmlDeviceGetGraphicsRunningProcesses_v3(struct nvml_device *device, unsigned int *n,
						    struct nvml_process *ret_processes)
{
	return list(fake_nvml.n_processes[index_of(device)] > 0, n, ret_processes);
}

EXPORT int nvmlDeviceGetProcessUtilization(struct nvml_device *device,
					   struct nvml_sample *ret_samples, unsigned int *n,
					   unsigned long long since_us);
EXPORT int nvmlDeviceGetProcessUtilization(struct nvml_device *device,
					   struct nvml_sample *ret_samples, unsigned int *n,
					   unsigned long long since_us)
{
	const int result = outcome(device);

	if (result != NVML_SUCCESS)
		return result;
	if (fake_nvml.sample.time_us <= since_us)
		return NVML_NOT_FOUND;
	*ret_samples = fake_nvml.sample;
	*n = 1;
	return NVML_SUCCESS;
}
