// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/looker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "daemon/cli/render.h"
#include "daemon/hang.h"
#include "observer/observer.h"

#define POLL_NS (250 * NSEC_PER_MSEC)     /* between two looks at where the child stands */
#define END_NS (5 * NSEC_PER_SEC)         /* detaching waits for every CPU, program by program */
#define END_FILE_NS (200 * NSEC_PER_MSEC) /* … but who stands in one file for so long hangs */
#define END_POLL_NS (2 * NSEC_PER_MSEC)

/* Since when, and in what, the child does not get on. */
struct stall {
	uint32_t serial; /* of its step */
	bool said;
	uint64_t seen_ns;     /* when it was last looked at */
	uint64_t ns, file_ns; /* in this step; in one file */
	char what[HANG_WHAT_MAX];
};

void *looker_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* On a terminal the line that is there may be a progress bar. */
static void say(struct looker *looker, const char *format, ...)
{
	FILE *err = looker->work.err;
	va_list args;

	fputs(style_of(err).live ? "\r\033[Kflyball: " : "flyball: ", err);
	va_start(args, format);
	vfprintf(err, format, args);
	va_end(args);
	fputc('\n', err);
	fflush(err);
	looker->n_said++;
}

/* What is made in the run folder, and the child, go before the process does. */
static int hold_back_signals(struct looker *looker)
{
	static const int endings[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		sigaddset(&mask, endings[i]);
	looker->ending = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (looker->ending < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &mask, &looker->held_back);
	return 0;
}

int looker_open(struct looker *looker, const struct looker_work *work)
{
	*looker = (struct looker)LOOKER_NONE;
	looker->work = *work;
	looker->limits = (struct looker_limits)LOOKER_LIMITS;
	return hold_back_signals(looker);
}

/* --- the child --- */

/* Who reads what this program prints waits for the last process that could print: that must not be one that hangs. */
static void close_streams(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
		dup2(fd, i);
}

/* The signals that end its parent stay blocked: a whole group of processes gets them. */
static void child_live(const struct looker *looker, int parent)
{
	const struct looker_work *work = &looker->work;
	const int keep[] = { parent, work->root };
	uint64_t until_ns;

	close_streams();
	descriptors_close_others(keep, ARRAY_SIZE(keep));
	prctl(PR_SET_NAME, "flyball-looker");
	while (recv(parent, &until_ns, sizeof(until_ns), 0) == (ssize_t)sizeof(until_ns)) {
		int r = work->look(work->data, parent, until_ns);

		if (send(parent, &r, sizeof(r), MSG_NOSIGNAL) < 0)
			break;
	}
	work->end(work->data);
}

static int child_start(struct looker *looker)
{
	const pid_t parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	looker->pid = fork();
	if (looker->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent) /* else it has died before that */
			child_live(looker, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (looker->pid < 0) {
		looker->pid = 0;
		close(fds[0]);
		return -errno;
	}
	looker->channel = fds[0];
	return 0;
}

/* --- where it stands --- */

static uint32_t serial_of(const struct looker *looker)
{
	return __atomic_load_n(&looker->work.watch->serial, __ATOMIC_RELAXED);
}

/* A pause of this process itself (Ctrl-Z) is none of the child's. */
static void stall_look(struct stall *stall, const struct looker *looker)
{
	const uint32_t serial = serial_of(looker);
	const uint64_t now_ns = clock_now_ns();
	uint64_t passed_ns = now_ns - stall->seen_ns;
	char what[HANG_WHAT_MAX];

	if (passed_ns > 2 * POLL_NS)
		passed_ns = 2 * POLL_NS;
	if (serial != stall->serial) {
		*stall = (struct stall){ .serial = serial, .seen_ns = now_ns };
		return;
	}
	stall->seen_ns = now_ns;
	stall->ns += passed_ns;
	if (hang_find(looker->work.root, looker->pid, what, sizeof(what)) &&
	    !strcmp(what, stall->what))
		stall->file_ns += passed_ns;
	else
		stall->file_ns = 0;
	strcpy(stall->what, what);
}

static void stall_say(struct stall *stall, struct looker *looker)
{
	const struct source_watch *watch = looker->work.watch;
	const bool of_none = __atomic_load_n(&watch->step, __ATOMIC_RELAXED) == STEP_NONE;
	const uint32_t source = __atomic_load_n(&watch->source, __ATOMIC_RELAXED);

	stall->said = true;
	say(looker, "source %s: %s has not returned for %.0f s",
	    of_none ? "?" : observer_source_name(source), stall->what,
	    (double)stall->ns / (double)NSEC_PER_SEC);
}

/* Waits until it is dead; at most END_NS, and less when it stands in one file. */
static bool ends(const struct looker *looker, pid_t pid)
{
	const struct timespec pause = { .tv_nsec = END_POLL_NS };
	const uint64_t begun_ns = clock_now_ns();
	uint64_t file_ns = begun_ns;
	char before[HANG_WHAT_MAX] = "", what[HANG_WHAT_MAX];

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		const uint64_t now_ns = clock_now_ns();
		const bool on_file = hang_find(looker->work.root, pid, what, sizeof(what));

		if (!on_file || strcmp(what, before) != 0)
			file_ns = now_ns;
		if (now_ns - begun_ns > END_NS || now_ns - file_ns > END_FILE_NS)
			return false;
		strcpy(before, what);
		nanosleep(&pause, NULL);
	}
	return true;
}

/* --- from question to answer --- */

/* Those that were left to themselves may have ended. */
static void bury(struct looker *looker)
{
	for (size_t i = 0; i < LOOKERS_MAX; i++) {
		if (!looker->hung[i] || waitpid(looker->hung[i], NULL, WNOHANG) == 0)
			continue;
		say(looker, "process %d, which hung, has ended; its source is tried again",
		    looker->hung[i]);
		hang_end(looker->work.watch, looker->hung[i], clock_now_ns());
		looker->hung[i] = 0;
	}
}

static pid_t *free_place(struct looker *looker)
{
	for (size_t i = 0; i < LOOKERS_MAX; i++)
		if (!looker->hung[i])
			return &looker->hung[i];
	return NULL;
}

/* Notes what hangs, and parts with the child. */
static int give_up(struct looker *looker)
{
	const bool of_none =
		__atomic_load_n(&looker->work.watch->step, __ATOMIC_RELAXED) == STEP_NONE;
	const pid_t pid = looker->pid;
	char text[HANG_TEXT_MAX];

	hang_note(looker->work.watch, looker->work.root, pid, clock_now_ns(), text, sizeof(text));
	say(looker, "%s", text);
	kill(pid, SIGKILL);
	closep(&looker->channel);
	looker->channel = -1;
	looker->pid = 0;
	if (ends(looker, pid)) {
		hang_end(looker->work.watch, pid, clock_now_ns());
		return of_none ? -EDEADLK : LOOKER_HUNG;
	}
	*free_place(looker) = pid; /* child_ready() has seen one */
	say(looker,
	    "process %d, which hangs there, cannot be ended; what it has attached stays until its "
	    "call returns",
	    pid);
	return of_none ? -EDEADLK : LOOKER_HUNG;
}

static int died(struct looker *looker)
{
	int status = 0;

	closep(&looker->channel);
	looker->channel = -1;
	waitpid(looker->pid, &status, 0);
	if (WIFSIGNALED(status))
		say(looker, "the process that looks (%d) was killed by signal %d (%s)", looker->pid,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		say(looker, "the process that looks (%d) ended with status %d", looker->pid,
		    WEXITSTATUS(status));
	looker->pid = 0;
	return -ECHILD;
}

static int child_ready(struct looker *looker)
{
	bury(looker);
	if (looker->pid)
		return 0;
	if (free_place(looker))
		return child_start(looker);
	say(looker, "%d processes hang: no other one is started beside them", LOOKERS_MAX);
	return -EBUSY;
}

/* Sleeps until there is an answer, or it is time to look where the child stands. */
static void sleep_for(uint64_t wait_ns, struct pollfd *fds, nfds_t n)
{
	const struct timespec wait = { .tv_sec = (time_t)(wait_ns / NSEC_PER_SEC),
				       .tv_nsec = (long)(wait_ns % NSEC_PER_SEC) };

	if (ppoll(fds, n, &wait, NULL) < 0)
		for (nfds_t i = 0; i < n; i++)
			fds[i].revents = 0;
}

static int answer_await(struct looker *looker, uint64_t until_ns)
{
	struct stall stall = { .serial = serial_of(looker), .seen_ns = clock_now_ns() };
	struct pollfd fds[] = { { .fd = looker->channel, .events = POLLIN },
				{ .fd = looker->ending, .events = POLLIN } };
	int r;

	for (;;) {
		const uint64_t now_ns = clock_now_ns();

		sleep_for(POLL_NS + (until_ns > now_ns ? until_ns - now_ns : 0), fds,
			  ARRAY_SIZE(fds));
		if (fds[1].revents)
			return -EINTR;
		if (fds[0].revents)
			return recv(looker->channel, &r, sizeof(r), 0) == (ssize_t)sizeof(r)
				       ? r
				       : died(looker);
		stall_look(&stall, looker);
		if (stall.file_ns >= looker->limits.file_ns || stall.ns >= looker->limits.call_ns)
			return give_up(looker);
		if (stall.ns >= looker->limits.say_ns && !stall.said)
			stall_say(&stall, looker);
	}
}

int looker_ask(struct looker *looker, uint64_t until_ns)
{
	int r = child_ready(looker);

	if (r < 0)
		return r;
	/* A failure is a death, which the wait for the answer sees. */
	(void)!send(looker->channel, &until_ns, sizeof(until_ns), MSG_NOSIGNAL);
	return answer_await(looker, until_ns);
}

void looker_stop(struct looker *looker)
{
	closep(&looker->channel);
	looker->channel = -1;
	if (looker->pid && !ends(looker, looker->pid)) {
		kill(looker->pid, SIGKILL);
		if (!ends(looker, looker->pid))
			say(looker,
			    "process %d hangs and cannot be ended; what it has attached stays "
			    "until "
			    "its call returns",
			    looker->pid);
	}
	looker->pid = 0;
}

void looker_close(struct looker *looker)
{
	looker_stop(looker);
	if (looker->ending >= 0)
		sigprocmask(SIG_SETMASK, &looker->held_back, NULL);
	closep(&looker->ending);
	looker->ending = -1;
}
