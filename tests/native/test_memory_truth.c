// SPDX-License-Identifier: Apache-2.0
/*
 * The sources of memory against a program with a known number of page faults (tests/lab/faults.c). The faults of a control
 * group of its own are the program's exactly, but that older kernels count a major one as a minor one, too: the kernel adds up
 * every two seconds, which are waited for. The host's lie
 * between two looks at /proc/vmstat inside and two outside of the observer's.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/faulty.h"

#define MINOR 5000
#define MAJOR 200
#define FLUSH_US \
	2300000 /* the kernel's FLUSH_TIME is 2 s, of a timer that may wait for an idle CPU to wake up */
#define V1_ROOT "/sys/fs/cgroup/memory"
#define V2_ROOT "/sys/fs/cgroup"

struct truth {
	char group[64];   /* name, "" = none */
	char folder[128]; /* its folder; */
	char disk[64];    /* /dev/loop0 */
	char file[64];
	char skip[128];
	struct observer *observer;
	struct frame *frame;
	int root;
};

static void make_group(struct truth *t)
{
	const bool v1 = !access(V1_ROOT "/tasks", F_OK);

	/* In the software machine alone: the groups of this one are its own. */
	if (!v1 && getenv("FLYBALL_VM_GUEST") &&
	    system("echo +memory >" V2_ROOT "/cgroup.subtree_control"))
		strcpy(t->skip, "the memory controller cannot be given to groups");
	snprintf(t->group, sizeof(t->group), "/flyball-truth-%d", getpid());
	snprintf(t->folder, sizeof(t->folder), "%s%s", v1 ? V1_ROOT : V2_ROOT, t->group);
	if (mkdir(t->folder, 0755) < 0) {
		snprintf(t->skip, sizeof(t->skip), "no control group: %s", strerror(errno));
		t->group[0] = '\0';
	}
}

static void make_disk(struct truth *t)
{
	char command[256];
	FILE *pipe;

	snprintf(t->file, sizeof(t->file), "/tmp/flyball-truth-%d.disk", getpid());
	snprintf(command, sizeof(command),
		 "modprobe -q loop; dd if=/dev/urandom of=%s bs=1M count=4 status=none && losetup "
		 "-f --show %s",
		 t->file, t->file);
	pipe = popen(command, "r");
	if (!pipe || !fgets(t->disk, sizeof(t->disk), pipe))
		strcpy(t->skip, "no loop device");
	t->disk[strcspn(t->disk, "\n")] = '\0';
	if (pipe)
		pclose(pipe);
}

static int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { 0 };

	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	options.root = t->root = sysroot_open("/");
	make_group(t);
	make_disk(t);
	return observer_new(&options, &t->observer);
}

