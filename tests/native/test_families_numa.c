// SPDX-License-Identifier: Apache-2.0
/*
 * The memory of processes on the kernel itself, judged by where the pages are. Needs root and two nodes (tests/vm/run
 * --nodes 2); with one it checks that nothing can be written, and exits with 77 and the reason.
 */
#include "tests/unit/test_actuator.h"

#include <numaif.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "actuator/hand.h"
#include "actuator/knobs.h"
#include "actuator/numa_pages.h"
#include "base/cleanup.h"
#include "daemon/privilege.h"

#define MIB (1ull << 20)
#define BLOCK_BYTES (48 * MIB) /* of the process that is moved */
#define LITTLE_ROOM 2048       /* pages that a node is left with: a sixth of that */

#define FORK (-2)

/* An undo is right to 5 % of what there is by then; khugepaged makes more of it meanwhile. */
#define BACK_RATIO 0.06

/* A process that allocates on the node it is told, checks its memory, or ends. */
struct subject {
	pid_t pid;
	int orders, answers;
	struct thread process;
	struct scope scope;
};

struct order {
	int node; /* -1: check all that there is; FORK */
	uint64_t bytes;
};

static char *blocks[16];
static uint64_t block_bytes[16];
static int n_blocks;

static char obey(const struct order *order)
{
	unsigned long mask = 1ul << order->node;
	char *block;

	if (order->node == FORK) {
		pid_t child = fork();

		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		return child > 0 ? 'y' : 'x';
	}
	if (order->node < 0) {
		for (int i = 0; i < n_blocks; i++)
			for (uint64_t at = 0; at < block_bytes[i]; at += 4096)
				if (blocks[i][at] != (char)(i + at / 4096))
					return 'x';
		return 'y';
	}
	block = mmap(NULL, order->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	/* The policy of the task, not of the mapping: it counts when a page is touched, and is then taken back. */
	if (block == MAP_FAILED || set_mempolicy(MPOL_BIND, &mask, 64) < 0)
		return 'x';
	for (uint64_t at = 0; at < order->bytes; at += 4096)
		block[at] = (char)(n_blocks + at / 4096);
	set_mempolicy(MPOL_DEFAULT, NULL, 0);
	blocks[n_blocks] = block;
	block_bytes[n_blocks++] = order->bytes;
	return 'y';
}

static void subject_run(int orders, int answers)
{
	struct order order;
	char answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(orders, &order, sizeof(order)) == sizeof(order)) {
		answer = obey(&order);
		if (write(answers, &answer, 1) != 1)
			break;
	}
	_exit(0);
}

static void subject_do(const struct subject *s, int node, uint64_t bytes)
{
	const struct order order = { .node = node, .bytes = bytes };
	char answer;

	assert_int_equal(write(s->orders, &order, sizeof(order)), sizeof(order));
	assert_int_equal(read(s->answers, &answer, 1), 1);
	assert_int_equal(answer, 'y');
}

