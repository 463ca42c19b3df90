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
 *
 * All of it by each method that works here; those that do not are named with the reason. It runs in a mount namespace
 * of its own, with tracefs and a memory file system where the machine has none.
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
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "bpf/block.h"
#include "observer/observer.h"
#include "tests/native/truth_methods.h"

#define TICK_US 100000
#define DISK_MIB "128"
#define TRACEFS "/sys/kernel/tracing"
#define TESTS_MAX 64

struct truth {
	const char *method;
	char force[64];
	char folder[64], disk[64];
	char later[64]; /* a second disk, made by a test; "" */
	char null[64];  /* the first one's name while `disk` is a null_blk; "" */
	int root;
	struct observer *observer;
	struct frame *frame;
	char skip[256]; /* why nothing can be tested here; "" */
};

/* What was seen over many ticks. */
struct seen {
	double bytes[2], ops[2];
	struct hist latency[2], queue, service;
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
		strcpy(t->skip, "no loop device over a file in memory");
	else
		memcpy(name, line + 5, strlen(line + 5) + 1);
}

static void make_first_disk(struct truth *t)
{
	strcpy(t->folder, "/tmp/flyball-truth-XXXXXX");
	if (!mkdtemp(t->folder)) {
		t->folder[0] = '\0';
		strcpy(t->skip, "no folder in /tmp");
	} else if (mount("none", t->folder, "tmpfs", 0, NULL) < 0) {
		strcpy(t->skip, "no memory file system");
	} else {
		make_disk(t, "disk", t->disk);
	}
}

/* The initial state is the name of the method. */
static int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { .force = t->force };

	t->method = *state;
	snprintf(t->force, sizeof(t->force), "block=%s", t->method);
	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	if (observer_new(&options, &t->observer) < 0)
		return -1;
	if (shell("command -v fio >/dev/null && command -v losetup >/dev/null"))
		strcpy(t->skip, "fio or losetup is missing");
	else
		make_first_disk(t);
	return 0;
}

static void null_disk_end(struct truth *t);

static int teardown(void **state)
{
	struct truth *t = *state;

	null_disk_end(t);
	observer_free(t->observer);
	if (t->disk[0])
		shell("losetup -d /dev/%s", t->disk);
	if (t->later[0])
		shell("losetup -d /dev/%s", t->later);
	if (t->folder[0]) {
		umount2(t->folder, MNT_DETACH);
		rmdir(t->folder);
	}
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
		case SIGNAL_DISK_READ_QUEUE:
			hist_merge(&seen->queue, series->hist);
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
		SIGNAL_DISK_READ_LATENCY,  SIGNAL_DISK_READ_QUEUE,  SIGNAL_DISK_READ_SERVICE,
		SIGNAL_DISK_WRITE_LATENCY, SIGNAL_DISK_READ_OPS,    SIGNAL_DISK_WRITE_OPS,
		SIGNAL_DISK_READ_BYTES,    SIGNAL_DISK_WRITE_BYTES,
	};
	struct seen seen = { 0 };
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
	assert_int_equal(seen.latency[0].count + seen.latency[1].count + seen.lost +
				 t->frame->losses[LOSS_ORPHAN_END],
			 4500);
	assert_true(seen.lost + t->frame->losses[LOSS_ORPHAN_END] <= 45);
	assert_true(seen.latency[0].count <= 3000 && seen.latency[1].count <= 1500);
	assert_int_equal(seen.queue.count, seen.latency[0].count);
	assert_int_equal(seen.service.count, seen.latency[0].count);
	assert_int_equal(seen.queue.sum + seen.service.sum, seen.latency[0].sum);
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
	struct seen seen = { 0 };
	struct truth *t = *state;
	json_t *report;
	double ms;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	ms = read_ms(t);
	report = run_fio(t, &seen,
			 "--ioengine=psync --thread --numjobs=32 --group_reporting --bs=512k "
			 "--blockalign=4k --name=r --rw=randread "
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
	/* No two reads of one sector at once, or hardly any: plain tracepoints could not tell them apart. */
	assert_true(
		(double)(seen.latency[0].count + seen.lost + t->frame->losses[LOSS_ORPHAN_END]) ==
		number(job(report, 0, "read"), "total_ios"));
	assert_true((seen.lost + t->frame->losses[LOSS_ORPHAN_END]) * 100 <= seen.latency[0].count);
	json_decref(report);
}

/* They are writes to the stat file, and nothing to measure; so are zeroes, unless the disk must be sent them. */
static void flushes_and_zeroes_without_data_are_not_taken_for_lost(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_WRITE_LATENCY, SIGNAL_DISK_WRITE_OPS };
	struct seen seen = { 0 };
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

