// SPDX-License-Identifier: Apache-2.0
/*
 * The gpu-calls source against programs that call a stand-in for the driver's library (tests/lab/gpudriver.c) and take the time of each
 * call: counts exactly, sums and percentiles between what was asked for and what they took, by the best method that works here; with `all` by each (the kernel takes long to
 * detach perf events). Then what may go wrong: calls in calls, a program that dies in one or leaves it by longjmp(3), a library that is half
 * one, none, replaced, changed, or comes later.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/truth_methods.h"
#include "tests/lab/gpudriver.h"

#define CALLS_MAX 256
#define THREADS_MAX 4
#define CALLS 200 /* of known lengths */
#define LEAST_NS (NSEC_PER_MSEC / 2)
#define STEP_NS (10 * NSEC_PER_USEC)
#define BUCKET (1.0 / 32) /* how wide one is at most */
#define TESTS_MAX 64
#define LOOK_NS (31 * NSEC_PER_SEC) /* the machine's libraries are looked for again within it */

/* What a program is told to do, and what it says of it. */
struct order {
	volatile int given, done;
	char function[48];
	int n, n_threads;
	uint64_t least_ns,
		step_ns;        /* the first call's length, and how much longer each next one is */
	bool leaves;            /* each by longjmp(3) */
	bool deep;              /* from further down in the stack */
	uint64_t ns[CALLS_MAX]; /* how long they took, of the first thread's first ones */
	uint64_t sum_ns;
};

struct program {
	pid_t pid;
	struct order *order;
};

struct truth {
	char force[64];
	char folder[64], path[128]; /* the library, which is or is not there */
	int root;
	struct observer *observer;
	struct frame *frame;
	uint64_t now_ns;
	struct program programs[2];
};

typedef int call_fn(uint64_t ns);

/* --- a program that uses the library --- */

static jmp_buf back;

static int leave(void)
{
	longjmp(back, 1);
}

/* From deep in the stack, so that what is called next begins above it. */
static __attribute__((noinline)) void call_and_leave(int (*function)(gpudriver_fn *))
{
	volatile char depth[4096];

	depth[0] = 0;
	function(leave);
	depth[4095] = depth[0];
}

static __attribute__((noinline)) void call_deep(call_fn *function, uint64_t ns)
{
	volatile char depth[4096];

	depth[0] = 0;
	function(ns);
	depth[4095] = depth[0];
}

static __attribute__((noinline)) void call_and_come_back(call_fn *function)
{
	int (*leaving)(gpudriver_fn *);

	memcpy(&leaving, &function, sizeof(leaving));
	if (!setjmp(back))
		call_and_leave(leaving);
}

static call_fn *find(void *library, const char *name)
{
	void *symbol = dlsym(library, name);
	call_fn *function;

	if (!symbol)
		_exit(3);
	memcpy(&function, &symbol, sizeof(function));
	return function;
}

static void carry_out(void *library, struct order *order, bool counts)
{
	call_fn *function = find(library, order->function);

	for (int i = 0; i < order->n; i++) {
		const uint64_t began = clock_now_ns();

		if (order->leaves)
			call_and_come_back(function);
		else if (order->deep)
			call_deep(function, order->least_ns);
		else
			function(order->least_ns + (uint64_t)i * order->step_ns);
		if (counts && i < CALLS_MAX)
			order->ns[i] = clock_now_ns() - began;
		if (counts)
			order->sum_ns += clock_now_ns() - began;
	}
}

struct task {
	void *library;
	struct order *order;
};

static void *task_run(void *data)
{
	const struct task *task = data;

	carry_out(task->library, task->order, false);
	return NULL;
}

static void program_run(const char *path, struct order *order)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!library)
		_exit(2);
	for (int done = 0;;) {
		struct task task = { library, order };
		pthread_t threads[THREADS_MAX];

		order->done = done;
		while (order->given == done)
			usleep(200);
		for (int i = 1; i < order->n_threads; i++)
			pthread_create(&threads[i], NULL, task_run, &task);
		carry_out(library, order, true);
		for (int i = 1; i < order->n_threads; i++)
			pthread_join(threads[i], NULL);
		done = order->given;
	}
}

