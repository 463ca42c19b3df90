// SPDX-License-Identifier: Apache-2.0
/* Whether a way of the service programs may work here, by a look at what it needs. */
#include "observer/bpf_probe.h"
#include "observer/service_tracer.h"

static enum bpf_kind kind_of(enum service_way way)
{
	return way == SERVICE_KPROBE ? BPF_KIND_KPROBE : BPF_KIND_TYPED;
}

int service_tracer_probe(const struct source_context *context, enum service_way way,
			 struct source_status *status)
{
	return bpf_probe(context, kind_of(way), status);
}

void service_tracer_caution(const struct source_context *context, enum service_way way,
			    struct source_status *status)
{
	bpf_probe_caution(context, kind_of(way), status);
}
