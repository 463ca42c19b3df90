/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this process may load and attach BPF programs, by a look at what they need. */
#ifndef FLYBALL_OBSERVER_BPF_PROBE_H
#define FLYBALL_OBSERVER_BPF_PROBE_H

#include "observer/source.h"

/* How programs come to their events. */
enum bpf_kind {
	BPF_KIND_TYPED,  /* tp_btf, fentry, iterators */
	BPF_KIND_KPROBE, /* perf events: a kernel may refuse them to all but root */
	BPF_KIND_EVENT,  /* plain tracepoints, likewise */
};

/* Returns 0, or -errno with why in text and remedy of `status`. */
int bpf_probe(const struct source_context *context, enum bpf_kind kind,
	      struct source_status *status);

/*
 * Where it works for root alone: says so in text and remedy of `status`. Debian's kernels refuse perf events, which
 * kprobes and plain tracepoints are, to all without CAP_SYS_ADMIN while kernel.perf_event_paranoid is 3.
 */
void bpf_probe_caution(const struct source_context *context, enum bpf_kind kind,
		       struct source_status *status);

#endif
