// SPDX-License-Identifier: Apache-2.0
/*
 * Switching the threads of a process to the arm, and back to what was captured of each.
 *
 * A thread is switched when it has a mask of this transaction: the arm's, or one of those that were captured (a thread
 * that is born meanwhile inherits its parent's). Any other mask is somebody else's, and is left.
 */
#include "actuator/affinity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define PASSES_MAX 16 /* over threads that are born meanwhile; each pass finds those of the last */

/* What companions say of the threads, and the arm. */
struct captured {
	const char *lines;
	struct idset common;
	const struct idset *arm;
};

struct switching {
	const struct captured *captured;
	enum affinity_direction direction;
	size_t changed; /* in this pass */
	int error;      /* the first that is not the end of a thread */
	char *text;     /* what could not be done, or was left; NULL: the error alone counts */
	size_t text_size;
};

static int find_cpus(const char *companions, const char *name, struct idset *ret_cpus)
{
	char value[KNOB_VALUE_MAX];

	if (companions_find(companions, name, value, sizeof(value)) < 0 ||
	    idset_parse(value, ret_cpus) < 0)
		return -EBADMSG;
	return 0;
}

/* The mask that the thread had, else the common one; `ret_ours`: `now` is one of those that were captured. */
static int captured_cpus(const struct captured *captured, const struct thread *thread,
			 const struct idset *now, struct idset *ret_cpus, bool *ret_ours)
{
	char name[THREAD_NAME_MAX], own[THREAD_NAME_MAX], value[KNOB_VALUE_MAX];
	const char *cursor = captured->lines;
	bool ours = idset_equal(now, &captured->common), listed = false;
	struct idset cpus;
	int r;

	*ret_cpus = captured->common;
	thread_format(thread->tid, thread->start, own, sizeof(own));
	while ((r = companions_next(&cursor, name, sizeof(name), value, sizeof(value))) > 0) {
		if (name[0] == '@' || !strcmp(name, AFFINITY_COMMON_NAME))
			continue;
		if (idset_parse(value, &cpus) < 0)
			return -EBADMSG;
		ours = ours || idset_equal(now, &cpus);
		if (!strcmp(name, own)) {
			*ret_cpus = cpus;
			listed = true;
		}
	}
	/* Of a thread that is written down its own mask is known; others may have inherited any. */
	*ret_ours = listed ? idset_equal(now, ret_cpus) : ours;
	return r;
}

static void complain(struct switching *s, const struct thread *thread, int r)
{
	char name[THREAD_NAME_MAX];

	snprintf(name, sizeof(name), "thread %d", thread->tid);
	if (r < 0)
		s->error = s->error ? s->error : r;
	if (r < 0 && s->text)
		companions_complain(s->text, s->text_size, name, r);
	else if (s->text && !s->text[0])
		snprintf(s->text, s->text_size, "%s has CPUs that are somebody else's choice: left",
			 name);
}

static int switch_thread(int root, const struct thread *thread, const struct idset *now,
			 void *context)
{
	struct switching *s = context;
	const struct idset *wanted;
	struct idset had;
	bool ours, is_arm;
	int r = captured_cpus(s->captured, thread, now, &had, &ours);

	if (r < 0)
		return r;
	wanted = s->direction == AFFINITY_TO_ARM ? s->captured->arm : &had;
	if (idset_equal(now, wanted))
		return 0;
	is_arm = idset_equal(now, s->captured->arm);
	/* Going back, a captured mask is one that a thread was born with. */
	if (s->direction == AFFINITY_TO_CAPTURED && ours && !is_arm)
		return 0;
	if (!ours && !is_arm) {
		complain(s, thread, 0);
		return 0;
	}
	r = thread_set_cpus(root, thread, wanted);
	if (r == 0)
		s->changed++;
	else if (r != -ESRCH)
		complain(s, thread, r);
	return 0;
}

/* Until a pass finds nothing to do: a thread may be born by one that was not switched yet, behind the reader's back. */
static int switch_all(int root, const struct scope *scope, struct switching *s)
{
	struct thread leader;
	int r = affinity_leader_read(root, scope, &leader);

	for (int pass = 0; r == 0 && pass < PASSES_MAX; pass++) {
		s->changed = 0;
		s->error = 0;
		if (s->text)
			s->text[0] = '\0';
		r = affinity_threads_each(root, leader.tid, switch_thread, s);
		if (r < 0 || s->error || s->changed == 0)
			return r < 0 ? r : s->error;
	}
	return r < 0 ? r : -EAGAIN;
}

int affinity_threads_switch(int root, const struct scope *scope, const char *companions,
			    const struct idset *arm, enum affinity_direction direction,
			    char *ret_text, size_t size)
{
	struct captured captured = { .lines = companions, .arm = arm };
	struct switching s = {
		.captured = &captured,
		.direction = direction,
		.text = ret_text,
		.text_size = size,
	};
	int r = find_cpus(companions, AFFINITY_COMMON_NAME, &captured.common);

	return r < 0 ? r : switch_all(root, scope, &s);
}

int affinity_process_write(int root, const struct scope *scope, const char *companions,
			   const char *value)
{
	struct idset arm, cpus;
	int r = find_cpus(companions, KNOB_NEW_NAME, &arm);

	if (r == 0)
		r = idset_parse(value, &cpus);
	if (r < 0)
		return r;
	return affinity_threads_switch(root, scope, companions, &arm,
				       idset_equal(&cpus, &arm) ? AFFINITY_TO_ARM
								: AFFINITY_TO_CAPTURED,
				       NULL, 0);
}

int affinity_process_restore(int root, const struct scope *scope, const char *companions,
			     char *ret_text, size_t size)
{
	struct idset arm;
	int r = find_cpus(companions, KNOB_NEW_NAME, &arm);

	if (r == 0)
		r = affinity_threads_switch(root, scope, companions, &arm, AFFINITY_TO_CAPTURED,
					    ret_text, size);
	return r == -ESRCH ? -ENOENT : r;
}
