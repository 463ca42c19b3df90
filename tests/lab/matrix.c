// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/matrix.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/numa_pages.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "tests/lab/places.h"
#include "tests/lab/splits.h"

#define EXIT_SKIP 77
#define EXIT_USAGE 64

static bool same_pages(const char *a, const char *b);

/*
 * One line for each family, more where it has different ways to write: a file, a file with companions, a message to the
 * kernel, many threads, many pages. The incumbent is set to the first value (NULL: is what is found),
 * the arm is the second.
 */
static const struct {
	const char *knob;
	enum place place;
	const char *first, *second;
	/* One cell of so many, where each takes long or many are alike; each kind of cell is met. */
	unsigned int strides[MATRIX_COUNT];
	onetrial_same_fn same;
	bool split; /* new connections draw the one or the other */
} trials[] = {
	/* A switch of schedulers waits for RCU. */
	{ "block.scheduler", PLACE_DISK, "mq-deadline", "bfq", { 151, 7 }, NULL, false },
	{ "block.nr_requests", PLACE_DISK, "200", "64", { 47, 4 }, NULL, false },
	{ "net.ipv4.tcp_autocorking", PLACE_HOST, "1", "0", { 13, 1 }, NULL, false },
	{ "net.ipv4.tcp_rmem[max]", PLACE_NETNS, "6291456", "4194304", { 41, 2 }, NULL, false },
	{ "tcp.congestion", PLACE_NETNS, NULL, "reno", { 53, 2 }, NULL, false },
	/* Each cell reads all of the kernel's types, twice. */
	{ "tcp.congestion", PLACE_NETNS, NULL, "reno", { 197, 23 }, NULL, true },
	{ "tcp.congestion.route", PLACE_ROUTE, "default", "reno,lock", { 53, 2 }, NULL, false },
	{ "cgroup.cpu.max", PLACE_GROUP, "max", "50000", { 61, 2 }, NULL, false },
	{ "cgroup.cpu.idle", PLACE_GROUP, "0", "1", { 61, 2 }, NULL, false },
	{ "cgroup.cpuset.cpus", PLACE_CPUSET, "0-1", "1", { 89, 5 }, NULL, false },
	{ "affinity.process.cpus", PLACE_THREADS, "0-1", "1", { 89, 5 }, NULL, false },
	{ "numa.process.node", PLACE_MEMORY, "0", "1", { 331, 13 }, same_pages, false },
};

/* The shares by node, within what an undo promises. */
static bool same_pages(const char *a, const char *b)
{
	struct numa_pages x, y, want;
	const char *at = strstr(a, "pages="), *bt = strstr(b, "pages=");
	char line[2][512];

	if (!at || !bt || sscanf(at, "pages=%511[^\n]", line[0]) != 1 ||
	    sscanf(bt, "pages=%511[^\n]", line[1]) != 1 || numa_pages_parse(line[0], &x) < 0 ||
	    numa_pages_parse(line[1], &y) < 0)
		return false;
	numa_pages_scale(&x, &y, &want);
	return numa_pages_missing(&want, &y) == 0;
}

void matrix_complain(const struct onetrial *trial, const char *cell, const char *wrong)
{
	printf("%s%s '%s' to '%s', %s: %s: %s\n", trial->row->name, trial->maps ? " split" : "",
	       trial->old_value, trial->new_value, trial->keep ? "KEEP" : "UNDO", cell, wrong);
	fflush(stdout);
}

/* What is so from the start is not written. */
static int set_first(size_t i, const struct scope *scope)
{
	const struct knob_row *row = knob_find(trials[i].knob);
	_cleanup_close_ int root = sysroot_open("/");
	struct knob_reading reading;
	int r = knob_read(root, row, scope, &reading);

	if (r < 0 || (reading.flags & KNOB_GONE))
		return r < 0 ? r : -ENOENT;
	if (!trials[i].first || knob_same(row, reading.value, trials[i].first))
		return 0;
	return knob_family_ops(row)->write
		       ? knob_family_ops(row)->write(root, row, scope, trials[i].first)
		       : -EINVAL;
}

/* What a run is made of. */
struct plan {
	enum matrix matrix;
	bool all; /* cells */
	bool families[FAMILY_COUNT];
	bool chosen[ARRAY_SIZE(trials)]; /* of these families, and this machine can do it */
	struct scope scopes[ARRAY_SIZE(trials)];
	struct split_maps maps; /* of trials that split */
	bool broken;            /* something lacks that should be everywhere */
};

