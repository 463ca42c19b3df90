// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler source against the kernel's own books: /proc/PID/status, schedstat and sched of a child that does a
 * known number of things, perf's software events, and what the child itself has measured.
 *
 * The child sleeps in a read from a pipe whenever the two are compared, so that nothing is under way, and all counts and the
 * sum of waits must agree exactly, but for switches for which the kernel ran no program, which are counted as lost (a
 * virtual machine's 6.18 runs none while a thread of its process 1 is the current task: what comes after it, too, is not
 * seen to begin). Percentiles of waits are held against the child's own clock: within 10 %. All of it by
 * each method that works here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <linux/perf_event.h>
#include <math.h>
#include <sched.h>
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "tests/native/truth_methods.h"
#include "tests/native/clone_as.h"

#define TESTS_MAX 64
#define PATIENCE_MS 20000
#define TIMES_MAX 4096
#define STAY_SLACK_NS 2000.0 /* by which the books of one stay on a CPU may differ */

struct truth {
	char force[64];
	int root;
	struct observer *observer;
	struct frame *frame;
	struct scope scope; /* of the child, or another that was demanded */
	pid_t child, hog;
	int to_child, from_child;
	char group[128]; /* a control group made by a test; "" */
};

/* What the child and this process share: the times that it measured itself. */
struct notes {
	size_t n;
	bool urgent; /* it runs as soon as it is woken, so that its times are those of its waits */
	uint64_t ns[TIMES_MAX];
};

static struct notes *notes;

/* What was seen of one scope over many ticks. */
struct seen {
	double counts[SIGNAL_ID_COUNT];
	struct hist times[SIGNAL_ID_COUNT];
	uint64_t lossy, series;
	uint64_t unseen; /* LOSS_EVENT since the demand */
};

static struct seen seen; /* 600 KiB */

/* The kernel's books of one process with one thread. */
struct books {
	uint64_t voluntary, involuntary, migrations, run_ns, wait_ns, stays;
	uint64_t perf_switches, perf_migrations;
};

typedef void work_fn(void);

static void sleep_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

