// SPDX-License-Identifier: Apache-2.0
/*
 * What the threads of a process waited for, by the kernel's accounting of delays. A wait counts when it ends. Without
 * kernel.task_delayacct only the wait for a CPU is counted, and of a process that began before it was set, nothing else.
 * The answer is to a number: a descriptor of /proc/PID, which outlives no process, tells that it still was the same one's.
 *
 * For an answer the kernel goes over all threads of the process, with interrupts off (fill_stats_for_tgid): some 60 ns each.
 * So a process of very many is asked for more rarely than at every tick; in between the mean of its last two answers stands.
 */
#include "observer/source.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/instances.h"
#include "observer/processes.h"
#include "observer/taskstats.h"

#define DEAR_NS NSEC_PER_MSEC /* CPU time: an answer that takes so long … */
#define DEAR_SHARE 100        /* … is asked for so that it takes one part in so many of one CPU */

#define SYSCTL_PATH "proc/sys/kernel/task_delayacct"

struct delayed {
	int fd; /* /proc/PID/comm */
	struct taskstats_delays before;
	uint64_t asked_ns;             /* when that was the answer */
	uint64_t due_ns;               /* not asked again before that */
	bool stood;                    /* the tick before had no answer of its own */
	double mean[TASKSTATS_DELAYS]; /* the share of the time between the last two answers */
};

struct task_delay {
	struct processes processes;
	struct taskstats_socket socket;
	bool cpu_only;
	bool old; /* the kernel's struct ends before some delay that is demanded */
	struct instances instances;
	struct delayed *delayed; /* INSTANCES_MAX, by place */
};

static int process_come(void *source, const struct instance *instance, size_t place)
{
	struct task_delay *delay = source;
	struct delayed *delayed = &delay->delayed[place];

	*delayed = (struct delayed){ 0 };
	delayed->fd = processes_open_file(&delay->processes, &instance->scope, "comm");
	return delayed->fd < 0 ? delayed->fd : 0;
}

static void process_go(void *source, size_t place)
{
	struct task_delay *delay = source;

	closep(&delay->delayed[place].fd);
}

static int process_list(void *source, struct instances *instances)
{
	struct task_delay *delay = source;

	return processes_list(&delay->processes, instances);
}

static const struct instances_ops process_ops = {
	.list = process_list,
	.come = process_come,
	.go = process_go,
};

/* Absent before 5.14, where the accounting is on. */
static bool is_off(int root)
{
	char text[16];

	return sysroot_read(root, SYSCTL_PATH, text, sizeof(text)) > 0 && !strcmp(text, "0");
}

/* Opens the socket and asks for this very process. */
static int socket_open(struct taskstats_socket *socket, struct source_status *status)
{
	struct taskstats_delays delays;
	int r = taskstats_open(socket);

	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_TASKSTATS",
			   "no taskstats over generic netlink: %s", strerror(-r));
		return r;
	}
	r = taskstats_ask(socket, (uint32_t)getpid(), &delays);
	if (r == -EPERM)
		source_say(status, SOURCE_UNAVAILABLE,
			   "sample in the foreground as root: flyball signals, flyball watch",
			   "taskstats answers but to CAP_NET_ADMIN, which the daemon's observer "
			   "has not");
	else if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "taskstats does not answer: %s",
			   strerror(-r));
	return r;
}

static void say(bool cpu_only, enum source_state state, struct source_status *status)
{
	if (cpu_only)
		source_say(status, state == SOURCE_IDLE ? state : SOURCE_DEGRADED,
			   "sysctl kernel.task_delayacct=1, before the processes start",
			   "kernel.task_delayacct is 0: only the wait for a CPU is counted; "
			   "the daemon's observer may not ask");
	else
		source_say(status, state, "", "the daemon's observer may not ask (CAP_NET_ADMIN)");
}

static void task_delay_probe(const struct source_context *context, struct source_status *status)
{
	struct taskstats_socket socket;

	status->optional = 1;
	strcpy(status->method, "taskstats");
	if (socket_open(&socket, status) == 0)
		say(is_off(context->root), SOURCE_IDLE, status);
	taskstats_close(&socket);
}

static void task_delay_close(void *state)
{
	struct task_delay *delay = state;

	instances_deinit(&delay->instances);
	free(delay->delayed);
	taskstats_close(&delay->socket);
	processes_close(&delay->processes);
}

static int task_delay_open(void *state, const struct source_context *context,
			   const struct source_demand *demand, struct source_status *status)
{
	struct task_delay *delay = state;
	int r = processes_open(&delay->processes, context->root);

	(void)demand;
	if (r < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount /proc", "cannot read /proc: %s",
			   strerror(-r));
		return r;
	}
	r = socket_open(&delay->socket, status);
	if (r < 0)
		return r;
	delay->cpu_only = is_off(context->root);
	delay->delayed = calloc(INSTANCES_MAX, sizeof(*delay->delayed));
	r = delay->delayed ? instances_init(&delay->instances, SCOPE_PROCESS, INSTANCES_MAX,
					    &process_ops, delay)
			   : -ENOMEM;
	if (r < 0)
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
	else
		say(delay->cpu_only, SOURCE_ATTACHED, status);
	return r;
}

