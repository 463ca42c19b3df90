// SPDX-License-Identifier: Apache-2.0
/*
 * The block source against fio, on a loop disk over a file of its own in memory, so that no other disk has a part in
 * it: what fio says it did is what flyball saw, or says that it did not see.
 *
 * Counts and bytes must agree exactly: a kernel that runs no programs in some contexts (see bpf/block.bpf.c) makes
 * losses, and they are part of the count, but no more than 1 %. The sum of latencies must be the kernel's own, whose stat
 * file adds up the same durations. Percentiles must lie inside fio's: its completion latency begins at its system
 * call and ends when the waiting task runs again, however late that is on a busy machine. 5 % are for the buckets
 * of both (3.1 % and 1.6 %).
 */
#include <bpf/bpf.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_US 100000
#define DISK_MIB "128"
#define MEMORY_FOLDER "/dev/shm"

struct truth {
	char folder[64], disk[64];
	char later[64]; /* a second disk, made by a test; "" */
	int root;
	struct observer *observer;
	struct frame *frame;
	char skip[256]; /* why nothing can be tested here; "" */
};

/* What was seen over many ticks. */
struct seen {
	double bytes[2], ops[2];
	struct hist latency[2], service;
	uint64_t lossy;
	uint64_t lost; /* LOSS_EVENT since the demand */
};

