// SPDX-License-Identifier: Apache-2.0
/*
 * What BPF programs cost while a command runs: bpfcost COMMAND... prints {"runs": N, "run_ns": N} of all programs that are
 * loaded at its end, by the kernel's statistics (BPF_ENABLE_STATS), which are on for this long alone. They are counted
 * from when they were switched on, so what another user of them had counted before is subtracted.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PROGRAMS_MAX 1024

struct count {
	uint32_t id;
	uint64_t runs, run_ns;
};

/* Returns how many programs there are, those past PROGRAMS_MAX left out. */
static size_t count_all(struct count *ret_counts)
{
	size_t n = 0;
	uint32_t id = 0;

	while (n < PROGRAMS_MAX && bpf_prog_get_next_id(id, &id) == 0) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
			continue;
		ret_counts[n++] = (struct count){ id, info.run_cnt, info.run_time_ns };
	}
	return n;
}

static const struct count *count_find(const struct count *counts, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (counts[i].id == id)
			return &counts[i];
	return NULL;
}

static int run(char **command)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		execvp(command[0], command);
		fprintf(stderr, "bpfcost: unable to execute '%s': %s\n", command[0],
			strerror(errno));
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return EXIT_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct count before[PROGRAMS_MAX], after[PROGRAMS_MAX];
	uint64_t runs = 0, run_ns = 0;
	size_t n_before, n_after;
	int stats, status;

	if (argc < 2) {
		fprintf(stderr, "usage: bpfcost COMMAND...\n");
		return 64;
	}
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0) {
		fprintf(stderr, "bpfcost: unable to switch the statistics of BPF on: %s\n",
			strerror(-stats));
		return EXIT_FAILURE;
	}
	n_before = count_all(before);
	status = run(argv + 1);
	n_after = count_all(after);
	for (size_t i = 0; i < n_after; i++) {
		const struct count *old = count_find(before, n_before, after[i].id);

		runs += after[i].runs - (old ? old->runs : 0);
		run_ns += after[i].run_ns - (old ? old->run_ns : 0);
	}
	printf("{ \"runs\": %llu, \"run_ns\": %llu }\n", (unsigned long long)runs,
	       (unsigned long long)run_ns);
	close(stats);
	return status;
}
