// SPDX-License-Identifier: Apache-2.0
/*
 * The signals of nodes against a process that binds a known number of pages to each node in turn, and runs on the first: its
 * memory there grows by exactly these. What nodes give lies between looks at numastat, another file, inside and outside of the
 * observer's. On a machine of one node that one is all.
 */
#include <errno.h>
#include <inttypes.h>
#include <numaif.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define PAGES 3000
#define NODES "/sys/devices/system/node"

struct child {
	pid_t pid;
	int go, done; /* pipes: one byte each */
};

/* Binds PAGES to each node in turn, when told to. */
static void child_run(int go, int done, int n_nodes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char byte = 0;

	for (int node = 0; node < n_nodes; node++) {
		unsigned long mask = 1ul << node;
		char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(memory, PAGES * page, MADV_NOHUGEPAGE);
		if (mbind(memory, PAGES * page, MPOL_BIND, &mask, sizeof(mask) * 8, 0) < 0)
			_exit(1);
		if (write(done, &byte, 1) != 1 || read(go, &byte, 1) != 1)
			_exit(1);
		for (size_t i = 0; i < PAGES; i++)
			memory[i * page] = 1;
	}
	if (write(done, &byte, 1) != 1 || read(go, &byte, 1) >= 0)
		_exit(0);
}

static struct child child_begin(int n_nodes)
{
	int go[2], done[2];
	struct child child;
	cpu_set_t first;
	char byte;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		close(go[1]);
		CPU_ZERO(&first);
		CPU_SET(0, &first); /* of node 0 on every machine that is asked here */
		sched_setaffinity(0, sizeof(first), &first);
		child_run(go[0], done[1], n_nodes);
		_exit(0);
	}
	close(go[0]);
	close(done[1]);
	child.go = go[1];
	child.done = done[0];
	assert_int_equal(read(child.done, &byte, 1), 1);
	return child;
}

static void child_step(const struct child *child)
{
	char byte = 0;

	assert_int_equal(write(child->go, &byte, 1), 1);
	assert_int_equal(read(child->done, &byte, 1), 1);
}

static void child_end(const struct child *child)
{
	close(child->go);
	close(child->done);
	waitpid(child->pid, NULL, 0);
}

static struct observer *observe(const struct demand *demands, size_t n)
{
	static int root = -1;
	struct observer_options options = { 0 };
	struct observer *observer;

	if (root < 0)
		root = sysroot_open("/");
	options.root = root;
	assert_int_equal(observer_new(&options, &observer), 0);
	assert_int_equal(observer_demand(observer, demands, n), 0);
	return observer;
}

static double value_of(const struct frame *frame, uint32_t signal)
{
	for (size_t i = 0; i < frame->n_series; i++)
		if (frame->series[i].signal == signal && frame->series[i].flags & SERIES_VALID)
			return frame->series[i].value;
	fail_msg("%s has no value", signal_rows[signal].name);
	return 0;
}

/* A look of its own, by a new observer. */
static void look(pid_t pid, double *ret_local, double *ret_remote)
{
	struct demand demands[2] = {
		{ .signal = SIGNAL_NUMA_PAGES_LOCAL, .scope.kind = SCOPE_PROCESS },
		{ .signal = SIGNAL_NUMA_PAGES_REMOTE, .scope.kind = SCOPE_PROCESS },
	};
	struct frame *frame = malloc(sizeof(*frame));
	struct observer *observer;

	for (size_t i = 0; i < 2; i++)
		snprintf(demands[i].scope.name, SCOPE_NAME_MAX, "%d@*", pid);
	observer = observe(demands, 2);
	for (uint64_t i = 1; i <= 2; i++)
		assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	*ret_local = value_of(frame, SIGNAL_NUMA_PAGES_LOCAL);
	*ret_remote = value_of(frame, SIGNAL_NUMA_PAGES_REMOTE);
	observer_free(observer);
	free(frame);
}

static int count_nodes(void)
{
	char path[64];
	int n = 0;

	do
		snprintf(path, sizeof(path), NODES "/node%d", n);
	while (access(path, F_OK) == 0 && ++n < 8);
	return n;
}

