// SPDX-License-Identifier: Apache-2.0
/* The observer over a folder of captured /proc and /sys files, in two states 500 ms apart. */
#include "observer/observer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/sysroot.h"

#define FIXTURES SOURCE_DIR "/tests/fixtures/observer"
#define T0 1000000000ull
#define TICK 500000000ull

struct fixture {
	char folder[64];
	int root;
	struct observer *observer;
	struct frame *frame;
	struct source_watch watch;
};

static void run(const char *format, const char *a, const char *b)
{
	char command[512];

	snprintf(command, sizeof(command), format, a, b);
	assert_int_equal(system(command), 0);
}

/* Writes the files in place, so that descriptors that are kept open see the new text. */
static void enter_state(struct fixture *f, const char *name)
{
	run("cp -r " FIXTURES "/%s/. %s", name, f->folder);
}

static void put(struct fixture *f, const char *path, const char *text)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void start(struct fixture *f, const char *force)
{
	const struct observer_options options = { .root = f->root,
						  .force = force,
						  .watch = &f->watch };

	observer_free(f->observer);
	f->observer = NULL;
	assert_int_equal(observer_new(&options, &f->observer), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->frame = malloc(sizeof(*f->frame));
	memset(f->frame, 0xa5, sizeof(*f->frame));
	strcpy(f->folder, "/tmp/flyball-observer-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	enter_state(f, "before");
	f->root = sysroot_open(f->folder);
	start(f, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	observer_free(f->observer);
	close(f->root);
	run("rm -r %s%s", f->folder, "");
	free(f->frame);
	free(f);
	return 0;
}

static void demand_all(struct fixture *f)
{
	struct demand demands[SIGNAL_ID_COUNT] = { 0 };

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		demands[i].signal = i;
		demands[i].scope.kind = signal_rows[i].scope;
	}
	assert_int_equal(observer_demand(f->observer, demands, SIGNAL_ID_COUNT), 0);
}

static void sample(struct fixture *f, uint64_t now_ns)
{
	assert_int_equal(observer_sample(f->observer, now_ns, f->frame), 0);
}

static struct series *find(struct fixture *f, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < f->frame->n_series; i++)
		if (f->frame->series[i].signal == signal &&
		    !strcmp(f->frame->series[i].scope.name, name))
			return &f->frame->series[i];
	return NULL;
}

static void expect(struct fixture *f, uint32_t signal, const char *name, double value)
{
	struct series *series = find(f, signal, name);

	assert_non_null(series);
	if (series->flags != SERIES_VALID ||
	    fabs(series->value - value) > 1e-9 * fabs(value) + 1e-12)
		fail_msg("%s is %g with flags %u, not %g", signal_rows[signal].name, series->value,
			 series->flags, value);
}

static void expect_invalid(struct fixture *f, uint32_t signal, const char *name)
{
	struct series *series = find(f, signal, name);

	assert_non_null(series);
	assert_int_equal(series->flags & SERIES_VALID, 0);
}

static void two_states(struct fixture *f)
{
	demand_all(f);
	sample(f, T0);
	enter_state(f, "after");
	sample(f, T0 + TICK);
}

static const struct source_status *status_of(struct fixture *f, const char *name)
{
	static struct source_status status[SOURCES_MAX];
	size_t n = observer_sources(f->observer, status);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(status[i].name, name))
			return &status[i];
	fail_msg("no source %s", name);
	return NULL;
}

static void every_signal_has_a_row_with_a_unique_name_and_a_source(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		assert_non_null(signal_rows[i].name);
		assert_non_null(signal_rows[i].source);
		assert_true(strlen(signal_rows[i].about) > 10);
		if (signal_rows[i].kind == SIGNAL_DISTRIBUTION)
			assert_int_not_equal(signal_rows[i].unit,
					     UNIT_RATIO); /* buckets are whole */
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(signal_rows[i].name, signal_rows[j].name);
	}
}

static void a_source_that_few_need_is_optional(void **state)
{
	struct fixture *f = *state;
	const struct source_status *split = status_of(f, "tcp_split");

	/* No BTF among the captured files. */
	assert_int_equal(split->state, SOURCE_UNAVAILABLE);
	assert_int_equal(split->optional, 1);
	assert_true(split->text[0] && split->remedy[0]);
	assert_int_equal(status_of(f, "psi")->optional, 0);
}

static void the_first_frame_is_a_baseline_in_which_nothing_is_valid(void **state)
{
	struct fixture *f = *state;

	demand_all(f);
	sample(f, T0);
	assert_int_equal(f->frame->interval_ns, 0);
	assert_non_null(find(f, SIGNAL_DISK_READ_BYTES, "vda"));
	for (size_t i = 0; i < f->frame->n_series; i++)
		assert_int_equal(f->frame->series[i].flags & SERIES_VALID, 0);
}

