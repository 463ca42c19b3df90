// SPDX-License-Identifier: Apache-2.0
/*
 * NVIDIA's GPUs and the processes that use them, by NVML (nvml.h). The library is loaded while one of its signals is demanded,
 * and not before. Its functions ask the driver and may take long, traffic on PCIe always 20 ms: a GPU is looked at once a
 * second, more rarely where a look takes more than one part in 50 of the time, and in a tick one after the other until 20 ms are
 * used. In between the last look's values stand.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/gpu_look.h"
#include "observer/instances.h"
#include "observer/processes.h"

#define GPUS_MAX 64
#define PROCESSES_MAX 1024
#define LOOK_INTERVAL_NS (900 * NSEC_PER_MSEC) /* a second, with ticks that come early */
#define LOOK_SHARE 50 /* one part in so many of the time is the most that looks at one GPU take */
#define TICK_LIMIT_NS (20 * NSEC_PER_MSEC)
#define DRIVER_PATH "proc/driver/nvidia/version"

struct gpu {
	struct nvml_device *device;
	struct scope scope; /* its index */
	struct signal_set signals;
	uint64_t due_ns;
	struct gpu_look look;
};

struct gpus {
	struct nvml nvml;
	struct processes processes;
	struct instances instances;
	unsigned int pids[PROCESSES_MAX]; /* by place */
	bool wants_processes;
	unsigned int n, next; /* `next`: the one that the next look begins at */
	struct gpu gpus[GPUS_MAX];
};

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct gpus *gpus = source;

	gpus->pids[place] = (unsigned int)strtoul(instance->scope.name, NULL, 10);
	return 0;
}

static void process_go(void *source, size_t place)
{
	(void)source;
	(void)place;
}