static void pin(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* Sleeps between two pieces of work, until it is told to end. */
static void child_main(int in, int out, work_fn *work)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	while (read(in, &byte, 1) == 1) {
		if (byte == 'w')
			work();
		if (write(out, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void child_start(struct truth *t, work_fn *work)
{
	int down[2], up[2];

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	t->child = fork();
	assert_true(t->child >= 0);
	if (t->child == 0) {
		close(down[1]);
		close(up[0]);
		child_main(down[0], up[1], work);
	}
	close(down[0]);
	close(up[1]);
	t->to_child = down[1];
	t->from_child = up[0];
}

static char process_state(pid_t pid)
{
	char path[64], text[512];
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (sysroot_read(AT_FDCWD, path, text, sizeof(text)) < 0)
		return '?';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '?';
}

/* Has the child do what it is told and sleep again. */
static void child_tell(struct truth *t, char what)
{
	char byte;

	assert_int_equal(write(t->to_child, &what, 1), 1);
	assert_int_equal(read(t->from_child, &byte, 1), 1);
	for (int ms = 0; process_state(t->child) != 'S'; ms++) {
		assert_true(ms < PATIENCE_MS);
		usleep(1000);
	}
	usleep(2000); /* off its CPU, too, not only about to go */
}

static void child_end(struct truth *t)
{
	if (t->child <= 0)
		return;
	kill(t->child, SIGKILL);
	waitpid(t->child, NULL, 0);
	close(t->to_child);
	close(t->from_child);
	t->child = 0;
}

static void hog_start(struct truth *t, int cpu)
{
	t->hog = fork();
	assert_true(t->hog >= 0);
	if (t->hog > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void hog_end(struct truth *t)
{
	if (t->hog <= 0)
		return;
	kill(t->hog, SIGKILL);
	waitpid(t->hog, NULL, 0);
	t->hog = 0;
}

static uint64_t start_ticks(pid_t pid)
{
	char path[64], text[1024], *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	assert_true(sysroot_read(AT_FDCWD, path, text, sizeof(text)) > 0);
	field = strrchr(text, ')');
	for (int i = 2; i < 22; i++)
		field = strchr(field + 1, ' ');
	return strtoull(field, NULL, 10);
}

static uint64_t line_number(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	assert_non_null(at);
	at = strchr(at, ':');
	return strtoull(at + 1 + strspn(at + 1, " \t"), NULL, 10);
}

static void book_read(pid_t pid, const char *file, char text[8192])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	if (sysroot_read(AT_FDCWD, path, text, 8192) < 0)
		text[0] = '\0';
}

static int perf_open(pid_t pid, uint64_t event)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = event,
	};

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t perf_read(int fd)
{
	uint64_t value = 0;

	return fd >= 0 && read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

static struct books books_now(pid_t pid, const int perf[2])
{
	struct books books = { 0 };
	char text[8192];

	book_read(pid, "status", text);
	books.voluntary = line_number(text, "\nvoluntary_ctxt_switches");
	books.involuntary = line_number(text, "nonvoluntary_ctxt_switches");
	book_read(pid, "schedstat", text);
	assert_int_equal(sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &books.run_ns,
				&books.wait_ns, &books.stays),
			 3);
	book_read(pid, "sched", text);
	if (text[0])
		books.migrations = line_number(text, "nr_migrations");
	books.perf_switches = perf_read(perf[0]);
	books.perf_migrations = perf_read(perf[1]);
	return books;
}

static struct books books_since(const struct books *before, const struct books *now)
{
	return (struct books){
		.voluntary = now->voluntary - before->voluntary,
		.involuntary = now->involuntary - before->involuntary,
		.migrations = now->migrations - before->migrations,
		.run_ns = now->run_ns - before->run_ns,
		.wait_ns = now->wait_ns - before->wait_ns,
		.stays = now->stays - before->stays,
		.perf_switches = now->perf_switches - before->perf_switches,
		.perf_migrations = now->perf_migrations - before->perf_migrations,
	};
}

static void demand_all(struct truth *t, enum scope_kind kind, const char *name)
{
	struct demand demands[SIGNAL_ID_COUNT] = { 0 };
	size_t n = 0;

	t->scope.kind = kind;
	snprintf(t->scope.name, sizeof(t->scope.name), "%s", name);
	for (uint32_t i = SIGNAL_SCHED_WAKEUP; i <= SIGNAL_SCHED_MIGRATIONS_NODE; i++)
		demands[n++] = (struct demand){ .signal = i, .scope = t->scope };
	assert_int_equal(observer_demand(t->observer, demands, n), 0);
}

static void demand_child(struct truth *t)
{
	char name[64];

	snprintf(name, sizeof(name), "%d@%" PRIu64, t->child, start_ticks(t->child));
	demand_all(t, SCOPE_PROCESS, name);
}

static void sample(struct truth *t)
{
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	seen.unseen = t->frame->losses[LOSS_EVENT];
	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		if (!(series->flags & SERIES_VALID) || series->scope.kind != t->scope.kind ||
		    strcmp(series->scope.name, t->scope.name))
			continue;
		seen.series++;
		seen.lossy += (series->flags & SERIES_LOSSY) != 0;
		if (series->hist)
			hist_merge(&seen.times[series->signal], series->hist);
		else
			seen.counts[series->signal] += series->value;
	}
}

/* Has the child work, between two looks at what is known of it. Its first wait after the demand belongs to nobody. */
static struct books work(struct truth *t)
{
	const int perf[2] = { perf_open(t->child, PERF_COUNT_SW_CONTEXT_SWITCHES),
			      perf_open(t->child, PERF_COUNT_SW_CPU_MIGRATIONS) };
	struct books before, now;

	child_tell(t, 'n');
	memset(&seen, 0, sizeof(seen));
	memset(notes, 0, sizeof(*notes));
	sample(t);
	before = books_now(t->child, perf);
	child_tell(t, 'w');
	sample(t);
	now = books_now(t->child, perf);
	close(perf[0]);
	close(perf[1]);
	return books_since(&before, &now);
}

/* `counted` of `all`, but for what was not seen. */
static void all_but_unseen(uint64_t counted, uint64_t all)
{
	assert_in_range(all - counted, 0, seen.unseen);
}

static void books_agree(const struct books *books)
{
	const struct hist *wakeup = &seen.times[SIGNAL_SCHED_WAKEUP];
	const struct hist *preempted = &seen.times[SIGNAL_SCHED_PREEMPTED];
	const double theirs = (double)(books->run_ns + books->wait_ns);
	const double ours =
		(double)(seen.times[SIGNAL_SCHED_RUN].sum + wakeup->sum + preempted->sum);

	print_message("%" PRIu64 " voluntary, %" PRIu64 " involuntary switches, %" PRIu64
		      " migrations; waited %.3f ms by the kernel, %.3f ms by flyball; ran %.3f ms, "
		      "%.3f ms; %" PRIu64 " switches not seen\n",
		      books->voluntary, books->involuntary, books->migrations,
		      (double)books->wait_ns / 1e6, (double)seen.times[SIGNAL_SCHED_WAIT].sum / 1e6,
		      (double)books->run_ns / 1e6, (double)seen.times[SIGNAL_SCHED_RUN].sum / 1e6,
		      seen.unseen);
	assert_true(seen.series > 0);
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] ==
		    (double)(books->voluntary + books->involuntary));
	assert_true(seen.counts[SIGNAL_SCHED_INVOLUNTARY] == (double)books->involuntary);
	all_but_unseen(seen.times[SIGNAL_SCHED_WAIT].count, books->stays);
	/* The kernel's books leave out how late its clock was: never more than ours. */
	if (seen.times[SIGNAL_SCHED_WAIT].count == books->stays)
		assert_true(seen.times[SIGNAL_SCHED_WAIT].sum >= books->wait_ns);
	all_but_unseen(wakeup->count, books->voluntary);
	all_but_unseen(preempted->count, books->involuntary);
	assert_int_equal(wakeup->sum + preempted->sum, seen.times[SIGNAL_SCHED_WAIT].sum);
	all_but_unseen(seen.times[SIGNAL_SCHED_RUN].count, books->stays);
	assert_true(seen.counts[SIGNAL_SCHED_MIGRATIONS] == (double)books->migrations);
	if (books->perf_switches)
		assert_int_equal(books->perf_switches, books->voluntary + books->involuntary);
	/* Where a wait ends the two disagree, by a microsecond or so, so what is left of the wait is time on a CPU to the kernel; interrupts are not. */
	if (seen.times[SIGNAL_SCHED_WAIT].count == books->stays)
		assert_true(fabs(ours - theirs) <
			    0.1 * theirs + STAY_SLACK_NS * (double)books->stays);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double noted(double share)
{
	qsort(notes->ns, notes->n, sizeof(notes->ns[0]), by_value);
	return (double)notes->ns[(size_t)(share * (double)(notes->n - 1))];
}

static void note(uint64_t ns)
{
	if (notes->n < TIMES_MAX)
		notes->ns[notes->n++] = ns;
}

static int setup(void **state)
{
	struct truth *t = calloc(1, sizeof(*t));
	struct observer_options options = { .force = t->force };

	snprintf(t->force, sizeof(t->force), "sched=%s", (const char *)*state);
	*state = t;
	t->frame = malloc(sizeof(*t->frame));
	t->root = options.root = sysroot_open("/");
	return observer_new(&options, &t->observer);
}

static int teardown(void **state)
{
	struct truth *t = *state;

	hog_end(t);
	child_end(t);
	observer_free(t->observer);
	if (t->group[0])
		for (char *end; strstr(t->group, "flyball") && rmdir(t->group) == 0;) {
			end = strrchr(t->group, '/');
			*end = '\0';
		}
	close(t->root);
	free(t->frame);
	free(t);
	return 0;
}

#define SLEEPS 300

static void work_sleeps(void)
{
	for (int i = 0; i < SLEEPS; i++)
		sleep_ns(200000);
}

static void sleeps_and_their_waits_are_those_of_the_kernels_books(void **state)
{
	struct truth *t = *state;
	struct books books;

	child_start(t, work_sleeps);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	/* A timer may fire before the child has gone to sleep. */
	assert_in_range(books.voluntary, SLEEPS * 9 / 10, SLEEPS + 10);
	all_but_unseen(seen.times[SIGNAL_SCHED_SLEEP].count, books.voluntary);
	assert_true(hist_quantile(&seen.times[SIGNAL_SCHED_SLEEP], 0.5) > 200000 * 0.97);
	/* A timer's wake-up preempts, or ends idling: nothing to the kernel's books, but no switch takes no time. */
	if (seen.times[SIGNAL_SCHED_WAIT].count == books.stays)
		assert_true(seen.times[SIGNAL_SCHED_WAKEUP].sum > books.wait_ns + SLEEPS * 500);
}

#define SPIN_NS 300000000ull

static void work_spins(void)
{
	const uint64_t end_ns = clock_now_ns() + SPIN_NS;

	pin(0);
	while (clock_now_ns() < end_ns)
		;
	for (int i = 0; i < 100; i++)
		sched_yield();
}

static void switches_that_a_neighbour_forces_are_involuntary(void **state)
{
	struct truth *t = *state;
	struct books books;

	child_start(t, work_spins);
	hog_start(t, 0);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	assert_true(books.involuntary >= 10);
	/* Two that want one CPU: what this one waits, the other one runs. */
	assert_true(seen.times[SIGNAL_SCHED_PREEMPTED].sum > SPIN_NS / 5);
}

#define MOVES 200

static void work_moves(void)
{
	for (int i = 0; i < MOVES; i++)
		pin(i % 2);
}

static void moves_to_another_cpu_are_counted_exactly(void **state)
{
	struct truth *t = *state;
	struct books books;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	child_start(t, work_moves);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	assert_true(books.migrations >= MOVES - 1);
	if (books.perf_migrations)
		assert_int_equal(books.migrations, books.perf_migrations);
}

#define WAITS 200
#define WAIT_NS 2000000ull

static void hurry(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	notes->urgent = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

static void work_futexes(void)
{
	static uint32_t word = 1;

	hurry();
	for (int i = 0; i < WAITS; i++) {
		const struct timespec limit = { .tv_nsec = WAIT_NS };
		const uint64_t began_ns = clock_now_ns();

		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &limit, NULL, 0);
		note(clock_now_ns() - began_ns);
	}
}

/* From the set time, which no timer undercuts, to what the child has measured, which has its wake-up in it. */
static void waits_agree(enum signal_id signal)
{
	static const double shares[] = { 0.50, 0.99 };
	const struct hist *hist = &seen.times[signal];

	all_but_unseen(hist->count, WAITS);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		const double ours = hist_quantile(hist, shares[i]), theirs = noted(shares[i]);
		const double late = hist_quantile(&seen.times[SIGNAL_SCHED_WAKEUP], shares[i]);

		print_message("p%.0f: set %.1f ms, the child %.3f ms, flyball %.3f ms\n",
			      shares[i] * 100, WAIT_NS / 1e6, theirs / 1e6, ours / 1e6);
		assert_true(ours > (double)WAIT_NS * 0.97 && ours < noted(shares[i] + 0.01) * 1.05);
		/* An emulated processor takes its time to get from the wake-up to the child's look at the clock. */
		if (notes->urgent && (i == 0 || !getenv("FLYBALL_VM_GUEST")))
			assert_true(ours + late > theirs * 0.90);
	}
	assert_true((double)hist->sum > 0.97 * (double)(hist->count * WAIT_NS));
}

static void futex_waits_are_waits_for_a_lock(void **state)
{
	struct truth *t = *state;
	struct books books;

	child_start(t, work_futexes);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	waits_agree(SIGNAL_SCHED_BLOCKED_LOCK);
	waits_agree(SIGNAL_LOCK_FUTEX_WAIT);
	assert_true(seen.times[SIGNAL_LOCK_FUTEX_WAIT].sum >
		    seen.times[SIGNAL_SCHED_BLOCKED_LOCK].sum);
}

static void receive(bool plain)
{
	const struct timeval limit = { .tv_usec = WAIT_NS / 1000 };
	int pair[2];
	char byte;

	hurry();
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return;
	for (int i = 0; i < WAITS; i++) {
		const uint64_t began_ns = clock_now_ns();
		const ssize_t n = plain ? read(pair[0], &byte, 1) : recv(pair[0], &byte, 1, 0);

		if (n < 0)
			note(clock_now_ns() - began_ns);
	}
	close(pair[0]);
	close(pair[1]);
}

static void work_receives(void)
{
	receive(false);
}

static void work_reads_a_socket(void)
{
	receive(true);
}

static void waits_in_calls_on_sockets_are_waits_for_the_network(void **state)
{
	struct truth *t = *state;
	struct books books;

	child_start(t, work_receives);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	waits_agree(SIGNAL_SCHED_BLOCKED_NETWORK);
}

static void a_read_from_a_socket_is_told_from_a_read_from_a_pipe(void **state)
{
	struct truth *t = *state;
	struct books books;

	child_start(t, work_reads_a_socket);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	waits_agree(SIGNAL_SCHED_BLOCKED_NETWORK);
	/* The one read from the pipe that the work began with. */
	assert_in_range(seen.times[SIGNAL_SCHED_SLEEP].count, 1, 1);
}

#define LATE 600

/* How late it is after each sleep, beside a neighbour that it may not interrupt. */
static void work_late(void)
{
	const struct sched_param none = { 0 };
	struct timespec due;

	pin(0);
	sched_setscheduler(0, SCHED_BATCH, &none);
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (int i = 0; i < LATE; i++) {
		uint64_t due_ns = clock_now_ns() + 500000;

		due = (struct timespec){ .tv_sec = (time_t)(due_ns / NSEC_PER_SEC),
					 .tv_nsec = (long)(due_ns % NSEC_PER_SEC) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		note(clock_now_ns() - due_ns);
	}
}

static void wakeups_take_as_long_as_the_child_is_late(void **state)
{
	/* The two waits around the work are in ours alone, so the ranks are not quite the same. */
	static const double shares[] = { 0.50, 0.99 }, ranks[] = { 0.01, 0.004 };
	struct truth *t = *state;
	struct books books;

	child_start(t, work_late);
	hog_start(t, 0);
	demand_child(t);
	books = work(t);
	books_agree(&books);
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		const double ours = hist_quantile(&seen.times[SIGNAL_SCHED_WAKEUP], shares[i]);

		print_message("p%.0f: the child is late by %.3f ms, flyball %.3f ms\n",
			      shares[i] * 100, noted(shares[i]) / 1e6, ours / 1e6);
		assert_true(ours < noted(shares[i] + ranks[i]) * 1.10);
		/* The timer's interrupt is late, too, and the child looks at its clock a little later. */
		assert_true(ours > noted(shares[i] - ranks[i]) * 0.90 - 20000);
	}
}

/* The unified hierarchy, with or without controllers. */
static const char *hierarchy(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", places[i]);
		if (access(path, F_OK) == 0)
			return places[i];
	}
	return NULL;
}

