/* SPDX-License-Identifier: Apache-2.0 */
/* A machine made of plain files, for the tests of the actuator: a sysroot and a state folder, thrown away after. */
#ifndef FLYBALL_TESTS_TEST_ACTUATOR_H
#define FLYBALL_TESTS_TEST_ACTUATOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actuator/actuator.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/sysroot.h"

#define BOOT_A "11111111-2222-3333-4444-555555555555"
#define BOOT_B "99999999-8888-7777-6666-555555555555"
#define SWAPPINESS "proc/sys/vm/swappiness"
#define SCHEDULER "sys/block/vda/queue/scheduler"
#define QUEUE "sys/block/vda/queue/"
#define FAR (3600 * NSEC_PER_SEC)

struct machine {
	char path[64];
	int root, state;
	struct actuator *actuator;
	struct recovery recovery;
	struct outcome outcome;
};

/* Replaces or makes a file below the sysroot, with its folders. */
static inline void machine_set(const struct machine *m, const char *path, const char *value)
{
	char full[512];
	int fd;

	snprintf(full, sizeof(full), "%s/root/%s", m->path, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(file_make_folder(full, 0755), 0);
	fd = openat(m->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, value, strlen(value)), 0);
	close(fd);
}

static inline void machine_expect(const struct machine *m, const char *path, const char *value)
{
	char text[256];

	assert_true(sysroot_read(m->root, path, text, sizeof(text)) >= 0);
	assert_string_equal(text, value);
}

static inline void machine_fill(const struct machine *m)
{
	machine_set(m, "proc/sys/kernel/random/boot_id", BOOT_A "\n");
	machine_set(m, SWAPPINESS, "60\n");
	machine_set(m, "proc/sys/net/core/somaxconn", "4096\n");
	machine_set(m, "proc/sys/vm/dirty_ratio", "0\n");
	machine_set(m, "proc/sys/vm/dirty_bytes", "268435456\n");
	machine_set(m, SCHEDULER, "none [mq-deadline] kyber bfq\n");
	machine_set(m, QUEUE "nr_requests", "777\n");
	machine_set(m, QUEUE "wbt_lat_usec", "5000\n");
	machine_set(m, QUEUE "read_ahead_kb", "128\n");
	machine_set(m, QUEUE "iosched/read_expire", "124\n");
	machine_set(m, QUEUE "iosched/async_depth", "32\n");
	machine_set(m, "sys/block/vda/size", "2048\n");
}

/* In memory where there is such a folder: these tests are about order, not about the speed of a disk. */
static inline int machine_setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	char path[128];

	assert_non_null(m);
	signal(SIGXFSZ, SIG_IGN);
	snprintf(m->path, sizeof(m->path), "%s/flyball-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(m->path));
	snprintf(path, sizeof(path), "%s/root", m->path);
	assert_int_equal(mkdir(path, 0755), 0);
	m->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/state", m->path);
	assert_int_equal(mkdir(path, 0700), 0);
	m->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(m->root >= 0 && m->state >= 0);
	machine_fill(m);
	*state = m;
	return 0;
}

static inline int machine_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline int machine_teardown(void **state)
{
	struct machine *m = *state;

	actuator_close(m->actuator, clock_now_ns());
	close(m->root);
	close(m->state);
	nftw(m->path, machine_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(m);
	return 0;
}

static inline struct actuator_options machine_options(const struct machine *m)
{
	return (struct actuator_options){ .root = m->root,
					  .state = m->state,
					  .heartbeat_ns = 10 * NSEC_PER_SEC,
					  .only = { .kind = SCOPE_KIND_COUNT } };
}

static inline int machine_open(struct machine *m)
{
	struct actuator_options options = machine_options(m);

	return actuator_open(&options, clock_now_ns(), &m->recovery, &m->actuator);
}

static inline int machine_recover(struct machine *m)
{
	struct actuator_options options = machine_options(m);

	return actuator_recover(&options, clock_now_ns(), &m->recovery);
}

/* The actuator's hand: the newest child of this process; 0 when there is none. */
static inline pid_t machine_hand(void)
{
	char path[64], text[256], *rest = NULL;
	pid_t newest = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	for (const char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		newest = atoi(word);
	return newest;
}

/* Of this process, which has the journal, and of the hand, which writes to the system. */
static inline void machine_limit(int resource, rlim_t now)
{
	struct rlimit limit;
	pid_t hand = machine_hand();

	assert_int_equal(getrlimit((__rlimit_resource_t)resource, &limit), 0);
	limit.rlim_cur = now < limit.rlim_max ? now : limit.rlim_max;
	if (hand)
		assert_int_equal(prlimit(hand, (__rlimit_resource_t)resource, &limit, NULL), 0);
	assert_int_equal(setrlimit((__rlimit_resource_t)resource, &limit), 0);
}

/* Asks for one action; returns the outcome's status, the rest is in m->outcome. */
static inline uint32_t machine_ask(struct machine *m, uint64_t txn, enum action action)
{
	struct change change = { .txn = txn, .action = action };

	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

static inline struct change machine_change(uint64_t txn, const char *knob, const char *old,
					   const char *new_value)
{
	struct change change = {
		.txn = txn, .trial = 7, .action = ACTION_BEGIN, .deadline_ns = clock_now_ns() + FAR
	};

	snprintf(change.knob, sizeof(change.knob), "%s", knob);
	if (!strncmp(knob, "block.", 6)) {
		change.scope.kind = SCOPE_DISK;
		strcpy(change.scope.name, "vda");
	}
	snprintf(change.old_value, sizeof(change.old_value), "%s", old);
	snprintf(change.new_value, sizeof(change.new_value), "%s", new_value);
	return change;
}

static inline uint32_t machine_begin(struct machine *m, uint64_t txn, const char *knob,
				     const char *old, const char *new_value)
{
	struct change change = machine_change(txn, knob, old, new_value);

	actuator_change(m->actuator, &change, clock_now_ns(), &m->outcome);
	return m->outcome.status;
}

/* Runs `fn` in a child that dies without cleaning up, as under kill -9: the lock goes, nothing is undone. */
static inline void machine_crash(struct machine *m, void (*fn)(struct machine *m))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (machine_open(m) == 0)
			fn(m);
		_exit(m->actuator ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#endif
