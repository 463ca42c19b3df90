// SPDX-License-Identifier: Apache-2.0
/* Whether a way of the service programs may work here, by a look at what it needs. */
#include <errno.h>

#include "base/sysroot.h"
#include "observer/programs.h"
#include "observer/service_tracer.h"

#define KPROBE_PATH "sys/bus/event_source/devices/kprobe"

static bool perf_is_roots(const struct source_context *context, enum service_way way)
{
	return way == SERVICE_KPROBE && programs_perf_is_roots(context);
}

int service_tracer_probe(const struct source_context *context, enum service_way way,
			 struct source_status *status)
{
	int r = programs_probe(context, status);

	if (r < 0)
		return r;
	if (way == SERVICE_KPROBE && !sysroot_exists(context->root, KPROBE_PATH)) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_KPROBE_EVENTS",
			   "no kprobes: /" KPROBE_PATH " does not exist");
		return -ENOENT;
	}
	return programs_probe_rights(perf_is_roots(context, way), status);
}

void service_tracer_caution(const struct source_context *context, enum service_way way,
			    struct source_status *status)
{
	if (perf_is_roots(context, way))
		programs_say_roots(SOURCE_IDLE,
				   "for 'signals' and 'watch' alone, not for the daemon: ", status);
}