static void a_group_has_what_happens_in_the_groups_below_it(void **state)
{
	const char *top = hierarchy();
	struct truth *t = *state;
	struct books books;
	char path[256], name[64];
	FILE *file;

	if (!top)
		skip();
	child_start(t, work_sleeps);
	snprintf(t->group, sizeof(t->group), "%s/flyball-truth-%d", top, getpid());
	snprintf(name, sizeof(name), "/flyball-truth-%d", getpid());
	assert_int_equal(mkdir(t->group, 0755), 0);
	strcat(t->group, "/below");
	assert_int_equal(mkdir(t->group, 0755), 0);
	snprintf(path, sizeof(path), "%s/cgroup.procs", t->group);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%d", t->child);
	assert_int_equal(fclose(file), 0);
	demand_all(t, SCOPE_CGROUP, name);
	books = work(t);
	books_agree(&books);
	child_end(t);
}

static void a_process_number_that_is_used_again_is_another_row(void **state)
{
	struct truth *t = *state;
	const char *name = t->scope.name;
	char pattern[64];
	pid_t pid, again;
	double first;

	child_start(t, work_sleeps);
	pid = t->child;
	demand_child(t);
	work(t);
	first = seen.counts[SIGNAL_SCHED_SWITCHES];
	assert_true(first >= SLEEPS * 0.9);
	child_end(t);
	sample(t);
	memset(&seen, 0, sizeof(seen));
	usleep(30000); /* a start is told apart by 10 ms */
	again = clone_as(pid);
	if (again == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			sleep_ns(1000000);
	}
	if (again < 0) {
		print_message("skipped: no clone3() with set_tid: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(again, pid);
	usleep(100000);
	sample(t); /* before the next scan: the old row gets nothing of it */
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] == 0);
	usleep(1200000);
	sample(t);
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] == 0);
	snprintf(pattern, sizeof(pattern), "%d@*", pid);
	demand_all(t, SCOPE_PROCESS, pattern);
	memset(&seen, 0, sizeof(seen));
	snprintf(t->scope.name, sizeof(t->scope.name), "%d@%" PRIu64, pid, start_ticks(pid));
	sample(t);
	usleep(200000);
	sample(t);
	print_message("%s: %.0f switches\n", name, seen.counts[SIGNAL_SCHED_SWITCHES]);
	kill(again, SIGKILL);
	waitpid(again, NULL, 0);
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] >= 20);
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] < first);
}

