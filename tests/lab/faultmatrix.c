// SPDX-License-Identifier: Apache-2.0
/*
 * The matrix of faults: every system call of one transaction, of the actuator and of its hand, fails in turn with each
 * error, takes one byte only, never returns, or is the last that its process makes; on the real code and the real kernel,
 * by ptrace.
 *
 * A cell is (process, n-th system call of that process, fault). Reads that go on in one file are counted thrice at most:
 * the kernel's types come in some 1,400 pages. A call that fails is not carried out, unless it is close(2),
 * which closes whatever it says. Judged by onetrial_judge(): nothing hangs, nothing crashes, what was said is true, and
 * recovery without faults leaves the old value, or the new one where KEEP was answered. A hand that dies is replaced, and
 * everything done as asked. A hand that does not return is given up in its time, and the trial goes on to its end.
 *
 *	faultmatrix [all] [FAMILY...]
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/lab/matrix.h"

#define MARK_BEGUN (-4242) /* close() of it: the first request follows */
#define MARK_ENDED (-4243)
#define CELL_SECONDS 20                      /* longer, and it hangs */
#define BLOCK_LIMIT_NS (60 * NSEC_PER_MSEC)  /* of the hand, where it blocks */
#define BLOCK_SPLIT_NS (400 * NSEC_PER_MSEC) /* the same where it loads a program */
#define READS_COUNTED 3                      /* of those that go on in one file */
#define PROCESSES 8 /* followed at once: the actuator, its hand, and those that replace it */

enum who {
	WHO_ACTUATOR,
	WHO_HAND,
	WHO_COUNT,
};

enum kind {
	KIND_ERROR,
	KIND_SHORT,        /* one byte is taken */
	KIND_BLOCK_BEFORE, /* the call never begins */
	KIND_BLOCK_AFTER,  /* it is done, and never returns */
	KIND_DEATH,        /* SIGKILL instead of the call */
	KIND_DEATH_OF_ALL, /* of the actuator and its hand */
	KIND_COUNT,
};

struct fault {
	enum kind kind;
	int error; /* of KIND_ERROR */
};

struct cell {
	enum who who;
	unsigned int nth; /* from 1; 0 = no fault, only count */
	struct fault fault;
};

/* One process as it is followed. */
struct traced {
	pid_t pid;
	bool inside;     /* between entry and exit of a system call */
	bool overriding; /* the result is ours */
	bool blocked;    /* the call is done, and its process is not told */
	long result;
	unsigned long long read_fd; /* of the reads that it is in the middle of */
	unsigned int n_reads;       /* in one file, one after the other */
};

struct run {
	const struct cell *cell;
	struct traced traced[PROCESSES];
	size_t n_traced;
	bool begun;
	unsigned int counts[WHO_COUNT];
	long number; /* of the system call that was made to fail */
	bool injected;
	bool ended; /* the actuator came to its end */
};

/* A number without a factor in common with any stride, so that each comes to each kind of call. */
static const struct fault faults[] = {
	{ KIND_ERROR, EIO },    { KIND_ERROR, EPERM },    { KIND_ERROR, EBUSY },
	{ KIND_ERROR, EINVAL }, { KIND_ERROR, ENOSPC },   { KIND_ERROR, EINTR },
	{ KIND_SHORT, 0 },      { KIND_BLOCK_BEFORE, 0 }, { KIND_BLOCK_AFTER, 0 },
	{ KIND_DEATH, 0 },      { KIND_DEATH_OF_ALL, 0 },
};

static struct onetrial_said *said;
static unsigned int n_seen;

static void mark_begun(void)
{
	close(MARK_BEGUN);
}

static void mark_ended(void)
{
	close(MARK_ENDED);
}

static bool is_short_capable(long number, const struct user_regs_struct *regs)
{
	return (number == SYS_write || number == SYS_pwrite64 || number == SYS_read ||
		number == SYS_pread64) &&
	       regs->rdx > 1;
}

static struct traced *traced_of(struct run *run, pid_t pid)
{
	for (size_t i = 0; i < run->n_traced; i++)
		if (run->traced[i].pid == pid)
			return &run->traced[i];
	if (run->n_traced == PROCESSES)
		return NULL;
	run->traced[run->n_traced] = (struct traced){ .pid = pid };
	return &run->traced[run->n_traced++];
}

/* brk(2) has no errors: it answers with the end of the heap, which is the old one where it could not be moved. */
static void fail_brk(const struct traced *t, struct user_regs_struct *regs)
{
	regs->rdi = 0;
	ptrace(PTRACE_SETREGS, t->pid, NULL, regs);
}

