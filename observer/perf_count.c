// SPDX-License-Identifier: Apache-2.0
#include "observer/perf_count.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int perf_count_open(uint32_t type, uint64_t config, unsigned int cpu, int leader)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, (int)cpu, leader, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int perf_count_read(int fd, struct perf_count *ret_count)
{
	ssize_t n = read(fd, ret_count, sizeof(*ret_count));

	if (n < 0)
		return -errno;
	return n == sizeof(*ret_count) ? 0 : -EIO;
}
