// SPDX-License-Identifier: Apache-2.0
/*
 * Sources that are thinned rest: their programs are attached for one tick of four, and that tick shows what was done in it, exactly,
 * while in the others nothing runs. What began before a rest is no duration after it, and what a rest hid is not lost.
 *
 * A step of the test is a tick: it does something known, samples, and looks. Needs root and BPF, else exits with 77.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "observer/thinning.h"
#include "tests/native/service_lab.h"

#define EVERY 4
#define TICKS 24
#define TICK_NS (60 * NSEC_PER_MSEC)
#define READ_BYTES 4096
#define DISK_BYTES (1 << 20)
#define HELD_BYTES (64u << 20) /* some 10 ms of copying */
#define STRAY_RUNS 50          /* by others: connections that begin or end */

struct turns {
	int root;
	struct observer *observer;
	struct frame *frame;
	size_t source; /* that is thinned */
	struct service_list services;
	uint64_t lost;   /* of all kinds, at the last tick */
	int counts_runs; /* while it is open the kernel counts the programs' runs */
};

static int setup(void **state)
{
	struct turns *t = calloc(1, sizeof(*t));

	t->root = sysroot_open("/");
	t->frame = malloc(sizeof(*t->frame));
	t->counts_runs = observer_count_runs();
	*state = t;
	return t->root >= 0 && t->frame && t->counts_runs >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct turns *t = *state;

	observer_free(t->observer);
	close(t->counts_runs);
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

static struct source_status status_of(struct turns *t)
{
	struct source_status status[SOURCES_MAX];

	observer_sources(t->observer, status);
	return status[t->source];
}

static uint64_t tick(struct turns *t)
{
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	t->lost = t->frame->losses[LOSS_EVENT] + t->frame->losses[LOSS_ORPHAN_END];
	return t->frame->seq;
}

/* Demands, and thins the source after a baseline. Returns false where it does not work here by a method that may rest. */
static bool begin(struct turns *t, const char *source, const struct demand *demands, size_t n)
{
	const struct observer_options options = { .root = t->root, .services = &t->services };
	struct source_status status[SOURCES_MAX];

	assert_int_equal(observer_new(&options, &t->observer), 0);
	for (size_t i = observer_sources(t->observer, status); i-- > 0;)
		if (!strcmp(status[i].name, source))
			t->source = i;
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
	tick(t);
	if (status_of(t).state != SOURCE_ATTACHED) {
		print_message("skipped: %s\n", status_of(t).text);
		return false;
	}
	assert_true(observer_attends(t->observer, t->source) == 1.0);
	observer_restrain(t->observer, t->source, SOURCE_QUARTER);
	if (observer_attends(t->observer, t->source) == 1.0) {
		print_message("skipped: %s may not rest\n", status_of(t).method);
		return false;
	}
	assert_true(observer_attends(t->observer, t->source) == 1.0 / EVERY);
	return true;
}

/* Whether the frame of the last tick has the series; that it says so if not. */
static const struct series *series_of(const struct turns *t, enum signal_id signal)
{
	for (size_t i = 0; i < t->frame->n_series; i++)
		if (t->frame->series[i].signal == (uint32_t)signal &&
		    (t->frame->series[i].flags & SERIES_VALID))
			return &t->frame->series[i];
	assert_true(signal_set_has(&t->frame->skipped, signal));
	return NULL;
}

static bool is_shown(uint64_t seq)
{
	return thinning_due(seq, SOURCE_QUARTER);
}

/* On to the tick before one that is shown, and that a rest follows. */
static void before_a_turn(struct turns *t)
{
	while (!is_shown(t->frame->seq + 1) || is_shown(t->frame->seq + 2) ||
	       is_shown(t->frame->seq + 3))
		tick(t);
}

static struct demand of_service(enum signal_id signal)
{
	return (struct demand){ .signal = (uint32_t)signal,
				.scope = { .kind = SCOPE_SERVICE, .name = "lab" } };
}

static struct lab_server *serve(struct turns *t)
{
	const struct lab_ways ways = { .type = SOCK_STREAM, .answer = 100 };
	struct lab_server *server = lab_server_start(&ways, 0);

	t->services.n = 1;
	t->services.items[0] = (struct service){ .name = "lab", .port = server->port };
	return server;
}

/* The connection is older than any of the turns. */
static void a_service_that_is_thinned_is_seen_whole_in_its_own_tick(void **state)
{
	const struct demand demands[] = { of_service(SIGNAL_SERVICE_LATENCY),
					  of_service(SIGNAL_SERVICE_REQUESTS) };
	struct turns *t = *state;
	struct lab_server *server = serve(t);
	int fd = lab_connect(server), shown = 0;

	if (!begin(t, "service", demands, ARRAY_SIZE(demands))) {
		lab_server_stop(server);
		skip();
	}
	/* It is known to be idle from its first answer on. */
	tick(t);
	before_a_turn(t);
	assert_true(lab_ask(server, fd, 1));
	tick(t);
	for (unsigned int i = 0; i < TICKS; i++) {
		const uint64_t runs = status_of(t).bpf_runs;
		const struct series *latency, *requests;
		uint64_t seq;

		usleep(TICK_NS / NSEC_PER_USEC);
		assert_true(lab_ask(server, fd, 30 + i));
		if (!is_shown(t->frame->seq + 1))
			assert_true(status_of(t).bpf_runs < runs + STRAY_RUNS);
		else
			assert_true(status_of(t).bpf_runs >= runs + 30 + i);
		seq = tick(t);
		latency = series_of(t, SIGNAL_SERVICE_LATENCY);
		requests = series_of(t, SIGNAL_SERVICE_REQUESTS);
		assert_int_equal(latency != NULL, is_shown(seq));
		if (!latency)
			continue;
		assert_true(requests->value == 30 + i);
		assert_int_equal(latency->hist->count, 30 + i);
		assert_true(series_covers_ns(latency, t->frame->interval_ns) ==
			    t->frame->interval_ns);
		assert_true(latency->flags & SERIES_LOSSY);
		shown++;
	}
	assert_in_range(shown, TICKS / EVERY - 1, TICKS / EVERY + 1);
	close(fd);
	lab_server_stop(server);
}

/* Half of a request in the tick that is shown, the other half, and the answer, in the rest. */
static void a_request_that_a_rest_cuts_in_two_is_no_duration(void **state)
{
	const struct demand demands[] = { of_service(SIGNAL_SERVICE_LATENCY),
					  of_service(SIGNAL_SERVICE_REQUESTS) };
	static const char half[LAB_REQUEST / 2];
	struct turns *t = *state;
	struct lab_server *server = serve(t);
	const struct series *latency;
	int fd = lab_connect(server);

	if (!begin(t, "service", demands, ARRAY_SIZE(demands))) {
		lab_server_stop(server);
		skip();
	}
	tick(t);
	before_a_turn(t);
	assert_true(lab_ask(server, fd, 2));
	assert_int_equal(send(fd, half, sizeof(half), 0), sizeof(half));
	usleep(20000); /* it is read */
	tick(t);
	assert_int_equal(send(fd, half, sizeof(half), 0), sizeof(half));
	assert_true(lab_receive(fd, server->ways.answer));
	while (!is_shown(t->frame->seq + 1)) {
		usleep(TICK_NS / NSEC_PER_USEC);
		tick(t);
	}
	assert_true(lab_ask(server, fd, 5));
	tick(t);
	latency = series_of(t, SIGNAL_SERVICE_LATENCY);
	assert_non_null(latency);
	assert_int_equal(latency->hist->count, 5);
	assert_true(hist_quantile(latency->hist, 1) < 2 * TICK_NS);
	close(fd);
	lab_server_stop(server);
}

static uint64_t switches_of(pid_t pid)
{
	char command[160];
	uint64_t n = 0;
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "cat /proc/%d/task/*/status | awk '/_ctxt_switches/ { n += $2 } END { print n }'",
		 pid);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%" SCNu64, &n), 1);
	pclose(pipe);
	return n;
}