static void a_process_that_dies_between_two_ticks_keeps_what_it_did_and_goes(void **state)
{
	struct truth *t = *state;
	char byte;

	child_start(t, work_sleeps);
	demand_child(t);
	child_tell(t, 'n');
	memset(&seen, 0, sizeof(seen));
	sample(t);
	byte = 'w';
	assert_int_equal(write(t->to_child, &byte, 1), 1);
	assert_int_equal(read(t->from_child, &byte, 1), 1);
	child_end(t);
	sample(t);
	assert_true(seen.counts[SIGNAL_SCHED_SWITCHES] >= SLEEPS * 0.9);
	usleep(1200000);
	sample(t);
	assert_int_equal(t->frame->n_series, 0);
}

static void cpus_add_up_to_the_host(void **state)
{
	struct truth *t = *state;
	struct demand demands[] = {
		{ .signal = SIGNAL_SCHED_SWITCHES },
		{ .signal = SIGNAL_SCHED_SWITCHES, .scope = { .kind = SCOPE_CPU } },
	};
	double host = 0, cpus = 0;
	size_t n_cpus = 0;

	assert_int_equal(observer_demand(t->observer, demands, 2), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
		usleep(200000);
	}
	assert_int_equal(observer_sample(t->observer, clock_now_ns(), t->frame), 0);
	for (size_t i = 0; i < t->frame->n_series; i++) {
		const struct series *series = &t->frame->series[i];

		assert_true(series->flags & SERIES_VALID);
		if (series->scope.kind == SCOPE_HOST)
			host = series->value;
		else
			cpus += series->value, n_cpus++;
	}
	assert_int_equal(n_cpus, sysconf(_SC_NPROCESSORS_ONLN));
	/* A CPU is read some µs after the host. */
	print_message("host %.0f, CPUs %.0f\n", host, cpus);
	assert_true(host > 0 && fabs(cpus - host) <= 0.1 * host + 20);
}