static void disk_counters_are_the_difference_of_two_states(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	assert_int_equal(f->frame->interval_ns, TICK);
	expect(f, SIGNAL_DISK_READ_OPS, "vda", 100);
	expect(f, SIGNAL_DISK_READ_BYTES, "vda", 100 * 4096);
	expect(f, SIGNAL_DISK_WRITE_OPS, "vda", 10);
	expect(f, SIGNAL_DISK_WRITE_BYTES, "vda", 10 * 65536);
	expect(f, SIGNAL_DISK_INFLIGHT, "vda", 3);
	expect(f, SIGNAL_DISK_BUSY, "vda", 0.08);
	for (size_t loss = 0; loss < LOSS_COUNT; loss++)
		assert_int_equal(f->frame->losses[loss], 0);
}

static void without_bpf_a_latency_has_count_and_sum_only(void **state)
{
	struct fixture *f = *state;
	struct series *series;

	two_states(f);
	series = find(f, SIGNAL_DISK_READ_LATENCY, "vda");
	assert_non_null(series);
	assert_int_equal(series->flags, SERIES_VALID | SERIES_SUMS);
	assert_int_equal(series->hist->count, 100);
	assert_int_equal(series->hist->sum, 50000000);
	for (size_t i = 0; i < HIST_BUCKETS; i++)
		assert_int_equal(series->hist->buckets[i], 0);
	assert_null(find(f, SIGNAL_DISK_READ_SERVICE, "vda"));
}

static void pressure_is_the_share_of_the_tick(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	expect(f, SIGNAL_PSI_CPU_SOME, "", 0.10);
	expect(f, SIGNAL_PSI_IO_SOME, "", 0.25);
	expect(f, SIGNAL_PSI_IO_FULL, "", 0.15);
	expect(f, SIGNAL_PSI_MEMORY_SOME, "", 0);
	expect(f, SIGNAL_PSI_MEMORY_FULL, "", 0);
}

static void cpu_shares_add_up_to_one(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	expect(f, SIGNAL_CPU_USER, "", 0.40);
	expect(f, SIGNAL_CPU_SYSTEM, "", 0.20);
	expect(f, SIGNAL_CPU_IDLE, "", 0.25);
	expect(f, SIGNAL_CPU_IOWAIT, "", 0.05);
	expect(f, SIGNAL_CPU_IRQ, "", 0.05);
	expect(f, SIGNAL_CPU_STEAL, "", 0.05);
}

static void memory_levels_are_bytes_and_counts_are_differences(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	expect(f, SIGNAL_MEM_AVAILABLE, "", 1000000 * 1024.0);
	expect(f, SIGNAL_MEM_FREE, "", 900000 * 1024.0);
	expect(f, SIGNAL_MEM_CACHED, "", 300000 * 1024.0);
	expect(f, SIGNAL_MEM_DIRTY, "", 128 * 1024.0);
	expect(f, SIGNAL_MEM_WRITEBACK, "", 64 * 1024.0);
	expect(f, SIGNAL_MEM_SWAP_USED, "", 1024 * 1024.0);
	expect(f, SIGNAL_MEM_FAULTS_MINOR, "", 100);
	expect(f, SIGNAL_MEM_FAULTS_MAJOR, "", 7);
	expect(f, SIGNAL_MEM_SWAP_IN, "", 11);
	expect(f, SIGNAL_MEM_SWAP_OUT, "", 13);
}

/* Every kind of scope and every instance. */
static void demand_everything(struct fixture *f)
{
	struct demand demands[DEMANDS_MAX] = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++)
		for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++)
			if (signal_has_scope(&signal_rows[i], kind) && n < DEMANDS_MAX)
				demands[n++] =
					(struct demand){ .signal = i, .scope = { .kind = kind } };
	assert_int_equal(observer_demand(f->observer, demands, n), 0);
}

static struct series *find_in(struct fixture *f, uint32_t signal, uint32_t kind, const char *name)
{
	for (size_t i = 0; i < f->frame->n_series; i++)
		if (f->frame->series[i].signal == signal &&
		    f->frame->series[i].scope.kind == kind &&
		    !strcmp(f->frame->series[i].scope.name, name))
			return &f->frame->series[i];
	return NULL;
}

static void expect_in(struct fixture *f, uint32_t signal, uint32_t kind, const char *name,
		      double value)
{
	struct series *series = find_in(f, signal, kind, name);

	assert_non_null(series);
	if (series->flags != SERIES_VALID || fabs(series->value - value) > 1e-9)
		fail_msg("%s of %s is %g with flags %u, not %g", signal_rows[signal].name, name,
			 series->value, series->flags, value);
}