/* Against the kernel's own count of the process, which sleeps whenever the two are compared. */
static void switches_of_a_tick_are_the_kernels_and_those_of_a_rest_are_not_lost(void **state)
{
	struct turns *t = *state;
	struct lab_server *server = serve(t);
	struct demand demands[2] = {
		{ .signal = SIGNAL_SCHED_SWITCHES, .scope.kind = SCOPE_PROCESS },
		{ .signal = SIGNAL_SCHED_WAKEUP, .scope.kind = SCOPE_HOST },
	};
	int fd = lab_connect(server), shown = 0;
	uint64_t lost;

	snprintf(demands[0].scope.name, sizeof(demands[0].scope.name), "%d@*", server->pid);
	if (!begin(t, "sched", demands, ARRAY_SIZE(demands))) {
		lab_server_stop(server);
		skip();
	}
	tick(t);
	lost = t->lost;
	for (unsigned int i = 0; i < TICKS; i++) {
		const uint64_t before = switches_of(server->pid), runs = status_of(t).bpf_runs;
		const struct series *switches;
		uint64_t after, seq;

		assert_true(lab_ask(server, fd, 40));
		usleep(TICK_NS / NSEC_PER_USEC);
		after = switches_of(server->pid);
		if (is_shown(t->frame->seq + 1))
			assert_true(status_of(t).bpf_runs > runs);
		else
			assert_int_equal(status_of(t).bpf_runs, runs);
		seq = tick(t);
		switches = series_of(t, SIGNAL_SCHED_SWITCHES);
		assert_int_equal(switches != NULL, is_shown(seq));
		if (!switches)
			continue;
		assert_true(after - before >= 40); /* else this tests nothing */
		/* Some the kernel runs no program for: they are counted as lost. */
		assert_in_range((uint64_t)switches->value, after - before - (t->lost - lost),
				after - before);
		assert_true(series_of(t, SIGNAL_SCHED_WAKEUP)->hist->count >= 40);
		shown++;
	}
	assert_in_range(shown, TICKS / EVERY - 1, TICKS / EVERY + 1);
	/* A rest hides hundreds of switches. */
	assert_true(t->lost - lost < 40);
	close(fd);
	lab_server_stop(server);
}

