// SPDX-License-Identifier: Apache-2.0
/* Whether a way of the block programs may work here, by a look at what it needs. */
#include <errno.h>
#include <string.h>

#include "base/sysroot.h"
#include "observer/block_tracer.h"
#include "observer/programs.h"

#define KPROBE_PATH "sys/bus/event_source/devices/kprobe"

static bool perf_is_roots(const struct source_context *context, enum block_way way)
{
	return (way == BLOCK_KPROBE || way == BLOCK_TRACEPOINT) && programs_perf_is_roots(context);
}

void block_tracer_caution(const struct source_context *context, enum block_way way,
			  struct source_status *status)
{
	if (perf_is_roots(context, way))
		programs_say_roots(SOURCE_IDLE,
				   "for 'signals' and 'watch' alone, not for the daemon: ", status);
}

int block_tracer_probe(const struct source_context *context, enum block_way way,
		       struct source_status *status)
{
	int event = source_event(context, "block_rq_complete"), r;

	r = programs_probe(context, status);
	if (r < 0)
		return r;
	if (way == BLOCK_KPROBE && !sysroot_exists(context->root, KPROBE_PATH)) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_KPROBE_EVENTS",
			   "no kprobes: /" KPROBE_PATH " does not exist");
		return -ENOENT;
	}
	if (way == BLOCK_TRACEPOINT && event < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount -t tracefs nodev /sys/kernel/tracing",
			   "unable to read /sys/kernel/tracing/events/block/block_rq_complete/id: "
			   "%s",
			   strerror(-event));
		return event;
	}
	return programs_probe_rights(perf_is_roots(context, way), status);
}
