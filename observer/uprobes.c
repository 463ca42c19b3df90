// SPDX-License-Identifier: Apache-2.0
#include "observer/uprobes.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MULTI_RETURN 1u      /* BPF_F_UPROBE_MULTI_RETURN */
#define PERF_CONFIG_RETURN 1 /* format/retprobe of the event source: config:0 */
#define PATH_BYTES 32

/* The part of BPF_LINK_CREATE that the headers of older kernels do not have. */
struct multi_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

/* The very file that is open here: between its name and a probe another file could get that name. */
static void file_path(int fd, char path[PATH_BYTES])
{
	snprintf(path, PATH_BYTES, "/proc/self/fd/%d", fd);
}

int uprobes_attach_multi(struct uprobes *uprobes, int program, int fd, bool at_return,
			 const struct uprobe_place *places, size_t n)
{
	uint64_t offsets[UPROBES_MAX], cookies[UPROBES_MAX];
	char path[PATH_BYTES];
	const struct multi_attr attr = {
		.prog_fd = (uint32_t)program,
		.attach_type = UPROBES_ATTACH_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.cnt = (uint32_t)n,
		.multi_flags = at_return ? MULTI_RETURN : 0,
	};
	int link;

	file_path(fd, path);
	for (size_t i = 0; i < n; i++) {
		offsets[i] = places[i].offset;
		cookies[i] = places[i].cookie;
	}
	link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	if (link < 0)
		return -errno;
	uprobes->links[0] = link;
	uprobes->n = 1;
	return 0;
}

/* System-wide: the program belongs to the event and runs on all CPUs, whichever the event is opened on. */
static int perf_link(int program, const char *path, bool at_return,
		     const struct uprobe_place *place, uint32_t event_type)
{
	struct perf_event_attr attr = {
		.type = event_type,
		.size = sizeof(attr),
		.config = at_return ? PERF_CONFIG_RETURN : 0,
		.uprobe_path = (uintptr_t)path,
		.probe_offset = place->offset,
	};
	DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event.bpf_cookie = place->cookie);
	_cleanup_close_ int event =
		(int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	int link;

	if (event < 0)
		return -errno;
	link = bpf_link_create(program, event, BPF_PERF_EVENT, &options);
	return link < 0 ? -errno : link;
}

int uprobes_attach_perf(struct uprobes *uprobes, int program, int fd, bool at_return,
			const struct uprobe_place *places, size_t n, uint32_t event_type)
{
	char path[PATH_BYTES];

	file_path(fd, path);
	for (size_t i = 0; i < n; i++) {
		const int link = perf_link(program, path, at_return, &places[i], event_type);

		if (link < 0) {
			uprobes_detach(uprobes);
			return link;
		}
		uprobes->links[uprobes->n++] = link;
	}
	return 0;
}

void uprobes_detach(struct uprobes *uprobes)
{
	while (uprobes->n > 0)
		close(uprobes->links[--uprobes->n]);
}
