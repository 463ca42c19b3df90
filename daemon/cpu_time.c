// SPDX-License-Identifier: Apache-2.0
#include "daemon/cpu_time.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sysroot.h"

/* `123456789 4567 89`: ns on a CPU, ns waiting for one, times run. Main thread; no process of ours has others. */
static uint64_t read_cpu_ns(int root, pid_t pid)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

/* `4711 4712 ` */
uint64_t cpu_time_ns(int root, pid_t pid, unsigned int depth)
{
	char path[64], text[256], *rest = text, *end;
	uint64_t cpu_ns = read_cpu_ns(root, pid);
	long child;

	snprintf(path, sizeof(path), "proc/%d/task/%d/children", pid, pid);
	if (depth == 0 || sysroot_read(root, path, text, sizeof(text)) <= 0)
		return cpu_ns;
	while ((child = strtol(rest, &end, 10)) > 0 && end != rest) {
		cpu_ns += cpu_time_ns(root, (pid_t)child, depth - 1);
		rest = end;
	}
	return cpu_ns;
}