static void the_memory_of_a_process_grows_by_what_it_touches(void **state)
{
	const double bytes = PAGES * (double)sysconf(_SC_PAGESIZE);
	const int n_nodes = count_nodes();
	double local[2], remote[2];
	struct child child = child_begin(n_nodes);

	(void)state;
	look(child.pid, &local[0], &remote[0]);
	for (int node = 0; node < n_nodes; node++) {
		child_step(&child);
		look(child.pid, &local[1], &remote[1]);
		print_message("node %d: local %+g, remote %+g bytes of %g\n", node,
			      local[1] - local[0], remote[1] - remote[0], bytes);
		/* Its stack and its data may grow by a page or two, where it runs. */
		assert_in_range(local[1] - local[0] - (node == 0 ? bytes : 0), 0, 4 * 4096);
		assert_int_equal(remote[1] - remote[0], node == 0 ? 0 : bytes);
		local[0] = local[1];
		remote[0] = remote[1];
	}
	child_end(&child);
}

/* numa_hit 15426481 */
static uint64_t numastat(int node, const char *key)
{
	char path[64], text[512];
	const char *line;
	int root = sysroot_open("/");

	snprintf(path, sizeof(path), "sys/devices/system/node/node%d/numastat", node);
	assert_true(sysroot_read(root, path, text, sizeof(text)) > 0);
	close(root);
	line = strstr(text, key);
	assert_non_null(line);
	return strtoull(line + strlen(key), NULL, 10);
}

static void what_a_node_gives_lies_between_two_other_looks(void **state)
{
	static const struct {
		uint32_t signal;
		const char *key;
	} counts[] = {
		{ SIGNAL_NUMA_HIT, "numa_hit " },         { SIGNAL_NUMA_MISS, "numa_miss " },
		{ SIGNAL_NUMA_FOREIGN, "numa_foreign " }, { SIGNAL_NUMA_LOCAL, "local_node " },
		{ SIGNAL_NUMA_OTHER, "other_node " },
	};
	enum { N = sizeof(counts) / sizeof(counts[0]) };
	const int n_nodes = count_nodes(), last = n_nodes - 1;
	struct child child = child_begin(n_nodes);
	struct frame *frame = malloc(sizeof(*frame));
	uint64_t outer[N], inner[N], least[N], most[N];
	struct demand demands[N];
	struct observer *observer;

	(void)state;
	for (int node = 0; node < last; node++)
		child_step(&child);
	for (size_t i = 0; i < N; i++) {
		demands[i] =
			(struct demand){ .signal = counts[i].signal, .scope.kind = SCOPE_NODE };
		snprintf(demands[i].scope.name, SCOPE_NAME_MAX, "%d", last);
	}
	observer = observe(demands, N);
	for (size_t i = 0; i < N; i++)
		outer[i] = numastat(last, counts[i].key);
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	for (size_t i = 0; i < N; i++)
		inner[i] = numastat(last, counts[i].key);
	child_step(&child);
	for (size_t i = 0; i < N; i++)
		least[i] = numastat(last, counts[i].key) - inner[i];
	assert_int_equal(observer_sample(observer, clock_now_ns(), frame), 0);
	for (size_t i = 0; i < N; i++) {
		const double seen = value_of(frame, counts[i].signal);

		most[i] = numastat(last, counts[i].key) - outer[i];
		print_message("%s%" PRIu64 " <= %g <= %" PRIu64 "\n", counts[i].key, least[i], seen,
			      most[i]);
		assert_true(seen >= (double)least[i] && seen <= (double)most[i]);
	}
	assert_true(value_of(frame, SIGNAL_NUMA_HIT) >= PAGES);
	assert_true(value_of(frame, n_nodes > 1 ? SIGNAL_NUMA_OTHER : SIGNAL_NUMA_LOCAL) >= PAGES);
	observer_free(observer);
	free(frame);
	child_end(&child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_memory_of_a_process_grows_by_what_it_touches),
		cmocka_unit_test(what_a_node_gives_lies_between_two_other_looks),
	};

	return geteuid() || !count_nodes() ? 77 : cmocka_run_group_tests(tests, NULL, NULL);
}
