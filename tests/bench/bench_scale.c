// SPDX-License-Identifier: Apache-2.0
/*
 * What a tick of the observer costs while many things exist of which few are demanded: bench_scale [REPEATS [NOUN...]], a line
 * of JSON a case.
 *
 *     cgroups      real ones, in a group of the bench's own
 *     threads      of processes of the bench, as many as the machine allows (kernel.pid_max, kernel.threads-max)
 *     connections  TCP over loopback in a network namespace of the bench, then seen from another one
 *     disks        in a folder of captured files
 *
 * CPU time of the observer's own thread, with the kernel's work for it, and the time that passed. Ticks are 250 ms apart, by
 * the time that is told to the observer; once a second it also looks which instances there are: such ticks are
 * `scan_…`, all others `tick_…`. Each has the median, the least and the most. Memory is that of the process, which has the
 * observer, a frame and little else.
 *
 * What grows with what exists although it is not demanded, because the kernel has no other way to tell: the names in the
 * folder of a pattern of control groups (getdents64); the list of all processes for a pattern that is not of one number, for
 * which the kernel goes over all threads; sock_diag, which goes over the connections of all namespaces.
 *
 * Each noun has a process of its own; this one waits for it and takes away what it made, also when it is interrupted. What a
 * kill -9 of both leaves is taken away at the next start.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/bench/connections.h"
#include "tests/bench/scale.h"

#define TICK_NS (250 * NSEC_PER_MSEC)
#define SCAN_NS (10 * NSEC_PER_SEC) /* later than the next scan is due, unless one took 100 ms */
#define TICKS_A_SCAN 3
#define REPEATS_DEFAULT 20
#define REPEATS_MOST 100

struct samples {
	size_t n;
	double cpu_us[TICKS_A_SCAN * REPEATS_MOST], wall_us[TICKS_A_SCAN * REPEATS_MOST];
};

/* A demand, and what it is called. */
struct wanted {
	const char *what;
	enum scope_kind kind;
	const char *patterns[2]; /* the second may be NULL */
	const uint32_t *signals;
	size_t n_signals;
};

static struct {
	int owner, repeats;
	const char *noun;
	char folder[64]; /* of disks */
	int root;
	struct observer *observer;
	struct frame *frame;
	uint64_t now_ns;
	struct samples ticks, scans;
} bench = { .root = -1 };

void scale_die(const char *what)
{
	fprintf(stderr, "bench_scale: unable to %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_times(const char *name, double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	printf(", \"%s_us\": %.1f, \"%s_us_range\": [%.1f, %.1f]", name, values[n / 2], name,
	       values[0], values[n - 1]);
}

/* `Pss:                 123 kB` */
static long memory_kib(const char *key)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[128];
	long kib = -1;

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = atol(line + strlen(key));
	if (file)
		fclose(file);
	return kib;
}

static void tick(uint64_t after_ns, struct samples *samples)
{
	const uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_ns = clock_now_ns();

	bench.now_ns += after_ns;
	observer_sample(bench.observer, bench.now_ns, bench.frame);
	samples->cpu_us[samples->n] =
		(double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns) / (double)NSEC_PER_USEC;
	samples->wall_us[samples->n++] = (double)(clock_now_ns() - wall_ns) / (double)NSEC_PER_USEC;
}

static void measure(size_t exist, const struct wanted *wanted)
{
	struct demand demands[DEMANDS_MAX] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted->patterns) && wanted->patterns[i]; i++) {
		for (size_t j = 0; j < wanted->n_signals; j++) {
			demands[n] = (struct demand){ .signal = wanted->signals[j],
						      .scope.kind = wanted->kind };
			snprintf(demands[n].scope.name, sizeof(demands[n].scope.name), "%s",
				 wanted->patterns[i]);
			n++;
		}
	}
	if (observer_demand(bench.observer, demands, n) < 0)
		scale_die("demand");
	bench.now_ns += TICK_NS;
	observer_sample(bench.observer, bench.now_ns, bench.frame);
	bench.ticks.n = bench.scans.n = 0;
	for (int i = 0; i < bench.repeats; i++) {
		for (int j = 0; j < TICKS_A_SCAN; j++)
			tick(TICK_NS, &bench.ticks);
		tick(SCAN_NS, &bench.scans);
	}
	printf("{\"bench\": \"scale\", \"noun\": \"%s\", \"exist\": %zu, \"demanded\": \"%s\", "
	       "\"series\": %zu",
	       bench.noun, exist, wanted->what, bench.frame->n_series);
	print_times("tick_cpu", bench.ticks.cpu_us, bench.ticks.n);
	print_times("tick_wall", bench.ticks.wall_us, bench.ticks.n);
	print_times("scan_cpu", bench.scans.cpu_us, bench.scans.n);
	print_times("scan_wall", bench.scans.wall_us, bench.scans.n);
	printf(", \"n\": %zu, \"rss_kib\": %ld, \"pss_kib\": %ld}\n", bench.ticks.n,
	       memory_kib("Rss:"), memory_kib("Pss:"));
	fflush(stdout);
}

