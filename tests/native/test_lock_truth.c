// SPDX-License-Identifier: Apache-2.0
/*
 * The lock source against a process that waits for two locks of the kernel, which another one holds for some ms at a time,
 * and takes the time of each wait: a file's position (a mutex) while the other reads, a file's contents (a read-write
 * semaphore) while the other writes. Sums and percentiles within 10 %, by each method that works here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <sched.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/truth_methods.h"

#define WAITS 40
#define HELD_BYTES (64u << 20) /* some 10 ms of copying; more where that is slow */
#define LEAST_NS 500000        /* a wait that was one */
#define TESTS_MAX 32

struct shared {
	volatile int holds, done; /* rounds */
	uint64_t ns[WAITS];
};

struct truth {
	char force[64];
	int root, file;
	struct observer *observer;
	struct frame *frame;
	struct scope scope;
	struct shared *shared;
	char *bytes; /* HELD_BYTES */
	pid_t holder, waiter;
};

typedef void lock_fn(struct truth *t);

static void pin(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void await(volatile int *what, int value)
{
	while (*what < value)
		usleep(200);
}

static void hold_position(struct truth *t)
{
	lseek(t->file, 0, SEEK_SET);
	if (read(t->file, t->bytes, HELD_BYTES) < 0)
		_exit(1);
}

static void want_position(struct truth *t)
{
	lseek(t->file, 0, SEEK_CUR);
}

static void hold_contents(struct truth *t)
{
	if (pwrite(t->file, t->bytes, HELD_BYTES, 0) < 0)
		_exit(1);
}

static void want_contents(struct truth *t)
{
	if (pwrite(t->file, "", 1, 0) < 0)
		_exit(1);
}

static pid_t start(struct truth *t, bool waits, lock_fn *act, bool one_cpu)
{
	const struct sched_param first = { .sched_priority = waits ? 2 : 1 };
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (one_cpu)
		pin();
	/* The other one is in the middle of what it does when this one goes to its wait, however busy the machine is. */
	sched_setscheduler(0, SCHED_FIFO, &first);
	for (int round = 1; round <= WAITS; round++) {
		if (waits) {
			uint64_t began_ns;

			await(&t->shared->holds, round);
			usleep(1000);
			began_ns = clock_now_ns();
			act(t);
			t->shared->ns[round - 1] = clock_now_ns() - began_ns;
			t->shared->done = round;
		} else {
			await(&t->shared->done, round - 1);
			t->shared->holds = round;
			act(t);
		}
	}
	for (;;)
		pause();
}

static int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { .force = t->force };
	char path[] = "/tmp/flyball-truth-XXXXXX";

	snprintf(t->force, sizeof(t->force), "lock=%s", (const char *)*state);
	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	t->shared = mmap(NULL, sizeof(*t->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	t->bytes = malloc(HELD_BYTES);
	memset(t->bytes, 1, HELD_BYTES);
	t->file = mkstemp(path); /* a memfd's position has no lock */
	unlink(path);
	if (t->file < 0 || pwrite(t->file, t->bytes, HELD_BYTES, 0) != HELD_BYTES)
		return -1;
	return observer_new(&options, &t->observer);
}

static void end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static int teardown(void **state)
{
	struct truth *t = *state;

	end(&t->waiter);
	end(&t->holder);
	observer_free(t->observer);
	munmap(t->shared, sizeof(*t->shared));
	free(t->bytes);
	close(t->file);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
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

static void demand(struct truth *t, const enum signal_id *signals, size_t n)
{
	struct demand demands[8] = { 0 };

	t->scope.kind = SCOPE_PROCESS;
	snprintf(t->scope.name, sizeof(t->scope.name), "%d@%" PRIu64, t->waiter,
		 start_ticks(t->waiter));
	for (size_t i = 0; i < n; i++)
		demands[i] = (struct demand){ .signal = signals[i], .scope = t->scope };
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
}

static const struct hist *hist_of(const struct truth *t, enum signal_id signal)
{
	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		if (series->signal == (uint32_t)signal && (series->flags & SERIES_VALID))
			return series->hist;
	}
	fail_msg("no series");
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void waits_agree(struct truth *t, lock_fn *hold, lock_fn *want, bool one_cpu,
			enum signal_id signal)
{
	const enum signal_id signals[] = { signal, SIGNAL_LOCK_KERNEL_WAIT };
	const struct hist *ours;
	const uint64_t *ns; /* of those that did wait */
	double sum = 0;
	size_t n = 0;

	t->waiter = start(t, true, want, one_cpu);
	demand(t, signals, ARRAY_SIZE(signals));
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	t->holder = start(t, false, hold, one_cpu);
	await(&t->shared->done, WAITS);
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	ours = hist_of(t, signal);
	qsort(t->shared->ns, WAITS, sizeof(t->shared->ns[0]), by_value);
	for (size_t i = 0; i < WAITS; i++) {
		sum += (double)t->shared->ns[i];
		n += t->shared->ns[i] > LEAST_NS;
	}
	ns = t->shared->ns + WAITS - n;
	print_message("%zu waits, flyball %" PRIu64 "; sum %.2f ms, %.2f ms; p50 %.2f ms, %.2f ms; "
		      "longest %.2f ms, p99 %.2f ms; %" PRIu64 " orphans\n",
		      n, ours->count, sum / 1e6, (double)ours->sum / 1e6,
		      n ? (double)ns[n / 2] / 1e6 : 0.0, hist_quantile(ours, 0.5) / 1e6,
		      (double)t->shared->ns[WAITS - 1] / 1e6, hist_quantile(ours, 0.99) / 1e6,
		      t->frame->losses[LOSS_ORPHAN_END]);
	assert_true(n > WAITS / 2); /* else this tests nothing */
	assert_in_range(ours->count, n, WAITS);
	assert_true(fabs((double)ours->sum / sum - 1) < 0.1);
	assert_true(hist_quantile(ours, 0.5) > 0.9 * (double)ns[n / 2 - 2]);
	assert_true(hist_quantile(ours, 0.5) < 1.1 * (double)ns[n / 2 + 1]);
	assert_true(fabs(hist_quantile(ours, 0.99) / (double)ns[n - 1] - 1) < 0.1);
	assert_true(hist_of(t, SIGNAL_LOCK_KERNEL_WAIT)->sum >= ours->sum);
}

static void waits_for_a_mutex_are_as_long_as_the_waiter_says(void **state)
{
	waits_agree(*state, hold_position, want_position, false, SIGNAL_LOCK_KERNEL_MUTEX);
}

/* On one CPU: a semaphore whose owner runs is spun for without the kernel saying so. */
static void waits_for_a_semaphore_are_as_long_as_the_waiter_says(void **state)
{
	waits_agree(*state, hold_contents, want_contents, true, SIGNAL_LOCK_KERNEL_RWSEM);
}

static size_t open_programs(void)
{
	FILE *pipe = popen("ls -l /proc/$PPID/fd | grep -c 'anon_inode:\\[\\?bpf-prog'", "r");
	int n = -1;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &n), 1);
	pclose(pipe);
	return (size_t)n;
}

static void without_a_demand_nothing_is_attached(void **state)
{
	const struct demand host = { .signal = SIGNAL_LOCK_KERNEL_WAIT };
	struct truth *t = *state;

	assert_int_equal(open_programs(), 0);
	assert_int_equal(observer_demand(t->observer, &host, 1), 0);
	assert_int_equal(open_programs(), 2);
	assert_int_equal(observer_demand(t->observer, NULL, 0), 0);
	assert_int_equal(open_programs(), 0);
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
	TEST(waits_for_a_mutex_are_as_long_as_the_waiter_says),
	TEST(waits_for_a_semaphore_are_as_long_as_the_waiter_says),
};

int main(void)
{
	static struct source_status methods[SOURCE_METHODS_MAX];
	static char titles[TESTS_MAX][128];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n = 0, n_methods;

	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		return 77;
	}
	n_methods = truth_methods("lock", methods);
	for (size_t i = 0; i < n_methods; i++) {
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
		print_message("skipped: no method of the lock source works here\n");
		return 77;
	}
	return _cmocka_run_group_tests("test_lock_truth", tests, n, NULL, NULL);
}