static void each_kind_of_scope_of_a_signal_has_one_source(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIGNAL_ID_COUNT; i++) {
		for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++)
			assert_int_equal(observer_source_of(i, kind) != NULL,
					 signal_has_scope(&signal_rows[i], kind));
		assert_string_equal(observer_source_of(i, signal_rows[i].scope),
				    signal_rows[i].source);
	}
}

static void each_cpu_has_shares_of_its_own(void **state)
{
	struct fixture *f = *state;

	put(f, "proc/stat",
	    "cpu  200 0 0 200 0 0 0 0 0 0\ncpu0 100 0 0 100 0 0 0 0 0 0\n"
	    "cpu1 100 0 0 100 0 0 0 0 0 0\nintr 1 2 3\n");
	demand_everything(f);
	sample(f, T0);
	put(f, "proc/stat",
	    "cpu  300 0 0 300 0 0 0 0 0 0\ncpu0 190 0 0 110 0 0 0 0 0 0\n"
	    "cpu1 110 0 0 190 0 0 0 0 0 0\nintr 1 2 3\n");
	sample(f, T0 + TICK);
	expect(f, SIGNAL_CPU_USER, "", 0.5);
	expect_in(f, SIGNAL_CPU_USER, SCOPE_CPU, "0", 0.9);
	expect_in(f, SIGNAL_CPU_USER, SCOPE_CPU, "1", 0.1);
	/* One goes offline: not valid at once, gone at the next scan; one that comes has a baseline. */
	put(f, "proc/stat",
	    "cpu  400 0 0 400 0 0 0 0 0 0\ncpu0 290 0 0 110 0 0 0 0 0 0\n"
	    "cpu7 9 0 0 0 0 0 0 0 0 0\nintr 1 2 3\n");
	sample(f, T0 + TICK + 1);
	assert_int_equal(find_in(f, SIGNAL_CPU_USER, SCOPE_CPU, "1")->flags & SERIES_VALID, 0);
	assert_true(f->frame->losses[LOSS_EVENT] > 0);
	sample(f, T0 + 5 * TICK);
	assert_null(find_in(f, SIGNAL_CPU_USER, SCOPE_CPU, "1"));
	assert_int_equal(find_in(f, SIGNAL_CPU_USER, SCOPE_CPU, "7")->flags & SERIES_VALID, 0);
}

static void each_node_has_levels_of_its_own(void **state)
{
	static const char text[] = "Node 1 MemTotal:       100 kB\nNode 1 MemFree:        60 kB\n"
				   "Node 1 SwapCached:     2 kB\nNode 1 Dirty:          3 kB\n"
				   "Node 1 Writeback:      4 kB\nNode 1 FilePages:      30 kB\n";
	struct fixture *f = *state;

	run("mkdir -p %s/sys/devices/system/node/node1%s", f->folder, "");
	put(f, "sys/devices/system/node/node1/meminfo", text);
	put(f, "sys/devices/system/node/node1/vmstat", "nr_free_pages 15\n");
	start(f, NULL);
	demand_everything(f);
	sample(f, T0);
	sample(f, T0 + TICK);
	expect_in(f, SIGNAL_MEM_FREE, SCOPE_NODE, "1", 60 * 1024);
	expect_in(f, SIGNAL_MEM_CACHED, SCOPE_NODE, "1", 28 * 1024);
	expect_in(f, SIGNAL_MEM_DIRTY, SCOPE_NODE, "1", 3 * 1024);
	expect_in(f, SIGNAL_MEM_WRITEBACK, SCOPE_NODE, "1", 4 * 1024);
	put(f, "sys/devices/system/node/node1/meminfo", "Node 1 MemFree: x kB\n");
	sample(f, T0 + 2 * TICK);
	assert_int_equal(find_in(f, SIGNAL_MEM_FREE, SCOPE_NODE, "1")->flags & SERIES_VALID, 0);
	assert_true(f->frame->losses[LOSS_EVENT] > 0);
}

static void make_group(struct fixture *f, const char *path, uint64_t total_us)
{
	static const char *const files[] = { "cpu", "io", "memory" };
	char name[200], text[200];

	snprintf(name, sizeof(name), "sys/fs/cgroup%s", path);
	run("mkdir -p %s/%s", f->folder, name);
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "sys/fs/cgroup%s/%s.pressure", path, files[i]);
		snprintf(text, sizeof(text),
			 "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n"
			 "full avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n",
			 (unsigned long long)total_us, (unsigned long long)total_us / 2);
		put(f, name, text);
	}
}