/* Descriptors of this process that are the kernel's `bpf-prog`s. */
static size_t open_programs(void)
{
	FILE *pipe = popen("ls -l /proc/$PPID/fd | grep -c 'anon_inode:\\[\\?bpf-prog'", "r");
	int n = -1;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%d", &n), 1);
	pclose(pipe);
	return (size_t)n;
}

#define SLEEPERS 200

/* They sleep when more is demanded, as most tasks do. */
static void who_left_his_cpu_before_the_demand_grew_is_no_orphan(void **state)
{
	const struct demand waits = { .signal = SIGNAL_SCHED_WAKEUP };
	struct truth *t = *state;
	pid_t sleepers[SLEEPERS];
	uint64_t before;

	for (int i = 0; i < SLEEPERS; i++) {
		sleepers[i] = fork();
		for (int j = 0; sleepers[i] == 0 && j < 5; j++)
			sleep_ns(300000000);
		if (sleepers[i] == 0)
			_exit(0);
	}
	assert_int_equal(observer_demand(t->observer, &waits, 1), 0);
	sample(t);
	usleep(500000);
	demand_all(t, SCOPE_HOST, "");
	sample(t);
	before = t->frame->losses[LOSS_ORPHAN_END];
	usleep(500000);
	sample(t);
	for (int i = 0; i < SLEEPERS; i++)
		waitpid(sleepers[i], NULL, 0);
	assert_in_range(t->frame->losses[LOSS_ORPHAN_END] - before, 0, SLEEPERS / 10);
}