/* Those that the last looks saw: a process that uses no GPU is none of them. */
static int process_list(void *source, struct instances *instances)
{
	const struct gpus *gpus = source;

	for (unsigned int i = 0; i < gpus->n; i++) {
		const struct gpu_look *look = &gpus->gpus[i].look;

		for (size_t j = 0; j < look->n_processes; j++) {
			char pid[16];

			snprintf(pid, sizeof(pid), "%u", look->processes[j].pid);
			processes_see(&gpus->processes, instances, pid);
		}
	}
	return 0;
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

static void gpus_look(struct gpus *gpus, struct sampler *sampler)
{
	const uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	const unsigned int first = gpus->next;

	for (unsigned int i = 0; i < gpus->n; i++) {
		struct gpu *gpu = &gpus->gpus[(first + i) % gpus->n];
		const uint64_t before_ns = clock_ns(CLOCK_MONOTONIC);
		uint64_t wait_ns;

		if (before_ns - start_ns > TICK_LIMIT_NS)
			return;
		gpus->next = (first + i + 1) % gpus->n;
		if (gpu->due_ns > sampler->now_ns ||
		    (signal_set_empty(&gpu->signals) && !gpus->wants_processes))
			continue;
		sampler->losses[LOSS_EVENT] += gpu_look(&gpus->nvml, gpu->device, &gpu->signals,
							gpus->wants_processes, &gpu->look);
		wait_ns = (clock_ns(CLOCK_MONOTONIC) - before_ns) * LOOK_SHARE;
		gpu->due_ns =
			sampler->now_ns + (wait_ns > LOOK_INTERVAL_NS ? wait_ns : LOOK_INTERVAL_NS);
	}
}

/* Memory on all GPUs; and of the GPU that it keeps busiest, how much. */
static void process_sample(const struct gpus *gpus, size_t place, struct sampler *sampler)
{
	const struct instance *instance = &gpus->instances.places[place];
	double used_bytes = NAN, busy_ratio = NAN;

	for (unsigned int i = 0; i < gpus->n; i++) {
		const struct gpu_look *look = &gpus->gpus[i].look;

		for (size_t j = 0; j < look->n_processes; j++) {
			const struct gpu_process *process = &look->processes[j];

			if (process->pid != gpus->pids[place])
				continue;
			if (!isnan(process->used_bytes))
				used_bytes = isnan(used_bytes) ? process->used_bytes
							       : used_bytes + process->used_bytes;
			busy_ratio = fmax(busy_ratio, process->busy_ratio);
		}
	}
	instance_value(instance, sampler, SIGNAL_GPU_BUSY, busy_ratio);
	instance_value(instance, sampler, SIGNAL_GPU_MEMORY_USED, used_bytes);
}

static void gpu_sample(const struct gpu *gpu, struct sampler *sampler)
{
	for (uint32_t i = 0; i < GPU_SIGNALS; i++)
		if (signal_set_has(&gpu->signals, SIGNAL_GPU_BUSY + i))
			sampler_value(sampler, SIGNAL_GPU_BUSY + i, &gpu->scope,
				      gpu->look.values[i]);
}

static void gpus_sample(void *state, struct sampler *sampler)
{
	struct gpus *gpus = state;

	gpus_look(gpus, sampler);
	for (unsigned int i = 0; i < gpus->n; i++)
		gpu_sample(&gpus->gpus[i], sampler);
	if (!gpus->wants_processes)
		return;
	if (instances_due(&gpus->instances, sampler))
		instances_scan(&gpus->instances, sampler->demand, sampler->now_ns);
	instances_count(&gpus->instances, sampler);
	for (size_t i = 0; i < gpus->instances.n_places; i++)
		if (gpus->instances.places[i].used)
			process_sample(gpus, i, sampler);
}

static int gpus_demand(void *state, const struct source_demand *demand,
		       struct source_status *status)
{
	struct gpus *gpus = state;

	(void)status;
	gpus->wants_processes = source_demands_kind(demand, SCOPE_PROCESS);
	for (unsigned int i = 0; i < gpus->n; i++) {
		gpus->gpus[i].signals = source_demand_of(demand, &gpus->gpus[i].scope);
		gpus->gpus[i].due_ns = 0;
	}
	return 0;
}

/* Those that may not be used by flyball, or are lost, are left out; the others keep their numbers. */
static int gpus_find(struct gpus *gpus, unsigned int *ret_left_out)
{
	unsigned int count = 0, left_out = 0;

	if (gpus->nvml.count(&count) != NVML_SUCCESS)
		return -ENODEV;
	for (unsigned int i = 0; i < count; i++) {
		struct gpu *gpu = &gpus->gpus[gpus->n];

		if (gpus->n == GPUS_MAX || gpus->nvml.handle(i, &gpu->device) != NVML_SUCCESS) {
			left_out++;
			continue;
		}
		gpu->scope.kind = SCOPE_GPU;
		snprintf(gpu->scope.name, sizeof(gpu->scope.name), "%u", i);
		gpus->n++;
	}
	*ret_left_out = left_out;
	return gpus->n > 0 ? 0 : -ENODEV;
}

static void gpus_probe(const struct source_context *context, struct source_status *status)
{
	strcpy(status->method, "nvml");
	status->optional = 1;
	if (sysroot_exists(context->root, DRIVER_PATH))
		source_say(status, SOURCE_IDLE, "", "%s", "");
	else
		source_say(status, SOURCE_UNAVAILABLE,
			   "load NVIDIA's driver, if the machine has such a GPU",
			   "no /" DRIVER_PATH ": the driver is not loaded");
}

static int gpus_open(void *state, const struct source_context *context,
		     const struct source_demand *demand, struct source_status *status)
{
	struct gpus *gpus = state;
	char complaint[128];
	unsigned int left_out;
	int r = processes_open(&gpus->processes, context->root);

	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot list processes: %s",
			   strerror(-r));
		return r;
	}
	r = nvml_open(&gpus->nvml, context->nvml, complaint, sizeof(complaint));
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE,
			   "install the driver's libraries, of the same version (libnvidia-ml1)",
			   "cannot use NVML: %s", complaint);
		return r;
	}
	r = gpus_find(gpus, &left_out);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE,
			   "let the user flyball open /dev/nvidia*, as the driver does by default",
			   "NVML knows no GPU that may be used");
		return r;
	}
	r = instances_init(&gpus->instances, SCOPE_PROCESS, PROCESSES_MAX, &process_ops, gpus);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	gpus_demand(gpus, demand, status);
	if (left_out > 0)
		source_say(status, SOURCE_DEGRADED, "", "%u GPUs may not be used", left_out);
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return 0;
}

static void gpus_close(void *state)
{
	struct gpus *gpus = state;

	instances_deinit(&gpus->instances);
	processes_close(&gpus->processes);
	nvml_close(&gpus->nvml);
}

const struct source_ops nvml_source = {
	.name = "nvml",
	.first = SIGNAL_GPU_BUSY,
	.last = SIGNAL_GPU_THROTTLE_OTHER,
	.state_size = sizeof(struct gpus),
	.probe = gpus_probe,
	.open = gpus_open,
	.demand = gpus_demand,
	.sample = gpus_sample,
	.close = gpus_close,
};
