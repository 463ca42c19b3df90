// SPDX-License-Identifier: Apache-2.0
/*
 * What the block source costs: bench_block [SECONDS [block=METHOD]], a line of JSON a case.
 *
 * The observer itself runs, with its own programs, beside fio on a loop disk of its own. The disk's file lies in
 * memory: over a file of a real disk, that disk's requests would run the programs, too. The kernel counts the
 * programs' run times (BPF_ENABLE_STATS), which itself adds some 30 ns a run. The share of the machine is that of
 * 50,000 requests a second, with the ticks' user-space time at ten ticks a second.
 *
 * Nothing is left behind: the file is unlinked and the loop device clears itself with its last user, also on a signal.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define DISK_BYTES (128ull << 20)
#define TICK_US 100000
#define TICKS_PER_SECOND 10.0
#define SECONDS_DEFAULT 3
#define REFERENCE_IOPS 50000.0
#define LOOP_TRIES 8 /* another process may take the free device first */

struct bench {
	struct observer *observer;
	struct frame *frame;
	int disk_fd; /* keeps the loop device, which clears itself at its last close */
	char disk[32];
	const char *seconds;
};

struct bench_case {
	const char *name;
	const uint32_t *signals;
	size_t n_signals;
};

static const uint32_t all_signals[] = {
	SIGNAL_DISK_READ_LATENCY, SIGNAL_DISK_READ_QUEUE,    SIGNAL_DISK_READ_SERVICE,
	SIGNAL_DISK_READ_BYTES,   SIGNAL_DISK_READ_OPS,      SIGNAL_DISK_WRITE_LATENCY,
	SIGNAL_DISK_WRITE_QUEUE,  SIGNAL_DISK_WRITE_SERVICE, SIGNAL_DISK_WRITE_BYTES,
	SIGNAL_DISK_WRITE_OPS,    SIGNAL_DISK_INFLIGHT,      SIGNAL_DISK_BUSY,
};
static const uint32_t latency[] = { SIGNAL_DISK_READ_LATENCY };

static const struct bench_case cases[] = {
	{ .name = "all signals", .signals = all_signals, .n_signals = ARRAY_SIZE(all_signals) },
	{ .name = "latency only", .signals = latency, .n_signals = ARRAY_SIZE(latency) },
	{ .name = "nothing demanded" },
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = number;
}

static int die(const char *what, int error)
{
	fprintf(stderr, "bench_block: unable to %s: %s\n", what, strerror(-error));
	return EXIT_FAILURE;
}

/* Opens a loop device over the file; it clears itself when nobody has it open any more. */
static int loop_open(int file, char name[32])
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	const struct loop_config config = {
		.fd = (uint32_t)file,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};

	if (control < 0)
		return -errno;
	for (int i = 0; i < LOOP_TRIES; i++) {
		_cleanup_close_ int fd = -1;
		char path[32];
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number < 0)
			return -errno;
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			snprintf(name, 32, "loop%d", number);
			return take_fd(&fd);
		}
		if (errno != EBUSY)
			return -errno;
	}
	return -EBUSY;
}

static int disk_make(struct bench *bench)
{
	_cleanup_close_ int file = memfd_create("flyball-bench", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, DISK_BYTES) < 0)
		return -errno;
	bench->disk_fd = loop_open(file, bench->disk);
	return bench->disk_fd < 0 ? bench->disk_fd : 0;
}

/* Programs and links among this process's descriptors: what is attached, by the kernel's own list. */
static size_t bpf_attached(void)
{
	size_t n = 0;

	for (int fd = 3; fd < 1024; fd++) {
		char path[64], target[64];
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		n += strstr(target, "bpf-link") || strstr(target, "bpf_link");
	}
	return n;
}

static struct source_status block_status(struct bench *bench)
{
	struct source_status status[SOURCES_MAX];

	observer_sources(bench->observer, status);
	return status[0];
}

static int disk_demand(struct bench *bench, const struct bench_case *which)
{
	struct demand demands[SIGNAL_ID_COUNT] = { 0 };

	for (size_t i = 0; i < which->n_signals; i++) {
		demands[i].signal = which->signals[i];
		demands[i].scope.kind = SCOPE_DISK;
		strcpy(demands[i].scope.name, bench->disk);
	}
	return observer_demand(bench->observer, demands, which->n_signals);
}

/* Completed requests by the stat file. */
static uint64_t disk_requests(const struct bench *bench)
{
	uint64_t reads = 0, writes = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", bench->disk);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64 " %*u %*u %*u %" SCNu64, &reads, &writes) != 2)
		reads = writes = 0;
	fclose(file);
	return reads + writes;
}

