// SPDX-License-Identifier: Apache-2.0
/*
 * Where the CPUs' time went in a tick, from /proc/stat: its first line has all CPUs together, the next ones a CPU each. The
 * kernel counts in ticks of 10 ms a CPU.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "observer/instances.h"
#include "observer/text.h"

#define CPU_PATH "proc/stat"
#define CPUS_MAX 1024 /* CPUs with series of their own; their numbers are below it */
/* Eight numbers of up to 20 digits. The rest of the file, which can be hundreds of KiB, is not wanted. */
#define CPU_LINE_BYTES 256
/* Ten numbers, mostly far under 12 digits. */
#define CPU_TEXT_BYTES (CPU_LINE_BYTES + CPUS_MAX * 128)

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

struct cpu_times {
	bool known;
	uint64_t ticks[CPU_TIME_COUNT];
};

struct cpu {
	int fd;
	bool each; /* some signal of single CPUs is demanded */
	struct cpu_times host;
	struct instances cpus;
	struct cpu_times times[CPUS_MAX]; /* by place */
	uint16_t place_of[CPUS_MAX]; /* 1 + the place of a CPU, by its number; 0 = not demanded */
	char text[CPU_TEXT_BYTES];
};

static int cpu_come(void *source, const struct instance *instance, size_t place)
{
	struct cpu *cpu = source;

	cpu->times[place].known = false;
	cpu->place_of[strtoul(instance->scope.name, NULL, 10)] = (uint16_t)(place + 1);
	return 0;
}

static void cpu_go(void *source, size_t place)
{
	struct cpu *cpu = source;

	for (size_t i = 0; i < CPUS_MAX; i++)
		if (cpu->place_of[i] == place + 1)
			cpu->place_of[i] = 0;
}

/* `cpu12 358 0 …`: the number, and `*line` behind it; -1 when the line is of no CPU, or of all. */
static long line_number(const char **line)
{
	char *end;
	long number;

	if (strncmp(*line, "cpu", 3) || (*line)[3] < '0' || (*line)[3] > '9')
		return -1;
	number = strtol(*line + 3, &end, 10);
	*line = end;
	return number < CPUS_MAX ? number : -1;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line ? line + 1 : "";
}

/* Of the text that the tick has read. */
static int cpu_list(void *source, struct instances *instances)
{
	struct cpu *cpu = source;
	char name[24];

	if (!text_line(cpu->text, "cpu "))
		return -EBADMSG;
	for (const char *line = cpu->text; *line && !strncmp(line, "cpu", 3);
	     line = next_line(line)) {
		const char *rest = line;
		const long number = line_number(&rest);

		snprintf(name, sizeof(name), "%ld", number);
		if (number >= 0)
			instances_see(instances, name, 0);
	}
	return 0;
}

static const struct instances_ops cpu_ops = {
	.list = cpu_list,
	.come = cpu_come,
	.go = cpu_go,
};

static void cpu_close(void *state)
{
	struct cpu *cpu = state;

	instances_deinit(&cpu->cpus);
	closep(&cpu->fd);
}

static int cpu_demand(void *state, const struct source_demand *demand, struct source_status *status)
{
	struct cpu *cpu = state;

	(void)status;
	cpu->each = source_demands_kind(demand, SCOPE_CPU);
	return 0;
}

static int cpu_open_file(const struct source_context *context, struct source_status *status)
{
	int fd = source_open_file(context->root, CPU_PATH);

	if (fd < 0)
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc",
			   "cannot read /" CPU_PATH ": %s", strerror(-fd));
	return fd;
}

static int cpu_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	struct cpu *cpu = state;
	int r;

	cpu->fd = cpu_open_file(context, status);
	if (cpu->fd < 0)
		return cpu->fd;
	r = instances_init(&cpu->cpus, SCOPE_CPU, CPUS_MAX, &cpu_ops, cpu);
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return r;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return cpu_demand(cpu, demand, status);
}

static void cpu_probe(const struct source_context *context, struct source_status *status)
{
	_cleanup_close_ int fd = -1;

	strcpy(status->method, "procfs");
	fd = cpu_open_file(context, status);
	if (fd >= 0)
		source_say(status, SOURCE_IDLE, "", "%s", "");
}

/*
 * Shares of a tick out of the numbers of a line, against those of the tick before, which are replaced.
 *
 * cpu  1204 0 1706 301276 285 0 26 7 0 0
 * cpu0 358 0 603 151399 6 0 4 2 0 0
 */
