// SPDX-License-Identifier: Apache-2.0
/* Where all CPUs' time went in a tick, from the first line of /proc/stat. The kernel counts in ticks of 10 ms a CPU. */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/text.h"

#define CPU_PATH "proc/stat"
/* Eight numbers of up to 20 digits. The rest of the file, which can be hundreds of KiB, is not wanted. */
#define CPU_LINE_BYTES 256

enum cpu_time {
	CPU_TIME_USER,
	CPU_TIME_NICE,
	CPU_TIME_SYSTEM,
	CPU_TIME_IDLE,
	CPU_TIME_IOWAIT,
	CPU_TIME_IRQ,
	CPU_TIME_SOFTIRQ,
	CPU_TIME_STEAL, /* guest and guest_nice follow, but user and nice hold them already */
	CPU_TIME_COUNT,
};

struct cpu {
	int fd;
	bool known;
	uint64_t before[CPU_TIME_COUNT];
};

static void cpu_close(void *state)
{
	struct cpu *cpu = state;

	closep(&cpu->fd);
}

static int cpu_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct cpu *cpu = state;

	(void)demand;
	cpu->fd = source_open_file(context->root, CPU_PATH);
	if (cpu->fd < 0)
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc",
			   "cannot read /" CPU_PATH ": %s", strerror(-cpu->fd));
	else
		source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return cpu->fd < 0 ? cpu->fd : 0;
}

static void cpu_probe(const struct source_context *context, struct source_status *status)
{
	struct cpu cpu;

	strcpy(status->method, "procfs");
	if (cpu_open(&cpu, context, NULL, status) == 0)
		status->state = SOURCE_IDLE;
	cpu_close(&cpu);
}

/*
 * cpu  1204 0 1706 301276 285 0 26 7 0 0
 * cpu0 358 0 603 151399 6 0 4 2 0 0
 */
static bool cpu_read(const struct cpu *cpu, uint64_t ret_times[CPU_TIME_COUNT])
{
	char text[CPU_LINE_BYTES];
	ssize_t n = pread(cpu->fd, text, sizeof(text) - 1, 0);
	const char *numbers;

	if (n < 0)
		return false;
	text[n] = '\0';
	numbers = text_line(text, "cpu ");
	return numbers && text_numbers(numbers, ret_times, CPU_TIME_COUNT);
}

static void cpu_sample(void *state, struct sampler *sampler)
{
	double shares[CPU_TIME_COUNT], total = 0;
	uint64_t now[CPU_TIME_COUNT];
	struct cpu *cpu = state;
	const bool known = cpu->known;

	cpu->known = cpu_read(cpu, now);
	if (!cpu->known) {
		sampler->losses[LOSS_EVENT]++;
		memset(now, 0, sizeof(now));
	}
	for (size_t i = 0; i < CPU_TIME_COUNT; i++) {
		/* idle and iowait can go back by a little (proc(5)): nothing was spent there then. */
		shares[i] = now[i] > cpu->before[i] ? (double)(now[i] - cpu->before[i]) : 0.0;
		total += shares[i];
		cpu->before[i] = now[i];
	}
	/* No tick of the kernel's clock in ours: no share has a value. */
	for (size_t i = 0; i < CPU_TIME_COUNT; i++)
		shares[i] = known && cpu->known && total > 0 ? shares[i] / total : NAN;
	sampler_host(sampler, SIGNAL_CPU_USER, shares[CPU_TIME_USER] + shares[CPU_TIME_NICE]);
	sampler_host(sampler, SIGNAL_CPU_SYSTEM, shares[CPU_TIME_SYSTEM]);
	sampler_host(sampler, SIGNAL_CPU_IOWAIT, shares[CPU_TIME_IOWAIT]);
	sampler_host(sampler, SIGNAL_CPU_IRQ, shares[CPU_TIME_IRQ] + shares[CPU_TIME_SOFTIRQ]);
	sampler_host(sampler, SIGNAL_CPU_STEAL, shares[CPU_TIME_STEAL]);
	sampler_host(sampler, SIGNAL_CPU_IDLE, shares[CPU_TIME_IDLE]);
}

const struct source_ops cpu_source = {
	.name = "cpu",
	.first = SIGNAL_CPU_USER,
	.last = SIGNAL_CPU_IDLE,
	.state_size = sizeof(struct cpu),
	.probe = cpu_probe,
	.open = cpu_open,
	.sample = cpu_sample,
	.close = cpu_close,
};
