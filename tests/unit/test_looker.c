// SPDX-License-Identifier: Apache-2.0
/* A child that looks: asked, interrupted, dead, and blocked in the opening of a FIFO that nobody writes to. */
#include "daemon/cli/looker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "observer/watch.h"

#define SOURCE 1

struct shared {
	struct source_watch watch;
	pid_t pid;  /* of the child that looked last */
	int looked; /* how often, all children together */
	int ended;  /* in order */
};

struct fixture {
	char folder[64], fifo[96];
	int root;
	struct shared *shared;
	struct looker looker;
	FILE *err;
	char *said;
	size_t length;
	enum { WELL, HANGS, DIES, HANGS_OUTSIDE, IS_SLOW } how;
};

static int look(void *data, int parent, uint64_t until_ns)
{
	struct fixture *f = data;

	(void)parent;
	(void)until_ns;
	f->shared->pid = getpid();
	if (f->how == DIES)
		abort();
	if (f->how == HANGS_OUTSIDE)
		close(open(f->fifo, O_RDONLY | O_CLOEXEC));
	for (int i = 0; f->how == IS_SLOW && i < 15; i++) {
		watch_enter(&f->shared->watch, SOURCE, STEP_SAMPLE);
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	watch_enter(&f->shared->watch, SOURCE, STEP_SAMPLE);
	if (f->how == HANGS && !watch_absent(&f->shared->watch, SOURCE, clock_now_ns()))
		close(open(f->fifo, O_RDONLY | O_CLOEXEC));
	watch_leave(&f->shared->watch);
	f->shared->looked++;
	return 0;
}

static void end(void *data)
{
	struct fixture *f = data;

	f->shared->ended++;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct looker_work work = { .look = look, .end = end, .data = f };

	strcpy(f->folder, "/tmp/flyball-looker-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->fifo, sizeof(f->fifo), "%s/fifo", f->folder);
	assert_int_equal(mkfifo(f->fifo, 0600), 0);
	f->root = work.root = sysroot_open("/");
	f->shared = looker_memory(sizeof(*f->shared));
	f->err = work.err = open_memstream(&f->said, &f->length);
	work.watch = &f->shared->watch;
	assert_int_equal(looker_open(&f->looker, &work), 0);
	f->looker.limits = (struct looker_limits){ .say_ns = 300 * NSEC_PER_MSEC,
						   .file_ns = 600 * NSEC_PER_MSEC,
						   .call_ns = 900 * NSEC_PER_MSEC };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	looker_close(&f->looker);
	fclose(f->err);
	free(f->said);
	munmap(f->shared, sizeof(*f->shared));
	close(f->root);
	unlink(f->fifo);
	rmdir(f->folder);
	free(f);
	return 0;
}

static bool says(struct fixture *f, const char *text)
{
	fflush(f->err);
	return strstr(f->said, text) != NULL;
}

static void one_child_answers_every_question_and_ends_in_order(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	assert_int_equal(looker_ask(&f->looker, 0), 0);
	pid = f->shared->pid;
	assert_int_not_equal(pid, getpid());
	assert_int_equal(looker_ask(&f->looker, 0), 0);
	assert_int_equal(f->shared->looked, 2);
	assert_int_equal(f->shared->pid, pid);
	assert_int_equal(f->shared->ended, 0);
	looker_stop(&f->looker);
	assert_int_equal(f->shared->ended, 1);
	assert_int_equal(kill(pid, 0), -1);
	assert_false(says(f, "flyball"));
}

static void what_hangs_is_said_left_out_and_the_next_child_answers(void **state)
{
	struct fixture *f = *state;
	char wanted[256];
	pid_t pid;

	f->how = HANGS;
	assert_int_equal(looker_ask(&f->looker, 0), LOOKER_HUNG);
	pid = f->shared->pid;
	snprintf(wanted, sizeof(wanted), "flyball: source %s: ", observer_source_name(SOURCE));
	assert_true(says(f, wanted));
	assert_true(says(f, " has not returned for "));
	assert_true(says(f, " hangs; it is left out\n"));
	assert_int_equal(f->looker.n_said, 2);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(looker_ask(&f->looker, 0), 0);
	assert_int_not_equal(f->shared->pid, pid);
}

/* A question is to be answered not before its time: until then it is not late. */
static void who_is_not_to_answer_yet_does_not_hang(void **state)
{
	const uint64_t until_ns = clock_now_ns() + NSEC_PER_SEC;
	struct fixture *f = *state;

	f->how = HANGS;
	f->looker.limits.file_ns = f->looker.limits.call_ns = 300 * NSEC_PER_MSEC;
	assert_int_equal(looker_ask(&f->looker, until_ns), LOOKER_HUNG);
	assert_true(f->shared->watch.hangs[SOURCE].seen_ns > until_ns);
}

static void who_gets_on_does_not_hang_however_long_it_takes(void **state)
{
	struct fixture *f = *state;

	f->how = IS_SLOW;
	assert_int_equal(looker_ask(&f->looker, 0), 0);
}

static void outside_of_all_sources_nothing_can_be_left_out(void **state)
{
	struct fixture *f = *state;

	f->how = HANGS_OUTSIDE;
	assert_int_equal(looker_ask(&f->looker, 0), -EDEADLK);
	assert_true(says(f, "of no source"));
}

static void a_signal_ends_the_wait_for_a_child_that_hangs(void **state)
{
	struct fixture *f = *state;

	f->how = HANGS;
	raise(SIGTERM); /* held back */
	assert_int_equal(looker_ask(&f->looker, 0), -EINTR);
	looker_stop(&f->looker);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	signal(SIGTERM, SIG_IGN); /* takes back what is pending */
	signal(SIGTERM, SIG_DFL);
}

static void a_death_is_said(void **state)
{
	struct fixture *f = *state;

	f->how = DIES;
	assert_int_equal(looker_ask(&f->looker, 0), -ECHILD);
	assert_true(says(f, "was killed by signal 6"));
	f->how = WELL;
	assert_int_equal(looker_ask(&f->looker, 0), 0);
}

static void nothing_that_hangs_keeps_the_output_open(void **state)
{
	struct fixture *f = *state;
	int ends[2], out = dup(STDOUT_FILENO);
	char byte;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	assert_int_equal(looker_ask(&f->looker, 0), 0);
	dup2(out, STDOUT_FILENO);
	close(out);
	/* The child lives, and who reads is at the end. */
	assert_int_equal(poll(&(struct pollfd){ .fd = ends[0], .events = POLLIN }, 1, 10000), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_child_answers_every_question_and_ends_in_order),
		TEST(what_hangs_is_said_left_out_and_the_next_child_answers),
		TEST(who_is_not_to_answer_yet_does_not_hang),
		TEST(who_gets_on_does_not_hang_however_long_it_takes),
		TEST(outside_of_all_sources_nothing_can_be_left_out),
		TEST(a_signal_ends_the_wait_for_a_child_that_hangs),
		TEST(a_death_is_said),
		TEST(nothing_that_hangs_keeps_the_output_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