static int run_trial(const struct plan *plan, size_t i, matrix_fn fn, struct tally *tally)
{
	const struct scope *scope = &plan->scopes[i];
	int r = set_first(i, scope);

	for (int keep = 0; keep < 2 && r >= 0; keep++) {
		static struct onetrial trial;

		r = onetrial_open(&trial, trials[i].knob, scope, trials[i].second, keep);
		trial.stride = plan->all ? 1 : trials[i].strides[plan->matrix];
		trial.same = trials[i].same;
		trial.reset = places_reset;
		trial.maps = trials[i].split ? &plan->maps : NULL;
		if (r >= 0)
			fn(&trial, tally);
		onetrial_close(&trial);
	}
	return r;
}

/* 0, or -EINVAL for a word that is none. */
static int plan_parse(int argc, char **argv, struct plan *plan)
{
	bool named = false;

	for (int i = 1; i < argc; i++) {
		int family;

		if (!strcmp(argv[i], "all")) {
			plan->all = true;
			continue;
		}
		family = knob_family_parse(argv[i]);
		if (family < 0)
			return -EINVAL;
		plan->families[family] = named = true;
	}
	for (size_t i = 0; !named && i < ARRAY_SIZE(plan->families); i++)
		plan->families[i] = true;
	return 0;
}

/* A second node of memory, or what a split takes, is what a machine may lack. */
static void plan_prepare(struct plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		char text[128];
		int r;

		if (!plan->families[knob_find(trials[i].knob)->family])
			continue;
		r = place_scope(trials[i].place, &plan->scopes[i], text, sizeof(text));
		if (r == 0 && trials[i].split)
			r = splits_open(&plan->maps, text, sizeof(text));
		plan->chosen[i] = r == 0;
		plan->broken = plan->broken || (r < 0 && r != -EXDEV);
		if (r < 0)
			printf("%s: skipped: %s\n", trials[i].knob, text);
	}
	fflush(stdout);
}

static bool run_family(const struct plan *plan, enum knob_family family, matrix_fn fn,
		       struct tally *tally)
{
	uint64_t start = clock_now_ns();
	bool well = true;

	for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
		int r;

		if (!plan->chosen[i] || knob_find(trials[i].knob)->family != family)
			continue;
		r = run_trial(plan, i, fn, tally);
		if (r < 0)
			printf("%s: unable to prepare: %s\n", trials[i].knob, strerror(-r));
		well = well && r >= 0;
	}
	printf("family %s: %u cells, %u failed, %llu s\n", knob_family_word(family), tally->cells,
	       tally->failed, (clock_now_ns() - start) / NSEC_PER_SEC);
	fflush(stdout);
	return well;
}

static int run_plan(const struct plan *plan, matrix_fn fn)
{
	struct tally sum = { 0 };
	bool well = !plan->broken;

	for (size_t family = 0; family < ARRAY_SIZE(plan->families); family++) {
		struct tally tally = { 0 };

		if (!plan->families[family])
			continue;
		well = run_family(plan, family, fn, &tally) && well;
		sum.cells += tally.cells;
		sum.failed += tally.failed;
	}
	printf("%u cells, %u failed\n", sum.cells, sum.failed);
	if (!well || sum.failed)
		return 1;
	return sum.cells ? 0 : EXIT_SKIP;
}

static void interrupted(int signal_number)
{
	(void)signal_number;
}

/* In a child: the matrices wait for every child that they have, and the subjects of the trials are none of them. */
static int run_apart(const struct plan *plan, matrix_fn fn)
{
	const struct sigaction action = { .sa_handler = interrupted };
	int status = 0;
	pid_t child;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The hands of actuators that were killed come to us, not to an init that may not reap. */
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		exit(run_plan(plan, fn));
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		kill(child, SIGKILL);
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int matrix_run(enum matrix matrix, int argc, char **argv, matrix_fn fn)
{
	struct plan plan = { .matrix = matrix, .maps = SPLIT_MAPS_NONE };
	char text[128];
	int r;

	if (plan_parse(argc, argv, &plan) < 0) {
		fprintf(stderr, "usage: %s [all] [FAMILY...]\n", argv[0]);
		return EXIT_USAGE;
	}
	if (places_open(text, sizeof(text)) < 0) {
		printf("skipped: %s\n", text);
		return EXIT_SKIP;
	}
	plan_prepare(&plan);
	r = run_apart(&plan, fn);
	split_maps_close(&plan.maps);
	places_close();
	return r;
}
