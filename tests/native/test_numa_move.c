// SPDX-License-Identifier: Apache-2.0
/*
 * Between two batches of a move its process may end, and its number become another's, whose pages are not touched. The
 * code that moves is a part of this program, so that the process can be replaced in the middle: whenever it says that it
 * gets on. Needs root (for a process with a number of choice) and CONFIG_NUMA; one node is enough. Else exits with 77.
 */
#include "tests/native/clone_as.h"
#include "tests/unit/test_actuator.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "actuator/family.h"

static void get_on(void);

/* In the place of the hand's: called after each batch. */
#define family_progress get_on
#include "actuator/numa_move.c"

#define PAGES (3 * BATCH_FIRST)
#define UNTOUCHED (-12345) /* no node, and no error of the kernel's */

static struct {
	char *block; /* of PAGES, at this place in whatever process is started */
	size_t bytes;
	pid_t pid;
	bool replace; /* at the next sign of progress */
} subject;

/* Touches the block, so that it has pages of its own. `number` 0: any. */
static pid_t subject_start(pid_t number)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = clone_as(number);
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		memset(subject.block, 1, subject.bytes);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void subject_end(void)
{
	kill(subject.pid, SIGKILL);
	assert_int_equal(waitpid(subject.pid, NULL, 0), subject.pid);
}

/* The start of a process is told in hundredths of a second. */
static void get_on(void)
{
	const struct timespec pause = { .tv_nsec = 30000000 };

	if (!subject.replace)
		return;
	subject.replace = false;
	subject_end();
	nanosleep(&pause, NULL);
	assert_int_equal(subject_start(subject.pid), subject.pid);
}

/* Moves the block in batches to where it is. */
static int move_block(struct mover *m, struct thread *process)
{
	m->root = sysroot_open("/");
	m->process = process;
	m->batch = BATCH_FIRST;
	for (size_t i = 0; i < PAGES; i++) {
		m->chosen[i] = subject.block + i * (subject.bytes / PAGES);
		m->targets[i] = 0;
		m->results[i] = UNTOUCHED;
	}
	assert_int_equal(thread_read(m->root, subject.pid, subject.pid, process), 0);
	return move_chosen(m, PAGES);
}

static void all_batches_of_a_process_are_moved(void **state)
{
	static struct thread process;
	static struct mover m;

	(void)state;
	subject.pid = subject_start(0);
	assert_int_equal(move_block(&m, &process), 0);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_not_equal(m.results[i], UNTOUCHED);
	closep(&m.root);
	subject_end();
}

static void a_number_that_is_anothers_by_now_is_left(void **state)
{
	static struct thread process;
	static struct mover m;

	(void)state;
	subject.pid = subject_start(0);
	subject.replace = true;
	assert_int_equal(move_block(&m, &process), -ESRCH);
	assert_false(subject.replace);
	for (size_t i = 0; i < PAGES; i++)
		if ((m.results[i] == UNTOUCHED) != (i >= BATCH_FIRST))
			fail_msg("page %zu: %d", i, m.results[i]);
	closep(&m.root);
	subject_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_batches_of_a_process_are_moved),
		cmocka_unit_test(a_number_that_is_anothers_by_now_is_left),
	};

	if (geteuid() != 0 || (move_pages(0, 0, NULL, NULL, NULL, 0) < 0 && errno == ENOSYS)) {
		puts("skipped: needs root, and a kernel with CONFIG_NUMA");
		return 77;
	}
	subject.bytes = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	subject.block = mmap(NULL, subject.bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (subject.block == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
