// SPDX-License-Identifier: Apache-2.0
/*
 * What each CPU's power management does: its frequency, the share of the tick in its shallowest and in its deepest idle state,
 * and how often heat slowed it down. One file for each signal, opened only where it is demanded. The kernel adds to an idle
 * state's time when the CPU leaves it: a CPU that sleeps through ticks shows all of it in a later one, never more than the tick.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/idset.h"
#include "base/sysroot.h"
#include "observer/instances.h"
#include "observer/text.h"

#define CPUS_PATH "sys/devices/system/cpu"
#define CPUS_MAX 1024
#define STATES_MAX 16 /* CPUIDLE_STATE_MAX is 10 */

#define STATE_SIGNALS (SIGNAL_CPU_THROTTLE_PACKAGE - SIGNAL_CPU_FREQUENCY + 1)

#define ROW(signal) [(signal)-SIGNAL_CPU_FREQUENCY]
static const struct {
	const char *path; /* below the CPU's folder; of idle states that of the state */
	const char *lacks;
} rows[STATE_SIGNALS] = {
	ROW(SIGNAL_CPU_FREQUENCY) = { "cpufreq/scaling_cur_freq", "no cpufreq driver" },
	ROW(SIGNAL_CPU_IDLE_SHALLOW) = { "time", "no cpuidle driver" },
	ROW(SIGNAL_CPU_IDLE_DEEP) = { "time", "no cpuidle driver" },
	ROW(SIGNAL_CPU_THROTTLE_CORE) = { "thermal_throttle/core_throttle_count",
					  "no thermal_throttle" },
	ROW(SIGNAL_CPU_THROTTLE_PACKAGE) = { "thermal_throttle/package_throttle_count",
					     "no thermal_throttle" },
};

struct cpu_state {
	int fds[STATE_SIGNALS]; /* -1 = not demanded, or not there */
	uint64_t counts[STATE_SIGNALS];
	bool known[STATE_SIGNALS];
};

struct cpu_states {
	int root;
	int online_fd;
	struct instances instances;
	struct cpu_state states[CPUS_MAX]; /* by place */
};

static bool is_idle_state(enum signal_id signal)
{
	return signal == SIGNAL_CPU_IDLE_SHALLOW || signal == SIGNAL_CPU_IDLE_DEEP;
}

/* The path of a signal's file; the deepest idle state is the last one. */
static void path_of(int root, const char *cpu, enum signal_id signal, char path[160])
{
	const char *file = rows[signal - SIGNAL_CPU_FREQUENCY].path;
	int state = 0;

	if (!is_idle_state(signal)) {
		snprintf(path, 160, CPUS_PATH "/cpu%.16s/%s", cpu, file);
		return;
	}
	if (signal == SIGNAL_CPU_IDLE_DEEP)
		for (int i = 1; i < STATES_MAX; i++) {
			snprintf(path, 160, CPUS_PATH "/cpu%.16s/cpuidle/state%d", cpu, i);
			if (!sysroot_exists(root, path))
				break;
			state = i;
		}
	snprintf(path, 160, CPUS_PATH "/cpu%.16s/cpuidle/state%d/%s", cpu, state, file);
}

static int state_open(struct cpu_states *states, const struct instance *instance,
		      struct cpu_state *state)
{
	char path[160];

	for (size_t i = 0; i < STATE_SIGNALS; i++) {
		const enum signal_id signal = SIGNAL_CPU_FREQUENCY + (enum signal_id)i;

		if (state->fds[i] >= 0 || !signal_set_has(&instance->signals, signal))
			continue;
		path_of(states->root, instance->scope.name, signal, path);
		state->fds[i] = source_open_file(states->root, path);
		if (state->fds[i] == -EMFILE || state->fds[i] == -ENFILE)
			return state->fds[i];
	}
	return 0;
}

static int state_come(void *source, const struct instance *instance, size_t place)
{
	struct cpu_states *states = source;
	struct cpu_state *state = &states->states[place];

	*state = (struct cpu_state){ .fds = { 0 } };
	for (size_t i = 0; i < STATE_SIGNALS; i++)
		state->fds[i] = -1;
	return state_open(states, instance, state);
}

static void state_go(void *source, size_t place)
{
	struct cpu_states *states = source;

	for (size_t i = 0; i < STATE_SIGNALS; i++)
		closep(&states->states[place].fds[i]);
}