static void fail_call(struct run *run, struct traced *t, struct user_regs_struct *regs)
{
	run->injected = true;
	if (regs->orig_rax == SYS_brk) {
		fail_brk(t, regs);
		return;
	}
	t->overriding = true;
	t->result = -run->cell->fault.error;
	if (regs->orig_rax == SYS_close)
		return;
	regs->orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, t->pid, NULL, regs);
}

static void shorten(struct run *run, struct traced *t, struct user_regs_struct *regs)
{
	if (!is_short_capable((long)regs->orig_rax, regs))
		return;
	regs->rdx = 1;
	ptrace(PTRACE_SETREGS, t->pid, NULL, regs);
	run->injected = true;
}

static void kill_all(struct run *run)
{
	for (size_t i = 0; i < run->n_traced; i++)
		kill(run->traced[i].pid, SIGKILL);
}

/* False: the process stays where it is until somebody kills it. */
static bool inject(struct run *run, struct traced *t, struct user_regs_struct *regs)
{
	run->number = (long)regs->orig_rax;
	switch (run->cell->fault.kind) {
	case KIND_ERROR:
		fail_call(run, t, regs);
		return true;
	case KIND_SHORT:
		shorten(run, t, regs);
		return true;
	case KIND_BLOCK_BEFORE:
		run->injected = true;
		return false;
	case KIND_BLOCK_AFTER:
		run->injected = true;
		t->blocked = true;
		return true;
	case KIND_DEATH:
		run->injected = true;
		kill(t->pid, SIGKILL);
		return false;
	default:
		run->injected = true;
		kill_all(run);
		return false;
	}
}

/* One more page of a file that is read from end to end. */
static bool is_more_of_a_file(struct traced *t, const struct user_regs_struct *regs)
{
	if (regs->orig_rax != SYS_read || regs->rdi != t->read_fd)
		t->n_reads = 0;
	t->read_fd = regs->rdi;
	return regs->orig_rax == SYS_read && ++t->n_reads > READS_COUNTED;
}

/* False: it is not let go on. */
static bool on_entry(struct run *run, struct traced *t)
{
	enum who who = t == &run->traced[0] ? WHO_ACTUATOR : WHO_HAND;
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, t->pid, NULL, &regs);
	if (regs.orig_rax == SYS_close && (int)regs.rdi == MARK_BEGUN)
		run->begun = true;
	else if (regs.orig_rax == SYS_close && (int)regs.rdi == MARK_ENDED)
		run->begun = false;
	else if (run->begun && regs.orig_rax != SYS_exit_group &&
		 t - run->traced < (ptrdiff_t)WHO_COUNT && !is_more_of_a_file(t, &regs)) {
		run->counts[who]++;
		if (who == run->cell->who && run->counts[who] == run->cell->nth)
			return inject(run, t, &regs);
	}
	return true;
}

static bool on_exit_of_call(struct traced *t)
{
	struct user_regs_struct regs;

	if (t->blocked)
		return false;
	if (!t->overriding)
		return true;
	t->overriding = false;
	ptrace(PTRACE_GETREGS, t->pid, NULL, &regs);
	regs.rax = (unsigned long long)t->result;
	ptrace(PTRACE_SETREGS, t->pid, NULL, &regs);
	return true;
}

/* Returns the signal to hand on, or -1: the process stays where it is. */
static int on_stop(struct run *run, struct traced *t, int status)
{
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		t->inside = !t->inside;
		return (t->inside ? on_entry(run, t) : on_exit_of_call(t)) ? 0 : -1;
	}
	/* Stops of ptrace itself. */
	if (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP)
		return 0;
	return WSTOPSIG(status);
}

static bool is_death(const struct cell *cell)
{
	return cell->nth && cell->fault.kind >= KIND_DEATH;
}

static bool is_block(const struct cell *cell)
{
	return cell->nth &&
	       (cell->fault.kind == KIND_BLOCK_BEFORE || cell->fault.kind == KIND_BLOCK_AFTER);
}

/* The actuator is meant to die. */
static bool is_killed(const struct cell *cell)
{
	return is_death(cell) &&
	       (cell->who == WHO_ACTUATOR || cell->fault.kind == KIND_DEATH_OF_ALL);
}

static void wake(int signal_number)
{
	(void)signal_number;
}

/* Follows the trial to its end; NULL, or what went wrong. Its hands may outlive it by a moment. */
static const char *follow(struct run *run, pid_t child)
{
	const char *wrong = NULL;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR) {
			kill_all(run);
			wrong = "it hangs";
			continue;
		}
		if (pid < 0)
			return wrong;
		if (WIFEXITED(status) && pid == child)
			run->ended = true;
		if (WIFSIGNALED(status) && pid == child && !wrong && !is_killed(run->cell))
			wrong = strsignal(WTERMSIG(status));
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
			wrong = "the hand crashed";
		if (WIFSTOPPED(status)) {
			struct traced *t = traced_of(run, pid);
			int signal_number = t ? on_stop(run, t, status) : 0;

			if (signal_number >= 0)
				ptrace(PTRACE_SYSCALL, pid, NULL, signal_number);
		}
	}
}

