// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/hang.h"
#include "daemon/json.h"

#define HANG_LIMIT_NS (3 * NSEC_PER_SEC) /* a look at whether a source works takes milliseconds */
#define LOOK_PAUSE_NS 2000000

/*
 * The methods of a source, each tried: what works, what is used of these, and why the others are not available. Returns
 * them as JSON.
 */
static json_t *check_methods(struct doctor *doctor, const struct source_status *methods, size_t n,
			     const char *used)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const bool works = methods[i].state != SOURCE_UNAVAILABLE;
		const char *word = !works                             ? "unavailable"
				   : !strcmp(methods[i].method, used) ? "used"
								      : "works";
		char name[2 * SOURCE_NAME_MAX + 8];

		snprintf(name, sizeof(name), "  %.*s by %.*s", SOURCE_NAME_MAX, methods[i].name,
			 SOURCE_NAME_MAX, methods[i].method);
		check_add(doctor, name, works && !methods[i].text[0] ? CHECK_OK : CHECK_LESS,
			  methods[i].text[0] ? methods[i].text : word, methods[i].remedy);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "name", methods[i].method,
						"state", word, "text", methods[i].text, "remedy",
						methods[i].remedy));
	}
	return list;
}

/* What is used: of what is not forced the first method that works, and why not the first of all. */
static void choose_method(const struct source_status *methods, size_t n,
			  struct source_status *source)
{
	size_t first = 0;

	while (first < n && methods[first].state == SOURCE_UNAVAILABLE)
		first++;
	if (n == 0 || (first < n && !strcmp(methods[first].method, source->method)))
		return;
	if (first == n)
		source->state = SOURCE_UNAVAILABLE;
	strcpy(source->method, methods[first < n ? first : 0].method);
	strcpy(source->text, methods[0].text);
	strcpy(source->remedy, methods[0].remedy);
}

static void check_source(struct doctor *doctor, const struct source_status *source)
{
	char name[SOURCE_NAME_MAX + 16], text[SOURCE_TEXT_MAX + SOURCE_NAME_MAX + 8];
	enum check_state state = source->state == SOURCE_DEGRADED      ? CHECK_LESS
				 : source->state != SOURCE_UNAVAILABLE ? CHECK_OK
				 : source->optional                    ? CHECK_LESS
								       : CHECK_MISSING;

	snprintf(name, sizeof(name), "source %s", source->name);
	snprintf(text, sizeof(text), "by %s%s%s", source->method, source->text[0] ? ": " : "",
		 source->text);
	check_add(doctor, name, state, text, source->remedy);
}

/* Whether the child comes to its end; false when it stands in one step for too long. */
static bool child_ends(pid_t pid, const struct source_watch *watch)
{
	const struct timespec pause = { .tv_nsec = LOOK_PAUSE_NS };
	uint64_t since_ns = clock_now_ns();
	uint32_t serial = 0;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		const uint32_t now = __atomic_load_n(&watch->serial, __ATOMIC_RELAXED);

		if (now != serial)
			since_ns = clock_now_ns();
		else if (clock_now_ns() - since_ns > HANG_LIMIT_NS)
			return false;
		serial = now;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* A child looks at all sources first, and another one at the rest, when it hangs: here they are left out. */
static void look_ahead(const struct observer_options *options)
{
	char text[HANG_TEXT_MAX];
	pid_t pid;

	for (size_t i = 0; options->watch && i < SOURCES_MAX; i++) {
		pid = fork();
		if (pid == 0) {
			struct observer *observer = NULL;

			observer_new(options, &observer);
			observer_free(observer);
			_exit(0);
		}
		if (pid < 0 || child_ends(pid, options->watch))
			return;
		hang_note(options->watch, options->root, pid, clock_now_ns(), text, sizeof(text));
		kill(pid, SIGKILL);
	}
}

json_t *check_sources(struct doctor *doctor, struct observer_options *options)
{
	struct source_status sources[SOURCES_MAX], methods[SOURCE_METHODS_MAX];
	struct observer *observer = NULL;
	json_t *list = json_array();
	size_t n = 0, n_methods;
	int r;

	options->root = doctor->root;
	options->watch = mmap(NULL, sizeof(*options->watch), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (options->watch == MAP_FAILED)
		options->watch = NULL;
	look_ahead(options);
	r = observer_new(options, &observer);
	if (r < 0)
		check_add(doctor, "observer", CHECK_MISSING, strerror(-r), "");
	else
		n = observer_sources(observer, sources);
	for (size_t i = 0; i < n; i++) {
		json_t *row;

		n_methods = observer_methods(observer, i, methods);
		if (!options->force)
			choose_method(methods, n_methods, &sources[i]);
		check_source(doctor, &sources[i]);
		row = json_source(&sources[i]);
		if (n_methods)
			json_object_set_new(row, "methods",
					    check_methods(doctor, methods, n_methods,
							  sources[i].method));
		json_array_append_new(list, row);
	}
	observer_free(observer);
	if (options->watch)
		munmap(options->watch, sizeof(*options->watch));
	options->watch = NULL;
	return list;
}
