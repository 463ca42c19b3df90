// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers of tracepoints, which perf_event_open(2) wants. tracefs shows them to root alone, so a process that gives
 * root up reads them before.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "observer/observer.h"
#include "observer/source.h"
#include "observer/text.h"

static const struct {
	const char *system, *name;
} events[] = {
	{ .system = "block", .name = "block_getrq" },
	{ .system = "block", .name = "block_bio_frontmerge" },
	{ .system = "block", .name = "block_rq_merge" },
	{ .system = "block", .name = "block_rq_issue" },
	{ .system = "block", .name = "block_rq_complete" },
};

_Static_assert(ARRAY_SIZE(events) <= SOURCE_EVENTS_MAX, "struct source_events has room for all");

/* `2107` */
static int event_read(int root, const char *tracefs, size_t event)
{
	char path[128], text[32];
	uint64_t id;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/events/%s/%s/id", tracefs, events[event].system,
		 events[event].name);
	n = sysroot_read(root, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	return text_numbers(text, &id, 1) && id > 0 && id <= INT32_MAX ? (int)id : -EBADMSG;
}

void observer_events_read(int root, struct source_events *ret_events)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		ret_events->ids[i] = event_read(root, "sys/kernel/tracing", i);
		if (ret_events->ids[i] == -ENOENT)
			ret_events->ids[i] = event_read(root, "sys/kernel/debug/tracing", i);
	}
}

int source_event(const struct source_context *context, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name))
			return context->events.ids[i];
	return -ENOENT;
}