static void observe(const char *root)
{
	struct observer_options options = { 0 };

	bench.root = options.root = sysroot_open(root);
	if (bench.root < 0 || observer_new(&options, &bench.observer) < 0)
		scale_die("observe");
	bench.now_ns = clock_now_ns();
	printf("{\"bench\": \"scale\", \"noun\": \"%s\", \"demanded\": \"nothing\", \"rss_kib\": "
	       "%ld, "
	       "\"pss_kib\": %ld}\n",
	       bench.noun, memory_kib("Rss:"), memory_kib("Pss:"));
}

/* --- control groups --- */

static const uint32_t pressure[] = { SIGNAL_PSI_CPU_SOME, SIGNAL_PSI_IO_SOME, SIGNAL_PSI_IO_FULL,
				     SIGNAL_PSI_MEMORY_SOME, SIGNAL_PSI_MEMORY_FULL };

static void measure_groups(size_t exist, const char *what, const char *names, size_t n_signals)
{
	char pattern[SCOPE_NAME_MAX];

	snprintf(pattern, sizeof(pattern), "%s/%s", scale_groups_path(), names);
	measure(exist, &(struct wanted){ .what = what,
					 .kind = SCOPE_CGROUP,
					 .patterns = { pattern },
					 .signals = pressure,
					 .n_signals = n_signals });
}

/* As many series as a frame may be expected to have. */
static void measure_two_thousand(size_t exist)
{
	char first[SCOPE_NAME_MAX], second[SCOPE_NAME_MAX];

	snprintf(first, sizeof(first), "%s/g00*", scale_groups_path());
	snprintf(second, sizeof(second), "%s/g01*", scale_groups_path());
	measure(exist, &(struct wanted){ .what = "2,000 groups, 5 signals each",
					 .kind = SCOPE_CGROUP,
					 .patterns = { first, second },
					 .signals = pressure,
					 .n_signals = ARRAY_SIZE(pressure) });
}

static int run_cgroups(void)
{
	static const size_t steps[] = { 10, 100, 1000, 10000 };
	size_t n = 0;
	int r = scale_groups_begin(bench.owner);

	if (r < 0) {
		printf("skipped: no control group of version 2 can be made: %s\n", strerror(-r));
		return 77;
	}
	observe("/");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		n = scale_groups_make(steps[i]);
		measure_groups(n, "one group by its name", "g00000", 5);
		measure_groups(n, "ten groups by a pattern", "g0000?", 1);
	}
	measure_groups(n, "1 group", "g00000", 1);
	measure_groups(n, "10 groups", "g0000?", 1);
	measure_groups(n, "100 groups", "g000??", 1);
	measure_groups(n, "1,000 groups", "g00???", 1);
	measure_groups(n, "all groups", "g0????", 1);
	measure_two_thousand(n);
	return 0;
}

static void clean_cgroups(void)
{
	scale_groups_remove(bench.owner);
}

static void measure_host(size_t exist, const char *what, const uint32_t *signals, size_t n)
{
	measure(exist, &(struct wanted){ .what = what,
					 .kind = SCOPE_HOST,
					 .patterns = { "" },
					 .signals = signals,
					 .n_signals = n });
}

/* --- threads --- */

static const uint32_t scheduling[] = { SIGNAL_SCHED_SWITCHES,   SIGNAL_SCHED_INVOLUNTARY,
				       SIGNAL_SCHED_MIGRATIONS, SIGNAL_SCHED_WAITING,
				       SIGNAL_SCHED_RUN,        SIGNAL_SCHED_WAIT };

static void measure_processes(size_t exist, const char *what, const char *pattern, size_t n_signals)
{
	measure(exist, &(struct wanted){ .what = what,
					 .kind = SCOPE_PROCESS,
					 .patterns = { pattern },
					 .signals = scheduling,
					 .n_signals = n_signals });
}

