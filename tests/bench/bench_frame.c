// SPDX-License-Identifier: Apache-2.0
/*
 * What a tick of 10,000 demanded series costs on its whole way: bench_frame [TICKS], a line of JSON.
 *
 * 2,000 control groups of captured pressure files in memory (tmpfs), five series each, are sampled by the observer, cut into
 * messages, sent through the real channel, checked, put together and looked at by the analyzer with a policy on all of
 * these groups. All on one CPU, one part after the other: in the daemon the observer and core have a process each.
 *
 * That what is demanded decides, not what exists: the same for ten groups among the 10,000 that are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/analyzer.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "base/sysroot.h"
#include "daemon/channel.h"
#include "daemon/frame_messages.h"
#include "observer/observer.h"

#define GROUPS 10000
#define DEMANDED 2000 /* five signals each: 10,000 series */
#define TICK_NS 250000000ull
#define TICKS_DEFAULT 40

struct bench {
	char folder[64];
	int root, fds[2];
	struct observer *observer;
	struct analyzer *analyzer;
	struct frame *frame, *received;
	struct decisions *decisions;
	uint32_t missing;
	size_t n_messages;
	struct message message, got;
};

/* Means of a tick, and the worst whole one. */
struct cost {
	double sample_ms, send_ms, analyze_ms, worst_ms;
	size_t n_series, n_messages;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_frame: unable to %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || file_write_all(fd, text, strlen(text)) < 0)
		die("write a file");
	close(fd);
}

static void make_group(const char *folder, const char *path, const char *text)
{
	static const char *const files[] = { "cpu.pressure", "io.pressure", "memory.pressure" };
	char name[256];

	snprintf(name, sizeof(name), "%s/sys/fs/cgroup%s", folder, path);
	if (mkdir(name, 0755) < 0 && errno != EEXIST)
		die("make a folder");
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s/sys/fs/cgroup%s/%s", folder, path, files[i]);
		put(name, text);
	}
}

/* `few` are those that the first demand is about. */
static void make_tree(struct bench *bench)
{
	static const char text[] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234567\n"
				   "full avg10=0.00 avg60=0.00 avg300=0.00 total=1234\n";
	char name[256];

	snprintf(bench->folder, sizeof(bench->folder), "/dev/shm/flyball-bench-XXXXXX");
	if (!mkdtemp(bench->folder))
		die("make a folder in /dev/shm");
	snprintf(name, sizeof(name), "mkdir -p %s/sys/fs/cgroup/many %s/sys/fs/cgroup/pods",
		 bench->folder, bench->folder);
	if (system(name) != 0)
		die("make folders");
	make_group(bench->folder, "", text);
	snprintf(name, sizeof(name), "%s/sys/fs/cgroup/cgroup.controllers", bench->folder);
	put(name, "cpu io memory\n");
	for (int i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "/%s/pod%05d.scope", i < DEMANDED ? "pods" : "many",
			 i);
		make_group(bench->folder, name, text);
	}
}

static int pass_on(const struct message *message, void *data)
{
	struct bench *bench = data;

	bench->n_messages++;
	if (channel_send(bench->fds[0], message, -1) < 0 ||
	    channel_receive(bench->fds[1], ROLE_OBSERVER, ROLE_CORE, &bench->got, NULL) != 1 ||
	    frame_receive(bench->received, &bench->missing, &bench->got) < 0)
		die("pass a message on");
	return 0;
}

static double since_ms(uint64_t *from_ns)
{
	const uint64_t now_ns = clock_now_ns();
	const double ms = (double)(now_ns - *from_ns) / 1e6;

	*from_ns = now_ns;
	return ms;
}

static struct cost run(struct bench *bench, const char *pattern, int ticks)
{
	struct demand demands[SIGNAL_ID_COUNT] = { 0 };
	struct cost cost = { 0 };
	uint64_t time_ns = clock_now_ns();
	size_t n = 0;

