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
#include "daemon/cpu_time.h"

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
	json_t *list = json_array();
	double total = 0;

	for (enum role role = 0; role < ROLE_COUNT; role++) {
		int root = worker->context->root;
		pid_t pid = worker->pids[role];
		double ratio;
		uint64_t cpu_ns;

		if (pid <= 0 || (role != ROLE_CORE && worker->peers[role] < 0))
			continue;
		cpu_ns = cpu_time_ns(root, pid, role == ROLE_ACTUATOR); /* with its hand */
		ratio = (double)cpu_ns / (read_age_ns(root, pid) * n_cpus);
		ratio = isfinite(ratio) ? ratio : 0;
		total += ratio;
		json_array_append_new(list,
				      json_pack("{ss si sI sI sf}", "name", role_word(role), "pid",
						(int)pid, "uid", (json_int_t)read_uid(root, pid),
						"cpu_ns", (json_int_t)cpu_ns, "cpu_ratio", ratio));
	}
	for (size_t i = 0; i < core->n_sources; i++)
		total += core->sources[i].bpf_ratio;
	*ret_total_ratio = total;
	return list;
}
