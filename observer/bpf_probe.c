// SPDX-License-Identifier: Apache-2.0
#include "observer/bpf_probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/capability.h>

#include "base/sysroot.h"
#include "observer/text.h"

#define BTF_PATH "sys/kernel/btf/vmlinux"
#define PARANOID_PATH "proc/sys/kernel/perf_event_paranoid"
#define PARANOID_UPSTREAM_MAX 2 /* the highest level of kernels without a distribution's patch */
#define PARANOID_REMEDY "sysctl kernel.perf_event_paranoid=2"
#define PARANOID_WHY "kernel.perf_event_paranoid is over 2, so it takes CAP_SYS_ADMIN"
#define KPROBE_PATH "sys/bus/event_source/devices/kprobe"

static bool capability_effective(cap_t caps, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	return cap_get_flag(caps, value, CAP_EFFECTIVE, &flag) == 0 && flag == CAP_SET;
}

/* `roots`: CAP_PERFMON is not enough. */
static int check_capabilities(bool roots, struct source_status *status)
{
	cap_t caps = cap_get_proc();
	bool admin, able;

	if (!caps)
		return -errno;
	admin = capability_effective(caps, CAP_SYS_ADMIN);
	able = capability_effective(caps, CAP_BPF) && capability_effective(caps, CAP_PERFMON);
	cap_free(caps);
	if (admin || (able && !roots))
		return 0;
	if (able) {
		source_say(status, SOURCE_UNAVAILABLE, PARANOID_REMEDY, PARANOID_WHY);
		return -EPERM;
	}
	source_say(status, SOURCE_UNAVAILABLE, "run as root, or with CAP_BPF and CAP_PERFMON",
		   "CAP_BPF and CAP_PERFMON are missing");
	return -EPERM;
}

/* `3`: kprobes and plain tracepoints take CAP_SYS_ADMIN, not only CAP_PERFMON. */
static bool perf_is_roots(const struct source_context *context, enum bpf_kind kind)
{
	char text[32];
	uint64_t level;

	return kind != BPF_KIND_TYPED &&
	       sysroot_read(context->root, PARANOID_PATH, text, sizeof(text)) > 0 &&
	       text_numbers(text, &level, 1) && level > PARANOID_UPSTREAM_MAX;
}

void bpf_probe_caution(const struct source_context *context, enum bpf_kind kind,
		       struct source_status *status)
{
	if (perf_is_roots(context, kind))
		source_say(status, SOURCE_IDLE, PARANOID_REMEDY,
			   "for 'signals' and 'watch' alone, not for the daemon: " PARANOID_WHY);
}

int bpf_probe(const struct source_context *context, enum bpf_kind kind,
	      struct source_status *status)
{
	if (!sysroot_exists(context->root, BTF_PATH)) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_DEBUG_INFO_BTF",
			   "no BTF: /" BTF_PATH " does not exist");
		return -ENOENT;
	}
	if (kind == BPF_KIND_KPROBE && !sysroot_exists(context->root, KPROBE_PATH)) {
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_KPROBE_EVENTS",
			   "no kprobes: /" KPROBE_PATH " does not exist");
		return -ENOENT;
	}
	return check_capabilities(perf_is_roots(context, kind), status);
}
