// SPDX-License-Identifier: Apache-2.0
/*
 * What one journaled change costs: bench_change [COUNT], a line of JSON a change. tests/bench/change makes rows of them.
 *
 * A change is BEGIN (the intent, written and flushed) and ARM (written by the hand, read back, noted as applied), on the
 * read-ahead of a loop disk of its own, whose file lies in memory. The times are the actuator's own (took_ns): from the
 * request to its answer, with everything that it does, such as counting and the questions to the hand. Beside it the
 * knob's own write, by the same calls, and what is left of the change without it. The journal is in the run folder, as
 * shipped (memory on most machines), in /dev/shm, which is memory, and on the disk of /var/tmp.
 *
 * Nothing is left behind: the file has no name, and the loop device clears itself with its last user. A signal ends it
 * between two changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sysroot.h"

#define DISK_BYTES (16 << 20)
#define COUNT_DEFAULT 1000
#define COUNT_MAX 1900 /* the limit changes_per_hour_knob is 2000 */
#define FAR (3600 * NSEC_PER_SEC)
#define LOOP_TRIES 8 /* another process may take the free device first */
#define KNOB "block.read_ahead_kb"

static const char *const places[] = { "/run", "/dev/shm", "/var/tmp" };
/* All that an actuator leaves in its folder. */
static const char *const leavings[] = { "journal", "hand.lock", "usage", "journal.new",
					"usage.new" };

struct bench {
	int device; /* keeps the loop device */
	int root;
	size_t count;
	struct scope scope;
	char path[96];         /* of the knob */
	char old[32], new[32]; /* its values */
	uint64_t txn;
};

struct times {
	uint64_t begin[COUNT_MAX], arm[COUNT_MAX], whole[COUNT_MAX], write[COUNT_MAX],
		rest[COUNT_MAX];
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	stopped = number;
}

static int disk_make(struct bench *b)
{
	_cleanup_close_ int file = memfd_create("flyball-bench", MFD_CLOEXEC);
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	const struct loop_config config = { .fd = (uint32_t)file,
					    .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (file < 0 || control < 0 || ftruncate(file, DISK_BYTES) < 0)
		return -errno;
	for (int i = 0; i < LOOP_TRIES; i++) {
		char path[32];
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(path, sizeof(path), "/dev/loop%d", number);
		b->device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (b->device < 0)
			return -errno;
		if (ioctl(b->device, LOOP_CONFIGURE, &config) == 0) {
			b->scope.kind = SCOPE_DISK;
			snprintf(b->scope.name, sizeof(b->scope.name), "loop%d", number);
			return knob_path(knob_find(KNOB), &b->scope, b->path, sizeof(b->path));
		}
		close(b->device);
	}
	return -EBUSY;
}

/* What of a change is the knob's own. */
static int measure_write(const struct bench *b, const char *value, uint64_t *ret_ns)
{
	uint64_t start = clock_now_ns();
	int r = sysroot_write(b->root, b->path, value);

	*ret_ns = clock_now_ns() - start;
	return r;
}

static int ask(struct actuator *actuator, struct change *change, enum action action,
	       uint64_t *ret_took)
{
	struct outcome outcome;

	change->action = action;
	actuator_change(actuator, change, clock_now_ns(), &outcome);
	*ret_took = outcome.took_ns;
	if (outcome.status == OUTCOME_DONE)
		return 0;
	fprintf(stderr, "bench_change: action %d: %s\n", (int)action, outcome.text);
	return -EIO;
}

static int measure_one(struct bench *b, struct actuator *actuator, struct times *times, size_t i)
{
	struct change change = { .txn = ++b->txn,
				 .deadline_ns = clock_now_ns() + FAR,
				 .knob = KNOB,
				 .scope = b->scope };
	uint64_t ignored;
	int r;

	memcpy(change.old_value, b->old, sizeof(b->old));
	memcpy(change.new_value, b->new, sizeof(b->new));
	r = measure_write(b, b->new, &times->write[i]);
	if (r == 0)
		r = measure_write(b, b->old, &ignored);
	if (r == 0)
		r = ask(actuator, &change, ACTION_BEGIN, &times->begin[i]);
	if (r == 0)
		r = ask(actuator, &change, ACTION_ARM, &times->arm[i]);
	if (r == 0)
		r = ask(actuator, &change, ACTION_UNDO, &ignored);
	times->whole[i] = times->begin[i] + times->arm[i];
	times->rest[i] = times->whole[i] > times->write[i] ? times->whole[i] - times->write[i] : 0;
	return r;
}

static const char *kind_of(int folder)
{
	struct statfs fs;

	if (fstatfs(folder, &fs) < 0)
		return "?";
	return fs.f_type == TMPFS_MAGIC ? "memory" : "disk";
}

static void print_case(const char *place, int folder, const struct times *times, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("{\"journal\":\"%s\",\"on\":\"%s\",\"begin_us\":%.1f,\"arm_us\":%.1f,"
		       "\"change_us\":%.1f,\"write_us\":%.1f,\"less_write_us\":%.1f}\n",
		       place, kind_of(folder), (double)times->begin[i] / 1e3,
		       (double)times->arm[i] / 1e3, (double)times->whole[i] / 1e3,
		       (double)times->write[i] / 1e3, (double)times->rest[i] / 1e3);
}

static int measure_in(struct bench *b, const char *place, int folder, struct times *times)
{
	const struct actuator_options options = {
		.root = b->root, .state = folder, .heartbeat_ns = FAR, .only = b->scope
	};
	struct actuator *actuator = NULL;
	struct recovery recovery;
	size_t n = 0;
	int r = actuator_open(&options, clock_now_ns(), &recovery, &actuator);

	while (r == 0 && n < b->count && !stopped)
		r = measure_one(b, actuator, times, n++);
	actuator_close(actuator, clock_now_ns());
	if (r == 0 && !stopped)
		print_case(place, folder, times, n);
	return r;
}

static int measure(struct bench *b, const char *place)
{
	_cleanup_free_ struct times *times = calloc(1, sizeof(*times));
	_cleanup_close_ int folder = -1;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s/flyball-bench-XXXXXX", place);
	if (!times || !mkdtemp(path))
		return times ? -errno : -ENOMEM;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = folder < 0 ? -errno : measure_in(b, place, folder, times);
	for (size_t i = 0; folder >= 0 && i < ARRAY_SIZE(leavings); i++)
		unlinkat(folder, leavings[i], 0);
	rmdir(path);
	return r;
}

int main(int argc, char **argv)
{
	struct bench bench = { .device = -1, .root = sysroot_open("/") };
	int r;

	bench.count = argc > 1 ? strtoul(argv[1], NULL, 10) : COUNT_DEFAULT;
	if (argc > 2 || bench.count == 0 || bench.count > COUNT_MAX) {
		fprintf(stderr, "usage: bench_change [COUNT], 1 to %d\n", COUNT_MAX);
		return 64;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	r = disk_make(&bench);
	if (r == 0 && sysroot_read(bench.root, bench.path, bench.old, sizeof(bench.old)) < 0)
		r = -EIO;
	strcpy(bench.new, strcmp(bench.old, "512") ? "512" : "256");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places) && !stopped; i++)
		r = measure(&bench, places[i]);
	if (r < 0)
		fprintf(stderr, "bench_change: %s; it needs root and a free loop device\n",
			strerror(-r));
	return r < 0 || stopped ? EXIT_FAILURE : EXIT_SUCCESS;
}