/* The other sources that look at processes, at one of them; and one that looks at none. */
static void measure_sources(size_t exist, const char *whose, int pid)
{
	static const struct {
		const char *name;
		uint32_t signals[2];
		size_t n;
	} sources[] = {
		{ .name = "sched",
		  .signals = { SIGNAL_SCHED_SWITCHES, SIGNAL_SCHED_INVOLUNTARY },
		  .n = 2 },
		{ .name = "task-delay", .signals = { SIGNAL_TASK_DELAY_CPU }, .n = 1 },
		{ .name = "numa-process",
		  .signals = { SIGNAL_NUMA_PAGES_LOCAL, SIGNAL_NUMA_PAGES_REMOTE },
		  .n = 2 },
	};
	char what[96], pattern[64];

	snprintf(pattern, sizeof(pattern), "%d@*", pid);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		snprintf(what, sizeof(what), "%s of %s", sources[i].name, whose);
		measure(exist, &(struct wanted){ .what = what,
						 .kind = SCOPE_PROCESS,
						 .patterns = { pattern },
						 .signals = sources[i].signals,
						 .n_signals = sources[i].n });
	}
}

/* All in one process: by its number, by its name, and by patterns for which all processes are listed; and another one. */
static size_t measure_threads(size_t threads)
{
	char pattern[64], name[SCOPE_NAME_MAX];
	size_t one;
	int other = scale_process_start(1, &one), pid = scale_process_start(threads, &threads);

	snprintf(pattern, sizeof(pattern), "%d@*", pid);
	measure_processes(threads, "the process by its number", pattern, 2);
	if (bench.frame->n_series > 0) {
		strcpy(name, bench.frame->series[0].scope.name);
		measure_processes(threads, "the process by its name", name, 2);
	}
	snprintf(pattern, sizeof(pattern), "%d[@]*", pid);
	measure_processes(threads, "the process by another pattern", pattern, 2);
	measure_processes(threads, "all processes", "*", 1);
	measure_sources(threads, "another process, of one thread", other);
	measure_sources(threads, "the process", pid);
	measure_host(threads, "psi of the host", pressure, ARRAY_SIZE(pressure));
	scale_process_stop(pid);
	scale_process_stop(other);
	return threads;
}

#define PROCESSES 100

static void measure_many_processes(size_t threads)
{
	int pids[PROCESSES];
	char pattern[64];
	size_t sum = 0, n;

	for (size_t i = 0; i < PROCESSES; i++) {
		pids[i] = scale_process_start(threads / PROCESSES, &n);
		sum += n;
	}
	snprintf(pattern, sizeof(pattern), "%d@*", pids[0]);
	measure_processes(sum, "one of 100 processes", pattern, 1);
	measure_processes(sum, "one of 100 processes, 6 signals", pattern, 6);
	measure_processes(sum, "all processes, 1 signal each", "*", 1);
	measure_processes(sum, "all processes, 6 signals each", "*", 6);
	for (size_t i = 0; i < PROCESSES; i++)
		scale_process_stop(pids[i]);
}

static int run_threads(void)
{
	static const size_t steps[] = { 1000, 10000, 100000 };
	const size_t limit = scale_threads_limit();
	size_t last = 0;

	printf("{\"bench\": \"scale\", \"noun\": \"threads\", \"possible\": %zu}\n", limit);
	observe("/");
	for (size_t i = 0; i < ARRAY_SIZE(steps) && last < limit; i++) {
		last = steps[i] < limit ? steps[i] : limit;
		measure_threads(last);
	}
	measure_many_processes(last);
	return 0;
}

/* --- connections --- */

static const uint32_t counters[] = {
	SIGNAL_TCP_CONNECTIONS,  SIGNAL_TCP_RETRANSMITS,   SIGNAL_TCP_LISTEN_OVERFLOWS,
	SIGNAL_TCP_OPENS_ACTIVE, SIGNAL_TCP_OPENS_PASSIVE, SIGNAL_TCP_SEGMENTS_IN,
	SIGNAL_TCP_SEGMENTS_OUT, SIGNAL_TCP_RESETS_SENT,   SIGNAL_TCP_TIMEOUTS,
	SIGNAL_TCP_OUT_OF_ORDER,
};
static const uint32_t snapshot[] = { SIGNAL_TCP_RTT, SIGNAL_TCP_CWND, SIGNAL_TCP_DELIVERY_RATE };

