// SPDX-License-Identifier: Apache-2.0
/*
 * Two processes that always want the same CPU for a second. What one waits for it lies between looks at its schedstat, another
 * way to the kernel's count, inside and outside of the observer's; and it is the time that it did not run.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/bench/scale.h"
#include "tests/native/clone_as.h"

#define RUN_US 1000000

void scale_die(const char *what)
{
	print_error("unable to %s: %s\n", what, strerror(errno));
	exit(1);
}

static pid_t busy(void)
{
	cpu_set_t first;
	pid_t pid = fork();

	if (pid)
		return pid;
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (;;)
		;
}

/* 310214021 2012345 87: nanoseconds that it ran, and waited for a CPU. */
static void schedstat(pid_t pid, uint64_t *ret_ran_ns, uint64_t *ret_waited_ns)
{
	char path[64], text[128];
	int root = sysroot_open("/");

	snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
	assert_true(sysroot_read(root, path, text, sizeof(text)) > 0);
	close(root);
	assert_int_equal(sscanf(text, "%" SCNu64 " %" SCNu64, ret_ran_ns, ret_waited_ns), 2);
}

static void a_process_waits_for_the_cpu_while_it_does_not_run(void **state)
{
	struct demand demand = { .signal = SIGNAL_TASK_DELAY_CPU, .scope.kind = SCOPE_PROCESS };
	struct observer_options options = { .root = sysroot_open("/") };
	struct frame *frame = malloc(sizeof(*frame));
	const pid_t pid = busy(), other = busy();
	uint64_t ran[2], outer[2], inner[2], least, most;
	struct observer *observer;
	double seen, idle;

	(void)state;
	snprintf(demand.scope.name, sizeof(demand.scope.name), "%d@*", pid);
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, &demand, 1), 0);
	usleep(100000);
	schedstat(pid, &ran[0], &outer[0]);
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	schedstat(pid, &ran[0], &inner[0]);
	usleep(RUN_US);
	schedstat(pid, &ran[1], &inner[1]);
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	schedstat(pid, &ran[1], &outer[1]);
	kill(pid, SIGKILL);
	kill(other, SIGKILL);
	waitpid(pid, NULL, 0);
	waitpid(other, NULL, 0);
	assert_int_equal(frame->n_series, 1);
	assert_int_equal(frame->series[0].flags, SERIES_VALID);
	seen = frame->series[0].value;
	idle = (double)frame->interval_ns - (double)(ran[1] - ran[0]);
	least = inner[1] - inner[0];
	most = outer[1] - outer[0];
	print_message("%" PRIu64 " <= %g <= %" PRIu64 " ns; it did not run for %g\n", least, seen,
		      most, idle);
	assert_true(seen >= (double)least && seen <= (double)most);
	assert_true(seen > 0.2 * RUN_US * 1000);
	/* A wait counts when it ends: one time slice of the others at either end. */
	assert_true(seen > 0.8 * idle && seen < 1.2 * idle);
	observer_free(observer);
	close(options.root);
	free(frame);
}

/*
 * The kernel goes over all threads for an answer. A process of so many that it takes more than a millisecond is asked for more
 * rarely, and its series say that they are means.
 */
#define THREADS 30000