/* Writes a word of what user space tells the programs behind the observer's back, by its own descriptor. */
static bool shared_write(size_t offset, uint64_t value)
{
	for (int fd = 3; fd < 256; fd++) {
		struct bpf_map_info info = { 0 };
		uint32_t length = sizeof(info);
		char *memory;

		if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || !strstr(info.name, ".bss"))
			continue;
		memory = mmap(NULL, sizeof(struct block_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0);
		if (memory == MAP_FAILED)
			return false;
		memcpy(memory + offset, &value, sizeof(value));
		munmap(memory, sizeof(struct block_shared));
		return true;
	}
	return false;
}

/* Empties the programs' table of disks. */
static bool blind_the_programs(void)
{
	bool done = true;

	for (size_t i = 0; i < BLOCK_TABLE; i++)
		done &= shared_write(offsetof(struct block_shared, places) + i * sizeof(uint64_t),
				     0);
	return done;
}

static void ends_that_the_programs_do_not_see_are_counted_and_make_the_tick_lossy(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_OPS };
	struct seen seen = { 0 };
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
	struct seen seen = { 0 };
	struct truth *t = *state;
	char first[64];

	if (cannot(t))
		skip();
	demand_of(t, "loop*", signals, ARRAY_SIZE(signals));
	sample(t, &seen);
	make_disk(t, "later", t->later);
	assert_true(t->later[0]);
	usleep(2100000); /* disks are looked for every two seconds */
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

/* Descriptors of this process that are one of the kernel's `bpf-prog`, `bpf-map`, `bpf_link`, or any of them. */
static size_t open_bpf_files(const char *kind)
{
	char command[128], line[32];

	snprintf(command, sizeof(command),
		 "ls -l /proc/$PPID/fd | grep -c 'anon_inode:\\[\\?bpf%s'", kind);
	read_line(command, line, sizeof(line));
	return (size_t)atoi(line);
}

static void read_some(struct truth *t, struct seen *seen)
{
	json_decref(run_fio(t, seen,
			    "--ioengine=libaio --iodepth=16 --bs=4k --name=r --rw=randread "
			    "--number_ios=2000 --rate_iops=5000"));
}

static void say_stages(const char *whose, const struct seen *seen)
{
	print_message("%s: queue p50 %.1f us, service p50 %.1f us\n", whose,
		      hist_quantile(&seen->queue, 0.5) / 1e3,
		      hist_quantile(&seen->service, 0.5) / 1e3);
}

/* Every request has its queue and service time either way, but those of the first tick after the kernel stopped. */
static void a_program_at_issue_is_attached_only_where_the_kernel_does_not_stamp_it(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_QUEUE, SIGNAL_DISK_READ_SERVICE },
			      latency[] = { SIGNAL_DISK_READ_LATENCY };
	struct seen kernels = { 0 }, turn = { 0 }, own = { 0 };
	struct truth *t = *state;
	uint64_t orphans;
	size_t links;

	if (cannot(t))
		skip();
	if (strcmp(t->method, "tp_btf") && strcmp(t->method, "fentry"))
		skip(); /* the others cannot come and go between two ticks */
	demand(t, latency, 1);
	links = open_bpf_files("[-_]link");
	demand(t, signals, ARRAY_SIZE(signals));
	assert_int_equal(open_bpf_files("[-_]link"), links + 1);
	read_some(t, &kernels);
	if (open_bpf_files("[-_]link") > links) {
		print_message("skipped: this kernel does not stamp the issue\n");
		skip();
	}
	assert_int_equal(kernels.service.count + kernels.lost, 2000);
	assert_int_equal(t->frame->losses[LOSS_ORPHAN_END], 0);
	assert_true(shared_write(offsetof(struct block_shared, own_stamps), 1));
	read_some(t, &turn);
	assert_int_equal(open_bpf_files("[-_]link"), links + 1);
	orphans = t->frame->losses[LOSS_ORPHAN_END];
	assert_true(orphans > 0 && orphans < 2000);
	assert_true(turn.lossy > 0);
	assert_int_equal(turn.service.count + orphans + turn.lost - kernels.lost, 2000);
	read_some(t, &own);
	assert_int_equal(t->frame->losses[LOSS_ORPHAN_END], orphans);
	assert_int_equal(own.service.count + own.lost - turn.lost, 2000);
	say_stages("the kernel's stamps", &kernels);
	say_stages("our own", &own);
}