static void program_start(struct truth *t, int which)
{
	struct program *program = &t->programs[which];

	program->order = mmap(NULL, sizeof(*program->order), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	program->order->done = -1;
	program->pid = fork();
	if (program->pid == 0)
		program_run(t->path, program->order);
	while (program->order->done < 0) {
		if (waitpid(program->pid, NULL, WNOHANG) != 0)
			fail_msg("the program could not load %s", t->path);
		usleep(200);
	}
}

static void program_end(struct program *program)
{
	if (program->pid <= 0)
		return;
	kill(program->pid, SIGKILL);
	waitpid(program->pid, NULL, 0);
	munmap(program->order, sizeof(*program->order));
	program->pid = 0;
}

/* Begins it, and with `n_threads` over 0 waits for its end. */
static void give(struct program *program, const char *function, int n, uint64_t least_ns,
		 uint64_t step_ns, int n_threads)
{
	struct order *order = program->order;

	strcpy(order->function, function);
	order->n = n;
	order->n_threads = n_threads;
	order->least_ns = least_ns;
	order->step_ns = step_ns;
	order->sum_ns = 0;
	__atomic_add_fetch(&order->given, 1, __ATOMIC_SEQ_CST);
	while (n_threads && order->done != order->given)
		usleep(200);
}

static void call(struct truth *t, const char *function, int n)
{
	give(&t->programs[0], function, n, 0, 0, 1);
}

/* --- the observer --- */

/* A file of its own with the bytes of one that was built. */
static void put_library(const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s.new && mv %s.new %s", from, to, to, to);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { .force = t->force, .gpu_library = t->path };

	snprintf(t->force, sizeof(t->force), "gpu-calls=%s", (const char *)*state);
	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	t->now_ns = clock_now_ns();
	strcpy(t->folder, "/tmp/flyball-truth-XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	snprintf(t->path, sizeof(t->path), "%s/libcuda.so.1", t->folder);
	return observer_new(&options, &t->observer);
}

static int teardown(void **state)
{
	struct truth *t = *state;
	char command[128];

	for (size_t i = 0; i < ARRAY_SIZE(t->programs); i++)
		program_end(&t->programs[i]);
	observer_free(t->observer);
	snprintf(command, sizeof(command), "rm -r %s", t->folder);
	assert_int_equal(system(command), 0);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

static void tick_after(struct truth *t, uint64_t ns)
{
	t->now_ns += ns;
	assert_int_equal(observer_sample(t->observer, t->now_ns, t->frame), 0);
}

static void tick(struct truth *t)
{
	tick_after(t, NSEC_PER_SEC);
}

static uint64_t start_ticks(pid_t pid)
{
	char path[64], text[1024], *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	assert_true(sysroot_read(AT_FDCWD, path, text, sizeof(text)) > 0);
	field = strrchr(text, ')');
	for (int i = 2; i < 22; i++)
		field = strchr(field + 1, ' ');
	return strtoull(field, NULL, 10);
}

static struct scope scope_of(const struct truth *t, int which)
{
	struct scope scope = { .kind = which < 0 ? SCOPE_HOST : SCOPE_PROCESS };

	if (which >= 0)
		snprintf(scope.name, sizeof(scope.name), "%d@%" PRIu64, t->programs[which].pid,
			 start_ticks(t->programs[which].pid));
	return scope;
}

/* All three signals of the host, and of the first `n_processes` programs; then a baseline. */
static void demand(struct truth *t, int n_processes)
{
	struct demand demands[16] = { 0 };
	size_t n = 0;

	for (int which = -1; which < n_processes; which++)
		for (uint32_t i = SIGNAL_GPU_LAUNCH_LATENCY; i <= SIGNAL_GPU_COPY_LATENCY; i++)
			demands[n++] = (struct demand){ .signal = i, .scope = scope_of(t, which) };
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
	tick(t);
}

static const struct series *series_of(const struct truth *t, enum signal_id signal, int which)
{
	const struct scope scope = scope_of(t, which);

	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		if (series->signal == (uint32_t)signal && series->scope.kind == scope.kind &&
		    !strcmp(series->scope.name, scope.name) && (series->flags & SERIES_VALID))
			return series;
	}
	return NULL;
}

/* Of a scope: -1 is the host. */
static void expect_counts(const struct truth *t, int which, uint64_t launches, uint64_t waits,
			  uint64_t copies)
{
	const uint64_t counts[] = { launches, waits, copies };

	for (uint32_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const struct series *series =
			series_of(t, (enum signal_id)(SIGNAL_GPU_LAUNCH_LATENCY + i), which);

		if (!series || series->hist->count != counts[i])
			fail_msg("%s has %" PRIi64 " values, not %" PRIu64,
				 signal_rows[SIGNAL_GPU_LAUNCH_LATENCY + i].name,
				 series ? (int64_t)series->hist->count : -1, counts[i]);
	}
}

static struct source_status status_of(const struct truth *t)
{
	struct source_status sources[SOURCES_MAX];
	const size_t n = observer_sources(t->observer, sources);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(sources[i].name, "gpu-calls"))
			return sources[i];
	fail_msg("no source");
	return sources[0];
}

static void expect_state(const struct truth *t, enum source_state state, const char *word)
{
	const struct source_status status = status_of(t);

	if (status.state != state || !strstr(status.text, word))
		fail_msg("state %u with '%s', not %u with '%s'", status.state, status.text, state,
			 word);
}

static void expect_lost(const struct truth *t, enum loss loss, uint64_t n)
{
	for (int i = 0; i < LOSS_COUNT; i++)
		assert_int_equal(t->frame->losses[i], i == (int)loss ? n : 0);
}

#define NOTHING LOSS_COUNT

/* With the library, a program that has it mapped, and the signals of both demanded. */
static void begin(struct truth *t)
{
	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	demand(t, 1);
}

/* --- the truth --- */

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* So is each rank, within a bucket of the histogram. */
static void expect_quantile(const struct order *order, const struct hist *ours, double q)
{
	const int rank = (int)(q * CALLS), above = rank + 2 < CALLS ? rank + 2 : CALLS - 1;
	const double value = hist_quantile(ours, q);

	assert_true(value >= (double)(LEAST_NS + (uint64_t)(rank - 2) * STEP_NS) * (1 - BUCKET));
	assert_true(value <= (double)order->ns[above] * (1 + BUCKET));
}

static void agree(struct truth *t, const char *function, enum signal_id signal)
{
	struct order *order = t->programs[0].order;
	const struct hist *ours;

	give(&t->programs[0], function, CALLS, LEAST_NS, STEP_NS, 1);
	tick(t);
	assert_non_null(series_of(t, signal, 0));
	ours = series_of(t, signal, 0)->hist;
	qsort(order->ns, CALLS, sizeof(order->ns[0]), by_value);
	print_message("%s: sum %.3f ms, flyball %.3f ms; p50 %.3f, %.3f ms; p99 %.3f, %.3f ms\n",
		      function, (double)order->sum_ns / 1e6, (double)ours->sum / 1e6,
		      (double)order->ns[99] / 1e6, hist_quantile(ours, 0.5) / 1e6,
		      (double)order->ns[197] / 1e6, hist_quantile(ours, 0.99) / 1e6);
	assert_int_equal(ours->count, CALLS);
	/* Each is no shorter than it was asked to be, and no longer than the program saw, which may be preempted around it. */
	assert_in_range(ours->sum, CALLS * LEAST_NS + STEP_NS * CALLS * (CALLS - 1) / 2,
			order->sum_ns);
	expect_quantile(order, ours, 0.5);
	expect_quantile(order, ours, 0.99);
}

static void calls_are_as_long_as_the_program_says(void **state)
{
	struct truth *t = *state;

	begin(t);
	expect_state(t, SOURCE_ATTACHED, "");
	agree(t, "cuLaunchKernel", SIGNAL_GPU_LAUNCH_LATENCY);
	agree(t, "cuStreamSynchronize", SIGNAL_GPU_WAIT_LATENCY);
	agree(t, "cuMemcpyHtoD_v2", SIGNAL_GPU_COPY_LATENCY);
	expect_lost(t, NOTHING, 0);
}

static void of_threads_at_once_no_call_is_lost(void **state)
{
	struct truth *t = *state;

	begin(t);
	give(&t->programs[0], "cuLaunchKernel", 20000, 0, 0, THREADS_MAX);
	tick(t);
	expect_counts(t, -1, 20000 * THREADS_MAX, 0, 0);
	expect_counts(t, 0, 20000 * THREADS_MAX, 0, 0);
	expect_lost(t, NOTHING, 0);
}

static void a_call_from_within_a_call_is_none_of_its_own(void **state)
{
	struct truth *t = *state;

	begin(t);
	call(t, "cuMemcpyHtoD_v2", 100);
	tick(t);
	expect_counts(t, 0, 0, 0, 100);
	call(t, "cuLaunchKernel_ptsz", 100); /* jumps to cuLaunchKernel, which has two names */
	call(t, "cuLaunchKernelEx", 10);
	call(t, "cuMemcpyHtoDAsync_v2", 7);
	tick(t);
	expect_counts(t, 0, 110, 0, 0);
	call(t, "hipLaunchKernel", 100);
	call(t, "hipDeviceSynchronize", 3);
	tick(t);
	expect_counts(t, 0, 100, 3, 0);
	expect_counts(t, -1, 100, 3, 0);
	expect_lost(t, NOTHING, 0);
}

static void a_process_has_its_own_calls_and_the_host_all(void **state)
{
	struct truth *t = *state;

	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	program_start(t, 1);
	demand(t, 2);
	call(t, "cuLaunchKernel", 30);
	give(&t->programs[1], "cuLaunchKernel", 40, 0, 0, 1);
	give(&t->programs[1], "cuCtxSynchronize", 5, 0, 0, 1);
	tick(t);
	expect_counts(t, 0, 30, 0, 0);
	expect_counts(t, 1, 40, 5, 0);
	expect_counts(t, -1, 70, 5, 0);
}

static void who_dies_in_a_wait_leaves_nothing(void **state)
{
	struct truth *t = *state;

	begin(t);
	give(&t->programs[0], "cuStreamSynchronize", 1, 100 * NSEC_PER_SEC, 0, 0);
	usleep(20000);
	program_end(&t->programs[0]);
	program_start(t, 0);
	demand(t, 1);
	call(t, "cuStreamSynchronize", 3);
	tick(t);
	expect_counts(t, -1, 0, 3, 0);
	expect_counts(t, 0, 0, 3, 0);
	assert_true(hist_quantile(series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->hist, 1) <
		    1.0 * NSEC_PER_SEC);
	expect_lost(t, NOTHING, 0);
}

static void what_is_left_without_a_return_is_lost_and_in_nobodys_way(void **state)
{
	struct truth *t = *state;

	begin(t);
	t->programs[0].order->leaves = true;
	call(t, "cuEventSynchronize", 1);
	t->programs[0].order->leaves = false;
	usleep(50000);
	call(t, "cuCtxSynchronize", 5);
	tick(t);
	expect_counts(t, 0, 0, 5, 0);
	assert_true(series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->hist->sum < 50 * NSEC_PER_MSEC);
	assert_true(series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->flags & SERIES_LOSSY);
	expect_lost(t, LOSS_EVENT, 1);
}

/* --- the library --- */

static void half_a_library_is_measured_as_far_as_it_goes(void **state)
{
	struct truth *t = *state;

	put_library(GPUDRIVER_HALF, t->path);
	program_start(t, 0);
	demand(t, 1);
	call(t, "cuLaunchKernel", 9);
	tick(t);
	expect_counts(t, 0, 9, 0, 0);
	expect_state(t, SOURCE_ATTACHED, "");
}

static void a_library_that_comes_later_is_found(void **state)
{
	struct truth *t = *state;

	demand(t, 0);
	expect_state(t, SOURCE_UNAVAILABLE, t->path);
	tick(t);
	assert_int_equal(t->frame->n_series, 0);
	begin(t);
	tick_after(t, LOOK_NS);
	expect_state(t, SOURCE_ATTACHED, "");
	tick(t);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	expect_counts(t, 0, 4, 0, 0);
}

static void without_a_new_demand_a_library_is_found_too(void **state)
{
	struct truth *t = *state;

	demand(t, 0);
	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	tick(t);
	expect_state(t, SOURCE_UNAVAILABLE, t->path);
	tick_after(t, LOOK_NS);
	expect_state(t, SOURCE_ATTACHED, "");
	tick(t);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	expect_counts(t, -1, 4, 0, 0);
}

static void garbage_in_its_place_is_said_and_replaced(void **state)
{
	struct truth *t = *state;
	int fd = open(t->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(file_write_all(fd, "\177ELF and more", 13), 0);
	close(fd);
	demand(t, 0);
	expect_state(t, SOURCE_UNAVAILABLE, "no library of this machine's kind");
	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	tick_after(t, LOOK_NS);
	tick(t);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	expect_counts(t, -1, 4, 0, 0);
	expect_state(t, SOURCE_ATTACHED, "");
}

static void a_library_in_the_place_of_another_one_is_a_further_one(void **state)
{
	struct truth *t = *state;

	begin(t);
	put_library(GPUDRIVER, t->path);
	program_start(t, 1);
	tick_after(t, LOOK_NS);
	tick(t);
	call(t, "cuLaunchKernel", 4);
	give(&t->programs[1], "cuLaunchKernel", 5, 0, 0, 1);
	tick(t);
	expect_counts(t, 0, 4, 0, 0);
	expect_counts(t, -1, 9, 0, 0);
}

/* As often as somebody likes: a place is given to the newest, and not that of a library that a demanded process has. */
static void those_that_were_replaced_give_their_places(void **state)
{
	struct truth *t = *state;
	uint64_t waits = 0;

	begin(t);
	give(&t->programs[0], "cuStreamSynchronize", 1, 3 * NSEC_PER_SEC, 0, 0);
	for (int i = 0; i < 12; i++) {
		put_library(GPUDRIVER, t->path);
		tick_after(t, LOOK_NS);
		expect_state(t, SOURCE_ATTACHED, "");
		waits += series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->hist->count;
	}
	while (t->programs[0].order->done != t->programs[0].order->given)
		usleep(200);
	program_start(t, 1);
	call(t, "cuLaunchKernel", 4);
	give(&t->programs[1], "cuLaunchKernel", 5, 0, 0, 1);
	tick(t);
	expect_counts(t, -1, 9, 1 - waits, 0);
	expect_counts(t, 0, 4, 1 - waits, 0);
}

/* The bytes of the file itself: the kernel has those that were there. */
static void a_library_whose_bytes_change_is_attached_to_anew(void **state)
{
	struct truth *t = *state;
	char command[512];

	put_library(GPUDRIVER, t->path);
	demand(t, 0);
	snprintf(command, sizeof(command), "cat %s >%s", GPUDRIVER_HALF, t->path);
	assert_int_equal(system(command), 0);
	tick(t);
	program_start(t, 0);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	expect_counts(t, -1, 4, 0, 0);
}

/* Its return finds no probe: it must not be taken for one that goes on, and hide what the thread calls from further down. */
static void a_call_that_outlasts_its_probes_hides_no_other(void **state)
{
	struct truth *t = *state;
	struct order *order;

	begin(t);
	order = t->programs[0].order;
	give(&t->programs[0], "cuStreamSynchronize", 1, NSEC_PER_SEC / 2, 0, 0);
	usleep(50000);
	assert_int_equal(utimensat(AT_FDCWD, t->path, NULL, 0), 0);
	tick(t);
	while (order->done != order->given)
		usleep(200);
	order->deep = true;
	call(t, "cuCtxSynchronize", 5);
	tick(t);
	assert_in_range(series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->hist->count, 5, 5);
	assert_true(series_of(t, SIGNAL_GPU_WAIT_LATENCY, 0)->hist->sum < NSEC_PER_SEC / 4);
}

static size_t count_open(const char *what)
{
	char command[128];
	size_t n = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "ls -l /proc/$PPID/fd | grep -c '%s'", what);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%zu", &n), 1);
	pclose(pipe);
	return n;
}

static void what_a_process_has_mapped_is_found(void **state)
{
	struct truth *t = *state;

	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	assert_int_equal(unlink(t->path), 0); /* as if it were in a container */
	demand(t, 1);
	expect_state(t, SOURCE_ATTACHED, "");
	tick(t);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	expect_counts(t, 0, 4, 0, 0);
}

/* One of the functions allows no probe: those before it are let go of. */
static void of_a_library_that_is_barred_nothing_stays_attached(void **state)
{
	struct truth *t = *state;

	put_library(GPUDRIVER_BARRED, t->path);
	program_start(t, 0);
	demand(t, 1);
	expect_state(t, SOURCE_UNAVAILABLE, "unable to attach");
	assert_int_equal(count_open("bpf.link\\|perf_event"), 0);
	call(t, "cuLaunchKernel", 4);
	tick(t);
	assert_int_equal(t->frame->n_series, 0);
}

/* Whichever descriptor is the last one that is to be had. */
static void what_attaches_by_half_is_let_go_of(void **state)
{
	const size_t step = strstr(((struct truth *)*state)->force, "multi") ? 1 : 7;
	struct truth *t = *state;
	struct rlimit limit, before;
	int first;

	demand(t, 0);
	put_library(GPUDRIVER, t->path);
	program_start(t, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	first = dup(0); /* the lowest that is free */
	close(first);
	limit = before;
	for (size_t more = 0; more < 100; more += step) {
		struct source_status status;

		limit.rlim_cur = (rlim_t)first + more;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		tick_after(t, LOOK_NS);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		status = status_of(t);
		if (status.state == SOURCE_ATTACHED) {
			assert_true(more > 2);
			return;
		}
		expect_state(t, SOURCE_UNAVAILABLE, "Too many open files");
		assert_int_equal(count_open("bpf.link\\|perf_event\\|libcuda"), 0);
	}
	fail_msg("never attached");
}

static void without_a_demand_nothing_is_attached(void **state)
{
	struct truth *t = *state;

	put_library(GPUDRIVER, t->path);
	assert_int_equal(count_open("bpf"), 0);
	demand(t, 0);
	expect_state(t, SOURCE_ATTACHED, "");
	assert_true(count_open("bpf.link") > 0);
	assert_int_equal(observer_demand(t->observer, NULL, 0), 0);
	assert_int_equal(count_open("bpf\\|perf_event\\|libcuda"), 0);
}

#define TEST(name)                          \
	{                                   \
		.title = #name, .run = name \
	}

static const struct {
	const char *title;
	CMUnitTestFunction run;
} truths[] = {
	TEST(without_a_demand_nothing_is_attached),
	TEST(calls_are_as_long_as_the_program_says),
	TEST(of_threads_at_once_no_call_is_lost),
	TEST(a_call_from_within_a_call_is_none_of_its_own),
	TEST(a_process_has_its_own_calls_and_the_host_all),
	TEST(who_dies_in_a_wait_leaves_nothing),
	TEST(what_is_left_without_a_return_is_lost_and_in_nobodys_way),
	TEST(half_a_library_is_measured_as_far_as_it_goes),
	TEST(a_library_that_comes_later_is_found),
	TEST(without_a_new_demand_a_library_is_found_too),
	TEST(garbage_in_its_place_is_said_and_replaced),
	TEST(a_library_in_the_place_of_another_one_is_a_further_one),
	TEST(those_that_were_replaced_give_their_places),
	TEST(a_library_whose_bytes_change_is_attached_to_anew),
	TEST(a_call_that_outlasts_its_probes_hides_no_other),
	TEST(what_a_process_has_mapped_is_found),
	TEST(what_attaches_by_half_is_let_go_of),
	TEST(of_a_library_that_is_barred_nothing_stays_attached),
};

int main(int argc, char **argv)
{
	static struct source_status methods[SOURCE_METHODS_MAX];
	static char titles[TESTS_MAX][128];
	struct CMUnitTest tests[TESTS_MAX];
	const bool all = argc > 1 && !strcmp(argv[1], "all");
	size_t n = 0, n_methods;

	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		return 77;
	}
	if (argc > 1 && !all)
		cmocka_set_test_filter(argv[1]);
	n_methods = truth_methods("gpu-calls", methods);
	for (size_t i = 0; i < n_methods && (n == 0 || all); i++) {
		if (methods[i].state == SOURCE_UNAVAILABLE)
			print_message("not by %s: %s\n", methods[i].method, methods[i].text);
		for (size_t j = 0; methods[i].state != SOURCE_UNAVAILABLE && j < ARRAY_SIZE(truths);
		     j++) {
			snprintf(titles[n], sizeof(titles[n]), "%s: %s", methods[i].method,
				 truths[j].title);
			tests[n] = (struct CMUnitTest){ titles[n], truths[j].run, setup, teardown,
							methods[i].method };
			n++;
		}
	}
	if (n == 0) {
		print_message("skipped: no method of the gpu-calls source works here\n");
		return 77;
	}
	return _cmocka_run_group_tests("test_gpu_calls_truth", tests, n, NULL, NULL);
}