/* A loop disk in memory. Returns its descriptor, for reads that go to it, or -1. */
static int disk_open(char name[32], int *ret_loop)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC),
			    memory = memfd_create("flyball-turns", MFD_CLOEXEC);
	char path[64];
	int number;

	*ret_loop = -1;
	number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (number < 0 || memory < 0 || ftruncate(memory, DISK_BYTES) < 0)
		return -1;
	snprintf(name, 32, "loop%d", number);
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	*ret_loop = open(path, O_RDWR | O_CLOEXEC);
	if (*ret_loop < 0 || ioctl(*ret_loop, LOOP_SET_FD, memory) < 0)
		return -1;
	return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

static void reads_of_a_tick_are_as_many_as_were_made(void **state)
{
	struct demand demands[2] = {
		{ .signal = SIGNAL_DISK_READ_LATENCY, .scope.kind = SCOPE_DISK },
		{ .signal = SIGNAL_DISK_READ_OPS, .scope.kind = SCOPE_DISK },
	};
	struct turns *t = *state;
	int loop, shown = 0, disk = disk_open(demands[0].scope.name, &loop);
	void *bytes = aligned_alloc(READ_BYTES, READ_BYTES);
	uint64_t lost;

	strcpy(demands[1].scope.name, demands[0].scope.name);
	if (disk < 0 || !begin(t, "block", demands, ARRAY_SIZE(demands))) {
		closep(&loop);
		free(bytes);
		skip();
	}
	tick(t);
	lost = t->lost;
	for (int i = 0; i < TICKS; i++) {
		const uint64_t runs = status_of(t).bpf_runs;
		const struct series *latency;
		uint64_t seq;

		for (int j = 0; j < 20 + i; j++)
			assert_int_equal(pread(disk, bytes, READ_BYTES, j * READ_BYTES),
					 READ_BYTES);
		if (!is_shown(t->frame->seq + 1))
			assert_int_equal(status_of(t).bpf_runs, runs);
		seq = tick(t);
		latency = series_of(t, SIGNAL_DISK_READ_LATENCY);
		assert_int_equal(latency != NULL, is_shown(seq));
		if (!latency)
			continue;
		assert_true(series_of(t, SIGNAL_DISK_READ_OPS)->value == 20 + i);
		assert_in_range(latency->hist->count, 20 + i - (int)(t->lost - lost), 20 + i);
		shown++;
	}
	assert_in_range(shown, TICKS / EVERY - 1, TICKS / EVERY + 1);
	assert_true(t->lost - lost < 5);
	close(disk);
	ioctl(loop, LOOP_CLR_FD, 0);
	close(loop);
	free(bytes);
}

/* Two threads want the position of one file; the second says how long it waited. */
struct position {
	int file;
	char *bytes;
	uint64_t waited_ns; /* in all */
	volatile int wanted, had;
	volatile bool ends;
};

static void *want_position(void *data)
{
	struct position *p = data;

	while (!p->ends) {
		uint64_t began_ns;

		if (p->wanted == p->had) {
			usleep(200);
			continue;
		}
		began_ns = clock_now_ns();
		lseek(p->file, 0, SEEK_CUR);
		p->waited_ns += clock_now_ns() - began_ns;
		p->had++;
	}
	return NULL;
}

static void *hold_position(void *data)
{
	struct position *p = data;

	if (pread(p->file, p->bytes, 1, 0) != 1 || lseek(p->file, 0, SEEK_SET) != 0 ||
	    read(p->file, p->bytes, HELD_BYTES) != HELD_BYTES)
		abort();
	return NULL;
}