static void start_groups(struct fixture *f)
{
	make_group(f, "", 0);
	make_group(f, "/a", 1000);
	make_group(f, "/a/b", 2000);
	make_group(f, "/c", 3000);
	put(f, "sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
	start(f, NULL);
}

static void each_control_group_has_pressure_of_its_own(void **state)
{
	const struct demand demands[] = {
		{ .signal = SIGNAL_PSI_IO_SOME, .scope = { .kind = SCOPE_CGROUP, .name = "/a*" } },
		{ .signal = SIGNAL_PSI_IO_FULL, .scope = { .kind = SCOPE_CGROUP, .name = "/a" } },
	};
	struct fixture *f = *state;

	start_groups(f);
	assert_int_equal(observer_demand(f->observer, demands, 2), 0);
	sample(f, T0);
	assert_int_equal(f->frame->n_series, 3);
	make_group(f, "/a", 1000 + TICK / 1000 / 2);
	make_group(f, "/a/b", 2000 + TICK / 1000 / 4);
	sample(f, T0 + TICK);
	expect_in(f, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/a", 0.5);
	expect_in(f, SIGNAL_PSI_IO_FULL, SCOPE_CGROUP, "/a", 0.25);
	expect_in(f, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/a/b", 0.25);
	assert_null(find_in(f, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/c"));
	assert_int_equal(f->frame->n_series, 3);
	put(f, "sys/fs/cgroup/a/io.pressure", "some avg10=x total=\n");
	sample(f, T0 + TICK + 1000);
	assert_int_equal(find_in(f, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/a")->flags & SERIES_VALID,
			 0);
	assert_true(status_of(f, "cgroup-psi")->losses[LOSS_EVENT] > 0);
}

/* Gone and come again between two scans: another inode, another group, no value across the two. */
static void a_group_of_the_same_name_that_comes_again_begins_anew(void **state)
{
	const struct demand demand = { .signal = SIGNAL_PSI_IO_SOME,
				       .scope = { .kind = SCOPE_CGROUP, .name = "/a/?" } };
	struct fixture *f = *state;

	start_groups(f);
	assert_int_equal(observer_demand(f->observer, &demand, 1), 0);
	sample(f, T0);
	run("mv %s/sys/fs/cgroup/a/b %s/", f->folder, f->folder);
	make_group(f, "/a/b", 900000);
	sample(f, T0 + 3 * TICK);
	assert_int_equal(f->frame->n_series, 1);
	assert_int_equal(f->frame->series[0].flags & SERIES_VALID, 0);
	make_group(f, "/a/b", 900000 + TICK / 1000);
	sample(f, T0 + 4 * TICK);
	expect_in(f, SIGNAL_PSI_IO_SOME, SCOPE_CGROUP, "/a/b", 1);
	run("rm -r %s/sys/fs/cgroup/a%s", f->folder, "/b");
	sample(f, T0 + 8 * TICK);
	assert_int_equal(f->frame->n_series, 0);
}

static void control_groups_of_v1_have_no_pressure_and_the_source_says_so(void **state)
{
	struct fixture *f = *state;

	run("mkdir -p %s/sys/fs/cgroup/%s", f->folder, "cpu");
	start(f, NULL);
	assert_int_equal(status_of(f, "cgroup-psi")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "cgroup-psi")->text, "v1"));
	assert_non_null(strstr(status_of(f, "cgroup-psi")->remedy, "unified"));
	assert_int_equal(status_of(f, "psi")->state, SOURCE_IDLE);
}

static void a_loop_device_without_a_file_is_no_disk(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	assert_null(find(f, SIGNAL_DISK_READ_OPS, "loop0"));
	assert_non_null(find(f, SIGNAL_DISK_READ_OPS, "md0"));
}

static void a_disk_that_comes_has_a_baseline_and_one_that_goes_disappears(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	put(f, "sys/block/loop0/size", "2048\n");
	sample(f, T0 + 4 * TICK);
	expect_invalid(f, SIGNAL_DISK_READ_OPS, "loop0");
	sample(f, T0 + 5 * TICK);
	expect(f, SIGNAL_DISK_READ_OPS, "loop0", 0);
	put(f, "sys/block/loop0/size", "0\n");
	run("rm -r %s/sys/block/%s", f->folder, "md0");
	sample(f, T0 + 8 * TICK);
	assert_null(find(f, SIGNAL_DISK_READ_OPS, "loop0"));
	assert_null(find(f, SIGNAL_DISK_READ_OPS, "md0"));
	assert_non_null(find(f, SIGNAL_DISK_READ_OPS, "vda"));
}

static void only_what_is_demanded_is_in_the_frame(void **state)
{
	struct fixture *f = *state;
	const struct demand demands[] = {
		{ .signal = SIGNAL_DISK_READ_OPS, .scope = { .kind = SCOPE_DISK, .name = "v*" } },
		{ .signal = SIGNAL_DISK_READ_OPS, .scope = { .kind = SCOPE_DISK, .name = "vda" } },
		{ .signal = SIGNAL_CPU_IDLE, .scope = { .kind = SCOPE_HOST } },
	};

	assert_int_equal(observer_demand(f->observer, demands, 3), 0);
	sample(f, T0);
	assert_int_equal(f->frame->n_series, 2);
	assert_int_equal(status_of(f, "psi")->state, SOURCE_IDLE);
	assert_int_equal(status_of(f, "memory")->state, SOURCE_IDLE);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_ATTACHED);
	assert_int_equal(observer_demand(f->observer, NULL, 0), 0);
	sample(f, T0 + TICK);
	assert_int_equal(f->frame->n_series, 0);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_IDLE);
	assert_int_equal(status_of(f, "block")->state, SOURCE_IDLE);
}

static void a_change_of_demand_begins_with_a_new_baseline_and_the_same_demand_does_not(void **state)
{
	struct fixture *f = *state;
	const struct demand one = { .signal = SIGNAL_DISK_READ_OPS,
				    .scope = { .kind = SCOPE_DISK } };

	two_states(f);
	demand_all(f);
	sample(f, T0 + 2 * TICK);
	assert_int_equal(f->frame->interval_ns, TICK);
	expect(f, SIGNAL_DISK_READ_OPS, "vda", 0);
	assert_int_equal(observer_demand(f->observer, &one, 1), 0);
	sample(f, T0 + 3 * TICK);
	assert_int_equal(f->frame->interval_ns, 0);
	expect_invalid(f, SIGNAL_DISK_READ_OPS, "vda");
}

/* Its place among the sources. */
static size_t place_of(struct fixture *f, const char *name)
{
	struct source_status status[SOURCES_MAX];
	size_t n = observer_sources(f->observer, status);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(status[i].name, name))
			return i;
	fail_msg("no source %s", name);
	return 0;
}

static void of_a_thinned_source_an_increase_is_the_mean_of_a_tick_and_does_not_count(void **state)
{
	struct fixture *f = *state;
	const struct series *latency;
	double whole, user;

	two_states(f);
	whole = find(f, SIGNAL_MEM_FAULTS_MINOR, "")->value;
	user = find(f, SIGNAL_CPU_USER, "")->value;
	assert_true(whole > 0 && user > 0);
	/* The same two states, two ticks apart. */
	enter_state(f, "before");
	start(f, NULL);
	demand_all(f);
	observer_restrain(f->observer, place_of(f, "memory"), SOURCE_HALF);
	observer_restrain(f->observer, place_of(f, "cpu"), SOURCE_HALF);
	observer_restrain(f->observer, place_of(f, "block"), SOURCE_HALF);
	for (int i = 0; i < 3; i++)
		sample(f, T0 + (uint64_t)i * TICK);
	assert_non_null(find(f, SIGNAL_PSI_IO_SOME, ""));  /* of another source */
	for (int i = 3; find(f, SIGNAL_CPU_USER, ""); i++) /* a tick that leaves them out */
		sample(f, T0 + (uint64_t)i * TICK);
	assert_true(signal_set_has(&f->frame->skipped, SIGNAL_CPU_USER));
	assert_false(signal_set_has(&f->frame->skipped, SIGNAL_PSI_IO_SOME));
	enter_state(f, "after");
	sample(f, f->frame->time_ns + TICK);
	assert_true(signal_set_empty(&f->frame->skipped));
	assert_int_equal(f->frame->interval_ns, TICK);
	assert_int_equal(find(f, SIGNAL_MEM_FAULTS_MINOR, "")->flags, SERIES_VALID | SERIES_LOSSY);
	assert_float_equal(find(f, SIGNAL_MEM_FAULTS_MINOR, "")->value, whole / 2, 1e-9);
	assert_float_equal(find(f, SIGNAL_CPU_USER, "")->value, user, 1e-9); /* a ratio */
	latency = find(f, SIGNAL_DISK_READ_LATENCY, "vda"); /* all of it, and how long that took */
	assert_int_equal(latency->hist->count, 100);
	assert_int_equal(series_covers_ns(latency, TICK), 2 * TICK);
	assert_int_equal(latency->flags, SERIES_VALID | SERIES_SUMS | SERIES_LOSSY);
	assert_int_equal(find(f, SIGNAL_PSI_IO_SOME, "")->flags, SERIES_VALID);
}

static void a_dropped_source_is_detached_and_comes_back_with_a_baseline(void **state)
{
	struct fixture *f = *state;
	struct demand demand = { .signal = SIGNAL_CPU_USER };
	const size_t cpu = place_of(f, "cpu");

	assert_int_equal(observer_demand(f->observer, &demand, 1), 0);
	sample(f, T0);
	observer_restrain(f->observer, cpu, SOURCE_DROPPED);
	sample(f, T0 + TICK);
	assert_int_equal(f->frame->n_series, 0);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "cpu")->text, "budget"));
	observer_restrain(f->observer, cpu, SOURCE_EIGHTH);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_DEGRADED);
	sample(f, T0 + 2 * TICK);
	expect_invalid(f, SIGNAL_CPU_USER, "");
	/* The same demand, but now of a trial: whole at once, and what it covers more than a tick of does not count. */
	observer_restrain(f->observer, cpu, SOURCE_DROPPED);
	demand.on_trial = 1;
	assert_int_equal(observer_demand(f->observer, &demand, 1), 0);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_ATTACHED);
	assert_int_equal(status_of(f, "cpu")->on_trial, 1);
	sample(f, T0 + 3 * TICK);
	expect_invalid(f, SIGNAL_CPU_USER, "");
	enter_state(f, "after");
	sample(f, T0 + 4 * TICK);
	assert_int_equal(find(f, SIGNAL_CPU_USER, "")->flags, SERIES_VALID);
	/* Who demands it anew has it whole. */
	observer_restrain(f->observer, cpu, SOURCE_DROPPED);
	assert_int_equal(observer_demand(f->observer, NULL, 0), 0);
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_IDLE);
	assert_int_equal(status_of(f, "cpu")->thinning, SOURCE_WHOLE);
}

