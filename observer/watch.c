// SPDX-License-Identifier: Apache-2.0
#include "observer/watch.h"

#include <string.h>

#include "base/clock.h"
#include "observer/source.h"

static uint64_t until_ns(const struct source_watch *watch, size_t source)
{
	return __atomic_load_n(&watch->hangs[source].until_ns, __ATOMIC_ACQUIRE);
}

bool watch_absent(const struct source_watch *watch, size_t source, uint64_t now_ns)
{
	return watch && until_ns(watch, source) > now_ns;
}

void watch_say(const struct source_watch *watch, size_t source, uint64_t now_ns,
	       struct source_status *status)
{
	const struct source_hang *hang = &watch->hangs[source];
	const uint64_t until = until_ns(watch, source);

	strcpy(status->method, "none");
	status->state = SOURCE_UNAVAILABLE;
	if (until == UINT64_MAX)
		source_say(status, SOURCE_UNAVAILABLE,
			   "see what it waits for in /proc/PID/stack; the source is tried again "
			   "when it has returned",
			   "left out: %.*s hangs in process %d", HANG_WHAT_MAX, hang->what,
			   hang->pid);
	else if (until > now_ns)
		source_say(status, SOURCE_UNAVAILABLE, "wait: it is tried again by itself",
			   "left out for %llu s more after hang %u: %.*s",
			   (unsigned long long)((until - now_ns) / NSEC_PER_SEC + 1), hang->times,
			   HANG_WHAT_MAX, hang->what);
	else
		source_say(status, SOURCE_UNAVAILABLE,
			   "wait: it is tried again as soon as it is needed", "%.*s hung",
			   HANG_WHAT_MAX, hang->what);
}
