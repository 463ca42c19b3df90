// SPDX-License-Identifier: Apache-2.0
#include "observer/gpu_look.h"

#include <math.h>

#define PER_CENT 100.0
#define HZ_OF_MHZ 1e6
#define WATTS_OF_MW 1e-3
#define BYTES_OF_KB 1024.0 /* nvml.h: "1KB granularity" */

/* What is asked for, and what came of it. */
struct asking {
	const struct nvml *nvml;
	struct nvml_device *device;
	const struct signal_set *signals;
	struct gpu_look *look;
	uint64_t n_failed;
};

static bool wanted(const struct asking *asking, enum signal_id signal)
{
	return signal_set_has(asking->signals, signal);
}

static void set(struct asking *asking, enum signal_id signal, double value)
{
	asking->look->values[signal - SIGNAL_GPU_BUSY] = value;
}

/* True when the function has filled in its output. */
static bool answered(struct asking *asking, int result)
{
	if (result == NVML_SUCCESS)
		return true;
	asking->n_failed += result != NVML_NOT_SUPPORTED && result != NVML_NO_PERMISSION;
	return false;
}

static void look_at_load(struct asking *asking)
{
	struct nvml_utilization utilization;
	struct nvml_memory memory;

	if ((wanted(asking, SIGNAL_GPU_BUSY) || wanted(asking, SIGNAL_GPU_MEMORY_BUSY)) &&
	    answered(asking, asking->nvml->utilization(asking->device, &utilization))) {
		set(asking, SIGNAL_GPU_BUSY, utilization.gpu / PER_CENT);
		set(asking, SIGNAL_GPU_MEMORY_BUSY, utilization.memory / PER_CENT);
	}
	if ((wanted(asking, SIGNAL_GPU_MEMORY_USED) || wanted(asking, SIGNAL_GPU_MEMORY_TOTAL)) &&
	    answered(asking, asking->nvml->memory(asking->device, &memory))) {
		set(asking, SIGNAL_GPU_MEMORY_USED, (double)memory.used);
		set(asking, SIGNAL_GPU_MEMORY_TOTAL, (double)memory.total);
	}
}

static void look_at_clocks(struct asking *asking)
{
	const struct nvml *nvml = asking->nvml;
	unsigned int value;

	if (wanted(asking, SIGNAL_GPU_CLOCK_SM) &&
	    answered(asking, nvml->clock(asking->device, NVML_CLOCK_SM, &value)))
		set(asking, SIGNAL_GPU_CLOCK_SM, value * HZ_OF_MHZ);
	if (wanted(asking, SIGNAL_GPU_CLOCK_MEMORY) &&
	    answered(asking, nvml->clock(asking->device, NVML_CLOCK_MEMORY, &value)))
		set(asking, SIGNAL_GPU_CLOCK_MEMORY, value * HZ_OF_MHZ);
	if (wanted(asking, SIGNAL_GPU_POWER) &&
	    answered(asking, nvml->power(asking->device, &value)))
		set(asking, SIGNAL_GPU_POWER, value * WATTS_OF_MW);
	if (wanted(asking, SIGNAL_GPU_TEMPERATURE) && nvml->temperature &&
	    answered(asking, nvml->temperature(asking->device, NVML_SENSOR_GPU, &value)))
		set(asking, SIGNAL_GPU_TEMPERATURE, value);
	if (wanted(asking, SIGNAL_GPU_PCIE_RX) && nvml->pcie &&
	    answered(asking, nvml->pcie(asking->device, NVML_PCIE_RX, &value)))
		set(asking, SIGNAL_GPU_PCIE_RX, value * BYTES_OF_KB);
	if (wanted(asking, SIGNAL_GPU_PCIE_TX) && nvml->pcie &&
	    answered(asking, nvml->pcie(asking->device, NVML_PCIE_TX, &value)))
		set(asking, SIGNAL_GPU_PCIE_TX, value * BYTES_OF_KB);
}

