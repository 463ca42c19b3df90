// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "observer/observer.h"

/* Linux 5.8. Before, only by the sysctl kernel.bpf_stats_enabled, which is the operator's. */
int observer_count_runs(void)
{
	union bpf_attr attr = { .enable_stats = { .type = BPF_STATS_RUN_TIME } };
	const long fd = syscall(SYS_bpf, BPF_ENABLE_STATS, &attr, sizeof(attr));

	return fd < 0 ? -errno : (int)fd;
}