static void without_a_demand_nothing_is_attached(void **state)
{
	struct truth *t = *state;

	assert_int_equal(open_programs(), 0);
	demand_all(t, SCOPE_HOST, "");
	assert_int_equal(open_programs(), 1);
	assert_int_equal(observer_demand(t->observer, NULL, 0), 0);
	assert_int_equal(open_programs(), 0);
}

#define TEST(name)                          \
	{                                   \
		.title = #name, .run = name \
	}

static const struct {
	const char *title;
	CMUnitTestFunction run;
} truths[] = {
	TEST(without_a_demand_nothing_is_attached),
	TEST(sleeps_and_their_waits_are_those_of_the_kernels_books),
	TEST(switches_that_a_neighbour_forces_are_involuntary),
	TEST(moves_to_another_cpu_are_counted_exactly),
	TEST(futex_waits_are_waits_for_a_lock),
	TEST(waits_in_calls_on_sockets_are_waits_for_the_network),
	TEST(a_read_from_a_socket_is_told_from_a_read_from_a_pipe),
	TEST(wakeups_take_as_long_as_the_child_is_late),
	TEST(a_group_has_what_happens_in_the_groups_below_it),
	TEST(a_process_that_dies_between_two_ticks_keeps_what_it_did_and_goes),
	TEST(a_process_number_that_is_used_again_is_another_row),
	TEST(cpus_add_up_to_the_host),
	TEST(who_left_his_cpu_before_the_demand_grew_is_no_orphan),
};