static double delay_value(struct task_delay *delay, size_t i, const struct taskstats_delays *before,
			  const struct taskstats_delays *now, struct sampler *sampler)
{
	const uint32_t bit = 1u << i;

	if (!now->known || (delay->cpu_only && i > 0))
		return NAN;
	if (!(now->known & bit)) {
		delay->old = true;
		return NAN;
	}
	if (!(before->known & bit))
		return NAN;
	if (now->ns[i] < before->ns[i]) {
		sampler->losses[LOSS_EVENT]++;
		return NAN;
	}
	return (double)(now->ns[i] - before->ns[i]);
}

static int process_ask(struct task_delay *delay, size_t place, struct sampler *sampler,
		       struct taskstats_delays *now)
{
	const struct instance *instance = &delay->instances.places[place];
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = taskstats_ask(&delay->socket, (uint32_t)strtoul(instance->scope.name, NULL, 10),
			      now);
	const uint64_t price_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;

	delay->delayed[place].due_ns =
		price_ns < DEAR_NS ? 0 : sampler->now_ns + price_ns * DEAR_SHARE;
	return r;
}

/* What does not come from two answers at both ends of the tick is of no use in a trial's window. */
static void add_value(const struct instance *instance, struct sampler *sampler,
		      enum signal_id signal, double value, bool lossy)
{
	const size_t n = sampler->frame->n_series;

	instance_value(instance, sampler, signal, value);
	if (lossy && sampler->frame->n_series > n)
		sampler->frame->series[n].flags |= SERIES_LOSSY;
}

static void process_sample(struct task_delay *delay, size_t place, struct sampler *sampler)
{
	const struct instance *instance = &delay->instances.places[place];
	struct delayed *delayed = &delay->delayed[place];
	const bool stands = sampler->interval_ns && delayed->due_ns > sampler->now_ns;
	const double elapsed_ns = (double)(sampler->now_ns - delayed->asked_ns);
	struct taskstats_delays now = { 0 };
	double value = NAN;
	int r = stands ? 0 : process_ask(delay, place, sampler, &now);
	char byte;

	/* Whoever has the number now: this one has ended. */
	if (r == 0 && pread(delayed->fd, &byte, 1, 0) < 0)
		r = -ESRCH;
	if (r < 0)
		now = (struct taskstats_delays){ 0 };
	sampler->losses[LOSS_EVENT] += r < 0 && r != -ESRCH;
	for (size_t i = 0; i < TASKSTATS_DELAYS; i++) {
		const enum signal_id signal = SIGNAL_TASK_DELAY_CPU + (enum signal_id)i;

		if (!signal_set_has(&instance->signals, signal))
			continue;
		if (!stands || r < 0) {
			value = delay_value(delay, i, &delayed->before, &now, sampler);
			delayed->mean[i] = value / elapsed_ns;
		}
		if (stands || delayed->stood)
			value = delayed->mean[i] * (double)sampler->interval_ns;
		add_value(instance, sampler, signal, value, stands || delayed->stood);
	}
	delayed->stood = stands;
	if (stands && r == 0)
		return;
	delayed->before = now;
	delayed->asked_ns = sampler->now_ns;
}

static void task_delay_sample(void *state, struct sampler *sampler)
{
	struct task_delay *delay = state;

	if (instances_due(&delay->instances, sampler))
		sampler->losses[LOSS_EVENT] +=
			instances_scan(&delay->instances, sampler->demand, sampler->now_ns) < 0;
	instances_count(&delay->instances, sampler);
	for (size_t i = 0; i < delay->instances.n_places; i++)
		if (delay->instances.places[i].used)
			process_sample(delay, i, sampler);
}

static void task_delay_status(void *state, struct source_status *status)
{
	const struct task_delay *delay = state;

	if (delay->instances.n_over)
		instances_say(&delay->instances, status);
	else if (delay->old)
		source_say(status, SOURCE_DEGRADED, "use a newer kernel",
			   "this kernel's taskstats ends before some of the delays");
}

const struct source_ops task_delay_source = {
	.name = "task-delay",
	.first = SIGNAL_TASK_DELAY_CPU,
	.last = SIGNAL_TASK_DELAY_WPCOPY,
	.state_size = sizeof(struct task_delay),
	.probe = task_delay_probe,
	.open = task_delay_open,
	.sample = task_delay_sample,
	.close = task_delay_close,
	.status = task_delay_status,
};
