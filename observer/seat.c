// SPDX-License-Identifier: Apache-2.0
#include "observer/seat.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* By a plain system call: libbpf's links are allocated. */
int seat_typed(struct seat *seat, const struct source_context *context, const char *target)
{
	(void)context, (void)target;
	seat->fd = bpf_raw_tracepoint_open(NULL, bpf_program__fd(seat->program));
	return seat->fd < 0 ? -errno : 0;
}

int seat_raw(struct seat *seat, const struct source_context *context, const char *target)
{
	(void)context;
	seat->fd = bpf_raw_tracepoint_open(target, bpf_program__fd(seat->program));
	return seat->fd < 0 ? -errno : 0;
}

int seat_kprobe(struct seat *seat, const struct source_context *context, const char *target)
{
	(void)context;
	seat->link = bpf_program__attach_kprobe(seat->program, false, target);
	return seat->link ? 0 : -errno;
}

/* On one CPU, as libbpf does: the program belongs to the tracepoint and runs on all. */
int seat_event(struct seat *seat, const struct source_context *context, const char *target)
{
	const int id = source_event(context, target);
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
	};
	_cleanup_close_ int fd = -1;

	if (id < 0)
		return id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	seat->link = bpf_program__attach_perf_event(seat->program, fd);
	if (!seat->link)
		return -errno;
	take_fd(&fd); /* the link's now */
	return 0;
}

bool seat_taken(const struct seat *seat)
{
	return seat->link || seat->fd >= 0;
}

void seat_leave(struct seat *seat)
{
	bpf_link__destroy(seat->link);
	seat->link = NULL;
	closep(&seat->fd);
	seat->fd = -1;
}