static int run_connections(void)
{
	static const size_t steps[] = { 1000, 10000, 100000 };
	size_t n = 0;

	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up") != 0) {
		printf("skipped: no network namespace of its own\n");
		return 77;
	}
	observe("/");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		connections_make((steps[i] - n) / 2, false);
		n = steps[i];
		measure_host(n, "three counters", counters, 3);
		measure_host(n, "rtt", snapshot, 1);
	}
	measure_host(n, "one counter", counters, 1);
	measure_host(n, "ten counters", counters, 10);
	measure_host(n, "rtt, window, delivery rate", snapshot, 3);
	if (unshare(CLONE_NEWNET) < 0)
		scale_die("make another network namespace");
	/* What is open belongs to the one before. */
	observer_demand(bench.observer, NULL, 0);
	measure_host(n, "three counters of another namespace", counters, 3);
	measure_host(n, "rtt of another namespace", snapshot, 1);
	return 0;
}

/* --- disks --- */

static const uint32_t of_disks[] = { SIGNAL_DISK_BUSY, SIGNAL_DISK_INFLIGHT, SIGNAL_DISK_READ_OPS,
				     SIGNAL_DISK_WRITE_OPS };

static void measure_disks(size_t exist, const char *what, const char *pattern, size_t n_signals)
{
	measure(exist, &(struct wanted){ .what = what,
					 .kind = SCOPE_DISK,
					 .patterns = { pattern },
					 .signals = of_disks,
					 .n_signals = n_signals });
}

static int run_disks(void)
{
	static const size_t steps[] = { 1, 16, 256 };
	size_t n = 0;

	if (mkdir(bench.folder, 0755) < 0)
		scale_die("make a folder in /dev/shm");
	scale_disks_make(bench.folder, 0, 1);
	observe(bench.folder);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		scale_disks_make(bench.folder, n, steps[i]);
		n = steps[i];
		measure_disks(n, "one disk", "d000", 4);
	}
	measure_disks(n, "1 disk, 1 signal", "d000", 1);
	measure_disks(n, "10 disks, 1 signal each", "d00?", 1);
	measure_disks(n, "100 disks, 1 signal each", "d0??", 1);
	measure_disks(n, "256 disks, 4 signals each", "d*", 4);
	return 0;
}

static void clean_disks(void)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "for d in /dev/shm/flyball-scale-*; do p=${d##*-}; [ ! -d \"$d\" ] || "
		 "{ [ \"$p\" != %d ] && kill -0 \"$p\" 2>/dev/null; } || rm -rf \"$d\"; done",
		 bench.owner);
	if (system(command) != 0)
		fprintf(stderr, "bench_scale: unable to remove %s\n", bench.folder);
}

/* --- the keeper --- */

static const struct noun {
	const char *name;
	int (*run)(void);
	void (*clean)(void); /* also what an earlier one left */
} nouns[] = {
	{ .name = "cgroups", .run = run_cgroups, .clean = clean_cgroups },
	{ .name = "threads", .run = run_threads },
	{ .name = "connections", .run = run_connections },
	{ .name = "disks", .run = run_disks, .clean = clean_disks },
};

static void work(const struct noun *noun, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != bench.owner) /* it has died before that */
		_exit(EXIT_FAILURE);
	descriptors_raise();
	bench.noun = noun->name;
	bench.frame = calloc(1, sizeof(*bench.frame));
	if (!bench.frame)
		scale_die("begin");
	exit(noun->run());
}

/* Returns the exit status of the noun's process; EXIT_FAILURE where it was interrupted. */
static int keep(const struct noun *noun)
{
	sigset_t set, before;
	int status = 0, signal;
	pid_t pid;

	if (noun->clean)
		noun->clean();
	sigemptyset(&set);
	for (size_t i = 0; i < 4; i++)
		sigaddset(&set, (const int[]){ SIGCHLD, SIGINT, SIGTERM, SIGHUP }[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	pid = fork();
	if (pid < 0)
		scale_die("start a process");
	if (pid == 0)
		work(noun, &before);
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (sigwait(&set, &signal) == 0 && signal != SIGCHLD)
			kill(pid, SIGKILL);
	if (noun->clean)
		noun->clean();
	sigprocmask(SIG_SETMASK, &before, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static bool is_asked(const struct noun *noun, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], noun->name))
			return true;
	return argc <= 2;
}

int main(int argc, char **argv)
{
	int r = 0;

	bench.repeats = argc > 1 ? atoi(argv[1]) : REPEATS_DEFAULT;
	if (bench.repeats < 1 || bench.repeats > REPEATS_MOST)
		bench.repeats = REPEATS_DEFAULT;
	bench.owner = getpid();
	snprintf(bench.folder, sizeof(bench.folder), "/dev/shm/flyball-scale-%d", bench.owner);
	for (size_t i = 0; i < ARRAY_SIZE(nouns) && (r == 0 || r == 77); i++)
		if (is_asked(&nouns[i], argc, argv))
			r = keep(&nouns[i]);
	return r == 77 ? 0 : r;
}