/* 0-3,8 */
static int state_list(void *source, struct instances *instances)
{
	struct cpu_states *states = source;
	struct idset online;
	char text[1024], name[16];
	int r = (int)source_reread(states->online_fd, text, sizeof(text));

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	r = idset_parse(text, &online);
	for (unsigned int cpu = 0; r == 0 && cpu < CPUS_MAX; cpu++) {
		if (!idset_has(&online, cpu))
			continue;
		snprintf(name, sizeof(name), "%u", cpu);
		instances_see(instances, name, 0);
	}
	return r;
}

static const struct instances_ops state_ops = {
	.list = state_list,
	.come = state_come,
	.go = state_go,
};

/* Says what lacks, as the first CPU shows it. Returns how many signals there are. */
static size_t say_what_lacks(const struct source_context *context, enum source_state state,
			     struct source_status *status)
{
	char path[160], text[SOURCE_TEXT_MAX] = "";
	size_t n = 0, used = 0;

	for (size_t i = 0; i < STATE_SIGNALS; i++) {
		path_of(context->root, "0", SIGNAL_CPU_FREQUENCY + (enum signal_id)i, path);
		if (sysroot_exists(context->root, path))
			n++;
		else if (!strstr(text, rows[i].lacks))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", rows[i].lacks);
	}
	source_say(status, n ? state : SOURCE_UNAVAILABLE,
		   n == STATE_SIGNALS ? "" : "load the CPU's drivers; a virtual machine has none",
		   "%s", text);
	return n;
}

static void cpu_states_probe(const struct source_context *context, struct source_status *status)
{
	status->optional = 1;
	strcpy(status->method, "sysfs");
	say_what_lacks(context, SOURCE_IDLE, status);
}

static void cpu_states_close(void *state)
{
	struct cpu_states *states = state;

	instances_deinit(&states->instances);
	closep(&states->online_fd);
}

static int cpu_states_open(void *state, const struct source_context *context,
			   const struct source_demand *demand, struct source_status *status)
{
	struct cpu_states *states = state;
	int r;

	(void)demand;
	states->root = context->root;
	states->online_fd = source_open_file(context->root, CPUS_PATH "/online");
	if (states->online_fd < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /sys",
			   "cannot read /" CPUS_PATH "/online: %s", strerror(-states->online_fd));
		return states->online_fd;
	}
	r = instances_init(&states->instances, SCOPE_CPU, CPUS_MAX, &state_ops, states);
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		say_what_lacks(context, SOURCE_ATTACHED, status);
	return r;
}

/* 2394374, alone: kHz, or microseconds in an idle state, or events. */
static double state_value(struct cpu_state *state, enum signal_id signal, struct sampler *sampler)
{
	const size_t i = signal - SIGNAL_CPU_FREQUENCY;
	const uint64_t before = state->counts[i];
	const bool known = state->known[i];
	char text[64];
	uint64_t now;

	state->known[i] = false;
	if (state->fds[i] < 0)
		return NAN; /* said by the text */
	if (source_reread(state->fds[i], text, sizeof(text)) < 0 || !text_numbers(text, &now, 1) ||
	    (known && signal != SIGNAL_CPU_FREQUENCY && now < before)) {
		sampler->losses[LOSS_EVENT]++;
		return NAN;
	}
	if (signal == SIGNAL_CPU_FREQUENCY)
		return (double)now * 1000.0;
	state->counts[i] = now;
	state->known[i] = true;
	if (!known || sampler->interval_ns == 0)
		return NAN;
	if (is_idle_state(signal))
		return fmin((double)(now - before) * (double)NSEC_PER_USEC /
				    (double)sampler->interval_ns,
			    1.0);
	return (double)(now - before);
}

static void cpu_states_sample(void *source, struct sampler *sampler)
{
	struct cpu_states *states = source;

	if (instances_due(&states->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&states->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&states->instances, sampler);
	for (size_t place = 0; place < states->instances.n_places; place++) {
		const struct instance *instance = &states->instances.places[place];

		if (!instance->used)
			continue;
		if (sampler->interval_ns == 0) /* the demand may be another one */
			state_open(states, instance, &states->states[place]);
		for (enum signal_id i = SIGNAL_CPU_FREQUENCY; i <= SIGNAL_CPU_THROTTLE_PACKAGE; i++)
			if (signal_set_has(&instance->signals, i))
				instance_value(instance, sampler, i,
					       state_value(&states->states[place], i, sampler));
	}
}

const struct source_ops cpu_state_source = {
	.name = "cpu-state",
	.first = SIGNAL_CPU_FREQUENCY,
	.last = SIGNAL_CPU_THROTTLE_PACKAGE,
	.state_size = sizeof(struct cpu_states),
	.probe = cpu_states_probe,
	.open = cpu_states_open,
	.sample = cpu_states_sample,
	.close = cpu_states_close,
};