static size_t index_of(struct fixture *f, const char *name)
{
	struct source_status sources[SOURCES_MAX];
	const size_t n = observer_sources(f->observer, sources);
	size_t i = 0;

	while (i < n && strcmp(sources[i].name, name))
		i++;
	assert_true(i < n);
	assert_string_equal(observer_source_name(i), name);
	return i;
}

static void a_source_that_hung_is_left_out_and_comes_back_with_a_baseline(void **state)
{
	struct fixture *f = *state;
	struct source_hang *hang = &f->watch.hangs[index_of(f, "psi")];

	*hang = (struct source_hang){ .until_ns = UINT64_MAX, .times = 1, .pid = 4711 };
	strcpy(hang->what, "a read of '/proc/pressure/io'");
	start(f, NULL);
	demand_all(f);
	sample(f, T0);
	assert_int_equal(status_of(f, "psi")->state, SOURCE_UNAVAILABLE);
	assert_string_equal(status_of(f, "psi")->text,
			    "left out: a read of '/proc/pressure/io' hangs in process 4711");
	assert_null(find(f, SIGNAL_PSI_IO_SOME, ""));
	assert_non_null(find(f, SIGNAL_CPU_IDLE, ""));
	hang->until_ns = T0 + TICK; /* the process is gone */
	sample(f, T0 + TICK);
	expect_invalid(f, SIGNAL_PSI_IO_SOME, "");
	sample(f, T0 + 2 * TICK);
	expect(f, SIGNAL_PSI_IO_SOME, "", 0);
	assert_int_equal(status_of(f, "psi")->state, SOURCE_ATTACHED);
}