static int shell(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

static void read_line(const char *command, char *line, int size)
{
	FILE *pipe = popen(command, "r");

	line[0] = '\0';
	if (!pipe)
		return;
	if (fgets(line, size, pipe))
		line[strcspn(line, "\n")] = '\0';
	pclose(pipe);
}

/* A loop disk over a file of its own; its name, or "" with why not in t->skip. */
static void make_disk(struct truth *t, const char *file, char name[64])
{
	char command[512], line[64];

	name[0] = '\0';
	snprintf(command, sizeof(command),
		 "cd '%s' && truncate -s " DISK_MIB "M %s && losetup -f --show $PWD/%s 2>/dev/null",
		 t->folder, file, file);
	read_line(command, line, sizeof(line));
	if (strncmp(line, "/dev/", 5))
		strcpy(t->skip, "no loop device over a file in " MEMORY_FOLDER);
	else
		memcpy(name, line + 5, strlen(line + 5) + 1);
}

static void make_first_disk(struct truth *t)
{
	strcpy(t->folder, MEMORY_FOLDER "/flyball-truth-XXXXXX");
	if (mkdtemp(t->folder)) {
		make_disk(t, "disk", t->disk);
	} else {
		t->folder[0] = '\0';
		strcpy(t->skip, "no folder in " MEMORY_FOLDER);
	}
}

static int setup(void **state)
{
	struct observer_options options = { 0 };
	struct source_status status[SOURCES_MAX];
	struct truth *t = calloc(1, sizeof(*t));

	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	if (observer_new(&options, &t->observer) < 0)
		return -1;
	observer_sources(t->observer, status);
	if (geteuid() != 0)
		strcpy(t->skip, "not root");
	else if (strcmp(status[0].method, "tp_btf"))
		snprintf(t->skip, sizeof(t->skip), "%s", status[0].text);
	else if (shell("command -v fio >/dev/null && command -v losetup >/dev/null"))
		strcpy(t->skip, "fio or losetup is missing");
	else
		make_first_disk(t);
	return 0;
}

static int teardown(void **state)
{
	struct truth *t = *state;

	observer_free(t->observer);
	if (t->disk[0])
		shell("losetup -d /dev/%s", t->disk);
	if (t->later[0])
		shell("losetup -d /dev/%s", t->later);
	if (t->folder[0])
		shell("rm -rf '%s'", t->folder);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

static bool cannot(const struct truth *t)
{
	if (t->skip[0])
		print_message("skipped: %s\n", t->skip);
	return t->skip[0];
}

static void demand_of(struct truth *t, const char *disk, const uint32_t *signals, size_t n)
{
	struct demand demands[SIGNAL_ID_COUNT] = { 0 };

	for (size_t i = 0; i < n; i++) {
		demands[i].signal = signals[i];
		demands[i].scope.kind = SCOPE_DISK;
		strcpy(demands[i].scope.name, disk);
	}
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
}

static void demand(struct truth *t, const uint32_t *signals, size_t n)
{
	demand_of(t, t->disk, signals, n);
}

static struct source_status block_status(struct truth *t)
{
	struct source_status status[SOURCES_MAX];

	observer_sources(t->observer, status);
	return status[0];
}

static void sample(struct truth *t, struct seen *seen)
{
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	seen->lost = t->frame->losses[LOSS_EVENT];
	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		if (!(series->flags & SERIES_VALID))
			continue;
		seen->lossy += (series->flags & SERIES_LOSSY) != 0;
		switch (series->signal) {
		case SIGNAL_DISK_READ_BYTES:
			seen->bytes[0] += series->value;
			break;
		case SIGNAL_DISK_WRITE_BYTES:
			seen->bytes[1] += series->value;
			break;
		case SIGNAL_DISK_READ_OPS:
			seen->ops[0] += series->value;
			break;
		case SIGNAL_DISK_WRITE_OPS:
			seen->ops[1] += series->value;
			break;
		case SIGNAL_DISK_READ_LATENCY:
			hist_merge(&seen->latency[0], series->hist);
			break;
		case SIGNAL_DISK_WRITE_LATENCY:
			hist_merge(&seen->latency[1], series->hist);
			break;
		case SIGNAL_DISK_READ_SERVICE:
			hist_merge(&seen->service, series->hist);
			break;
		default:
			break;
		}
	}
}

/* Runs fio on the disk, sampling all the while; the caller frees the report. */
static json_t *run_fio(struct truth *t, struct seen *seen, const char *arguments)
{
	char path[128];
	json_t *report;
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/fio.json", t->folder);
	sample(t, seen); /* the baseline */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(shell("cd %s && fio --filename=/dev/%s --direct=1 --size=" DISK_MIB
			    "M --norandommap --randrepeat=0 "
			    "--output-format=json --output=%s %s >/dev/null 2>&1",
			    t->folder, t->disk, path, arguments)
			      ? 1
			      : 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		usleep(TICK_US);
		sample(t, seen);
	}
	assert_int_equal(status, 0);
	sample(t, seen);
	report = json_load_file(path, 0, NULL);
	assert_non_null(report);
	return report;
}

static json_t *job(json_t *report, size_t i, const char *side)
{
	return json_object_get(json_array_get(json_object_get(report, "jobs"), i), side);
}

static double number(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double percentile(json_t *side, const char *which)
{
	return number(json_object_get(json_object_get(side, "clat_ns"), "percentile"), which);
}

static void counts_and_bytes_agree_exactly_with_fio(void **state)
{
	static const uint32_t signals[] = {
		SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_SERVICE, SIGNAL_DISK_WRITE_LATENCY,
		SIGNAL_DISK_READ_OPS,     SIGNAL_DISK_WRITE_OPS,    SIGNAL_DISK_READ_BYTES,
		SIGNAL_DISK_WRITE_BYTES,
	};
	static struct seen seen;
	struct truth *t = *state;
	json_t *report;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	assert_int_equal(block_status(t).state, SOURCE_ATTACHED);
	report = run_fio(t, &seen,
			 "--ioengine=psync --bs=4k "
			 "--name=r --rw=randread --number_ios=3000 --rate_iops=2000 "
			 "--name=w --rw=randwrite --number_ios=1500 --rate_iops=1000");
	assert_true(number(job(report, 0, "read"), "total_ios") == 3000);
	assert_true(seen.ops[0] == 3000);
	assert_true(seen.ops[1] == number(job(report, 1, "write"), "total_ios"));
	assert_true(seen.bytes[0] == number(job(report, 0, "read"), "io_bytes"));
	assert_true(seen.bytes[1] == number(job(report, 1, "write"), "io_bytes"));
	print_message("%" PRIu64 " of 4500 requests were not seen\n", seen.lost);
	assert_int_equal(seen.latency[0].count + seen.latency[1].count + seen.lost, 4500);
	assert_true(seen.lost <= 45);
	assert_true(seen.latency[0].count <= 3000 && seen.latency[1].count <= 1500);
	assert_int_equal(seen.service.count + t->frame->losses[LOSS_ORPHAN_END],
			 seen.latency[0].count);
	json_decref(report);
}

/* The kernel's own sum of the reads' latencies. */
static double read_ms(const struct truth *t)
{
	char command[128], line[256];
	double ms = NAN;

	snprintf(command, sizeof(command), "cat /sys/block/%s/stat", t->disk);
	read_line(command, line, sizeof(line));
	assert_int_equal(sscanf(line, "%*s %*s %*s %lf", &ms), 1);
	return ms;
}

static void latencies_add_up_to_the_kernels_sum_and_lie_inside_those_of_fio(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY };
	static const char *const names[] = { "50.000000", "99.000000" };
	static const double shares[] = { 0.50, 0.99 };
	static struct seen seen;
	struct truth *t = *state;
	json_t *report;
	double ms;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	ms = read_ms(t);
	report = run_fio(t, &seen,
			 "--ioengine=psync --thread --numjobs=32 --group_reporting --bs=512k "
			 "--name=r --rw=randread "
			 "--runtime=1 --time_based");
	ms = read_ms(t) - ms;
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		double theirs = percentile(job(report, 0, "read"), names[i]);
		double ours = hist_quantile(&seen.latency[0], shares[i]);

		print_message("p%s: fio %.0f us, flyball %.0f us\n", names[i], theirs / 1e3,
			      ours / 1e3);
		assert_true(ours < theirs * 1.05);
	}
	print_message("sum: kernel %.0f ms, flyball %.0f ms\n", ms,
		      (double)seen.latency[0].sum / 1e6);
	assert_true(fabs((double)seen.latency[0].sum / 1e6 / ms - 1) < 0.03);
	assert_true((double)(seen.latency[0].count + seen.lost) ==
		    number(job(report, 0, "read"), "total_ios"));
	assert_true(seen.lost * 100 <= seen.latency[0].count);
	json_decref(report);
}