static void a_process_of_very_many_threads_is_asked_for_more_rarely(void **state)
{
	struct demand demand = { .signal = SIGNAL_TASK_DELAY_CPU, .scope.kind = SCOPE_PROCESS };
	struct observer_options options = { .root = sysroot_open("/") };
	struct frame *frame = malloc(sizeof(*frame));
	size_t limit = scale_threads_limit(), threads, stood = 0;
	const int pid = scale_process_start(limit < THREADS ? limit : THREADS, &threads);
	struct observer *observer;
	uint64_t now_ns = clock_now_ns(), cost_ns;

	(void)state;
	snprintf(demand.scope.name, sizeof(demand.scope.name), "%d@*", pid);
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, &demand, 1), 0);
	cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	observer_sample(observer, now_ns, frame);
	cost_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cost_ns;
	for (int i = 0; i < 100; i++) {
		observer_sample(observer, now_ns += NSEC_PER_MSEC, frame);
		assert_int_equal(frame->n_series, 1);
		stood += (frame->series[0].flags & SERIES_LOSSY) != 0;
	}
	print_message("%zu threads, %.1f ms: %zu of 100 ticks stood\n", threads,
		      (double)cost_ns / (double)NSEC_PER_MSEC, stood);
	if (cost_ns > 2 * NSEC_PER_MSEC)
		assert_true(stood > 90);
	else
		print_message("skipped: too few threads for an answer to be dear\n");
	/* Ten minutes later it is due, and then again a tick later than that. */
	observer_sample(observer, now_ns += 600 * NSEC_PER_SEC, frame);
	observer_sample(observer, now_ns += 600 * NSEC_PER_SEC, frame);
	assert_int_equal(frame->series[0].flags, SERIES_VALID);
	scale_process_stop(pid);
	observer_sample(observer, now_ns += NSEC_PER_MSEC, frame);
	assert_int_equal(frame->n_series ? frame->series[0].flags & SERIES_VALID : 0, 0);
	observer_free(observer);
	close(options.root);
	free(frame);
}

static void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The only row of a frame, of which the name is returned; "" = none. */
static const char *only_row(struct observer *observer, struct frame *frame, uint32_t *ret_flags)
{
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	assert_true(frame->n_series <= 1);
	*ret_flags = frame->n_series ? frame->series[0].flags : 0;
	return frame->n_series ? frame->series[0].scope.name : "";
}

static void a_process_number_that_is_used_again_is_another_row(void **state)
{
	struct demand demand = { .signal = SIGNAL_TASK_DELAY_CPU, .scope.kind = SCOPE_PROCESS };
	struct observer_options options = { .root = sysroot_open("/") };
	struct frame *frame = malloc(sizeof(*frame));
	const pid_t pid = busy();
	char first[SCOPE_NAME_MAX];
	struct observer *observer;
	uint32_t flags;
	pid_t again;

	(void)state;
	snprintf(demand.scope.name, sizeof(demand.scope.name), "%d@*", pid);
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, &demand, 1), 0);
	snprintf(first, sizeof(first), "%s", only_row(observer, frame, &flags));
	assert_string_equal(only_row(observer, frame, &flags), first);
	assert_int_equal(flags, SERIES_VALID);
	child_end(pid);
	usleep(30000); /* a start is told apart by 10 ms */
	again = clone_as(pid);
	if (again == 0)
		for (;;)
			pause();
	if (again < 0)
		print_message("skipped: no clone3() with set_tid: %s\n", strerror(errno));
	/* Before processes are looked for: the number is another one's, and the old row has no value. */
	assert_string_equal(only_row(observer, frame, &flags), first);
	assert_int_equal(flags & SERIES_VALID, 0);
	usleep(1200000);
	if (again < 0) {
		assert_string_equal(only_row(observer, frame, &flags), "");
	} else {
		assert_string_not_equal(only_row(observer, frame, &flags), first);
		assert_int_equal(frame->n_series, 1);
		assert_int_equal(flags & SERIES_VALID, 0); /* nothing of the old one is in it */
		only_row(observer, frame, &flags);
		assert_int_equal(flags, SERIES_VALID);
		child_end(again);
	}
	observer_free(observer);
	close(options.root);
	free(frame);
}

static bool available(void)
{
	struct observer_options options = { .root = sysroot_open("/") };
	struct source_status status[SOURCES_MAX];
	struct observer *observer;
	bool found = false;

	if (observer_new(&options, &observer) < 0)
		return false;
	for (size_t i = observer_sources(observer, status); i-- > 0;)
		if (!strcmp(status[i].name, "task-delay")) {
			found = status[i].state != SOURCE_UNAVAILABLE;
			print_message("%s\n", status[i].text);
		}
	observer_free(observer);
	close(options.root);
	return found;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_waits_for_the_cpu_while_it_does_not_run),
		cmocka_unit_test(a_process_of_very_many_threads_is_asked_for_more_rarely),
		cmocka_unit_test(a_process_number_that_is_used_again_is_another_row),
	};

	return available() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
