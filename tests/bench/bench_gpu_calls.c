// SPDX-License-Identifier: Apache-2.0
/*
 * What the gpu-calls source costs: bench_gpu_calls [CALLS], a line of JSON a case and method.
 *
 * A program calls a function of a stand-in for the driver's library that does nothing (tests/lab/gpudriver.c), as fast as it can,
 * without and with the source attached: the difference is what a call costs by both of its probes, the way into the kernel and back
 * included. Beside it what the source itself says that it costs, and how long it takes to attach and to detach, with the
 * library mapped by that program; of an observer that loads its programs anew, which is a demand and its end.
 */
#include <bpf/bpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define CALLS_DEFAULT 200000

typedef int call_fn(uint64_t ns);

static const struct bench_case {
	const char *name, *function;
	unsigned int processes; /* rows */
} cases[] = {
	{ "a launch, of the host", "cuLaunchCooperativeKernel", 0 },
	{ "a launch, of the host and of its process", "cuLaunchCooperativeKernel", 1 },
	{ "a launch whose first instruction the kernel steps over", "cuGraphLaunch", 0 },
	{ "none of ours", "cuMemcpyHtoDAsync_v2", 0 },
};

static int die(const char *what, int error)
{
	fprintf(stderr, "bench_gpu_calls: unable to %s: %s\n", what, strerror(-error));
	return EXIT_FAILURE;
}

static double call_ns(call_fn *function, int calls)
{
	const uint64_t began = clock_now_ns();

	for (int i = 0; i < calls; i++)
		function(0);
	return (double)(clock_now_ns() - began) / calls;
}

static struct source_status status_of(struct observer *observer)
{
	static struct source_status status[SOURCES_MAX];
	const size_t n = observer_sources(observer, status);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(status[i].name, "gpu-calls"))
			return status[i];
	return status[0];
}

static int demand(struct observer *observer, const struct bench_case *which)
{
	struct demand demands[2] = { { .signal = SIGNAL_GPU_LAUNCH_LATENCY } };

	demands[1] =
		(struct demand){ .signal = SIGNAL_GPU_LAUNCH_LATENCY, .scope.kind = SCOPE_PROCESS };
	snprintf(demands[1].scope.name, sizeof(demands[1].scope.name), "%d@*", getpid());
	return observer_demand(observer, demands, 1 + which->processes);
}

static int case_run(struct observer *observer, struct frame *frame, const struct bench_case *which,
		    call_fn *function, int calls)
{
	const double without = call_ns(function, calls);
	struct source_status before, after;
	uint64_t attach_ns = clock_now_ns(), detach_ns;
	double with;
	int r = demand(observer, which);

	attach_ns = clock_now_ns() - attach_ns;
	if (r < 0)
		return r;
	observer_sample(observer, clock_now_ns(), frame);
	before = status_of(observer);
	if (before.state != SOURCE_ATTACHED) {
		fprintf(stderr, "bench_gpu_calls: %s\n", before.text);
		return -EPROTO;
	}
	with = call_ns(function, calls);
	after = status_of(observer);
	detach_ns = clock_now_ns();
	r = observer_demand(observer, NULL, 0);
	detach_ns = clock_now_ns() - detach_ns;
	printf("{\"case\": \"%s\", \"method\": \"%s\", \"ns_without\": %.1f, \"ns_with\": %.1f, "
	       "\"us_a_call\": %.2f, \"accounted_ns_a_call\": %.0f, \"attach_ms\": %.1f, "
	       "\"detach_ms\": %.1f}\n",
	       which->name, before.method, without, with, (with - without) / 1e3,
	       (double)(after.bpf_run_ns - before.bpf_run_ns) / calls, (double)attach_ns / 1e6,
	       (double)detach_ns / 1e6);
	fflush(stdout);
	return r;
}

static int method_run(const char *force, void *library, int calls)
{
	_cleanup_close_ int root = sysroot_open("/");
	const struct observer_options options = { .root = root,
						  .force = force,
						  .gpu_library = GPUDRIVER };
	struct frame *frame = malloc(sizeof(*frame));
	struct observer *observer = NULL;
	int r = frame ? observer_new(&options, &observer) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(cases); i++) {
		void *symbol = dlsym(library, cases[i].function);
		call_fn *function;

		memcpy(&function, &symbol, sizeof(function));
		r = symbol ? case_run(observer, frame, &cases[i], function, calls) : -ENOENT;
	}
	observer_free(observer);
	free(frame);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const forces[] = { "gpu-calls=uprobe_multi", "gpu-calls=uprobe" };
	const int calls = argc > 1 ? atoi(argv[1]) * 1000 : CALLS_DEFAULT;
	_cleanup_close_ int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	void *library = dlopen(GPUDRIVER, RTLD_NOW);
	int failed = 0;

	if (stats < 0)
		return die("have BPF run times counted", -errno);
	if (!library || calls <= 0)
		return die("load the stand-in for a driver's library", -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(forces); i++)
		failed += method_run(forces[i], library, calls) < 0;
	return failed == (int)ARRAY_SIZE(forces) ? die("measure by any method", -ENOTSUP)
						 : EXIT_SUCCESS;
}
