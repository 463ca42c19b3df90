// SPDX-License-Identifier: Apache-2.0
/* The scheduler source without programs: the kernel's sums out of captured files. And what needs no kernel of the rest. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/frame.h"
#include "base/sysroot.h"
#include "bpf/sched.h"
#include "observer/observer.h"
#include "observer/sched_calls.h"
#include "observer/source.h"

#define START_NS (10 * NSEC_PER_SEC)

struct fixture {
	char folder[64];
	int root;
	struct observer *observer;
	struct frame *frame;
};

static void put(const struct fixture *f, const char *path, const char *text)
{
	char full[256], *slash;
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	for (slash = full + strlen(f->folder) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct observer_options options = { .force = "sched=procfs" };

	strcpy(f->folder, "/tmp/flyball-sched-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->frame = malloc(sizeof(*f->frame));
	*state = f;
	put(f, "proc/schedstat",
	    "version 17\ntimestamp 4295\n"
	    "cpu0 0 0 314 101 149 75 1000000 200000 10\ndomain0 MC 3 0 0 0\n"
	    "cpu1 0 0 314 101 149 75 2000000 0 5\n");
	put(f, "sys/devices/system/cpu/online", "0-1\n");
	put(f, "proc/77/task/77/stat",
	    "77 (a (name) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 5000 0 0\n");
	put(f, "proc/77/task/77/schedstat", "1000 500 3\n");
	put(f, "proc/77/task/78/schedstat", "2000 700 4\n");
	f->root = options.root = sysroot_open(f->folder);
	assert_true(f->root >= 0);
	return observer_new(&options, &f->observer);
}

static int unlink_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	observer_free(f->observer);
	close(f->root);
	nftw(f->folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f->frame);
	free(f);
	return 0;
}

static void demand(struct fixture *f, enum scope_kind kind, const char *name)
{
	struct demand demands[3] = {
		{ .signal = SIGNAL_SCHED_RUN },
		{ .signal = SIGNAL_SCHED_WAIT },
		{ .signal = SIGNAL_SCHED_WAITING },
	};

	for (size_t i = 0; i < 3; i++) {
		demands[i].scope.kind = kind;
		strcpy(demands[i].scope.name, name);
	}
	assert_int_equal(observer_demand(f->observer, demands, 3), 0);
	assert_int_equal(observer_sample(f->observer, START_NS, f->frame), 0);
}

static const struct series *after(struct fixture *f, uint64_t ns, enum signal_id signal,
				  enum scope_kind kind, const char *name)
{
	struct scope scope = { .kind = kind };

	strcpy(scope.name, name);
	assert_int_equal(observer_sample(f->observer, START_NS + ns, f->frame), 0);
	frame_index(f->frame);
	return frame_series(f->frame, signal, &scope);
}

static const struct series *also(struct fixture *f, enum signal_id signal, enum scope_kind kind,
				 const char *name)
{
	struct scope scope = { .kind = kind };

	strcpy(scope.name, name);
	return frame_series(f->frame, signal, &scope);
}

static void all_cpus_are_the_host(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_HOST, "");
	put(f, "proc/schedstat",
	    "version 17\ntimestamp 4296\n"
	    "cpu0 0 0 314 101 149 75 1500000 300000 12\ndomain0 MC 3 0 0 0\n"
	    "cpu1 0 0 314 101 149 75 2500000 400000 9\n");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "");
	assert_non_null(series);
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS);
	assert_int_equal(series->hist->count, 6);
	assert_int_equal(series->hist->sum, 1000000);
	series = also(f, SIGNAL_SCHED_WAIT, SCOPE_HOST, "");
	assert_int_equal(series->hist->count, 6);
	assert_int_equal(series->hist->sum, 500000);
	series = also(f, SIGNAL_SCHED_WAITING, SCOPE_HOST, "");
	assert_true(fabs(series->value - 0.5) < 1e-9);
}

static void a_cpu_has_its_own_line(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_CPU, "");
	put(f, "proc/schedstat",
	    "cpu0 0 0 314 101 149 75 1500000 300000 12\ncpu1 0 0 0 0 0 0 2000007 0 6\n");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_CPU, "1");
	assert_non_null(series);
	assert_int_equal(series->hist->sum, 7);
	assert_int_equal(series->hist->count, 1);
	assert_int_equal(also(f, SIGNAL_SCHED_WAIT, SCOPE_CPU, "0")->hist->sum, 100000);
}

static void a_process_is_all_its_threads(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_PROCESS, "77@5000");
	put(f, "proc/77/task/77/schedstat", "1100 500 4\n");
	put(f, "proc/77/task/79/schedstat", "50 5 1\n");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_non_null(series);
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS | SERIES_LOSSY);
	assert_int_equal(series->hist->sum, 150);
	assert_int_equal(series->hist->count, 2);
	assert_int_equal(also(f, SIGNAL_SCHED_WAIT, SCOPE_PROCESS, "77@5000")->hist->sum, 5);
}

static void a_thread_that_ends_behind_anothers_work_makes_the_tick_lossy(void **state)
{
	struct fixture *f = *state;
	const struct series *series;
	char path[128];

	demand(f, SCOPE_PROCESS, "77@5000");
	snprintf(path, sizeof(path), "%s/proc/77/task/78/schedstat", f->folder);
	assert_int_equal(unlink(path), 0);
	put(f, "proc/77/task/77/schedstat", "9000 9000 9\n");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS | SERIES_LOSSY);
	assert_int_equal(also(f, SIGNAL_SCHED_WAITING, SCOPE_PROCESS, "77@5000")->flags,
			 SERIES_VALID | SERIES_LOSSY);
	series = after(f, 2000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS);
}

static void a_cpu_that_comes_or_goes_makes_the_hosts_tick_invalid(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_HOST, "");
	put(f, "proc/schedstat", "cpu0 0 0 0 0 0 0 9000000 300000 19\n");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "");
	assert_int_equal(series->flags, SERIES_SUMS);
	put(f, "proc/schedstat",
	    "cpu0 0 0 0 0 0 0 9000000 300000 19\ncpu1 0 0 0 0 0 0 2000000 0 5\n");
	series = after(f, 2000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "");
	assert_int_equal(series->flags, SERIES_SUMS);
	assert_int_equal(also(f, SIGNAL_SCHED_WAITING, SCOPE_HOST, "")->flags, 0);
	put(f, "proc/schedstat",
	    "cpu0 0 0 0 0 0 0 9000000 300000 19\ncpu1 0 0 0 0 0 0 2000007 0 6\n");
	series = after(f, 3000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "");
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS);
	assert_int_equal(series->hist->sum, 7);
}

static void a_file_that_does_not_fit_is_lost_not_cut(void **state)
{
	struct fixture *f = *state;
	const size_t length = 1500000;
	char *text = malloc(length + 1);
	int n;

	demand(f, SCOPE_HOST, "");
	n = sprintf(text, "cpu0 0 0 0 0 0 0 9000000 300000 19\n"
			  "cpu1 0 0 0 0 0 0 9000000 300000 19\n");
	memset(text + n, 'd', length - (size_t)n);
	text[length] = '\0';
	put(f, "proc/schedstat", text);
	free(text);
	assert_int_equal(after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "")->flags, SERIES_SUMS);
	assert_int_equal(f->frame->losses[LOSS_EVENT], 1);
}

static void a_thread_that_ends_makes_the_tick_invalid_not_negative(void **state)
{
	struct fixture *f = *state;
	const struct series *series;
	char path[128];

	demand(f, SCOPE_PROCESS, "77@5000");
	snprintf(path, sizeof(path), "%s/proc/77/task/78/schedstat", f->folder);
	assert_int_equal(unlink(path), 0);
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_non_null(series);
	assert_int_equal(series->flags & SERIES_VALID, 0);
	put(f, "proc/77/task/77/schedstat", "1100 500 4\n");
	series = after(f, 2000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_int_equal(series->hist->sum, 100);
}

static void a_process_of_another_start_is_not_there(void **state)
{
	struct fixture *f = *state;

	demand(f, SCOPE_PROCESS, "77@5001");
	assert_null(after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5001"));
}

static void take_away(const struct fixture *f, const char *path)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	nftw(full, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_process_number_that_is_used_again_is_another_row(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_PROCESS, "77@*");
	assert_non_null(after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000"));
	take_away(f, "proc/77");
	put(f, "proc/77/task/77/stat",
	    "77 (b) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 6000 0 0\n");
	put(f, "proc/77/task/77/schedstat", "900000 800000 700\n");
	/* Before it is looked for: the descriptor is of the old one. */
	series = after(f, 2000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_int_equal(series->flags & SERIES_VALID, 0);
	series = after(f, 2 * NSEC_PER_SEC, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@6000");
	assert_non_null(series);
	assert_int_equal(series->flags & SERIES_VALID, 0);
	assert_null(also(f, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000"));
	put(f, "proc/77/task/77/schedstat", "900011 800000 701\n");
	series = after(f, 2 * NSEC_PER_SEC + 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@6000");
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS);
	assert_int_equal(series->hist->sum, 11);
	assert_int_equal(series->hist->count, 1);
}

static void a_process_that_dies_between_two_ticks_has_no_value_and_goes(void **state)
{
	struct fixture *f = *state;
	const struct series *series;

	demand(f, SCOPE_PROCESS, "77@*");
	take_away(f, "proc/77");
	series = after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000");
	assert_non_null(series);
	assert_int_equal(series->flags & SERIES_VALID, 0);
	assert_null(after(f, 2 * NSEC_PER_SEC, SIGNAL_SCHED_RUN, SCOPE_PROCESS, "77@5000"));
}

static void without_the_kernels_file_the_host_has_no_value(void **state)
{
	struct fixture *f = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/proc/schedstat", f->folder);
	assert_int_equal(unlink(path), 0);
	put(f, "proc/self/schedstat", "1 1 1\n");
	demand(f, SCOPE_HOST, "");
	assert_int_equal(after(f, 1000000, SIGNAL_SCHED_RUN, SCOPE_HOST, "")->flags, SERIES_SUMS);
}

static void cpus_are_counted_up_to_the_highest_number(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(source_cpus_possible(f->root), -ENOENT);
	put(f, "sys/devices/system/cpu/possible", "0,2-5\n");
	assert_int_equal(source_cpus_possible(f->root), 6);
	put(f, "sys/devices/system/cpu/possible", "\n");
	assert_int_equal(source_cpus_possible(f->root), -EBADMSG);
}

static void a_calls_wait_is_told_by_its_number(void **state)
{
	uint8_t calls[SCHED_CALLS];

	(void)state;
	sched_calls(calls);
	assert_int_equal(calls[SYS_futex], SCHED_CALL_FUTEX);
	assert_int_equal(calls[SYS_recvmsg], SCHED_CALL_SOCKET);
	assert_int_equal(calls[SYS_read], SCHED_CALL_FILE);
	assert_int_equal(calls[SYS_epoll_wait], SCHED_CALL_ANY);
	assert_int_equal(calls[SYS_nanosleep], SCHED_CALL_ANY);
}

static void a_process_never_has_the_key_of_a_group(void **state)
{
	(void)state;
	assert_true(rows_key_process(1) != 1);
	assert_true(rows_first(rows_key_process(4194304)) < ROWS_TABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_cpus_are_the_host),
		TEST(a_cpu_has_its_own_line),
		TEST(a_process_is_all_its_threads),
		TEST(a_thread_that_ends_behind_anothers_work_makes_the_tick_lossy),
		TEST(a_cpu_that_comes_or_goes_makes_the_hosts_tick_invalid),
		TEST(a_file_that_does_not_fit_is_lost_not_cut),
		TEST(a_thread_that_ends_makes_the_tick_invalid_not_negative),
		TEST(a_process_of_another_start_is_not_there),
		TEST(a_process_number_that_is_used_again_is_another_row),
		TEST(a_process_that_dies_between_two_ticks_has_no_value_and_goes),
		TEST(without_the_kernels_file_the_host_has_no_value),
		TEST(cpus_are_counted_up_to_the_highest_number),
		cmocka_unit_test(a_calls_wait_is_told_by_its_number),
		cmocka_unit_test(a_process_never_has_the_key_of_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