static pid_t fio_start(const struct bench *bench)
{
	const pid_t parent = getpid();
	char filename[64], runtime[32];
	pid_t pid = fork();

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	snprintf(filename, sizeof(filename), "--filename=/dev/%s", bench->disk);
	snprintf(runtime, sizeof(runtime), "--runtime=%s", bench->seconds);
	if (!freopen("/dev/null", "w", stdout))
		_exit(EXIT_FAILURE);
	execlp("fio", "fio", "--name=bench", filename, runtime, "--time_based", "--rw=randread",
	       "--bs=4k", "--ioengine=libaio", "--iodepth=16", "--direct=1", "--norandommap",
	       "--thread", (char *)NULL);
	_exit(127);
}

/* Samples until fio ends. Returns 0, or -errno when it failed or a signal came. */
static int fio_watch(struct bench *bench, pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (stopped) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -EINTR;
		}
		usleep(TICK_US);
		observer_sample(bench->observer, clock_now_ns(), bench->frame);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return status == 0 ? 0 : -EIO;
}

/* What one case used. */
struct usage {
	uint64_t requests, elapsed_ns, run_ns, samples, sample_ns, lost;
	size_t attached;
};

static struct usage usage_now(struct bench *bench)
{
	const struct source_status status = block_status(bench);

	return (struct usage){
		.requests = disk_requests(bench),
		.elapsed_ns = clock_now_ns(),
		.run_ns = status.bpf_run_ns,
		.samples = status.samples,
		.sample_ns = status.sample_ns,
		.lost = status.losses[LOSS_EVENT],
		.attached = bpf_attached(),
	};
}

static struct usage usage_since(struct bench *bench, const struct usage *before)
{
	struct usage usage = usage_now(bench);

	usage.requests -= before->requests;
	usage.elapsed_ns -= before->elapsed_ns;
	usage.run_ns -= before->run_ns;
	usage.samples -= before->samples;
	usage.sample_ns -= before->sample_ns;
	usage.lost -= before->lost;
	return usage;
}

static void case_print(const char *name, const struct usage *usage)
{
	const double each = usage->requests ? (double)usage->run_ns / (double)usage->requests : 0;
	const double tick = usage->samples ? (double)usage->sample_ns / (double)usage->samples : 0;
	const double share = (each * REFERENCE_IOPS + tick * TICKS_PER_SECOND) /
			     (double)NSEC_PER_SEC / (double)sysconf(_SC_NPROCESSORS_ONLN);

	printf("{\"case\": \"%s\", \"requests\": %" PRIu64
	       ", \"iops\": %.0f, \"ns_per_request\": %.1f, "
	       "\"tick_us\": %.1f, \"machine_share_at_50k_iops\": %.5f, \"bpf_programs_attached\": "
	       "%zu, "
	       "\"requests_not_seen\": %" PRIu64 "}\n",
	       name, usage->requests,
	       (double)usage->requests * (double)NSEC_PER_SEC / (double)usage->elapsed_ns, each,
	       tick / 1e3, share, usage->attached, usage->lost);
	fflush(stdout);
}

static int case_run(struct bench *bench, const struct bench_case *which)
{
	struct source_status status;
	struct usage usage;
	pid_t pid;
	int r;

	r = disk_demand(bench, which);
	if (r < 0)
		return r;
	status = block_status(bench);
	if (which->n_signals &&
	    (!strcmp(status.method, "procfs") || status.state == SOURCE_UNAVAILABLE)) {
		fprintf(stderr, "bench_block: %s\n", status.text);
		return -EOPNOTSUPP;
	}
	observer_sample(bench->observer, clock_now_ns(), bench->frame);
	usage = usage_now(bench);
	pid = fio_start(bench);
	if (pid < 0)
		return pid;
	r = fio_watch(bench, pid);
	if (r < 0)
		return r;
	usage = usage_since(bench, &usage);
	case_print(which->name, &usage);
	/* No demand must mean no program, and a demand one, or the figures would be of something else. */
	return (which->n_signals > 0) == (usage.attached > 0) ? 0 : -EPROTO;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int root = sysroot_open("/"), stats = -1;
	const struct observer_options options = { .root = root,
						  .force = argc > 2 ? argv[2] : NULL };
	struct bench bench = { .disk_fd = -1 };
	char seconds[16];
	int r = 0;

	snprintf(seconds, sizeof(seconds), "%d", argc > 1 ? atoi(argv[1]) : SECONDS_DEFAULT);
	bench.seconds = seconds;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		return die("have BPF run times counted", -errno);
	bench.frame = malloc(sizeof(*bench.frame));
	if (!bench.frame || root < 0)
		return die("begin", -ENOMEM);
	r = observer_new(&options, &bench.observer);
	if (r == 0)
		r = disk_make(&bench);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(cases); i++)
		r = case_run(&bench, &cases[i]);
	observer_free(bench.observer);
	free(bench.frame);
	closep(&bench.disk_fd);
	return r < 0 ? die("measure", r) : EXIT_SUCCESS;
}