static void without_a_demand_for_distributions_nothing_is_attached(void **state)
{
	static const uint32_t latency[] = { SIGNAL_DISK_READ_LATENCY },
			      ops[] = { SIGNAL_DISK_READ_OPS };
	struct truth *t = *state;

	if (cannot(t))
		skip();
	demand(t, latency, 1);
	assert_true(open_bpf_files("") > 0);
	demand(t, ops, 1);
	assert_int_equal(open_bpf_files(""), 0);
	demand(t, latency, 1);
	assert_true(open_bpf_files("") > 0);
	demand(t, NULL, 0);
	assert_int_equal(open_bpf_files(""), 0);
	assert_int_equal(block_status(t).state, SOURCE_IDLE);
}

/* Bios that follow each other up and down the disk, held back so that they merge: by their ends and by their starts. */
static void requests_of_several_merged_bios_are_measured_once(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_WRITE_LATENCY, SIGNAL_DISK_WRITE_OPS };
	static const char *const directions[] = { "write", "write:-8k" };
	struct seen seen = { 0 };
	struct truth *t = *state;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		char arguments[256];

		snprintf(arguments, sizeof(arguments),
			 "--ioengine=libaio --iodepth=32 --iodepth_batch=32 "
			 "--iodepth_batch_complete_min=32 --bs=4k --offset=%s "
			 "--number_ios=4096 --name=w --rw=%s",
			 i ? "64M" : "0", directions[i]);
		json_decref(run_fio(t, &seen, arguments));
	}
	print_message("8192 writes, %.0f requests, %" PRIu64 " measured, %" PRIu64
		      " without a start, %" PRIu64 " not seen\n",
		      seen.ops[1], seen.latency[1].count, t->frame->losses[LOSS_ORPHAN_END],
		      seen.lost);
	assert_true(seen.ops[1] < 6000); /* else nothing was merged */
	assert_true(seen.latency[1].count + seen.lost + t->frame->losses[LOSS_ORPHAN_END] ==
		    seen.ops[1]);
	assert_true((seen.lost + t->frame->losses[LOSS_ORPHAN_END]) * 100 <= seen.ops[1]);
}

/* Plain tracepoints cannot tell them apart, and must say so; the others can. */
static void reads_of_one_sector_at_once_are_never_taken_for_each_other(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_OPS };
	struct seen seen = { 0 };
	struct truth *t = *state;
	uint64_t orphans;

	if (cannot(t))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	json_decref(run_fio(t, &seen,
			    "--ioengine=libaio --iodepth=16 --iodepth_batch=16 --bs=4k --size=4k "
			    "--time_based --runtime=1 --rate_iops=2000 --name=r --rw=randread"));
	orphans = t->frame->losses[LOSS_ORPHAN_END];
	print_message("%.0f reads, %" PRIu64 " measured, %" PRIu64 " without a start\n",
		      seen.ops[0], seen.latency[0].count, orphans);
	assert_true(seen.ops[0] > 1000);
	assert_true(seen.latency[0].count + seen.lost + orphans == seen.ops[0]);
	if (strcmp(t->method, "tracepoint"))
		assert_int_equal(orphans, 0);
	else
		assert_true(orphans > 0);
}

/* A disk that completes each request after a set time; loaded for a test and unloaded. False where there is no such module. */
static bool null_disk(struct truth *t, const char *parameters)
{
	if (access("/sys/module/null_blk", F_OK) == 0 ||
	    shell("modprobe -q null_blk nr_devices=1 gb=1 queue_mode=2 %s", parameters)) {
		print_message("skipped: no module null_blk, or it is in use\n");
		return false;
	}
	strcpy(t->null, t->disk);
	strcpy(t->disk, "nullb0");
	return true;
}

static void null_disk_end(struct truth *t)
{
	if (!t->null[0])
		return;
	demand(t, NULL, 0);
	shell("rmmod null_blk");
	strcpy(t->disk, t->null);
	t->null[0] = '\0';
}

/* The p99 of fio is of two reads in 200, which an emulated machine may wake up for long after their end. */
static void percentiles_are_those_that_the_disk_was_set_to(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_SERVICE };
	static const char *const names[] = { "50.000000", "99.000000" };
	static const double shares[] = { 0.50, 0.99 }, set_ns = 50e6;
	struct seen seen = { 0 };
	struct truth *t = *state;
	json_t *report;

	if (cannot(t) || !null_disk(t, "irqmode=2 completion_nsec=50000000"))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	report = run_fio(t, &seen,
			 "--ioengine=psync --bs=4k --name=r --rw=randread --number_ios=200");
	null_disk_end(t);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		double theirs = percentile(job(report, 0, "read"), names[i]);
		double ours = hist_quantile(&seen.latency[0], shares[i]);
		double service = hist_quantile(&seen.service, shares[i]);

		print_message("p%s: set %.1f ms, fio %.1f ms, flyball %.1f ms, service %.1f ms\n",
			      names[i], set_ns / 1e6, theirs / 1e6, ours / 1e6, service / 1e6);
		assert_true(ours < theirs * 1.10);
		assert_true(i > 0 || ours > theirs * 0.90);
		assert_true(ours > set_ns * 0.97 && service > set_ns * 0.97);
		assert_true(service < ours * 1.04);
	}
	assert_int_equal(seen.latency[0].count, 200);
	json_decref(report);
}

