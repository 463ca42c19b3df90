// SPDX-License-Identifier: Apache-2.0
/*
 * What the service source costs: bench_service [PAIRS [SECONDS [service=METHOD]]], a line of JSON a run.
 *
 * nginx (one worker, 12-byte answers) and wrk (one thread, 8 connections) on the loopback: pairs of runs, one plain and one
 * under an observer that ticks four times a second, in an order that a coin draws. Then runs in which the kernel counts the
 * programs' run times (BPF_ENABLE_STATS), which itself adds some 30 ns a run: all connections, with errors, and one in eight.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_US 250000
#define THIN 3 /* one connection in 2^3 */

struct bench {
	int root;
	uint16_t port;
	const char *method; /* `service=fentry`; NULL = the best that works */
	int seconds;
	struct service_list services;
	struct frame *frame;
	char folder[64];
	pid_t nginx;
};

/* What one run of wrk said, and the programs. */
struct run {
	double rate;   /* answers a second */
	double seen;   /* answers that were measured */
	uint64_t runs; /* of programs */
	uint64_t run_ns;
	double user_ns; /* of a tick */
};

static pid_t spawn(const char *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return pid;
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return 0;
	return ntohs(address.sin_port);
}

static void nginx_start(struct bench *bench)
{
	char command[1024];

	strcpy(bench->folder, "/tmp/flyball-bench-XXXXXX");
	if (!mkdtemp(bench->folder))
		exit(EXIT_FAILURE);
	snprintf(command, sizeof(command),
		 "cat >%s/conf <<EOF\n"
		 "daemon off; master_process off; pid %s/pid; error_log %s/error;\n"
		 "events { }\n"
		 "http { access_log off; keepalive_requests 100000000; server { listen "
		 "127.0.0.1:%u; location / { return 200 'hello, world'; } } }\nEOF\n"
		 "exec nginx -e %s/error -c %s/conf",
		 bench->folder, bench->folder, bench->folder, bench->port, bench->folder,
		 bench->folder);
	bench->nginx = spawn(command);
	sleep(1);
}

