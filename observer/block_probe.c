// SPDX-License-Identifier: Apache-2.0
/* Whether a way of the block programs may work here, by a look at what it needs. */
#include <errno.h>
#include <string.h>

#include "observer/block_tracer.h"
#include "observer/bpf_probe.h"

static enum bpf_kind kind_of(enum block_way way)
{
	return way == BLOCK_KPROBE       ? BPF_KIND_KPROBE
	       : way == BLOCK_TRACEPOINT ? BPF_KIND_EVENT
					 : BPF_KIND_TYPED;
}

void block_tracer_caution(const struct source_context *context, enum block_way way,
			  struct source_status *status)
{
	bpf_probe_caution(context, kind_of(way), status);
}

int block_tracer_probe(const struct source_context *context, enum block_way way,
		       struct source_status *status)
{
	const int event = source_event(context, "block_rq_complete");
	int r = bpf_probe(context, kind_of(way), status);

	if (r == 0 && way == BLOCK_TRACEPOINT && event < 0) {
		source_say(status, SOURCE_UNAVAILABLE, "mount -t tracefs nodev /sys/kernel/tracing",
			   "unable to read /sys/kernel/tracing/events/block/block_rq_complete/id: "
			   "%s",
			   strerror(-event));
		return event;
	}
	return r;
}