static int teardown(void **state)
{
	struct truth *t = *state;
	char command[256];

	observer_free(t->observer);
	snprintf(command, sizeof(command), "losetup -d %s", t->disk);
	if (t->disk[0] && system(command))
		print_message("%s stays\n", t->disk);
	unlink(t->file);
	if (t->group[0] && rmdir(t->folder) < 0)
		print_message("%s stays: %s\n", t->folder, strerror(errno));
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

/* The sum of a signal over ticks: one is taken now. */
static double tick(struct truth *t, uint32_t signal, uint32_t kind)
{
	double sum = 0;

	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	for (size_t i = 0; i < t->frame->n_series; i++)
		if (t->frame->series[i].signal == signal &&
		    t->frame->series[i].scope.kind == kind &&
		    t->frame->series[i].flags & SERIES_VALID)
			sum += t->frame->series[i].value;
	return sum;
}

static double series(const struct truth *t, uint32_t signal)
{
	for (size_t i = 0; i < t->frame->n_series; i++)
		if (t->frame->series[i].signal == signal &&
		    t->frame->series[i].flags & SERIES_VALID)
			return t->frame->series[i].value;
	fail_msg("%s has no value", signal_rows[signal].name);
	return 0;
}

static long group_faults(const struct truth *t)
{
	char path[256], line[128];
	long faults = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", t->folder);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "pgfault %ld", &faults) == 1)
			break;
	fclose(file);
	return faults;
}

/* Until the kernel has added up what the group did. */
static void await_flush(const struct truth *t)
{
	long before = -1, now = -2;

	for (int i = 0; now != before && i < 10; i++) {
		usleep(FLUSH_US);
		before = now;
		now = group_faults(t);
	}
	assert_int_equal(now, before);
}

static void the_faults_of_a_group_are_those_that_its_program_had(void **state)
{
	struct truth *t = *state;
	struct demand demands[2] = {
		{ .signal = SIGNAL_MEM_FAULTS_MINOR, .scope.kind = SCOPE_CGROUP },
		{ .signal = SIGNAL_MEM_FAULTS_MAJOR, .scope.kind = SCOPE_CGROUP },
	};
	struct faulty faulty = { 0 };
	char before[256], arguments[128];

	if (t->skip[0]) {
		print_message("skipped: %s\n", t->skip);
		skip();
	}
	for (size_t i = 0; i < 2; i++)
		strcpy(demands[i].scope.name, t->group);
	snprintf(before, sizeof(before), "echo $$ >%s/cgroup.procs;", t->folder);
	snprintf(arguments, sizeof(arguments), "%d %d 0 %s", MINOR, MAJOR, t->disk);
	assert_true(faulty_begin(&faulty, before, arguments));
	await_flush(t);
	assert_int_equal(observer_demand(t->observer, demands, 2), 0);
	tick(t, 0, 0);
	assert_true(faulty_go(&faulty));
	await_flush(t);
	tick(t, 0, 0);
	print_message("minor %g of %ld, major %g of %ld\n", series(t, SIGNAL_MEM_FAULTS_MINOR),
		      faulty.minor, series(t, SIGNAL_MEM_FAULTS_MAJOR), faulty.major);
	/* A retried major fault may be a minor one by getrusage(2): by one for each at the most. */
	assert_in_range(faulty.minor, MINOR, MINOR + 16);
	assert_int_equal(faulty.major, MAJOR);
	assert_int_equal(series(t, SIGNAL_MEM_FAULTS_MAJOR), MAJOR);
	/* Older kernels (6.1) count a fault again when it is tried again after its read. */
	if (series(t, SIGNAL_MEM_FAULTS_MINOR) != (double)(faulty.minor + MAJOR))
		assert_int_equal(series(t, SIGNAL_MEM_FAULTS_MINOR), faulty.minor);
	assert_int_equal(faulty_end(&faulty), 0);
}

/* pgfault 120142285 */
static uint64_t vmstat(const char *key)
{
	static char text[65536];
	int root = sysroot_open("/");
	const char *line;

	assert_true(sysroot_read(root, "proc/vmstat", text, sizeof(text)) > 0);
	close(root);
	line = strstr(text, key);
	assert_non_null(line);
	return strtoull(line + strlen(key), NULL, 10);
}

static void the_faults_of_the_host_lie_between_two_other_looks(void **state)
{
	struct truth *t = *state;
	struct demand demands[2] = { { .signal = SIGNAL_MEM_FAULTS_MINOR },
				     { .signal = SIGNAL_MEM_FAULTS_MAJOR } };
	uint64_t outer, inner, most, least;
	struct faulty faulty = { 0 };
	char arguments[64];
	double seen;

	snprintf(arguments, sizeof(arguments), "%d 0 0", MINOR);
	assert_true(faulty_begin(&faulty, "", arguments));
	assert_int_equal(observer_demand(t->observer, demands, 2), 0);
	outer = vmstat("\npgfault ") - vmstat("\npgmajfault ");
	tick(t, 0, 0);
	inner = vmstat("\npgfault ") - vmstat("\npgmajfault ");
	assert_true(faulty_go(&faulty));
	least = vmstat("\npgfault ") - vmstat("\npgmajfault ") - inner;
	tick(t, 0, 0);
	most = vmstat("\npgfault ") - vmstat("\npgmajfault ") - outer;
	seen = series(t, SIGNAL_MEM_FAULTS_MINOR);
	print_message("%" PRIu64 " <= %g <= %" PRIu64 "; the program's are %ld\n", least, seen,
		      most, faulty.minor);
	assert_true(seen >= (double)least && seen <= (double)most);
	assert_true(seen >= (double)faulty.minor);
	assert_int_equal(faulty_end(&faulty), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_faults_of_a_group_are_those_that_its_program_had, setup, teardown),
		cmocka_unit_test_setup_teardown(the_faults_of_the_host_lie_between_two_other_looks,
						setup, teardown),
	};

	return geteuid() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