/* A slowdown in hardware mostly comes with its cause, but need not. */
static void look_at_throttling(struct asking *asking)
{
	const unsigned int heat = NVML_REASON_HEAT | NVML_REASON_SLOWDOWN_HEAT;
	const unsigned int power = NVML_REASON_POWER_CAP | NVML_REASON_SLOWDOWN_BRAKE;
	const unsigned int causes = NVML_REASON_SLOWDOWN_HEAT | NVML_REASON_SLOWDOWN_BRAKE;
	unsigned int other = NVML_REASON_APPLICATION | NVML_REASON_SYNC_BOOST | NVML_REASON_DISPLAY;
	unsigned long long reasons;

	if (!asking->nvml->reasons || !(wanted(asking, SIGNAL_GPU_THROTTLE_HEAT) ||
					wanted(asking, SIGNAL_GPU_THROTTLE_POWER) ||
					wanted(asking, SIGNAL_GPU_THROTTLE_OTHER)))
		return;
	if (!answered(asking, asking->nvml->reasons(asking->device, &reasons)))
		return;
	if (!(reasons & causes))
		other |= NVML_REASON_SLOWDOWN;
	set(asking, SIGNAL_GPU_THROTTLE_HEAT, !!(reasons & heat));
	set(asking, SIGNAL_GPU_THROTTLE_POWER, !!(reasons & power));
	set(asking, SIGNAL_GPU_THROTTLE_OTHER, !!(reasons & other));
}

/* NULL when there is no room. */
static struct gpu_process *process_of(struct gpu_look *look, unsigned int pid)
{
	for (size_t i = 0; i < look->n_processes; i++)
		if (look->processes[i].pid == pid)
			return &look->processes[i];
	if (look->n_processes == GPU_PROCESSES_MAX)
		return NULL;
	look->processes[look->n_processes] =
		(struct gpu_process){ .pid = pid, .used_bytes = NAN, .busy_ratio = NAN };
	return &look->processes[look->n_processes++];
}

/* A process that computes and draws is in both lists, with the same memory. */
static void look_at_list(struct asking *asking,
			 int (*list)(struct nvml_device *, unsigned int *, struct nvml_process *))
{
	struct nvml_process processes[GPU_PROCESSES_MAX];
	unsigned int n = GPU_PROCESSES_MAX;

	if (!list || !answered(asking, list(asking->device, &n, processes)))
		return;
	for (unsigned int i = 0; i < n && i < GPU_PROCESSES_MAX; i++) {
		struct gpu_process *process = process_of(asking->look, processes[i].pid);

		if (!process)
			asking->n_failed++;
		else if (processes[i].used_bytes != NVML_NOT_AVAILABLE)
			process->used_bytes =
				fmax(process->used_bytes, (double)processes[i].used_bytes);
	}
}

static void take_sample(struct asking *asking, const struct nvml_sample *sample)
{
	struct gpu_process *process;

	if (sample->time_us > asking->look->seen_us)
		asking->look->seen_us = sample->time_us;
	process = process_of(asking->look, sample->pid);
	if (process && sample->time_us >= process->sample_us) {
		process->sample_us = sample->time_us;
		process->busy_ratio = sample->sm / PER_CENT;
	}
}

/* The first time the library says all that it remembers, which is no value of now. */
static void look_at_samples(struct asking *asking)
{
	struct nvml_sample samples[GPU_PROCESSES_MAX];
	struct gpu_look *look = asking->look;
	unsigned int n = GPU_PROCESSES_MAX;
	const bool first = !look->sampled;
	int result;

	if (!asking->nvml->samples)
		return;
	result = asking->nvml->samples(asking->device, samples, &n, look->seen_us);
	if (result == NVML_NOT_FOUND)
		n = 0;
	else if (!answered(asking, result))
		return;
	look->sampled = true;
	for (size_t i = 0; i < look->n_processes; i++)
		look->processes[i].busy_ratio = 0;
	for (unsigned int i = 0; i < n && i < GPU_PROCESSES_MAX; i++)
		take_sample(asking, &samples[i]);
	for (size_t i = 0; first && i < look->n_processes; i++)
		look->processes[i].busy_ratio = NAN;
}

uint64_t gpu_look(const struct nvml *nvml, struct nvml_device *device,
		  const struct signal_set *signals, bool processes, struct gpu_look *look)
{
	struct asking asking = { .nvml = nvml, .device = device, .signals = signals, .look = look };

	for (size_t i = 0; i < GPU_SIGNALS; i++)
		look->values[i] = NAN;
	look->n_processes = 0;
	look_at_load(&asking);
	look_at_clocks(&asking);
	look_at_throttling(&asking);
	if (processes) {
		look_at_list(&asking, nvml->compute_processes);
		look_at_list(&asking, nvml->graphics_processes);
		look_at_samples(&asking);
	}
	return asking.n_failed;
}