static void await_position(const struct position *p)
{
	while (p->had != p->wanted)
		usleep(200);
}

/* The same thread waits for the same lock as a rest begins, and again in the next tick that is shown. */
static void a_wait_that_a_rest_cuts_in_two_is_no_duration(void **state)
{
	struct demand demands[] = {
		{ .signal = SIGNAL_LOCK_KERNEL_MUTEX, .scope.kind = SCOPE_PROCESS },
	};
	struct position p = { .bytes = malloc(HELD_BYTES) };
	char path[] = "/tmp/flyball-turns-XXXXXX";
	const struct series *waits;
	struct turns *t = *state;
	pthread_t holder, waiter;

	snprintf(demands[0].scope.name, sizeof(demands[0].scope.name), "%d@*", getpid());
	memset(p.bytes, 1, HELD_BYTES);
	p.file = mkstemp(path); /* a memfd's position has no lock */
	unlink(path);
	assert_int_equal(write(p.file, p.bytes, HELD_BYTES), HELD_BYTES);
	if (!begin(t, "lock", demands, ARRAY_SIZE(demands))) {
		close(p.file);
		free(p.bytes);
		skip();
	}
	assert_int_equal(pthread_create(&waiter, NULL, want_position, &p), 0);
	tick(t);
	before_a_turn(t);
	assert_int_equal(pthread_create(&holder, NULL, hold_position, &p), 0);
	usleep(2000);
	p.wanted++;
	usleep(2000); /* it waits */
	tick(t);
	assert_int_equal(pthread_join(holder, NULL), 0);
	await_position(&p);
	/* On a busy machine the second may come when the first has gone. */
	for (int i = 0; i == 0 || (p.waited_ns < NSEC_PER_MSEC / 10 && i < 50); i++) {
		while (!is_shown(t->frame->seq + 1)) {
			usleep(TICK_NS / NSEC_PER_USEC);
			tick(t);
		}
		p.waited_ns = 0;
		assert_int_equal(pthread_create(&holder, NULL, hold_position, &p), 0);
		usleep(2000);
		p.wanted++;
		await_position(&p);
		assert_int_equal(pthread_join(holder, NULL), 0);
		tick(t);
	}
	waits = series_of(t, SIGNAL_LOCK_KERNEL_MUTEX);
	assert_non_null(waits);
	print_message("%" PRIu64 " waits, %.2f ms; the thread waited %.2f ms\n", waits->hist->count,
		      (double)waits->hist->sum / 1e6, (double)p.waited_ns / 1e6);
	assert_true(waits->hist->count >= 1);
	assert_true(waits->hist->sum < p.waited_ns + TICK_NS);
	p.ends = true;
	assert_int_equal(pthread_join(waiter, NULL), 0);
	close(p.file);
	free(p.bytes);
}

/* Whole again, as for a trial: a baseline, and then each tick. */
static void who_is_needed_again_attends_from_the_next_tick_on(void **state)
{
	const struct demand demands[] = { of_service(SIGNAL_SERVICE_REQUESTS) };
	struct turns *t = *state;
	struct lab_server *server = serve(t);
	int fd = lab_connect(server);

	if (!begin(t, "service", demands, ARRAY_SIZE(demands))) {
		lab_server_stop(server);
		skip();
	}
	do
		tick(t);
	while (!is_shown(t->frame->seq));
	tick(t);
	observer_restrain(t->observer, t->source, SOURCE_WHOLE);
	assert_true(observer_attends(t->observer, t->source) == 1.0);
	tick(t);
	for (unsigned int i = 1; i < TICKS; i++) {
		assert_true(lab_ask(server, fd, i));
		tick(t);
		if (i == 1)
			continue; /* what was asked before us is not known to be a request */
		assert_non_null(series_of(t, SIGNAL_SERVICE_REQUESTS));
		assert_true(series_of(t, SIGNAL_SERVICE_REQUESTS)->value == i);
		assert_false(series_of(t, SIGNAL_SERVICE_REQUESTS)->flags & SERIES_LOSSY);
	}
	close(fd);
	lab_server_stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_service_that_is_thinned_is_seen_whole_in_its_own_tick),
		TEST(a_request_that_a_rest_cuts_in_two_is_no_duration),
		TEST(switches_of_a_tick_are_the_kernels_and_those_of_a_rest_are_not_lost),
		TEST(reads_of_a_tick_are_as_many_as_were_made),
		TEST(a_wait_that_a_rest_cuts_in_two_is_no_duration),
		TEST(who_is_needed_again_attends_from_the_next_tick_on),
	};

	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
