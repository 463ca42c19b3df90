// SPDX-License-Identifier: Apache-2.0
/* Whether connections could be split here: optional, for few machines have a policy that asks for it. */
#include "observer/tcp_split.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

#define BTF_PATH "sys/kernel/btf/vmlinux"
#define LINE_BYTES 4096

/* 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw */
static bool has_cgroup2(int root)
{
	int fd = source_open_file(root, "proc/self/mountinfo");
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[LINE_BYTES];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, " - cgroup2 "))
			return true;
	return false;
}

void tcp_split_probe(const struct source_context *context, struct source_status *status)
{
	strcpy(status->method, "sock_ops");
	status->optional = 1;
	if (!sysroot_exists(context->root, BTF_PATH))
		source_say(status, SOURCE_UNAVAILABLE, "use a kernel with CONFIG_DEBUG_INFO_BTF",
			   "no BTF: /" BTF_PATH " does not exist");
	else if (!has_cgroup2(context->root))
		source_say(status, SOURCE_UNAVAILABLE, "mount -t cgroup2 none /sys/fs/cgroup",
			   "no cgroup v2 is mounted, to which its program is attached");
	else if (!context->maps || context->maps->results < 0)
		source_say(status, SOURCE_IDLE, "", TCP_SPLIT_ABSENT);
	else
		source_say(status, SOURCE_IDLE, "", "%s", "");
}
