// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli/doctor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "daemon/cli/looker.h"
#include "daemon/json.h"

/* What the child tells, in memory that is shared with it. */
struct found {
	struct source_watch watch;
	size_t n;
	struct source_status sources[SOURCES_MAX];
	size_t n_methods[SOURCES_MAX];
	struct source_status methods[SOURCES_MAX][SOURCE_METHODS_MAX];
};

/* Of the child: what it looks for, and with what. */
struct look {
	const struct observer_options *options;
	struct found *found;
};

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

static int look(void *data, int parent, uint64_t until_ns)
{
	const struct look *look = data;
	struct found *found = look->found;
	struct observer *observer;
	int r = observer_new(look->options, &observer);

	(void)parent;
	(void)until_ns;
	if (r < 0)
		return r;
	found->n = observer_sources(observer, found->sources);
	for (size_t i = 0; i < found->n; i++)
		found->n_methods[i] = observer_methods(observer, i, found->methods[i]);
	observer_free(observer);
	return 0;
}

static void end(void *data)
{
	(void)data;
}

/* All sources, without those that hang: what of these is known is in `found`. */
static int look_at_all(const struct doctor *doctor, struct observer_options *options,
		       struct found *found)
{
	struct look looking = { .options = options, .found = found };
	const struct looker_work work = { .look = look,
					  .end = end,
					  .data = &looking,
					  .root = doctor->root,
					  .watch = &found->watch,
					  .err = doctor->err };
	struct looker looker;
	int r = looker_open(&looker, &work);

	options->root = doctor->root;
	options->watch = &found->watch;
	if (r == 0)
		do
			r = looker_ask(&looker, 0);
		while (r == LOOKER_HUNG);
	looker_close(&looker);
	options->watch = NULL;
	return r;
}

static json_t *show_source(struct doctor *doctor, const struct observer_options *options,
			   struct found *found, size_t i)
{
	struct source_status *source = &found->sources[i];
	json_t *row;

	if (!options->force)
		choose_method(found->methods[i], found->n_methods[i], source);
	check_source(doctor, source);
	row = json_source(source);
	if (found->n_methods[i])
		json_object_set_new(row, "methods",
				    check_methods(doctor, found->methods[i], found->n_methods[i],
						  source->method));
	return row;
}

json_t *check_sources(struct doctor *doctor, struct observer_options *options)
{
	struct found *found = looker_memory(sizeof(*found));
	json_t *list = json_array();
	int r = found ? look_at_all(doctor, options, found) : -ENOMEM;

	if (r < 0)
		check_add(doctor, "observer", CHECK_MISSING, strerror(-r), "");
	for (size_t i = 0; r == 0 && i < found->n; i++)
		json_array_append_new(list, show_source(doctor, options, found, i));
	if (found)
		munmap(found, sizeof(*found));
	return list;
}
