// SPDX-License-Identifier: Apache-2.0
/*
 * The matrix of faults: every system call of one transaction, of the actuator and of its hand, fails in turn with each
 * error, or takes one byte only; on the real code and the real kernel, by ptrace.
 *
 * A cell is (process, n-th system call of that process, error). The call is not carried out, unless it is close(2),
 * which closes whatever it says. Judged by onetrial_judge(): nothing hangs, nothing crashes, what was said is true, and
 * recovery without faults leaves the old value, or the new one where KEEP was answered.
 *
 *	faultmatrix [all]
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
#include "tests/lab/matrix.h"

#define MARK_BEGUN (-4242) /* close() of it: the first request follows */
#define MARK_ENDED (-4243)
#define CELL_SECONDS 20 /* longer, and it hangs */
#define SHORT 0         /* instead of an error: one byte is taken */
#define PROCESSES 8     /* followed at once: the actuator, its hand, and those that replace it */

enum who {
	WHO_ACTUATOR,
	WHO_HAND,
	WHO_COUNT,
};

struct cell {
	enum who who;
	unsigned int nth; /* from 1; 0 = no fault, only count */
	int error;        /* or SHORT */
};

/* One process as it is followed. */
struct traced {
	pid_t pid;
	bool inside;     /* between entry and exit of a system call */
	bool overriding; /* the result is ours */
	long result;
};

struct run {
	const struct cell *cell;
	struct traced traced[PROCESSES];
	size_t n_traced;
	bool begun;
	unsigned int counts[WHO_COUNT];
	long number; /* of the system call that was made to fail */
	bool injected;
};

static const int errors[] = { EIO, EPERM, EBUSY, EINVAL, ENOSPC, EINTR, SHORT };
static struct onetrial_said *said;
static unsigned int n_cells, n_seen;

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

static void inject(struct run *run, struct traced *t, struct user_regs_struct *regs)
{
	long number = (long)regs->orig_rax;

	run->number = number;
	if (run->cell->error == SHORT) {
		if (!is_short_capable(number, regs))
			return;
		regs->rdx = 1;
		ptrace(PTRACE_SETREGS, t->pid, NULL, regs);
		run->injected = true;
		return;
	}
	run->injected = true;
	t->overriding = true;
	t->result = -run->cell->error;
	if (number == SYS_close)
		return;
	regs->orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, t->pid, NULL, regs);
}

static void on_entry(struct run *run, struct traced *t)
{
	enum who who = t == &run->traced[0] ? WHO_ACTUATOR : WHO_HAND;
	struct user_regs_struct regs;

	ptrace(PTRACE_GETREGS, t->pid, NULL, &regs);
	if (regs.orig_rax == SYS_close && (int)regs.rdi == MARK_BEGUN)
		run->begun = true;
	else if (regs.orig_rax == SYS_close && (int)regs.rdi == MARK_ENDED)
		run->begun = false;
	else if (run->begun && regs.orig_rax != SYS_exit_group &&
		 t - run->traced < (ptrdiff_t)WHO_COUNT) {
		run->counts[who]++;
		if (who == run->cell->who && run->counts[who] == run->cell->nth)
			inject(run, t, &regs);
	}
}

static void on_exit_of_call(struct traced *t)
{
	struct user_regs_struct regs;

	if (!t->overriding)
		return;
	t->overriding = false;
	ptrace(PTRACE_GETREGS, t->pid, NULL, &regs);
	regs.rax = (unsigned long long)t->result;
	ptrace(PTRACE_SETREGS, t->pid, NULL, &regs);
}

/* Returns the signal to hand on. */
static int on_stop(struct run *run, struct traced *t, int status)
{
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		t->inside = !t->inside;
		if (t->inside)
			on_entry(run, t);
		else
			on_exit_of_call(t);
		return 0;
	}
	/* Stops of ptrace itself. */
	if (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP)
		return 0;
	return WSTOPSIG(status);
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
			kill(child, SIGKILL);
			wrong = "it hangs";
			continue;
		}
		if (pid < 0)
			return wrong;
		if (WIFSIGNALED(status) && pid == child && !wrong)
			wrong = strsignal(WTERMSIG(status));
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
			wrong = "the hand crashed";
		if (WIFSTOPPED(status)) {
			struct traced *t = traced_of(run, pid);
			int signal_number = t ? on_stop(run, t, status) : 0;

			ptrace(PTRACE_SYSCALL, pid, NULL, signal_number);
		}
	}
}

static const char *try_cell(const struct onetrial *trial, struct run *run)
{
	const struct itimerval limit = { .it_value = { .tv_sec = CELL_SECONDS } };
	const struct itimerval none = { .it_value = { .tv_sec = 0 } };
	const char *wrong;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return "unable to fork";
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		onetrial_run(trial, said, mark_begun, mark_ended);
		_exit(0);
	}
	waitpid(child, &status, 0);
	traced_of(run, child);
	ptrace(PTRACE_SETOPTIONS, child, NULL,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	setitimer(ITIMER_REAL, &limit, NULL);
	ptrace(PTRACE_SYSCALL, child, NULL, 0);
	wrong = follow(run, child);
	setitimer(ITIMER_REAL, &none, NULL);
	return wrong ? wrong : onetrial_judge(trial, said, true);
}

static void name_cell(const struct run *run, char *text, size_t size)
{
	snprintf(text, size, "call %u of the %s (system call %ld) %s%s; last complaint '%s'",
		 run->cell->nth, run->cell->who == WHO_ACTUATOR ? "actuator" : "hand", run->number,
		 run->cell->error ? "fails: " : "is short",
		 run->cell->error ? strerror(run->cell->error) : "", said->text);
}

static unsigned int try_error(const struct onetrial *trial, const struct cell *cell)
{
	struct run run = { .cell = cell };
	const char *wrong = try_cell(trial, &run);
	char name[512];

	n_cells += run.injected;
	name_cell(&run, name, sizeof(name));
	if (wrong)
		matrix_complain(trial, name, wrong);
	onetrial_reset(trial);
	return wrong != NULL;
}

static unsigned int try_call(const struct onetrial *trial, enum who who, unsigned int nth)
{
	unsigned int failed = 0;

	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		const struct cell cell = { .who = who, .nth = nth, .error = errors[e] };

		/* No stride has a factor in common with the number of errors: each comes to each kind of call. */
		if (n_seen++ % trial->stride == 0)
			failed += try_error(trial, &cell);
	}
	return failed;
}

static unsigned int try_trial(const struct onetrial *trial)
{
	const struct cell none = { .nth = 0 };
	struct run run = { .cell = &none };
	const char *wrong = try_cell(trial, &run);
	unsigned int failed = 0, before = n_cells;

	if (wrong || said->complained) {
		matrix_complain(trial, "no fault at all", wrong ? wrong : said->text);
		return 1;
	}
	onetrial_reset(trial);
	for (enum who who = 0; who < WHO_COUNT; who++)
		for (unsigned int nth = 1; nth <= run.counts[who]; nth++)
			failed += try_call(trial, who, nth);
	printf("%s, %s: %u + %u system calls, %u cells, %u failed\n", trial->row->name,
	       trial->keep ? "KEEP" : "UNDO", run.counts[WHO_ACTUATOR], run.counts[WHO_HAND],
	       n_cells - before, failed);
	return failed;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = wake };
	int r;

	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		return 1;
	sigaction(SIGALRM, &action, NULL);
	r = matrix_run(argc > 1 && !strcmp(argv[1], "all"), try_trial);
	printf("%u cells\n", n_cells);
	return r;
}