	for (uint32_t i = SIGNAL_PSI_CPU_SOME; i <= SIGNAL_PSI_MEMORY_FULL; i++) {
		demands[n].signal = i;
		demands[n].scope.kind = SCOPE_CGROUP;
		strcpy(demands[n++].scope.name, pattern);
	}
	if (observer_demand(bench->observer, demands, n) < 0)
		die("demand");
	observer_sample(bench->observer, time_ns, bench->frame);
	for (int i = 0; i < ticks; i++) {
		uint64_t at = clock_now_ns(), start = at;
		double whole;

		observer_sample(bench->observer, time_ns += TICK_NS, bench->frame);
		cost.sample_ms += since_ms(&at) / ticks;
		bench->n_messages = 0;
		frame_send(bench->frame, &bench->message, pass_on, bench);
		cost.send_ms += since_ms(&at) / ticks;
		analyzer_tick(bench->analyzer, bench->received, bench->decisions);
		cost.analyze_ms += since_ms(&at) / ticks;
		whole = since_ms(&start);
		cost.worst_ms = whole > cost.worst_ms ? whole : cost.worst_ms;
	}
	cost.n_series = bench->received->n_series;
	cost.n_messages = bench->n_messages;
	return cost;
}

static void print(const char *name, const struct cost *cost)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("{\"bench\": \"frame\", \"case\": \"%s\", \"series\": %zu, \"messages\": %zu, "
	       "\"sample_ms\": %.3f, \"send_ms\": %.3f, \"analyze_ms\": %.3f, \"tick_ms\": %.3f, "
	       "\"worst_tick_ms\": %.3f, \"max_rss_kib\": %ld}\n",
	       name, cost->n_series, cost->n_messages, cost->sample_ms, cost->send_ms,
	       cost->analyze_ms, cost->sample_ms + cost->send_ms + cost->analyze_ms, cost->worst_ms,
	       usage.ru_maxrss);
	fflush(stdout);
}

static void start(struct bench *bench, const struct policy *policy,
		  const struct catalogue *catalogue)
{
	const struct observer_options options = { .root = bench->root };
	const struct analyzer_options analyzer_options = {
		.seed = 1,
		.mode = ANALYZER_AUTONOMOUS,
		.policies = policy,
		.n_policies = 1,
		.catalogue = catalogue,
		.only = { .kind = SCOPE_KIND_COUNT },
		.next_trial = 1,
		.tick_ns = TICK_NS,
	};

	bench->frame = calloc(1, sizeof(*bench->frame));
	bench->received = calloc(1, sizeof(*bench->received));
	bench->decisions = calloc(1, sizeof(*bench->decisions));
	bench->analyzer = calloc(1, analyzer_size());
	if (!bench->frame || !bench->received || !bench->decisions || !bench->analyzer ||
	    observer_new(&options, &bench->observer) < 0 || channel_pair(bench->fds) < 0 ||
	    analyzer_init(bench->analyzer, &analyzer_options) < 0)
		die("start");
}

int main(int argc, char **argv)
{
	const int ticks = argc > 1 ? atoi(argv[1]) : TICKS_DEFAULT;
	static const struct catalogue catalogue = { .signals = signal_rows };
	static struct policy policy = {
		.name = "all",
		.scope = SCOPE_CGROUP,
		.knob = "none",
		.when = { .n_nodes = 1,
			  .nodes = { { .op = CONDITION_GREATER,
				       .ref = { .signal = SIGNAL_PSI_IO_FULL,
						.kind = SCOPE_CGROUP },
				       .limit = 2 } } },
		.objective = { .ref = { .signal = SIGNAL_PSI_IO_FULL, .kind = SCOPE_CGROUP },
			       .min_effect = 0.1 },
		.trial = { .window_ns = TICK_NS, .max_pairs = 40, .error = 0.05 },
	};
	struct bench *bench = calloc(1, sizeof(*bench));
	char command[128];
	struct cost cost;

	if (!bench || ticks < 1)
		return EXIT_FAILURE;
	descriptors_raise();
	make_tree(bench);
	bench->root = sysroot_open(bench->folder);
	start(bench, &policy, &catalogue);
	cost = run(bench, "/pods/pod0000?.scope", ticks);
	print("10 groups of 10000", &cost);
	cost = run(bench, "/pods/*", ticks);
	print("2000 groups of 10000", &cost);
	cost = run(bench, "/pods/pod00001.scope", ticks);
	print("1 group of 10000", &cost);
	observer_free(bench->observer);
	snprintf(command, sizeof(command), "rm -rf %s", bench->folder);
	return system(command) == 0 && cost.n_series == 5 ? EXIT_SUCCESS : EXIT_FAILURE;
}
