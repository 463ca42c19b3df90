// SPDX-License-Identifier: Apache-2.0
/* Whether BPF programs may work here, by a look at what they need. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/capability.h>

#include "base/sysroot.h"
#include "observer/programs.h"
#include "observer/text.h"

#define BTF_PATH "sys/kernel/btf/vmlinux"
#define PARANOID_PATH "proc/sys/kernel/perf_event_paranoid"
#define PARANOID_UPSTREAM_MAX 2 /* the highest level of kernels without a distribution's patch */
#define PARANOID_REMEDY "sysctl kernel.perf_event_paranoid=2"
#define PARANOID_WHY "kernel.perf_event_paranoid is over 2, so it takes CAP_SYS_ADMIN"

static bool capability_effective(cap_t caps, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	return cap_get_flag(caps, value, CAP_EFFECTIVE, &flag) == 0 && flag == CAP_SET;
}

int programs_probe_rights(bool roots, struct source_status *status)
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
		programs_say_roots(SOURCE_UNAVAILABLE, "", status);
		return -EPERM;
	}
	source_say(status, SOURCE_UNAVAILABLE, "run as root, or with CAP_BPF and CAP_PERFMON",
		   "CAP_BPF and CAP_PERFMON are missing");
	return -EPERM;
}

bool programs_perf_is_roots(const struct source_context *context)
{
	char text[32];
	uint64_t level;

	return sysroot_read(context->root, PARANOID_PATH, text, sizeof(text)) > 0 &&
	       text_numbers(text, &level, 1) && level > PARANOID_UPSTREAM_MAX;
}

void programs_say_roots(enum source_state state, const char *prefix, struct source_status *status)
{
	source_say(status, state, PARANOID_REMEDY, "%s" PARANOID_WHY, prefix);
}

int programs_probe(const struct source_context *context, struct source_status *status)
{
	if (sysroot_exists(context->root, BTF_PATH))
		return 0;
	source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_DEBUG_INFO_BTF",
		   "no BTF: /" BTF_PATH " does not exist");
	return -ENOENT;
}