static void cpu_shares(struct cpu_times *times, const char *numbers, struct sampler *sampler,
		       double ret_shares[CPU_TIME_COUNT])
{
	uint64_t now[CPU_TIME_COUNT] = { 0 };
	const bool known = times->known;
	double total = 0;

	times->known = numbers && text_numbers(numbers, now, CPU_TIME_COUNT);
	sampler->losses[LOSS_EVENT] += !times->known;
	for (size_t i = 0; i < CPU_TIME_COUNT; i++) {
		/* idle and iowait can go back by a little (proc(5)): nothing was spent there then. */
		ret_shares[i] = now[i] > times->ticks[i] ? (double)(now[i] - times->ticks[i]) : 0.0;
		total += ret_shares[i];
		times->ticks[i] = now[i];
	}
	/* No tick of the kernel's clock in ours: no share has a value. */
	for (size_t i = 0; i < CPU_TIME_COUNT; i++)
		ret_shares[i] =
			known && times->known && total > 0 ? ret_shares[i] / total : (double)NAN;
}

/* The share that a signal is. */
static double cpu_value(const double shares[CPU_TIME_COUNT], enum signal_id signal)
{
	switch (signal) {
	case SIGNAL_CPU_USER:
		return shares[CPU_TIME_USER] + shares[CPU_TIME_NICE];
	case SIGNAL_CPU_SYSTEM:
		return shares[CPU_TIME_SYSTEM];
	case SIGNAL_CPU_IOWAIT:
		return shares[CPU_TIME_IOWAIT];
	case SIGNAL_CPU_IRQ:
		return shares[CPU_TIME_IRQ] + shares[CPU_TIME_SOFTIRQ];
	case SIGNAL_CPU_STEAL:
		return shares[CPU_TIME_STEAL];
	default:
		return shares[CPU_TIME_IDLE];
	}
}

static void cpu_sample_each(struct cpu *cpu, struct sampler *sampler)
{
	const char *lines[CPUS_MAX] = { NULL };
	double shares[CPU_TIME_COUNT];

	for (const char *line = cpu->text; *line && !strncmp(line, "cpu", 3);
	     line = next_line(line)) {
		const char *numbers = line;
		const long number = line_number(&numbers);

		if (number >= 0 && cpu->place_of[number])
			lines[cpu->place_of[number] - 1] = numbers;
	}
	/* One without a line has gone offline, or the text is none: not valid until the next scan knows. */
	for (size_t place = 0; place < cpu->cpus.n_places; place++) {
		const struct instance *instance = &cpu->cpus.places[place];

		if (!instance->used)
			continue;
		cpu_shares(&cpu->times[place], lines[place], sampler, shares);
		for (enum signal_id i = SIGNAL_CPU_USER; i <= SIGNAL_CPU_IDLE; i++)
			instance_value(instance, sampler, i, cpu_value(shares, i));
	}
}

static void cpu_sample(void *state, struct sampler *sampler)
{
	double shares[CPU_TIME_COUNT];
	struct cpu *cpu = state;
	ssize_t n =
		pread(cpu->fd, cpu->text, cpu->each ? CPU_TEXT_BYTES - 1 : CPU_LINE_BYTES - 1, 0);

	cpu->text[n > 0 ? n : 0] = '\0';
	if (!signal_set_empty(&sampler->demand->host)) {
		cpu_shares(&cpu->host, text_line(cpu->text, "cpu "), sampler, shares);
		for (enum signal_id i = SIGNAL_CPU_USER; i <= SIGNAL_CPU_IDLE; i++)
			sampler_host(sampler, i, cpu_value(shares, i));
	} else {
		cpu->host.known = false;
	}
	if (instances_due(&cpu->cpus, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&cpu->cpus, sampler->demand, sampler->now_ns) < 0;
	instances_count(&cpu->cpus, sampler);
	if (cpu->each)
		cpu_sample_each(cpu, sampler);
}

const struct source_ops cpu_source = {
	.name = "cpu",
	.first = SIGNAL_CPU_USER,
	.last = SIGNAL_CPU_IDLE,
	.state_size = sizeof(struct cpu),
	.probe = cpu_probe,
	.open = cpu_open,
	.demand = cpu_demand,
	.sample = cpu_sample,
	.close = cpu_close,
};