static void where_the_observer_is_it_says(void **state)
{
	struct fixture *f = *state;
	const uint32_t before = f->watch.serial;

	demand_all(f);
	sample(f, T0);
	assert_true(f->watch.serial > before + 2);
	assert_int_equal(f->watch.step, STEP_NONE);
}

static void a_wrong_demand_is_refused_and_the_old_one_stays(void **state)
{
	struct fixture *f = *state;
	static struct demand many[DEMANDS_MAX + 1];
	struct demand bad = { .signal = SIGNAL_ID_COUNT };

	demand_all(f);
	assert_int_equal(observer_demand(f->observer, &bad, 1), -EINVAL);
	bad = (struct demand){ .signal = SIGNAL_CPU_IDLE, .scope = { .kind = SCOPE_DISK } };
	assert_int_equal(observer_demand(f->observer, &bad, 1), -EINVAL);
	bad = (struct demand){ .signal = SIGNAL_DISK_BUSY, .scope = { .kind = SCOPE_DISK } };
	memset(bad.scope.name, 'x', sizeof(bad.scope.name));
	assert_int_equal(observer_demand(f->observer, &bad, 1), -EINVAL);
	assert_int_equal(observer_demand(f->observer, many, DEMANDS_MAX + 1), -E2BIG);
	sample(f, T0);
	assert_non_null(find(f, SIGNAL_MEM_FREE, ""));
}

