// SPDX-License-Identifier: Apache-2.0
/*
 * The matrix of crashes: at every step of a transaction (actuator/failpoint.h) kill -9 of the hand, of the actuator, or
 * of both, on the real kernel; then recovery. And the same at every step of a recovery, which is repeated then.
 *
 * A cell is (phase, step, n-th time that the step is reached, who dies). Judged by onetrial_judge(); where the hand alone
 * dies the actuator must do all that it was asked to as if nothing had happened.
 *
 *	crashmatrix [all] [FAMILY...]
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/failpoint.h"
#include "actuator/journal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/lab/matrix.h"

enum phase {
	PHASE_TRIAL,
	PHASE_RECOVERY, /* of a trial that was killed right after the arm was written, or a split began */
	PHASE_COUNT,
};

enum victim {
	VICTIM_HAND,
	VICTIM_ACTUATOR,
	VICTIM_BOTH,
	VICTIM_COUNT,
};

/* Shared by all processes of a cell. */
struct shared {
	bool armed;
	enum failpoint point;
	unsigned int nth; /* from 1; 0 = only count */
	enum victim victim;
	bool fired;
	unsigned int counts[FAILPOINT_COUNT];
	pid_t actuator, hand;
	struct onetrial_said said;
};

static const char *const points[FAILPOINT_COUNT] = {
	[FAILPOINT_RECORD_BEFORE] = "before a record",
	[FAILPOINT_RECORD_WRITTEN] = "after a record, before its fsync",
	[FAILPOINT_RECORD_DONE] = "after a record",
	[FAILPOINT_REWRITE_BEFORE] = "before the journal is rewritten",
	[FAILPOINT_REWRITE_DONE] = "after the journal was rewritten",
	[FAILPOINT_HAND_STARTED] = "a new hand",
	[FAILPOINT_HAND_ASKED] = "the hand was asked",
	[FAILPOINT_HAND_ANSWERED] = "the hand has answered",
	[FAILPOINT_WRITE_BEFORE] = "before a write",
	[FAILPOINT_WRITE_DONE] = "after a write",
	[FAILPOINT_READ_BACK] = "after it was read back",
	[FAILPOINT_ATTACH_BEFORE] = "before the program is attached",
	[FAILPOINT_ATTACH_DONE] = "after the program was attached",
	[FAILPOINT_RESTORE_BEFORE] = "before companions are restored",
	[FAILPOINT_RESTORE_DONE] = "after companions were restored",
	[FAILPOINT_PUT_DONE] = "put in force, not recorded",
};

static const char *const victims[VICTIM_COUNT] = {
	[VICTIM_HAND] = "the hand dies",
	[VICTIM_ACTUATOR] = "the actuator dies",
	[VICTIM_BOTH] = "both die",
};

static struct shared *shared;
static unsigned int n_seen;

/* Whoever is not the victim goes on: a hand whose actuator died, until the kernel ends it, too. */
static void strike(void)
{
	pid_t hand = shared->hand, actuator = shared->actuator, self = getpid();

	shared->fired = true;
	if (shared->victim != VICTIM_ACTUATOR && hand != self && hand > 0)
		kill(hand, SIGKILL);
	if (shared->victim != VICTIM_HAND && actuator != self)
		kill(actuator, SIGKILL);
	if ((shared->victim != VICTIM_ACTUATOR && hand == self) ||
	    (shared->victim != VICTIM_HAND && actuator == self))
		kill(self, SIGKILL);
}

void failpoint_hit(enum failpoint point)
{
	if (!shared->armed)
		return;
	if (point == FAILPOINT_HAND_STARTED)
		shared->hand = getpid();
	if (++shared->counts[point] == shared->nth && point == shared->point && !shared->fired)
		strike();
}

static void arm(enum failpoint point, unsigned int nth, enum victim victim)
{
	struct onetrial_said said = shared->said;

	*shared = (struct shared){ .point = point, .nth = nth, .victim = victim, .said = said };
	shared->armed = true;
}

static void nothing(void)
{
}