static void subject_start(struct subject *s, int root)
{
	int orders[2], answers[2];

	assert_int_equal(pipe2(orders, O_CLOEXEC) | pipe2(answers, O_CLOEXEC), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		close(orders[1]);
		close(answers[0]);
		subject_run(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	s->orders = orders[1];
	s->answers = answers[0];
	assert_int_equal(thread_read(root, s->pid, s->pid, &s->process), 0);
	s->scope = (struct scope){ .kind = SCOPE_PROCESS };
	thread_format(s->pid, s->process.start, s->scope.name, sizeof(s->scope.name));
}

static void subject_end(struct subject *s)
{
	close(s->orders);
	close(s->answers);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
}

static int real_setup(void **state)
{
	int r = machine_setup(state);
	struct machine *m = *state;

	close(m->root);
	m->root = sysroot_open("/");
	return r || machine_open(m);
}

static struct knob_reading reading_of(const struct machine *m, const struct subject *s)
{
	struct knob_reading reading;

	assert_int_equal(knob_read(m->root, knob_find("numa.process.node"), &s->scope, &reading),
			 0);
	return reading;
}

static uint32_t begin_at(struct machine *m, uint64_t txn, const struct subject *s,
			 const char *value)
{
	struct knob_reading reading = reading_of(m, s);
	struct change change = machine_change(txn, "numa.process.node", reading.value, value);

	change.scope = s->scope;
	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

static struct numa_pages pages_of(const struct machine *m, const struct subject *s)
{
	struct numa_pages pages;

	assert_int_equal(numa_pages_read(m->root, &s->process, &pages), 0);
	return pages;
}

static double share(const struct numa_pages *pages, int node)
{
	return (double)pages->on[node] / (double)pages->total;
}

static void expect_done(struct machine *m, uint64_t txn, enum action action)
{
	if (machine_ask(m, txn, action) != OUTCOME_DONE || m->outcome.text[0])
		fail_msg("action %d: status %u: %s", (int)action, m->outcome.status,
			 m->outcome.text);
}

/* Sets, goes back, sets again and undoes: the shares are as before, and not a byte of the process has changed. */
static void try_value(struct machine *m, uint64_t txn, struct subject *s, const char *value)
{
	struct numa_pages before = pages_of(m, s), after;

	assert_int_equal(begin_at(m, txn, s, value), OUTCOME_DONE);
	expect_done(m, txn, ACTION_ARM);
	assert_string_equal(m->outcome.value, value);
	after = pages_of(m, s);
	print_message("%4.0f %% on node 0 → '%s': %4.0f %%, took %.0f ms\n",
		      100 * share(&before, 0), value, 100 * share(&after, 0),
		      (double)m->outcome.took_ns / 1e6);
	expect_done(m, txn, ACTION_BASE);
	after = pages_of(m, s);
	assert_float_equal(share(&after, 0), share(&before, 0), BACK_RATIO);
	expect_done(m, txn, ACTION_ARM);
	expect_done(m, txn, ACTION_UNDO);
	after = pages_of(m, s);
	assert_float_equal(share(&after, 0), share(&before, 0), BACK_RATIO);
	subject_do(s, -1, 0);
}

static void every_set_of_nodes_is_restored_from_every_other(void **state)
{
	static const int parts[][2] = { { 48, 0 }, { 0, 48 }, { 34, 14 }, { 24, 24 } };
	static const char *const values[] = { "0", "1", "0-1" };
	struct machine *m = *state;
	uint64_t txn = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct subject s;

		subject_start(&s, m->root);
		for (int node = 0; node < 2; node++)
			if (parts[i][node])
				subject_do(&s, node, (uint64_t)parts[i][node] * MIB);
		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			try_value(m, ++txn, &s, values[j]);
		subject_end(&s);
	}
}

static void a_process_that_goes_on_allocating_is_put_back_all_the_same(void **state)
{
	struct machine *m = *state;
	struct numa_pages pages;
	struct subject s;

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	expect_done(m, 1, ACTION_ARM);
	subject_do(&s, 0, BLOCK_BYTES / 4);
	assert_string_equal(reading_of(m, &s).value, "0-1");
	/* An arm takes along what was allocated meanwhile. */
	expect_done(m, 1, ACTION_ARM);
	assert_string_equal(reading_of(m, &s).value, "1");
	subject_do(&s, 1, BLOCK_BYTES / 4);
	subject_do(&s, 0, BLOCK_BYTES / 4);
	expect_done(m, 1, ACTION_UNDO);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 0) > 0.95);
	subject_do(&s, -1, 0);
	subject_end(&s);
}

