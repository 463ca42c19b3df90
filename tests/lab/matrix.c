// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

#define DISK_BYTES (16 << 20)
#define EXIT_SKIP 77

/* One line for each family, two where it has different ways to write. */
static const struct {
	const char *knob;
	enum scope_kind scope;
	const char *first, *second; /* the incumbent is set to the first, the arm is the second */
	unsigned int stride;        /* a switch of schedulers waits for RCU: one cell of so many */
} trials[] = {
	{ "block.scheduler", SCOPE_DISK, "mq-deadline", "bfq", 61 },
	{ "block.nr_requests", SCOPE_DISK, "200", "64", 19 },
	{ "net.ipv4.tcp_autocorking", SCOPE_HOST, "1", "0", 1 },
};

/* In memory, and gone with the last descriptor. */
static int disk_open(char *ret_name, size_t size)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int image = memfd_create("flyball-matrix", MFD_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)image,
				      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (control < 0 || image < 0 || ftruncate(image, DISK_BYTES) < 0)
		return -errno;
	for (int try = 0; try < 8; try++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), fd;
		char path[64];

		snprintf(ret_name, size, "loop%d", number);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return fd;
		closep(&fd);
	}
	return -EBUSY;
}

void matrix_complain(const struct onetrial *trial, const char *cell, const char *wrong)
{
	printf("%s '%s' to '%s', %s: %s: %s\n", trial->row->name, trial->old_value,
	       trial->new_value, trial->keep ? "KEEP" : "UNDO", cell, wrong);
	fflush(stdout);
}

static int set_first(size_t i, const struct scope *scope, char *ret_found)
{
	const struct knob_row *row = knob_find(trials[i].knob);
	_cleanup_close_ int root = sysroot_open("/");
	struct knob_reading reading;
	int r = knob_read(root, row, scope, &reading);

	if (r < 0 || (reading.flags & KNOB_GONE))
		return r < 0 ? r : -ENOENT;
	memcpy(ret_found, reading.value, KNOB_VALUE_MAX);
	return knob_family_ops(row)->write(root, row, scope, trials[i].first);
}

static int run_trial(size_t i, const char *disk, bool all,
		     unsigned int (*fn)(const struct onetrial *trial), unsigned int *failed)
{
	struct scope scope = { .kind = trials[i].scope };
	char found[KNOB_VALUE_MAX];
	int r;

	if (scope.kind == SCOPE_DISK)
		snprintf(scope.name, sizeof(scope.name), "%s", disk);
	r = set_first(i, &scope, found);
	for (int keep = 0; keep < 2 && r >= 0; keep++) {
		struct onetrial trial;

		r = onetrial_open(&trial, trials[i].knob, &scope, trials[i].second, keep);
		trial.stride = all ? 1 : trials[i].stride;
		if (r >= 0)
			*failed += fn(&trial);
		onetrial_close(&trial);
	}
	return r;
}

int matrix_run(bool all, unsigned int (*fn)(const struct onetrial *trial))
{
	_cleanup_close_ int device = -1, root = sysroot_open("/");
	unsigned int failed = 0;
	char disk[32], path[64];
	int r = 0;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("skipped: needs root and a network namespace of its own\n");
		return EXIT_SKIP;
	}
	/* The hands of actuators that were killed come to us, not to an init that may not reap. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	device = disk_open(disk, sizeof(disk));
	if (device < 0) {
		printf("skipped: no loop disk of its own here: %s\n", strerror(-device));
		return EXIT_SKIP;
	}
	for (size_t i = 0; i < ARRAY_SIZE(trials) && r >= 0; i++) {
		r = run_trial(i, disk, all, fn, &failed);
		if (r < 0)
			printf("%s: unable to prepare: %s\n", trials[i].knob, strerror(-r));
	}
	/* The queue belongs to the loop device, which outlives its file. */
	snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler", disk);
	sysroot_write(root, path, "none");
	return r < 0 || failed ? 1 : 0;
}
