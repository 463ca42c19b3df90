// SPDX-License-Identifier: Apache-2.0
#include "observer/nvml.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Of a field that two names fill in, the first one that there is counts. */
static const struct function {
	const char *name;
	size_t offset;
	bool needed;
} functions[] = {
	{ .name = "nvmlInit_v2", .offset = offsetof(struct nvml, init), .needed = true },
	{ .name = "nvmlShutdown", .offset = offsetof(struct nvml, shutdown), .needed = true },
	{ .name = "nvmlErrorString",
	  .offset = offsetof(struct nvml, error_string),
	  .needed = true },
	{ .name = "nvmlDeviceGetCount_v2", .offset = offsetof(struct nvml, count), .needed = true },
	{ .name = "nvmlDeviceGetHandleByIndex_v2",
	  .offset = offsetof(struct nvml, handle),
	  .needed = true },
	{ .name = "nvmlDeviceGetUtilizationRates",
	  .offset = offsetof(struct nvml, utilization),
	  .needed = true },
	{ .name = "nvmlDeviceGetMemoryInfo",
	  .offset = offsetof(struct nvml, memory),
	  .needed = true },
	{ .name = "nvmlDeviceGetClockInfo",
	  .offset = offsetof(struct nvml, clock),
	  .needed = true },
	{ .name = "nvmlDeviceGetPowerUsage",
	  .offset = offsetof(struct nvml, power),
	  .needed = true },
	{ .name = "nvmlDeviceGetTemperature", .offset = offsetof(struct nvml, temperature) },
	{ .name = "nvmlDeviceGetPcieThroughput", .offset = offsetof(struct nvml, pcie) },
	/* Renamed: older drivers have the other one alone. */
	{ .name = "nvmlDeviceGetCurrentClocksEventReasons",
	  .offset = offsetof(struct nvml, reasons) },
	{ .name = "nvmlDeviceGetCurrentClocksThrottleReasons",
	  .offset = offsetof(struct nvml, reasons) },
	{ .name = "nvmlDeviceGetComputeRunningProcesses_v3",
	  .offset = offsetof(struct nvml, compute_processes) },
	{ .name = "nvmlDeviceGetGraphicsRunningProcesses_v3",
	  .offset = offsetof(struct nvml, graphics_processes) },
	{ .name = "nvmlDeviceGetProcessUtilization", .offset = offsetof(struct nvml, samples) },
};

/* POSIX has dlsym(3) return functions as pointers to void; C has no such cast. */
static const char *functions_find(struct nvml *nvml)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		char *field = (char *)nvml + functions[i].offset;
		void *symbol;

		memcpy(&symbol, field, sizeof(symbol));
		if (symbol)
			continue;
		symbol = dlsym(nvml->object, functions[i].name);
		if (!symbol && functions[i].needed)
			return functions[i].name;
		memcpy(field, &symbol, sizeof(symbol));
	}
	return NULL;
}

static void nvml_unload(struct nvml *nvml)
{
	dlclose(nvml->object);
	*nvml = (struct nvml){ 0 };
}

int nvml_open(struct nvml *nvml, const char *library, char *complaint, size_t size)
{
	const char *missing, *error;
	int result;

	*nvml = (struct nvml){ .object = dlopen(library ? library : NVML_LIBRARY,
						RTLD_LAZY | RTLD_LOCAL) };
	if (!nvml->object) {
		error = dlerror();
		snprintf(complaint, size, "%s", error ? error : "unknown");
		return -ENOENT;
	}
	missing = functions_find(nvml);
	if (missing) {
		snprintf(complaint, size, "it has no %s", missing);
		nvml_unload(nvml);
		return -ENOSYS;
	}
	result = nvml->init();
	if (result == NVML_SUCCESS)
		return 0;
	snprintf(complaint, size, "%s", nvml->error_string(result));
	nvml_unload(nvml);
	return -ENODEV;
}

void nvml_close(struct nvml *nvml)
{
	if (!nvml->object)
		return;
	nvml->shutdown();
	nvml_unload(nvml);
}
