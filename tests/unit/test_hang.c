// SPDX-License-Identifier: Apache-2.0
/* A source that does not return, seen from outside: the observer is a child that blocks in a read of a FIFO. */
#include "daemon/hang.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "observer/watch.h"

#define SOURCE 1
#define NOW 1000000000ull

struct fixture {
	char folder[64], fifo[96];
	int root;
	struct source_watch *watch; /* shared with the child */
	pid_t pid;
};

/* A FIFO that nobody writes to is not even opened. */
static void block_opening(struct fixture *f)
{
	int folder = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	watch_enter(f->watch, SOURCE, STEP_ATTACH);
	_exit(openat(folder, "pressure", O_RDONLY | O_CLOEXEC) < 0);
}

static void block_elsewhere(struct fixture *f)
{
	watch_enter(f->watch, SOURCE, STEP_ATTACH);
	pause();
	_exit(1);
}

static void block(struct fixture *f)
{
	int fd = open(f->fifo,
		      O_RDWR | O_CLOEXEC); /* as its own writer: it opens, and no read ends */
	char byte;

	watch_enter(f->watch, SOURCE, STEP_SAMPLE);
	_exit(read(fd, &byte, 1) < 0);
}

static void child_start(struct fixture *f, void (*body)(struct fixture *f), enum source_step step)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	char path[64], text[1024];

	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		body(f);
	}
	snprintf(path, sizeof(path), "proc/%d/stat", f->pid);
	for (;;) {
		const char *state = sysroot_read(f->root, path, text, sizeof(text)) > 0
					    ? strrchr(text, ')')
					    : NULL;

		if (state && state[2] == 'S' && f->watch->step == step)
			return;
		nanosleep(&pause, NULL);
	}
}

static void child_end(struct fixture *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/flyball-hang-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->fifo, sizeof(f->fifo), "%s/pressure", f->folder);
	assert_int_equal(mkfifo(f->fifo, 0600), 0);
	f->root = sysroot_open("/");
	f->watch = mmap(NULL, sizeof(*f->watch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	assert_true(f->watch != MAP_FAILED);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->watch, sizeof(*f->watch));
	close(f->root);
	unlink(f->fifo);
	rmdir(f->folder);
	free(f);
	return 0;
}

/* Where this process may not look into its child, the file is not known. */
static bool may_look(const struct fixture *f)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/syscall", f->pid);
	return sysroot_read(f->root, path, text, sizeof(text)) > 0;
}

static void the_source_and_the_file_are_named_and_left_out(void **state)
{
	struct fixture *f = *state;
	char text[HANG_TEXT_MAX], wanted[HANG_TEXT_MAX];

	child_start(f, block, STEP_SAMPLE);
	hang_note(f->watch, f->root, f->pid, NOW, text, sizeof(text));
	if (may_look(f))
		snprintf(wanted, sizeof(wanted), "source %s: a read of '%s' hangs; it is left out",
			 observer_source_name(SOURCE), f->fifo);
	else
		snprintf(wanted, sizeof(wanted), "source %s: a read hangs; it is left out",
			 observer_source_name(SOURCE));
	assert_string_equal(text, wanted);
	assert_true(watch_absent(f->watch, SOURCE, UINT64_MAX - 1));
	assert_false(watch_absent(f->watch, SOURCE + 1, NOW));
	child_end(f);
}

static void a_file_that_does_not_open_is_named(void **state)
{
	struct fixture *f = *state;
	char what[HANG_WHAT_MAX], wanted[HANG_TEXT_MAX];

	child_start(f, block_opening, STEP_ATTACH);
	if (!may_look(f)) {
		child_end(f);
		return;
	}
	snprintf(wanted, sizeof(wanted), "the opening of '%s'", f->fifo);
	assert_true(hang_find(f->root, f->pid, what, sizeof(what)));
	assert_string_equal(what, wanted);
	child_end(f);
}

static void a_call_on_no_file_is_told_apart(void **state)
{
	struct fixture *f = *state;
	char what[HANG_WHAT_MAX];

	child_start(f, block_elsewhere, STEP_ATTACH);
	assert_false(hang_find(f->root, f->pid, what, sizeof(what)));
	if (may_look(f))
		assert_non_null(strstr(what, "system call"));
	child_end(f);
}

static void when_the_process_is_gone_the_source_is_tried_again_after_a_pause(void **state)
{
	struct fixture *f = *state;
	char text[HANG_TEXT_MAX];

	child_start(f, block, STEP_SAMPLE);
	hang_note(f->watch, f->root, f->pid, NOW, text, sizeof(text));
	hang_note(f->watch, f->root, f->pid, NOW, text, sizeof(text)); /* the same hang */
	hang_end(f->watch, f->pid + 1, NOW);
	assert_true(watch_absent(f->watch, SOURCE, UINT64_MAX - 1));
	hang_end(f->watch, f->pid, NOW);
	assert_true(watch_absent(f->watch, SOURCE, NOW + HANG_PAUSE_MIN_NS - 1));
	assert_false(watch_absent(f->watch, SOURCE, NOW + HANG_PAUSE_MIN_NS));
	child_end(f);
}

/* How long it is left out after another hang and its end, in units of the first pause. */
static uint64_t hang_again(struct fixture *f, uint64_t now_ns)
{
	char text[HANG_TEXT_MAX];

	hang_note(f->watch, f->root, f->pid, now_ns, text, sizeof(text));
	hang_end(f->watch, f->pid, now_ns);
	return (f->watch->hangs[SOURCE].until_ns - now_ns) / HANG_PAUSE_MIN_NS;
}

static void the_pause_grows_to_its_limit_and_is_short_again_after_an_hour_without(void **state)
{
	struct fixture *f = *state;
	uint64_t now = NOW, pauses = 1;

	child_start(f, block, STEP_SAMPLE);
	for (int i = 0; i < 7; i++, pauses *= 2)
		assert_int_equal(hang_again(f, now += NSEC_PER_SEC), pauses);
	for (int i = 0; i < 40; i++)
		assert_int_equal(hang_again(f, now += NSEC_PER_SEC),
				 HANG_PAUSE_MAX_NS / HANG_PAUSE_MIN_NS);
	assert_int_equal(hang_again(f, now + 3600 * NSEC_PER_SEC), 1);
	child_end(f);
}

static void between_two_sources_nothing_is_left_out(void **state)
{
	struct fixture *f = *state;
	char text[HANG_TEXT_MAX];

	child_start(f, block, STEP_SAMPLE);
	watch_leave(f->watch);
	hang_note(f->watch, f->root, f->pid, NOW, text, sizeof(text));
	assert_non_null(strstr(text, "of no source"));
	for (size_t i = 0; i < SOURCES_MAX; i++)
		assert_false(watch_absent(f->watch, i, NOW));
	child_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_source_and_the_file_are_named_and_left_out,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_does_not_open_is_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_call_on_no_file_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(
			when_the_process_is_gone_the_source_is_tried_again_after_a_pause, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			the_pause_grows_to_its_limit_and_is_short_again_after_an_hour_without,
			setup, teardown),
		cmocka_unit_test_setup_teardown(between_two_sources_nothing_is_left_out, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
