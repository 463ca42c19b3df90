/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVML, the library of NVIDIA's driver that says what its GPUs do, loaded at run time: nothing of it is needed to build, and a
 * machine without has none. Declared here is only what is used, after nvml.h 13.3 (github.com/NVIDIA/go-nvml); the library keeps
 * its old functions, and their structures, under the versions in their names.
 *
 *     nvml_open → functions … → nvml_close
 *
 * A function returns one of enum nvml_result. One that is marked `may be NULL` is missing from older or newer drivers.
 */
#ifndef FLYBALL_OBSERVER_NVML_H
#define FLYBALL_OBSERVER_NVML_H

#include <stddef.h>
#include <stdint.h>

#define NVML_LIBRARY "libnvidia-ml.so.1"
#define NVML_NOT_AVAILABLE UINT64_MAX /* NVML_VALUE_NOT_AVAILABLE, of a process's memory */

enum nvml_result {
	NVML_SUCCESS = 0,
	NVML_NOT_SUPPORTED = 3, /* by this device */
	NVML_NO_PERMISSION = 4,
	NVML_NOT_FOUND = 6, /* of samples: none since */
	NVML_INSUFFICIENT_SIZE = 7,
	NVML_GPU_IS_LOST = 15,
};

enum nvml_clock {
	NVML_CLOCK_SM = 1,
	NVML_CLOCK_MEMORY = 2,
};

enum nvml_pcie {
	NVML_PCIE_TX = 0,
	NVML_PCIE_RX = 1,
};

#define NVML_SENSOR_GPU 0 /* NVML_TEMPERATURE_GPU */

/* nvmlClocksEventReason*, which were nvmlClocksThrottleReason*: bits of why the clocks are no higher. */
#define NVML_REASON_APPLICATION (1u << 1)
#define NVML_REASON_POWER_CAP (1u << 2)
#define NVML_REASON_SLOWDOWN (1u << 3) /* in hardware, for heat, power or a brake */
#define NVML_REASON_SYNC_BOOST (1u << 4)
#define NVML_REASON_HEAT (1u << 5)
#define NVML_REASON_SLOWDOWN_HEAT (1u << 6)
#define NVML_REASON_SLOWDOWN_BRAKE (1u << 7) /* by the power supply */
#define NVML_REASON_DISPLAY (1u << 8)

/* nvmlUtilization_t, per cent of the last sample period, which is between 1/6 second and 1 second */
struct nvml_utilization {
	unsigned int gpu, memory;
};

/* nvmlMemory_t, bytes */
struct nvml_memory {
	unsigned long long total, free, used;
};

/* nvmlProcessInfo_v2_t, which the functions of version 3 fill in */
struct nvml_process {
	unsigned int pid;
	unsigned long long used_bytes;
	unsigned int gpu_instance, compute_instance;
};

/* nvmlProcessUtilizationSample_t, per cent */
struct nvml_sample {
	unsigned int pid;
	unsigned long long time_us;
	unsigned int sm, memory, encoder, decoder;
};

_Static_assert(sizeof(struct nvml_process) == 24, "as nvmlProcessInfo_v2_t");
_Static_assert(sizeof(struct nvml_sample) == 32, "as nvmlProcessUtilizationSample_t");

struct nvml_device; /* opaque */

struct nvml {
	void *object; /* of dlopen(3); NULL = not loaded */
	int (*init)(void);
	int (*shutdown)(void);
	const char *(*error_string)(int result);
	int (*count)(unsigned int *ret_count);
	int (*handle)(unsigned int index, struct nvml_device **ret_device);
	int (*utilization)(struct nvml_device *device, struct nvml_utilization *ret_utilization);
	int (*memory)(struct nvml_device *device, struct nvml_memory *ret_memory);
	int (*clock)(struct nvml_device *device, int clock, unsigned int *ret_mhz);
	int (*power)(struct nvml_device *device, unsigned int *ret_mw);
	/* These may be NULL. pcie() counts for 20 ms, and so takes as long. */
	int (*temperature)(struct nvml_device *device, int sensor, unsigned int *ret_celsius);
	int (*pcie)(struct nvml_device *device, int counter, unsigned int *ret_kb_second);
	int (*reasons)(struct nvml_device *device, unsigned long long *ret_reasons);
	int (*compute_processes)(struct nvml_device *device, unsigned int *n,
				 struct nvml_process *ret_processes);
	int (*graphics_processes)(struct nvml_device *device, unsigned int *n,
				  struct nvml_process *ret_processes);
	int (*samples)(struct nvml_device *device, struct nvml_sample *ret_samples, unsigned int *n,
		       unsigned long long since_us);
};

/*
 * Loads the library (NULL = NVML_LIBRARY) and initialises it. Returns 0; -ENOENT when it cannot be loaded, -ENOSYS when it lacks a
 * function, -ENODEV when it refuses; why is in `complaint` then, and nothing is open.
 */
int nvml_open(struct nvml *nvml, const char *library, char *complaint, size_t size);

/* Shuts down and unloads; accepts what is all zeroes. */
void nvml_close(struct nvml *nvml);

#endif