/* Polled requests of one queue are ended by blk_mq_end_request_batch(). */
static void requests_that_are_ended_together_are_seen(void **state)
{
	static const uint32_t signals[] = { SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_OPS };
	struct seen seen = { 0 };
	struct truth *t = *state;

	if (cannot(t) || !null_disk(t, "irqmode=0 poll_queues=1"))
		skip();
	demand(t, signals, ARRAY_SIZE(signals));
	json_decref(run_fio(t, &seen,
			    "--ioengine=io_uring --hipri=1 --iodepth=16 --bs=4k --name=r "
			    "--rw=randread --number_ios=4000"));
	null_disk_end(t);
	print_message("%.0f reads, %" PRIu64 " measured, %" PRIu64 " not seen\n", seen.ops[0],
		      seen.latency[0].count, seen.lost);
	assert_true(seen.ops[0] == 4000);
	assert_int_equal(seen.latency[0].count + t->frame->losses[LOSS_ORPHAN_END], 4000);
	assert_true(t->frame->losses[LOSS_ORPHAN_END] <= 40);
	assert_int_equal(seen.lost, 0);
}

#define TEST(name)                          \
	{                                   \
		.title = #name, .run = name \
	}

static const struct {
	const char *title;
	CMUnitTestFunction run;
} truths[] = {
	TEST(counts_and_bytes_agree_exactly_with_fio),
	TEST(latencies_add_up_to_the_kernels_sum_and_lie_inside_those_of_fio),
	TEST(without_a_demand_for_distributions_nothing_is_attached),
	TEST(a_program_at_issue_is_attached_only_where_the_kernel_does_not_stamp_it),
	TEST(requests_of_several_merged_bios_are_measured_once),
	TEST(reads_of_one_sector_at_once_are_never_taken_for_each_other),
	TEST(percentiles_are_those_that_the_disk_was_set_to),
	TEST(requests_that_are_ended_together_are_seen),
	TEST(flushes_and_zeroes_without_data_are_not_taken_for_lost),
	TEST(ends_that_the_programs_do_not_see_are_counted_and_make_the_tick_lossy),
	TEST(a_disk_that_comes_later_gets_histograms_without_a_change_of_demand),
};

/* Mounts that nobody else sees. */
static bool enter_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       (access(TRACEFS "/events", F_OK) == 0 ||
		mount("none", TRACEFS, "tracefs", 0, NULL) == 0);
}

/* test_block_truth [METHOD [PART OF A NAME]] */
int main(int argc, char **argv)
{
	static struct source_status methods[SOURCE_METHODS_MAX];
	static char titles[TESTS_MAX][128];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n = 0, n_methods;

	if (geteuid() != 0 || !enter_namespace()) {
		print_message("skipped: not root, or no mount namespace of its own\n");
		return 77;
	}
	shell("modprobe -q loop 2>/dev/null");
	n_methods = truth_methods("block", methods);
	/* The last one is the stat file itself. */
	for (size_t i = 0; i + 1 < n_methods; i++) {
		if (argc > 1 && strcmp(argv[1], methods[i].method))
			continue;
		if (methods[i].state == SOURCE_UNAVAILABLE)
			print_message("not by %s: %s\n", methods[i].method, methods[i].text);
		for (size_t j = 0; methods[i].state != SOURCE_UNAVAILABLE && j < ARRAY_SIZE(truths);
		     j++) {
			if (argc > 2 && !strstr(truths[j].title, argv[2]))
				continue;
			snprintf(titles[n], sizeof(titles[n]), "%s: %s", methods[i].method,
				 truths[j].title);
			tests[n] = (struct CMUnitTest){ titles[n], truths[j].run, setup, teardown,
							methods[i].method };
			n++;
		}
	}
	if (n == 0) {
		print_message("no method of the block source works here\n");
		return 1;
	}
	return _cmocka_run_group_tests("block truth", tests, n, NULL, NULL);
}
