/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that looks for a verb in the foreground. What looks may hang in the kernel, where no signal ends it: so who talks
 * to the user is another process, which says which source does not answer and replaces the child by one that leaves it out.
 *
 *     looker_open → looker_ask … → looker_close
 *
 * The child is a copy of this process, made at the first question and again after each that hung; it has nothing of what
 * the one before knew but what lies in shared memory. It dies with its parent, and all that it attached with it.
 */
#ifndef FLYBALL_DAEMON_LOOKER_H
#define FLYBALL_DAEMON_LOOKER_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "include/source.h"

#define LOOKERS_MAX 8 /* that hang and are left to themselves; no other is started beside so many */

/* Outcome of looker_ask(): it hung in a source, which is left out from now on. The next question is to a new child. */
#define LOOKER_HUNG 1

struct looker_work {
	/*
	 * In the child, for each question: looks, not before `until_ns`. Where it waits, it does so no longer than until
	 * `parent` is readable. What it finds goes to shared memory. Returns 0 or -errno, as looker_ask() then does.
	 */
	int (*look)(void *data, int parent, uint64_t until_ns);

	/* In the child, at its end in order. */
	void (*end)(void *data);

	void *data;
	int root; /* sysroot descriptor, also of the child's /proc */
	struct source_watch
		*watch; /* shared memory: where the child says what it is in the middle of */
	FILE *err;      /* for the user */
};

/* How long the child may stand in one step … */
struct looker_limits {
	uint64_t say_ns; /* … until the user hears of it */
	uint64_t
		file_ns; /* … and until it counts as hanging, where it is blocked in one and the same file … */
	uint64_t call_ns; /* … or in anything else: programs are loaded, and verified */
};

#define LOOKER_LIMITS                                                    \
	{                                                                \
		.say_ns = 2 * NSEC_PER_SEC, .file_ns = 3 * NSEC_PER_SEC, \
		.call_ns = 20 * NSEC_PER_SEC                             \
	}

struct looker {
	struct looker_work work;
	struct looker_limits limits;
	pid_t pid; /* of the child; 0 = none */
	int channel;
	pid_t hung[LOOKERS_MAX]; /* killed, and not dead; 0 = a free place */
	int ending;              /* readable once a signal asks this process to end */
	sigset_t held_back;      /* signals that were let through before */
	unsigned int n_said;     /* lines to the user */
};

#define LOOKER_NONE                         \
	{                                   \
		.channel = -1, .ending = -1 \
	}

/* Memory that the child shares, zeroed; the caller unmaps it. NULL = there is none. */
void *looker_memory(size_t size);

/* Holds back the signals that would end this process. Returns 0 or -errno; looker_close() in any case. */
int looker_open(struct looker *looker, const struct looker_work *work);

/*
 * Has the child look, not before `until_ns`, and waits for it. Returns 0; LOOKER_HUNG; -EINTR when this process is asked to end;
 * what the child returned; -ECHILD when it died, -EDEADLK when it hangs outside of all sources, -EBUSY when too many hang: all
 * three the user has been told.
 */
int looker_ask(struct looker *looker, uint64_t until_ns);

/* Ends the child, if there is one. */
void looker_stop(struct looker *looker);

/* Likewise. A signal that asked to end was held back until now, and ends the process. */
void looker_close(struct looker *looker);

#endif