/* They are writes to the stat file, and nothing to measure; so are zeroes, unless the disk must be sent them. */
static void flushes_and_zeroes_without_data_are_not_taken_for_lost(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_WRITE_LATENCY, SIGNAL_DISK_WRITE_OPS };
	static struct seen seen;
	struct truth *t = *state;
	json_t *report;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	report = run_fio(t, &seen,
			 "--ioengine=psync --bs=4k --fsync=1 --name=w --rw=randwrite "
			 "--number_ios=1000");
	assert_int_equal(shell("blkdiscard -z -o 1048576 -l 8388608 /dev/%s", t->disk), 0);
	sample(t, &seen);
	print_message("1000 writes, %.0f by the stat file, %" PRIu64 " measured, %" PRIu64
		      " not seen\n",
		      seen.ops[1], seen.latency[1].count, seen.lost);
	assert_true(seen.ops[1] > 2000); /* else this tests nothing */
	assert_true((double)(seen.latency[1].count + seen.lost) <= seen.ops[1] - 1000);
	assert_true(seen.latency[1].count + seen.lost >= 1000);
	assert_true(seen.lost <= 19);
	json_decref(report);
}

/* Empties the programs' table of disks behind the observer's back, by its own descriptor of their data. */
static bool blind_the_programs(void)
{
	for (int fd = 3; fd < 256; fd++) {
		struct bpf_map_info info = { 0 };
		uint32_t length = sizeof(info), key = 0;
		char *zeroes;
		int r;

		if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || !strstr(info.name, ".bss"))
			continue;
		zeroes = calloc(1, info.value_size);
		r = bpf_map_update_elem(fd, &key, zeroes, BPF_ANY);
		free(zeroes);
		return r == 0;
	}
	return false;
}

static void ends_that_the_programs_do_not_see_are_counted_and_make_the_tick_lossy(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_OPS };
	static struct seen seen;
	struct truth *t = *state;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	sample(t, &seen);
	assert_true(blind_the_programs());
	json_decref(run_fio(t, &seen,
			    "--ioengine=psync --bs=4k --name=r --rw=randread --number_ios=1000"));
	assert_true(seen.ops[0] == 1000);
	assert_int_equal(seen.latency[0].count, 0);
	assert_int_equal(seen.lost, 1000);
	assert_true(seen.lossy > 0);
}

static void a_disk_that_comes_later_gets_histograms_without_a_change_of_demand(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY };
	static struct seen seen;
	struct truth *t = *state;
	char first[64];

	if (cannot(t))
		skip();
	demand_of(t, "loop*", signals, ARRAY_SIZE(signals));
	sample(t, &seen);
	make_disk(t, "later", t->later);
	assert_true(t->later[0]);
	usleep(1100000); /* disks are looked for once a second */
	sample(t, &seen);
	strcpy(first, t->disk);
	strcpy(t->disk, t->later);
	seen = (struct seen){ 0 };
	json_decref(run_fio(t, &seen,
			    "--ioengine=psync --bs=4k --name=r --rw=randread --number_ios=1000"));
	strcpy(t->disk, first);
	assert_true(seen.latency[0].count + seen.lost >= 1000);
	assert_true(seen.latency[0].count >= 990);
}

static size_t open_bpf_files(void)
{
	char line[32];

	read_line("ls -l /proc/$PPID/fd | grep -c 'anon_inode:\\[\\?bpf'", line, sizeof(line));
	return (size_t)atoi(line);
}

static void without_a_demand_for_distributions_nothing_is_attached(void **state)
{
	static const uint32_t latency[] = { SIGNAL_DISK_READ_LATENCY },
			      ops[] = { SIGNAL_DISK_READ_OPS };
	struct truth *t = *state;

	if (cannot(t))
		skip();
	demand(t, latency, 1);
	assert_true(open_bpf_files() > 0);
	demand(t, ops, 1);
	assert_int_equal(open_bpf_files(), 0);
	demand(t, latency, 1);
	assert_true(open_bpf_files() > 0);
	demand(t, NULL, 0);
	assert_int_equal(open_bpf_files(), 0);
	assert_int_equal(block_status(t).state, SOURCE_IDLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_and_bytes_agree_exactly_with_fio),
		TEST(latencies_add_up_to_the_kernels_sum_and_lie_inside_those_of_fio),
		TEST(without_a_demand_for_distributions_nothing_is_attached),
		TEST(flushes_and_zeroes_without_data_are_not_taken_for_lost),
		TEST(ends_that_the_programs_do_not_see_are_counted_and_make_the_tick_lossy),
		TEST(a_disk_that_comes_later_gets_histograms_without_a_change_of_demand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
