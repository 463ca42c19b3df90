// SPDX-License-Identifier: Apache-2.0
/*
 * What the scheduler source costs: bench_sched [SECONDS [sched=METHOD]], a line of JSON a case.
 *
 * The observer itself runs, with its own program, beside two processes on one CPU that hand a byte to and fro through
 * pipes as fast as they can: two switches and two wake-ups each time. The kernel counts the program's run times
 * (BPF_ENABLE_STATS), which itself adds some 30 ns a run. The share of the machine is that of 200,000 switches a second, with the
 * ticks' user-space time at ten ticks a second; beside it what the machine does there at its own rate.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_US 100000
#define TICKS_PER_SECOND 10.0
#define SECONDS_DEFAULT 3
#define REFERENCE_RATE 200000.0

struct bench {
	struct observer *observer;
	struct frame *frame;
	size_t source; /* its place among observer_sources() */
	int seconds;
	pid_t player;
};

struct bench_case {
	const char *name;
	uint32_t first, last; /* signals; first > last = none */
	enum scope_kind kind; /* besides the host: processes are the two that play */
};

static const struct bench_case cases[] = {
	{ .name = "all signals of the host",
	  .first = SIGNAL_SCHED_WAKEUP,
	  .last = SIGNAL_SCHED_MIGRATIONS_NODE },
	{ .name = "all signals of the host and of one process",
	  .first = SIGNAL_SCHED_WAKEUP,
	  .last = SIGNAL_SCHED_MIGRATIONS_NODE,
	  .kind = SCOPE_PROCESS },
	{ .name = "all signals of the host and of the root group",
	  .first = SIGNAL_SCHED_WAKEUP,
	  .last = SIGNAL_SCHED_MIGRATIONS_NODE,
	  .kind = SCOPE_CGROUP },
	{ .name = "wakeup and preempted",
	  .first = SIGNAL_SCHED_WAKEUP,
	  .last = SIGNAL_SCHED_PREEMPTED },
	{ .name = "wakeup only", .first = SIGNAL_SCHED_WAKEUP, .last = SIGNAL_SCHED_WAKEUP },
	{ .name = "switches only",
	  .first = SIGNAL_SCHED_SWITCHES,
	  .last = SIGNAL_SCHED_INVOLUNTARY },
	{ .name = "nothing demanded", .first = 1, .last = 0 },
};

static int die(const char *what, int error)
{
	fprintf(stderr, "bench_sched: unable to %s: %s\n", what, strerror(-error));
	return EXIT_FAILURE;
}

/* Two processes on the first CPU, until they are killed. */
static void play(void)
{
	int there[2], back[2];
	cpu_set_t cpus;
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (pipe(there) < 0 || pipe(back) < 0)
		_exit(1);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	while (write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1)
		;
	_exit(0);
}

static int player_start(struct bench *bench)
{
	bench->player = fork();
	if (bench->player == 0)
		play();
	return bench->player < 0 ? -errno : 0;
}

static uint64_t start_ticks(pid_t pid)
{
	char path[64], text[1024], *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (sysroot_read(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	field = strrchr(text, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field, NULL, 10) : 0;
}

static int case_demand(const struct bench *bench, const struct bench_case *which)
{
	struct demand demands[2 * SIGNAL_ID_COUNT] = { 0 };
	struct scope scope = { .kind = which->kind };
	size_t n = 0;

	if (which->kind == SCOPE_PROCESS)
		snprintf(scope.name, sizeof(scope.name), "%d@%" PRIu64, bench->player,
			 start_ticks(bench->player));
	else if (which->kind == SCOPE_CGROUP)
		strcpy(scope.name, "/");
	for (uint32_t i = which->first; i <= which->last; i++) {
		demands[n++].signal = i;
		if (which->kind != SCOPE_HOST)
			demands[n++] = (struct demand){ .signal = i, .scope = scope };
	}
	return observer_demand(bench->observer, demands, n);
}

static struct source_status status_of(const struct bench *bench)
{
	static struct source_status status[SOURCES_MAX];

	observer_sources(bench->observer, status);
	return status[bench->source];
}

static uint64_t context_switches(void)
{
	char text[65536], *line;

	if (sysroot_read(AT_FDCWD, "/proc/stat", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nctxt ");
	return line ? strtoull(line + strlen("\nctxt "), NULL, 10) : 0;
}

static int case_run(struct bench *bench, const struct bench_case *which)
{
	const bool demanded = which->first <= which->last;
	struct source_status before, after;
	uint64_t began_ns, switches;
	double seconds, each, tick;
	int r = case_demand(bench, which);

	if (r < 0)
		return r;
	observer_sample(bench->observer, clock_now_ns(), bench->frame);
	before = status_of(bench);
	switches = context_switches();
	began_ns = clock_now_ns();
	while (clock_now_ns() < began_ns + (uint64_t)bench->seconds * NSEC_PER_SEC) {
		usleep(TICK_US);
		observer_sample(bench->observer, clock_now_ns(), bench->frame);
	}
	after = status_of(bench);
	switches = context_switches() - switches;
	seconds = (double)(clock_now_ns() - began_ns) / (double)NSEC_PER_SEC;
	each = switches ? (double)(after.bpf_run_ns - before.bpf_run_ns) / (double)switches : 0;
	tick = after.samples > before.samples ? (double)(after.sample_ns - before.sample_ns) /
							(double)(after.samples - before.samples)
					      : 0;
	printf("{\"case\": \"%s\", \"method\": \"%s\", \"switches_per_s\": %.0f, "
	       "\"ns_per_switch\": %.1f, \"tick_us\": %.1f, \"machine_share\": %.5f, "
	       "\"machine_share_at_200k\": %.5f}\n",
	       which->name, after.method, (double)switches / seconds, each, tick / 1e3,
	       (each * (double)switches / seconds + tick * TICKS_PER_SECOND) / 1e9 /
		       (double)sysconf(_SC_NPROCESSORS_ONLN),
	       (each * REFERENCE_RATE + tick * TICKS_PER_SECOND) / 1e9 /
		       (double)sysconf(_SC_NPROCESSORS_ONLN));
	fflush(stdout);
	/* No demand must mean no program, and a demand one, or the figures would be of something else. */
	return demanded == (after.bpf_runs > before.bpf_runs) ? 0 : -EPROTO;
}

static int source_find(struct bench *bench)
{
	static struct source_status status[SOURCES_MAX];
	const size_t n = observer_sources(bench->observer, status);

	for (size_t i = 0; i < n; i++) {
		bench->source = i;
		if (!strcmp(status[i].name, "sched"))
			return 0;
	}
	return -ENOENT;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int root = sysroot_open("/"), stats = -1;
	const struct observer_options options = { .root = root,
						  .force = argc > 2 ? argv[2] : NULL };
	struct bench bench = { .seconds = argc > 1 ? atoi(argv[1]) : SECONDS_DEFAULT };
	int r;

	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		return die("have BPF run times counted", -errno);
	bench.frame = malloc(sizeof(*bench.frame));
	if (!bench.frame || root < 0)
		return die("begin", -ENOMEM);
	r = observer_new(&options, &bench.observer);
	if (r == 0)
		r = source_find(&bench);
	if (r == 0)
		r = player_start(&bench);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(cases); i++)
		r = case_run(&bench, &cases[i]);
	if (bench.player > 0) {
		kill(bench.player, SIGKILL);
		waitpid(bench.player, NULL, 0);
	}
	observer_free(bench.observer);
	free(bench.frame);
	return r < 0 ? die("measure", r) : EXIT_SUCCESS;
}