/* What a fork left in common stays where it is, and is no part of the value. */
static void what_a_child_has_in_common_is_not_counted(void **state)
{
	struct machine *m = *state;
	struct numa_pages pages;
	struct subject s;

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES / 3);
	subject_do(&s, FORK, 0);
	subject_do(&s, 0, BLOCK_BYTES);
	pages = pages_of(m, &s);
	assert_in_range(pages.total, BLOCK_BYTES / 4096, BLOCK_BYTES / 4096 + 512);
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	expect_done(m, 1, ACTION_ARM);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 1) > 0.95);
	expect_done(m, 1, ACTION_UNDO);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 0) > 0.95);
	subject_do(&s, -1, 0);
	subject_end(&s);
}

static void a_node_without_room_stops_the_move_and_it_is_taken_back(void **state)
{
	struct machine *m = *state;
	struct subject s, hog;
	struct numa_pages pages;
	uint64_t room;

	if (!getenv("FLYBALL_DISPOSABLE")) {
		print_message("skipped: fills a node, so only where FLYBALL_DISPOSABLE is set\n");
		skip();
	}
	subject_start(&s, m->root);
	subject_start(&hog, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	/* What can be reclaimed would make room again. */
	assert_int_equal(sysroot_write(m->root, "proc/sys/vm/drop_caches", "3"), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(numa_node_room(m->root, 1, 0, &room), 0);
		if (room > LITTLE_ROOM)
			subject_do(&hog, 1, (room - LITTLE_ROOM) * 4096);
	}
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
	assert_non_null(strstr(m->outcome.text, strerror(ENOMEM)));
	print_message("said: %s\n", m->outcome.text);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 0) > 0.95);
	subject_do(&s, -1, 0);
	subject_end(&hog);
	subject_end(&s);
}

/* Six seconds, three times as long as the hand may be silent: it says that it is getting on. */
static void a_move_at_a_low_rate_takes_its_time_and_is_not_given_up(void **state)
{
	struct machine *m = *state;
	struct numa_pages pages;
	struct subject s;
	char text[160];

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	assert_int_equal(actuator_limit_set(m->actuator, "numa.rate", "8MiB", 0, clock_now_ns(),
					    text, sizeof(text)),
			 0);
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	expect_done(m, 1, ACTION_ARM);
	print_message("%d MiB at 8 MiB a second took %.1f s\n", (int)(BLOCK_BYTES / MIB),
		      (double)m->outcome.took_ns / 1e9);
	assert_true(m->outcome.took_ns > 2 * HAND_LIMIT_NS);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 1) > 0.95);
	expect_done(m, 1, ACTION_UNDO);
	subject_end(&s);
}

static void what_must_stay_free_on_a_node_stops_a_move_forth_and_none_back(void **state)
{
	struct machine *m = *state;
	struct numa_pages pages;
	struct subject s;
	char text[160];

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	expect_done(m, 1, ACTION_ARM);
	assert_int_equal(actuator_limit_set(m->actuator, "numa.free", "1024GiB", 0, clock_now_ns(),
					    text, sizeof(text)),
			 0);
	expect_done(m, 1, ACTION_BASE);
	assert_int_equal(machine_ask(m, 1, ACTION_ARM), OUTCOME_FAILED);
	assert_int_equal(m->outcome.error, ENOMEM);
	pages = pages_of(m, &s);
	assert_true(share(&pages, 0) > 0.95);
	subject_end(&s);
}

static struct subject crash_subject;

static void arm_and_die(struct machine *m)
{
	if (begin_at(m, 1, &crash_subject, "1") != OUTCOME_DONE ||
	    machine_ask(m, 1, ACTION_ARM) != OUTCOME_DONE)
		_exit(2);
}

static void a_crash_is_recovered(void **state)
{
	struct machine *m = *state;
	struct numa_pages pages;

	actuator_close(m->actuator, clock_now_ns());
	m->actuator = NULL;
	subject_start(&crash_subject, m->root);
	subject_do(&crash_subject, 0, BLOCK_BYTES);
	machine_crash(m, arm_and_die);
	pages = pages_of(m, &crash_subject);
	assert_true(share(&pages, 1) > 0.95);
	assert_int_equal(machine_recover(m), 0);
	assert_int_equal(m->recovery.restored, 1);
	pages = pages_of(m, &crash_subject);
	assert_true(share(&pages, 0) > 0.95);
	subject_end(&crash_subject);
}

