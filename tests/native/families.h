/* SPDX-License-Identifier: Apache-2.0 */
/* What the native tests of knob families share: an actuator on this machine, and processes with several threads. */
#ifndef FLYBALL_TESTS_NATIVE_FAMILIES_H
#define FLYBALL_TESTS_NATIVE_FAMILIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"

#define FAR (3600 * NSEC_PER_SEC)
#define WORKER_THREADS 3

struct bench {
	char folder[64]; /* with the journal */
	int root, state;
	uint64_t next_txn;
};

static inline int bench_open(struct bench *b)
{
	*b = (struct bench){ .root = sysroot_open("/") };
	strcpy(b->folder, "/var/tmp/flyball-test-XXXXXX");
	if (!mkdtemp(b->folder))
		return -errno;
	b->state = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b->state < 0 || b->root < 0 ? -errno : 0;
}

static inline void bench_close(struct bench *b)
{
	unlinkat(b->state, "journal", 0);
	closep(&b->root);
	closep(&b->state);
	rmdir(b->folder);
}

static inline struct actuator_options bench_options(const struct bench *b)
{
	return (struct actuator_options){ .root = b->root,
					  .state = b->state,
					  .heartbeat_ns = FAR,
					  .only = { .kind = SCOPE_KIND_COUNT } };
}

static inline struct actuator *bench_actuator(const struct bench *b)
{
	struct actuator_options options = bench_options(b);
	struct actuator *actuator = NULL;
	struct recovery recovery;

	assert_int_equal(actuator_open(&options, clock_now_ns(), &recovery, &actuator), 0);
	return actuator;
}

static inline struct knob_reading reading_of(const struct bench *b, const char *knob,
					     const struct scope *scope)
{
	struct knob_reading reading;

	assert_int_equal(knob_read(b->root, knob_find(knob), scope, &reading), 0);
	return reading;
}

static inline struct change change_of(struct bench *b, const char *knob, const struct scope *scope,
				      const char *new_value)
{
	struct change change = { .txn = ++b->next_txn,
				 .action = ACTION_BEGIN,
				 .deadline_ns = clock_now_ns() + FAR,
				 .scope = *scope };

	snprintf(change.knob, sizeof(change.knob), "%s", knob);
	snprintf(change.old_value, sizeof(change.old_value), "%s",
		 reading_of(b, knob, scope).value);
	snprintf(change.new_value, sizeof(change.new_value), "%s", new_value);
	return change;
}

static inline struct outcome ask(struct actuator *actuator, struct change *change,
				 enum action action)
{
	struct outcome outcome;

	change->action = action;
	actuator_change(actuator, change, clock_now_ns(), &outcome);
	return outcome;
}

/* Asks for what must be done without a word. */
static inline void must(struct actuator *actuator, struct change *change, enum action action)
{
	struct outcome outcome = ask(actuator, change, action);

	if (outcome.status != OUTCOME_DONE || outcome.text[0])
		fail_msg("%s '%s' → '%s': action %d, status %u: %s", change->knob,
			 change->old_value, change->new_value, (int)action, outcome.status,
			 outcome.text);
}

/* A process with threads that wait; what they may run on is set from outside. */
struct worker {
	pid_t pid;
	pid_t threads[WORKER_THREADS];
	int order, answer; /* pipes: 't' starts one more thread, which answers with its number */
};

/* Of the worker's process: where its threads wait until 'x' ends one, and what they answer to. */
static int worker_wait[2], worker_answer;

static inline void *worker_thread(void *context)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char byte;

	(void)context;
	if (write(worker_answer, &tid, sizeof(tid)) != sizeof(tid))
		_exit(1);
	while (read(worker_wait[0], &byte, 1) != 1)
		;
	return NULL;
}

static inline void *worker_mayfly(void *context)
{
	return context;
}

/* 's': threads are born and die as fast as they can, for a second. */
static inline void worker_storm(void)
{
	uint64_t end = clock_now_ns() + NSEC_PER_SEC;
	pthread_t thread;

	while (clock_now_ns() < end)
		if (pthread_create(&thread, NULL, worker_mayfly, NULL) == 0)
			pthread_join(thread, NULL);
}

static inline void worker_run(int order, int answer)
{
	pthread_t thread;
	char what;

	prctl(PR_SET_NAME, "knob worker");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	worker_answer = answer;
	if (pipe2(worker_wait, O_CLOEXEC) < 0)
		_exit(1);
	while (read(order, &what, 1) == 1) {
		if (what == 's')
			worker_storm();
		else if (what == 'x' && write(worker_wait[1], "", 1) != 1)
			_exit(1);
		else if (what == 't' && pthread_create(&thread, NULL, worker_thread, NULL) != 0)
			_exit(1);
	}
	_exit(0);
}

static inline pid_t worker_thread_start(struct worker *w)
{
	pid_t tid = 0;

	assert_int_equal(write(w->order, "t", 1), 1);
	assert_int_equal(read(w->answer, &tid, sizeof(tid)), sizeof(tid));
	return tid;
}

/* Of the test: a worker that runs, for the teardown of one that failed. */
static pid_t worker_running;

static inline void worker_start(struct worker *w)
{
	int order[2], answer[2];

	assert_int_equal(pipe2(order, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		close(order[1]);
		worker_run(order[0], answer[1]);
	}
	worker_running = w->pid;
	close(order[0]);
	close(answer[1]);
	w->order = order[1];
	w->answer = answer[0];
	for (int i = 0; i < WORKER_THREADS; i++)
		w->threads[i] = worker_thread_start(w);
}

static inline void worker_stop(struct worker *w)
{
	close(w->order);
	close(w->answer);
	kill(w->pid, SIGKILL);
	assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
	worker_running = 0;
}

static inline void worker_clear(void)
{
	if (worker_running == 0)
		return;
	kill(worker_running, SIGKILL);
	waitpid(worker_running, NULL, 0);
	worker_running = 0;
}

static inline void cpus_set(pid_t tid, unsigned long mask)
{
	if (sched_setaffinity(tid, sizeof(mask), (const cpu_set_t *)&mask) < 0)
		fail_msg("unable to give %d the mask %lx: %s", tid, mask, strerror(errno));
}

static inline unsigned long cpus_of(pid_t tid)
{
	cpu_set_t set;
	unsigned long mask = 0;

	CPU_ZERO(&set);
	assert_true(sched_getaffinity(tid, sizeof(set), &set) >= 0);
	for (size_t i = 0; i < sizeof(mask) * 8; i++)
		mask |= CPU_ISSET(i, &set) ? 1ul << i : 0;
	return mask;
}

#endif