static void nginx_stop(struct bench *bench)
{
	char command[128];

	kill(bench->nginx, SIGTERM);
	waitpid(bench->nginx, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", bench->folder);
	if (system(command) != 0)
		fprintf(stderr, "bench_service: unable to remove '%s'\n", bench->folder);
}

/* wrk's "Requests/sec:"; meanwhile the observer, if there is one, ticks. */
static double load_run(struct bench *bench, struct observer *observer, double *ret_seen)
{
	char command[256], result[96];
	double rate = 0, seen = 0;
	int status;
	FILE *file;
	pid_t wrk;

	snprintf(result, sizeof(result), "%s/wrk", bench->folder);
	snprintf(command, sizeof(command),
		 "wrk -t1 -c8 -d%ds http://127.0.0.1:%u/ | awk '/Requests.sec/ { print $2 }' >%s",
		 bench->seconds, bench->port, result);
	wrk = spawn(command);
	while (waitpid(wrk, &status, WNOHANG) == 0) {
		usleep(TICK_US);
		if (!observer || observer_sample(observer, clock_now_ns(), bench->frame) < 0)
			continue;
		for (size_t i = 0; i < bench->frame->n_series; i++)
			if (bench->frame->series[i].hist)
				seen += (double)bench->frame->series[i].hist->count;
	}
	file = fopen(result, "r");
	if (!file || fscanf(file, "%lf", &rate) != 1)
		rate = 0;
	if (file)
		fclose(file);
	*ret_seen = seen;
	return rate;
}

static struct observer *observe(struct bench *bench, bool errors)
{
	const struct observer_options options = {
		.root = bench->root,
		.services = &bench->services,
		.force = bench->method,
	};
	static const uint32_t signals[] = { SIGNAL_SERVICE_LATENCY, SIGNAL_SERVICE_REQUESTS,
					    SIGNAL_SERVICE_BYTES_IN, SIGNAL_SERVICE_BYTES_OUT,
					    SIGNAL_SERVICE_ERRORS };
	struct demand demands[ARRAY_SIZE(signals)];
	struct observer *observer;

	if (observer_new(&options, &observer) < 0)
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		demands[i] =
			(struct demand){ .signal = signals[i], .scope = { .kind = SCOPE_SERVICE } };
	observer_demand(observer, demands, ARRAY_SIZE(demands) - !errors);
	return observer;
}

static struct run traced(struct bench *bench, uint32_t thin, bool errors)
{
	struct observer *observer = observe(bench, errors);
	struct source_status status[SOURCES_MAX];
	struct run run = { .rate = 0 };

	if (thin)
		observer_thin(observer, "service", thin);
	observer_sample(observer, clock_now_ns(), bench->frame);
	run.rate = load_run(bench, observer, &run.seen);
	for (size_t i = observer_sources(observer, status); i-- > 0;) {
		if (strcmp(status[i].name, "service"))
			continue;
		run.runs = status[i].bpf_runs;
		run.run_ns = status[i].bpf_run_ns;
		run.user_ns = status[i].samples
				      ? (double)status[i].sample_ns / (double)status[i].samples
				      : 0;
		if (status[i].state == SOURCE_UNAVAILABLE) {
			fprintf(stderr, "bench_service: %s\n", status[i].text);
			exit(EXIT_FAILURE);
		}
	}
	observer_free(observer);
	return run;
}

static void pairs(struct bench *bench, int n)
{
	srand((unsigned int)clock_now_ns());
	for (int i = 0; i < n; i++) {
		double plain = 0, nothing;
		struct run run = { .rate = 0 };
		bool first = rand() & 1;

		if (first)
			plain = load_run(bench, NULL, &nothing);
		run = traced(bench, 0, false);
		if (!first)
			plain = load_run(bench, NULL, &nothing);
		printf("{\"case\": \"pair\", \"plain\": %.0f, \"observed\": %.0f, \"ratio\": %.4f, "
		       "\"tick_us\": %.1f}\n",
		       plain, run.rate, run.rate / plain, run.user_ns / 1e3);
		fflush(stdout);
	}
}

/* Each answer is a read and a send; a read that finds nothing runs a program, too. */
static void cost(struct bench *bench, uint32_t thin, bool errors)
{
	_cleanup_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct run run;
	double answers;

	if (stats < 0) {
		fprintf(stderr, "bench_service: the kernel counts no run times\n");
		return;
	}
	run = traced(bench, thin, errors);
	answers = run.rate * bench->seconds;
	printf("{\"case\": \"cost\", \"one_in\": %u, \"errors\": %s, \"answers_per_s\": %.0f, "
	       "\"seen\": %.0f, "
	       "\"ns_per_answer\": %.0f, \"ns_per_run\": %.0f, \"machine_percent\": %.3f}\n",
	       1u << thin, errors ? "true" : "false", run.rate, run.seen,
	       (double)run.run_ns / answers, (double)run.run_ns / (double)run.runs,
	       (double)run.run_ns / 1e9 / bench->seconds / (double)sysconf(_SC_NPROCESSORS_ONLN) *
		       100);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct bench bench = { .root = sysroot_open("/"), .port = free_port() };
	int n = argc > 1 ? atoi(argv[1]) : 10;

	bench.seconds = argc > 2 ? atoi(argv[2]) : 3;
	bench.method = argc > 3 ? argv[3] : NULL;
	bench.frame = calloc(1, sizeof(*bench.frame));
	bench.services.n = 1;
	strcpy(bench.services.items[0].name, "nginx");
	bench.services.items[0].port = bench.port;
	if (!bench.frame || !bench.port || bench.seconds < 1)
		return EXIT_FAILURE;
	nginx_start(&bench);
	pairs(&bench, n);
	cost(&bench, 0, false);
	cost(&bench, 0, true);
	cost(&bench, THIN, false);
	nginx_stop(&bench);
	free(bench.frame);
	close(bench.root);
	return EXIT_SUCCESS;
}