static void garbage_is_an_invalid_series_and_a_counted_loss(void **state)
{
	static const char *const paths[] = {
		"proc/stat",        "proc/meminfo",       "proc/vmstat",
		"proc/pressure/io", "sys/block/vda/stat",
	};
	static const char *const garbage[] = {
		"",
		"\n\n",
		"cpu -1 x",
		"cpu  1 2 3",
		"some total=",
		"some full total=99999999999999999999999",
		"MemFree:\nMemAvailable: 12q\n",
		"1 2 3 4 5 6 7 8",
		"99999999999999999999 1 1 1 1 1 1 1 1 1 1",
	};
	struct fixture *f = *state;
	uint64_t now = T0, lost;

	two_states(f);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (size_t j = 0; j < sizeof(garbage) / sizeof(garbage[0]); j++) {
			lost = f->frame->losses[LOSS_EVENT];
			put(f, paths[i], garbage[j]);
			sample(f, now += TICK * 4);
			assert_true(f->frame->losses[LOSS_EVENT] > lost);
			enter_state(f, "after");
		}
	expect_invalid(f, SIGNAL_DISK_READ_OPS, "vda");
	sample(f, now += TICK);
	sample(f, now += TICK);
	expect(f, SIGNAL_DISK_READ_OPS, "vda", 0);
}

static void counters_that_go_back_are_garbage(void **state)
{
	struct fixture *f = *state;

	demand_all(f);
	enter_state(f, "after");
	sample(f, T0);
	enter_state(f, "before");
	sample(f, T0 + TICK);
	expect_invalid(f, SIGNAL_DISK_READ_OPS, "vda");
	expect_invalid(f, SIGNAL_PSI_IO_SOME, "");
	expect_invalid(f, SIGNAL_MEM_FAULTS_MAJOR, "");
	assert_true(f->frame->losses[LOSS_EVENT] >= 3);
}

static void a_disk_whose_queue_does_not_count_has_no_valid_counters(void **state)
{
	struct fixture *f = *state;

	put(f, "sys/block/vda/queue/iostats", "0\n");
	two_states(f);
	put(f, "sys/block/vda/queue/iostats", "0\n");
	start(f, NULL);
	demand_all(f);
	sample(f, T0);
	sample(f, T0 + TICK);
	expect_invalid(f, SIGNAL_DISK_READ_OPS, "vda");
	assert_non_null(strstr(status_of(f, "block")->text, "iostats"));
}

static void without_btf_the_block_source_says_so_and_falls_back(void **state)
{
	struct fixture *f = *state;
	const struct source_status *status = status_of(f, "block");

	assert_int_equal(status->state, SOURCE_IDLE);
	assert_string_equal(status->method, "procfs");
	demand_all(f);
	status = status_of(f, "block");
	assert_int_equal(status->state, SOURCE_DEGRADED);
	assert_string_equal(status->method, "procfs");
	assert_true(strstr(status->text, "BTF") || strstr(status->text, "no BPF programs"));
	assert_true(strlen(status->remedy) > 0);
}

static void a_forced_method_that_does_not_work_is_unavailable(void **state)
{
	struct fixture *f = *state;

	start(f, "block=tp_btf");
	assert_int_equal(status_of(f, "block")->state, SOURCE_UNAVAILABLE);
	demand_all(f);
	assert_int_equal(status_of(f, "block")->state, SOURCE_UNAVAILABLE);
	sample(f, T0);
	assert_null(find(f, SIGNAL_DISK_READ_OPS, "vda"));
	assert_non_null(find(f, SIGNAL_CPU_IDLE, ""));
	start(f, "block=nonsense");
	assert_int_equal(status_of(f, "block")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "block")->text, "nonsense"));
	start(f, "block=procfs");
	demand_all(f);
	assert_int_equal(status_of(f, "block")->state, SOURCE_ATTACHED);
}

static void a_method_is_forced_by_its_name_and_a_wrong_one_names_the_possible_ones(void **state)
{
	struct observer_options options = { 0 };
	char complaint[160];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		static const char *const texts[] = { "block=tp_btf", "block=fentry", "block=kprobe",
						     "block=tracepoint", "block=procfs" };

		assert_int_equal(observer_force(&options, texts[i], complaint, sizeof(complaint)),
				 0);
		assert_string_equal(options.force, texts[i]);
	}
	assert_int_equal(observer_force(&options, "block=magic", complaint, sizeof(complaint)),
			 -EINVAL);
	assert_string_equal(complaint, "'block' has no method 'magic'; use one of tp_btf, fentry, "
				       "kprobe, tracepoint, procfs");
	assert_int_equal(observer_force(&options, "block", complaint, sizeof(complaint)), -EINVAL);
	assert_int_equal(observer_force(&options, "psi=procfs", complaint, sizeof(complaint)),
			 -EINVAL);
	assert_non_null(strstr(complaint, "block=kprobe"));
	assert_string_equal(options.force, "block=procfs");
}