/* test_sched_truth [METHOD|all [PART OF A NAME]]: by the first method that works, by one, or by all. */
int main(int argc, char **argv)
{
	static struct source_status methods[SOURCE_METHODS_MAX];
	static char titles[TESTS_MAX][128];
	struct CMUnitTest tests[TESTS_MAX];
	size_t n = 0, n_methods;

	if (geteuid() != 0) {
		print_message("skipped: not root\n");
		return 77;
	}
	notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	n_methods = truth_methods("sched", methods);
	/* The last one has sums alone. */
	for (size_t i = 0; i + 1 < n_methods; i++) {
		if (argc > 1 && strcmp(argv[1], "all") && strcmp(argv[1], methods[i].method))
			continue;
		if (argc == 1 && n > 0)
			break;
		if (methods[i].state == SOURCE_UNAVAILABLE)
			print_message("not by %s: %s\n", methods[i].method, methods[i].text);
		for (size_t j = 0; methods[i].state != SOURCE_UNAVAILABLE && j < ARRAY_SIZE(truths);
		     j++) {
			if (argc > 2 && !strstr(truths[j].title, argv[2]))
				continue;
			snprintf(titles[n], sizeof(titles[n]), "%s: %s", methods[i].method,
				 truths[j].title);
			tests[n] = (struct CMUnitTest){ titles[n], truths[j].run, setup, teardown,
							methods[i].method };
			n++;
		}
	}
	if (n == 0) {
		print_message("skipped: no method of the scheduler source works here\n");
		return 77;
	}
	return _cmocka_run_group_tests("test_sched_truth", tests, n, NULL, NULL);
}