/* A journal that ends in a torn record: opening it rewrites it. */
static void leave_torn_record(const struct onetrial *trial)
{
	static const char torn[] = "FLBL, and then the power failed";
	int fd = openat(trial->state, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || file_write_all(fd, torn, sizeof(torn)) < 0)
		abort();
	close(fd);
}

static void recover(const struct onetrial *trial)
{
	struct actuator_options options = { .root = trial->root,
					    .state = trial->state,
					    .only = { .kind = SCOPE_KIND_COUNT } };
	struct recovery recovery;

	actuator_recover(&options, clock_now_ns(), &recovery);
}

/* True when it came to its end. */
static bool run(const struct onetrial *trial, enum phase phase)
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		shared->actuator = getpid();
		if (phase == PHASE_TRIAL)
			onetrial_run(trial, &shared->said, nothing, nothing);
		else
			recover(trial);
		_exit(0);
	}
	waitpid(child, &status, 0);
	shared->armed = false;
	return WIFEXITED(status);
}

static const char *try_phase(struct onetrial *trial, enum phase phase, enum failpoint point,
			     unsigned int nth, enum victim victim)
{
	const char *wrong;
	bool ended;

	if (phase == PHASE_TRIAL) {
		leave_torn_record(trial);
	} else {
		/* A split writes in its KEEP alone. */
		arm(trial->maps && !trial->keep ? FAILPOINT_ATTACH_DONE : FAILPOINT_WRITE_DONE, 1,
		    VICTIM_BOTH);
		run(trial, PHASE_TRIAL);
	}
	arm(point, nth, victim);
	ended = run(trial, phase);
	wrong = onetrial_judge(trial, &shared->said, ended && phase == PHASE_TRIAL);
	/* An actuator that is done ends its hand, which may not have come there yet. */
	if (!wrong && nth > 0 && !shared->fired && point != FAILPOINT_HAND_ANSWERED)
		wrong = "the step was not reached";
	if (!wrong && victim == VICTIM_HAND && phase == PHASE_TRIAL && ended &&
	    shared->said.complained)
		wrong = shared->said.text;
	if (!wrong && victim == VICTIM_HAND && !ended)
		wrong = "the actuator died, too";
	onetrial_reset(trial);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return wrong;
}

static void try_step(struct onetrial *trial, enum phase phase, enum failpoint point,
		     unsigned int nth, struct tally *tally)
{
	for (enum victim victim = 0; victim < VICTIM_COUNT; victim++) {
		const char *wrong;
		char cell[256];

		if (n_seen++ % trial->stride)
			continue;
		wrong = try_phase(trial, phase, point, nth, victim);
		tally->cells += shared->fired;
		tally->failed += wrong != NULL;
		snprintf(cell, sizeof(cell), "%s, %s (time %u), %s",
			 phase == PHASE_TRIAL ? "trial" : "recovery", points[point], nth,
			 victims[victim]);
		if (wrong)
			matrix_complain(trial, cell, wrong);
	}
}

static void try_trial(struct onetrial *trial, struct tally *tally)
{
	const struct tally before = *tally;

	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		unsigned int counts[FAILPOINT_COUNT];
		const char *wrong = try_phase(trial, phase, 0, 0, VICTIM_BOTH);

		memcpy(counts, shared->counts, sizeof(counts));
		if (wrong || (phase == PHASE_TRIAL && shared->said.complained)) {
			matrix_complain(trial, "no death at all",
					wrong ? wrong : shared->said.text);
			tally->failed++;
			return;
		}
		for (enum failpoint point = 0; point < FAILPOINT_COUNT; point++)
			for (unsigned int nth = 1; nth <= counts[point]; nth++)
				try_step(trial, phase, point, nth, tally);
	}
	printf("%s%s, %s: %u cells, %u failed\n", trial->row->name, trial->maps ? " split" : "",
	       trial->keep ? "KEEP" : "UNDO", tally->cells - before.cells,
	       tally->failed - before.failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? 1 : matrix_run(MATRIX_CRASHES, argc, argv, try_trial);
}