static void every_method_is_named_with_the_reason_why_it_does_not_work(void **state)
{
	struct fixture *f = *state;
	struct source_status methods[SOURCE_METHODS_MAX];
	size_t n = observer_methods(f->observer, 0, methods);

	assert_int_equal(n, 5);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(methods[i].name, "block");
		if (!strcmp(methods[i].method, "procfs")) {
			assert_int_equal(methods[i].state, SOURCE_IDLE);
			continue;
		}
		assert_int_equal(methods[i].state, SOURCE_UNAVAILABLE);
		assert_true(strlen(methods[i].text) > 0);
		assert_true(strlen(methods[i].remedy) > 0);
	}
	assert_int_equal(observer_methods(f->observer, 1, methods), 0); /* psi has but one */
}

static void missing_files_make_a_source_unavailable_with_a_remedy(void **state)
{
	struct fixture *f = *state;

	run("rm -r %s/proc %s", f->folder, "");
	run("rm -r %s/sys %s", f->folder, "");
	start(f, NULL);
	demand_all(f);
	sample(f, T0);
	assert_int_equal(f->frame->n_series, 0);
	assert_int_equal(status_of(f, "psi")->state, SOURCE_UNAVAILABLE);
	assert_non_null(strstr(status_of(f, "psi")->remedy, "psi=1"));
	assert_int_equal(status_of(f, "cpu")->state, SOURCE_UNAVAILABLE);
	assert_int_equal(status_of(f, "memory")->state, SOURCE_UNAVAILABLE);
	assert_int_equal(status_of(f, "block")->state, SOURCE_UNAVAILABLE);
}

static void more_disks_than_the_limit_are_said_in_the_status(void **state)
{
	struct fixture *f = *state;
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s/sys/block && for i in $(seq 1 262); do cp -r vda d$i && echo 259:$i "
		 ">d$i/dev; "
		 "done",
		 f->folder);
	assert_int_equal(system(command), 0);
	demand_all(f);
	sample(f, T0);
	/* 264 disks with sectors: vda, md0 and 262 more. */
	assert_non_null(strstr(status_of(f, "block")->text, "8 disks are over the limit of 256"));
	assert_int_equal(f->frame->losses[LOSS_INSTANCE], 8);
	sample(f, T0 + TICK);
	assert_int_equal(f->frame->losses[LOSS_INSTANCE], 16);
	assert_true(f->frame->n_series <= FRAME_SERIES_MAX);
}

static void sampling_is_accounted_for(void **state)
{
	struct fixture *f = *state;

	two_states(f);
	assert_int_equal(status_of(f, "memory")->samples, 2);
	assert_true(status_of(f, "memory")->sample_ns > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_signal_has_a_row_with_a_unique_name_and_a_source),
		TEST(a_source_that_few_need_is_optional),
		TEST(the_first_frame_is_a_baseline_in_which_nothing_is_valid),
		TEST(disk_counters_are_the_difference_of_two_states),
		TEST(without_bpf_a_latency_has_count_and_sum_only),
		TEST(pressure_is_the_share_of_the_tick),
		TEST(cpu_shares_add_up_to_one),
		TEST(memory_levels_are_bytes_and_counts_are_differences),
		TEST(each_kind_of_scope_of_a_signal_has_one_source),
		TEST(each_cpu_has_shares_of_its_own),
		TEST(each_node_has_levels_of_its_own),
		TEST(each_control_group_has_pressure_of_its_own),
		TEST(a_group_of_the_same_name_that_comes_again_begins_anew),
		TEST(control_groups_of_v1_have_no_pressure_and_the_source_says_so),
		TEST(a_loop_device_without_a_file_is_no_disk),
		TEST(a_disk_that_comes_has_a_baseline_and_one_that_goes_disappears),
		TEST(only_what_is_demanded_is_in_the_frame),
		TEST(a_change_of_demand_begins_with_a_new_baseline_and_the_same_demand_does_not),
		TEST(of_a_thinned_source_an_increase_is_the_mean_of_a_tick_and_does_not_count),
		TEST(a_dropped_source_is_detached_and_comes_back_with_a_baseline),
		TEST(a_source_that_hung_is_left_out_and_comes_back_with_a_baseline),
		TEST(where_the_observer_is_it_says),
		TEST(a_wrong_demand_is_refused_and_the_old_one_stays),
		TEST(garbage_is_an_invalid_series_and_a_counted_loss),
		TEST(counters_that_go_back_are_garbage),
		TEST(a_disk_whose_queue_does_not_count_has_no_valid_counters),
		TEST(without_btf_the_block_source_says_so_and_falls_back),
		TEST(a_forced_method_that_does_not_work_is_unavailable),
		TEST(a_method_is_forced_by_its_name_and_a_wrong_one_names_the_possible_ones),
		TEST(every_method_is_named_with_the_reason_why_it_does_not_work),
		TEST(missing_files_make_a_source_unavailable_with_a_remedy),
		TEST(more_disks_than_the_limit_are_said_in_the_status),
		TEST(sampling_is_accounted_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
