/* SPDX-License-Identifier: Apache-2.0 */
/* An observer over a folder of files that a test writes, in a tick after the other. */
#ifndef FLYBALL_TEST_SOURCE_H
#define FLYBALL_TEST_SOURCE_H

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sysroot.h"
#include "observer/observer.h"

#define TICK_NS (2 * NSEC_PER_SEC) /* long enough for instances to be looked for at each */

struct files {
	char folder[64];
	int root;
	const char *nvml; /* see struct observer_options */
	uint64_t now_ns;
	struct observer *observer;
	struct frame *frame;
};

static int files_setup(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	f->frame = malloc(sizeof(*f->frame));
	strcpy(f->folder, "/tmp/flyball-source-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->root = sysroot_open(f->folder);
	f->now_ns = NSEC_PER_SEC;
	*state = f;
	return 0;
}

static int files_teardown(void **state)
{
	struct files *f = *state;
	char command[128];

	observer_free(f->observer);
	close(f->root);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f->frame);
	free(f);
	return 0;
}

/* In place, with the folders above it: a descriptor that is kept open sees the new text. */
static inline void put(struct files *f, const char *path, const char *text)
{
	char full[256];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", f->folder, path);
	for (char *slash = full + strlen(f->folder) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdirat(AT_FDCWD, full, 0755);
		*slash = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* Copies a captured file of tests/fixtures there. */
static inline void put_capture(struct files *f, const char *path, const char *capture)
{
	static char text[65536];
	char full[256];
	int fd;
	ssize_t n;

	snprintf(full, sizeof(full), SOURCE_DIR "/tests/fixtures/%s", capture);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	put(f, path, text);
}

/* Adds to the number behind `key`, at the beginning of a line of a file that is there. */
static inline void add_to(struct files *f, const char *path, const char *key, long long more)
{
	static char text[65536], changed[65536 + 32];
	ssize_t n = sysroot_read(f->root, path, text, sizeof(text));
	const char *line = n > 0 ? text : "";
	char *end;

	while (*line && strncmp(line, key, strlen(key)))
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "";
	if (!*line)
		fail_msg("%s has no %s", path, key);
	line += strlen(key);
	more += strtoll(line, &end, 10);
	snprintf(changed, sizeof(changed), "%.*s%lld%s\n", (int)(line - text), text, more, end);
	put(f, path, changed);
}

/* A new observer, of which all signals of a range are demanded in one kind of scope. */
static inline void start(struct files *f, uint32_t first, uint32_t last, uint32_t kind)
{
	const struct observer_options options = { .root = f->root, .nvml = f->nvml };
	struct demand demands[DEMANDS_MAX] = { 0 };
	size_t n = 0;

	observer_free(f->observer);
	assert_int_equal(observer_new(&options, &f->observer), 0);
	for (uint32_t i = first; i <= last; i++)
		if (signal_has_scope(&signal_rows[i], kind))
			demands[n++] = (struct demand){ .signal = i, .scope.kind = kind };
	assert_int_equal(observer_demand(f->observer, demands, n), 0);
}

static inline void tick(struct files *f)
{
	f->now_ns += TICK_NS;
	assert_int_equal(observer_sample(f->observer, f->now_ns, f->frame), 0);
}

static inline struct series *find(struct files *f, uint32_t signal, const char *name)
{
	for (size_t i = 0; i < f->frame->n_series; i++)
		if (f->frame->series[i].signal == signal &&
		    !strcmp(f->frame->series[i].scope.name, name))
			return &f->frame->series[i];
	return NULL;
}

static inline void expect(struct files *f, uint32_t signal, const char *name, double value)
{
	const struct series *series = find(f, signal, name);

	assert_non_null(series);
	if (series->flags != SERIES_VALID ||
	    fabs(series->value - value) > 1e-9 * fabs(value) + 1e-12)
		fail_msg("%s is %g with flags %u, not %g", signal_rows[signal].name, series->value,
			 series->flags, value);
}

static inline void expect_invalid(struct files *f, uint32_t signal, const char *name)
{
	assert_non_null(find(f, signal, name));
	assert_int_equal(find(f, signal, name)->flags & SERIES_VALID, 0);
}

static inline const struct source_status *status_of(struct files *f, const char *name)
{
	static struct source_status status[SOURCES_MAX];
	size_t n = observer_sources(f->observer, status);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(status[i].name, name))
			return &status[i];
	fail_msg("no source %s", name);
	return NULL;
}

/* The losses of a source since the last call. */
static inline uint64_t lost(struct files *f, const char *name)
{
	static uint64_t before;
	uint64_t now = status_of(f, name)->losses[LOSS_EVENT], more = now - before;

	before = now;
	return more;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

#endif