/* Where the hand alone dies, all is done as if nothing had happened. */
static const char *judge(struct onetrial *trial, const struct run *run)
{
	const char *wrong = onetrial_judge(trial, said, run->ended);

	if (!wrong && is_death(run->cell) && !is_killed(run->cell) && said->complained)
		wrong = said->text;
	return wrong;
}

static const char *try_cell(struct onetrial *trial, struct run *run)
{
	const struct itimerval limit = { .it_value = { .tv_sec = CELL_SECONDS } };
	const struct itimerval none = { .it_value = { .tv_sec = 0 } };
	const char *wrong;
	uint64_t limit_ns;
	int status;
	pid_t child;

	fflush(stdout);
	limit_ns = trial->limit_ns;
	if (is_block(run->cell))
		trial->limit_ns = trial->maps ? BLOCK_SPLIT_NS : BLOCK_LIMIT_NS;
	child = fork();
	if (child < 0)
		return "unable to fork";
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		onetrial_run(trial, said, mark_begun, mark_ended);
		_exit(0);
	}
	trial->limit_ns = limit_ns;
	waitpid(child, &status, 0);
	traced_of(run, child);
	ptrace(PTRACE_SETOPTIONS, child, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	setitimer(ITIMER_REAL, &limit, NULL);
	ptrace(PTRACE_SYSCALL, child, NULL, 0);
	wrong = follow(run, child);
	setitimer(ITIMER_REAL, &none, NULL);
	return wrong ? wrong : judge(trial, run);
}

static void name_cell(const struct run *run, char *text, size_t size)
{
	static const char *const kinds[KIND_COUNT] = {
		[KIND_ERROR] = "fails: ",
		[KIND_SHORT] = "is short",
		[KIND_BLOCK_BEFORE] = "does not begin",
		[KIND_BLOCK_AFTER] = "does not return",
		[KIND_DEATH] = "is its last",
		[KIND_DEATH_OF_ALL] = "is the last of all",
	};
	const struct fault *fault = &run->cell->fault;

	snprintf(text, size, "call %u of the %s (system call %ld) %s%s; last complaint '%s'",
		 run->cell->nth, run->cell->who == WHO_ACTUATOR ? "actuator" : "hand", run->number,
		 kinds[fault->kind], fault->kind == KIND_ERROR ? strerror(fault->error) : "",
		 said->text);
}

static void try_fault(struct onetrial *trial, const struct cell *cell, struct tally *tally)
{
	struct run run = { .cell = cell };
	const char *wrong = try_cell(trial, &run);
	char name[512];

	tally->cells += run.injected;
	tally->failed += wrong != NULL;
	name_cell(&run, name, sizeof(name));
	if (wrong)
		matrix_complain(trial, name, wrong);
	onetrial_reset(trial);
}

/* That the actuator itself waits for a disk with its journal is nobody's promise. */
static void try_call(struct onetrial *trial, enum who who, unsigned int nth, struct tally *tally)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct cell cell = { .who = who, .nth = nth, .fault = faults[i] };

		if (who == WHO_ACTUATOR && is_block(&cell))
			continue;
		if (n_seen++ % trial->stride == 0)
			try_fault(trial, &cell, tally);
	}
}

static void try_trial(struct onetrial *trial, struct tally *tally)
{
	const struct cell none = { .nth = 0 };
	struct run run = { .cell = &none };
	const char *wrong = try_cell(trial, &run);
	const struct tally before = *tally;

	if (wrong || said->complained) {
		matrix_complain(trial, "no fault at all", wrong ? wrong : said->text);
		tally->failed++;
		return;
	}
	onetrial_reset(trial);
	for (enum who who = 0; who < WHO_COUNT; who++)
		for (unsigned int nth = 1; nth <= run.counts[who]; nth++)
			try_call(trial, who, nth, tally);
	printf("%s%s, %s: %u + %u system calls, %u cells, %u failed\n", trial->row->name,
	       trial->maps ? " split" : "", trial->keep ? "KEEP" : "UNDO", run.counts[WHO_ACTUATOR],
	       run.counts[WHO_HAND], tally->cells - before.cells, tally->failed - before.failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = wake };

	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		return 1;
	sigaction(SIGALRM, &action, NULL);
	return matrix_run(MATRIX_FAULTS, argc, argv, try_trial);
}
