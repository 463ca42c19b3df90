// SPDX-License-Identifier: Apache-2.0
/* What flyball itself costs: CPU time from /proc/PID/schedstat, which everybody may read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "daemon/core.h"

/* `123456789 4567 89`: ns on a CPU, ns waiting for one, times run. Main thread; no process of ours has others. */
static uint64_t read_cpu_ns(int root, pid_t pid)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

/* With its children: the actuator has one, which does what touches the system. `4711 4712 ` */
static uint64_t read_family_cpu_ns(int root, pid_t pid)
{
	char path[64], text[256], *rest = text, *end;
	uint64_t cpu_ns = read_cpu_ns(root, pid);
	long child;

	snprintf(path, sizeof(path), "proc/%d/task/%d/children", pid, pid);
	if (sysroot_read(root, path, text, sizeof(text)) <= 0)
		return cpu_ns;
	while ((child = strtol(rest, &end, 10)) > 0 && end != rest) {
		cpu_ns += read_cpu_ns(root, (pid_t)child);
		rest = end;
	}
	return cpu_ns;
}

/* `Uid:	0	0	0	0`: real, effective, saved, file system. -1 when unknown. */
static long read_uid(int root, pid_t pid)
{
	char path[64], text[4096];
	const char *line;

	snprintf(path, sizeof(path), "proc/%d/status", pid);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return -1;
	line = strstr(text, "\nUid:");
	return line ? strtol(line + strlen("\nUid:"), NULL, 10) : -1;
}

/* Age of a process, from the 22nd field of `1234 (flyball-core) S 1 …`: its start in clock ticks since boot. */
static double read_age_ns(int root, pid_t pid)
{
	char path[64], text[1024];
	const char *field;

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	if (sysroot_read(root, path, text, sizeof(text)) < 0)
		return NAN;
	field = strrchr(text, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return NAN;
	return (double)clock_ns(CLOCK_BOOTTIME) -
	       strtod(field, NULL) * (double)NSEC_PER_SEC / (double)sysconf(_SC_CLK_TCK);
}

json_t *usage_json(const struct core *core, double *ret_total_ratio)
{
	const struct worker *worker = &core->worker;
	double n_cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
	double machine_ns = (double)(clock_now_ns() - core->started_ns) * n_cpus;
	json_t *list = json_array();
	double total = 0;

	for (enum role role = 0; role < ROLE_COUNT; role++) {
		int root = worker->context->root;
		pid_t pid = worker->pids[role];
		double ratio;
		uint64_t cpu_ns;

		if (pid <= 0 || (role != ROLE_CORE && worker->peers[role] < 0))
			continue;
		cpu_ns = role == ROLE_ACTUATOR ? read_family_cpu_ns(root, pid)
					       : read_cpu_ns(root, pid);
		ratio = (double)cpu_ns / (read_age_ns(root, pid) * n_cpus);
		ratio = isfinite(ratio) ? ratio : 0;
		total += ratio;
		json_array_append_new(list,
				      json_pack("{ss si sI sI sf}", "name", role_word(role), "pid",
						(int)pid, "uid", (json_int_t)read_uid(root, pid),
						"cpu_ns", (json_int_t)cpu_ns, "cpu_ratio", ratio));
	}
	for (size_t i = 0; i < core->n_sources; i++)
		total += (double)core->sources[i].bpf_run_ns / machine_ns;
	*ret_total_ratio = total;
	return list;
}
