// SPDX-License-Identifier: Apache-2.0
#include "actuator/numa_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actuator/numa_exclusive.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define STATUS_BYTES 8192

/* Whether a line of numa_maps is of the process's own anonymous memory. */
static bool is_own(const char *line)
{
	return strstr(line, " anon=") && !strstr(line, " file=") && !strstr(line, " huge ");
}

/* Pages that only this process maps. */
struct count {
	int root;
	pid_t pid;
	struct numa_exclusive exclusive;
	bool opened; /* most processes share none */
	int error;   /* of opening it */
	struct numa_pages pages;
};

/* Returns 0; -ENOENT where single pages cannot be looked at: see numa_exclusive_open(); -errno. */
static int open_exclusive(struct count *count)
{
	if (!count->opened)
		count->error = numa_exclusive_open(count->root, count->pid, &count->exclusive);
	count->opened = true;
	return count->error;
}

/*
 * proc/PID/numa_maps:
 *     557183117000 default heap anon=4 dirty=4 active=0 N0=3 N1=1 kernelpagesize_kB=4
 *     55cb39b74000 default heap anon=28 dirty=28 mapmax=3 active=0 N0=28 kernelpagesize_kB=4
 *     7f9103878000 default file=/usr/lib/locale/C.utf8/LC_CTYPE mapped=32 mapmax=28 N0=32 kernelpagesize_kB=4
 * The counts are in base pages, those of transparent huge pages, too. Of `mapmax` it is known that one page has so many users.
 */
static int add_line(const char *line, struct count *count)
{
	struct numa_pages *pages = &count->pages;
	int r;

	if (!is_own(line))
		return 0;
	r = strstr(line, " mapmax=") ? open_exclusive(count) : -ENOENT;
	if (r == 0)
		return numa_exclusive_add(&count->exclusive, strtoul(line, NULL, 16), pages);
	/* Without a look at single pages all count; whether the process is still there is asked in the end. */
	if (r != -ENOENT)
		return r;
	for (const char *at = strstr(line, " N"); at; at = strstr(at + 1, " N")) {
		unsigned int node;
		unsigned long n;

		if (sscanf(at, " N%u=%lu", &node, &n) != 2)
			continue;
		if (node >= NUMA_NODES_MAX)
			return -ERANGE;
		pages->on[node] += n;
		pages->total += n;
	}
	return 0;
}

static int is_alive(int root, const struct thread *process)
{
	struct thread now;
	int r = thread_read(root, process->process, process->process, &now);

	if (r < 0)
		return r;
	return now.start == process->start ? 0 : -ESRCH;
}

int numa_pages_read(int root, const struct thread *process, struct numa_pages *ret_pages)
{
	struct count count = { .root = root, .pid = process->process };
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "proc/%d/numa_maps", (int)process->process);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && getline(&line, &size, file) > 0)
		r = add_line(line, &count);
	if (r == 0 && ferror(file))
		r = -EIO;
	if (count.opened)
		numa_exclusive_close(&count.exclusive);
	if (r == 0)
		r = is_alive(root, process);
	if (r == 0)
		*ret_pages = count.pages;
	return r;
}

/* proc/PID/status: `Mems_allowed_list:	0-1`; the nodes with memory: `0-1`. */
int numa_nodes_within(int root, const struct thread *process, struct idset *ret_nodes)
{
	char path[64], status[STATUS_BYTES], list[1024];
	struct idset allowed, there;
	char *line;
	ssize_t n;

	snprintf(path, sizeof(path), "proc/%d/status", (int)process->process);
	n = sysroot_read(root, path, status, sizeof(status));
	if (n < 0)
		return (int)n;
	n = sysroot_read(root, "sys/devices/system/node/has_memory", list, sizeof(list));
	if (n < 0)
		return (int)n;
	line = strstr(status, "\nMems_allowed_list:");
	if (!line)
		return -EBADMSG;
	line += strlen("\nMems_allowed_list:");
	line += strspn(line, " \t");
	line[strcspn(line, "\n")] = '\0';
	if (idset_parse(line, &allowed) < 0 || idset_parse(list, &there) < 0)
		return -EBADMSG;
	*ret_nodes = (struct idset){ 0 };
	for (unsigned int node = 0; node < NUMA_NODES_MAX; node++)
		if (idset_has(&allowed, node) && idset_has(&there, node))
			idset_add(ret_nodes, node);
	return 0;
}

/*
 * sys/devices/system/node/node0/meminfo:
 *     Node 0 MemTotal:        9922776 kB
 *     Node 0 MemFree:         7974632 kB
 */
int numa_node_room(int root, unsigned int node, uint64_t free_bytes, uint64_t *ret_pages)
{
	unsigned long page_kb = (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
	char path[64], text[STATUS_BYTES], *total, *available;
	unsigned long total_kb, free_kb, reserve_kb;
	ssize_t n;

	snprintf(path, sizeof(path), "sys/devices/system/node/node%u/meminfo", node);
	n = sysroot_read(root, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	total = strstr(text, "MemTotal:");
	available = strstr(text, "MemFree:");
	if (!total || !available || sscanf(total, "MemTotal: %lu", &total_kb) != 1 ||
	    sscanf(available, "MemFree: %lu", &free_kb) != 1)
		return -EBADMSG;
	reserve_kb = (unsigned long)((double)total_kb * NUMA_RESERVE_RATIO);
	if (reserve_kb < free_bytes / 1024)
		reserve_kb = free_bytes / 1024;
	*ret_pages = free_kb > reserve_kb ? (free_kb - reserve_kb) / page_kb : 0;
	return 0;
}