static void a_process_that_has_ended_is_gone(void **state)
{
	struct machine *m = *state;
	struct subject s;

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	assert_int_equal(begin_at(m, 1, &s, "1"), OUTCOME_DONE);
	expect_done(m, 1, ACTION_ARM);
	subject_end(&s);
	assert_int_equal(machine_ask(m, 1, ACTION_UNDO), OUTCOME_GONE);
}

/* What the actuator keeps is enough for another user's process; what core keeps is not, and it says so. */
static int as(bool actuator, struct machine *m, const struct subject *s)
{
	static const struct account nobody = { .uid = 61199, .gid = 61199 };
	const struct knob_row *row = knob_find("numa.process.node");
	struct knob_reading reading;

	if ((actuator ? privilege_actuator() : privilege_core(&nobody)) < 0)
		return 10;
	if (knob_read(m->root, row, &s->scope, &reading) < 0)
		return 11;
	if (!actuator)
		return reading.flags == KNOB_HIDDEN ? 0 : 12;
	if (reading.flags != KNOB_WRITABLE)
		return 13;
	return begin_at(m, 1, s, "1") == OUTCOME_DONE &&
			       machine_ask(m, 1, ACTION_ARM) == OUTCOME_DONE &&
			       machine_ask(m, 1, ACTION_UNDO) == OUTCOME_DONE
		       ? 0
		       : 14;
}

static void the_actuator_may_see_and_move_and_core_may_not(void **state)
{
	struct machine *m = *state;
	struct subject s;

	subject_start(&s, m->root);
	subject_do(&s, 0, BLOCK_BYTES);
	for (int actuator = 0; actuator < 2; actuator++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit(as(actuator, m, &s));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	subject_end(&s);
}

static void with_one_node_nothing_can_be_written(void **state)
{
	struct machine *m = *state;
	struct knob_reading reading;
	struct subject s;

	subject_start(&s, m->root);
	reading = reading_of(m, &s);
	assert_int_equal(reading.flags, 0);
	assert_string_equal(reading.value, "0");
	assert_non_null(strstr(reading.reason, "one node"));
	assert_int_equal(begin_at(m, 1, &s, "0"), OUTCOME_REFUSED);
	subject_end(&s);
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, real_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest two[] = {
		REAL(every_set_of_nodes_is_restored_from_every_other),
		REAL(a_process_that_goes_on_allocating_is_put_back_all_the_same),
		REAL(what_a_child_has_in_common_is_not_counted),
		REAL(a_node_without_room_stops_the_move_and_it_is_taken_back),
		REAL(a_move_at_a_low_rate_takes_its_time_and_is_not_given_up),
		REAL(what_must_stay_free_on_a_node_stops_a_move_forth_and_none_back),
		REAL(a_crash_is_recovered),
		REAL(a_process_that_has_ended_is_gone),
		REAL(the_actuator_may_see_and_move_and_core_may_not),
	};
	const struct CMUnitTest one[] = {
		REAL(with_one_node_nothing_can_be_written),
	};
	int failed;

	if (geteuid() != 0 || access("/sys/devices/system/node/has_memory", R_OK) < 0) {
		printf("skipped: needs root, and a kernel with CONFIG_NUMA\n");
		return 77;
	}
	if (access("/sys/devices/system/node/node1", F_OK) == 0)
		return cmocka_run_group_tests(two, NULL, NULL);
	failed = cmocka_run_group_tests(one, NULL, NULL);
	if (failed == 0)
		printf("skipped: one node with memory; tests/vm/run --nodes 2 has two\n");
	return failed ? failed : 77;
}
