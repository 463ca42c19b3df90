// SPDX-License-Identifier: Apache-2.0
/*
 * After a fork the anonymous pages are the child's, too, until one of the two writes. move_pages(2) leaves a page alone that
 * two processes map, so such pages are nobody's here. proc/PID/pagemap has 64 bits for each page of addresses
 * (Documentation/admin-guide/mm/pagemap.rst), and proc/PID/maps says where a mapping ends.
 */
#include "actuator/numa_exclusive.h"

#include <errno.h>
#include <fcntl.h>
#include <numaif.h>
#include <stdint.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PAGE_PRESENT (1ull << 63)
#define PAGE_EXCLUSIVE (1ull << 56)
#define CHUNK_PAGES 512 /* looked at by one call */

int numa_exclusive_open(int root, pid_t pid, struct numa_exclusive *ret_exclusive)
{
	char path[64];
	int fd;

	*ret_exclusive = (struct numa_exclusive){ .pid = pid, .pagemap = -1 };
	snprintf(path, sizeof(path), "proc/%d/pagemap", (int)pid);
	ret_exclusive->pagemap = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (ret_exclusive->pagemap < 0)
		return -errno;
	snprintf(path, sizeof(path), "proc/%d/maps", (int)pid);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret_exclusive->maps = fdopen(fd, "r");
	if (ret_exclusive->maps)
		return 0;
	close(fd);
	return -ENOMEM;
}

void numa_exclusive_close(struct numa_exclusive *exclusive)
{
	closep(&exclusive->pagemap);
	fclosep(&exclusive->maps);
}

/* 0: there is no mapping at that address (any more). */
static unsigned long end_of(struct numa_exclusive *e, unsigned long start)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (e->from < start && getline(&line, &size, e->maps) > 0)
		if (sscanf(line, "%lx-%lx", &e->from, &e->to) != 2)
			return 0;
	return e->from == start ? e->to : 0;
}

/* Adds where those pages are. */
static int add_chunk(const struct numa_exclusive *e, void **pages, size_t n, struct numa_pages *sum)
{
	int nodes[CHUNK_PAGES];

	if (n == 0)
		return 0;
	if (move_pages(e->pid, n, pages, NULL, nodes, 0) < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		if (nodes[i] >= NUMA_NODES_MAX)
			return -ERANGE;
		if (nodes[i] < 0)
			continue;
		sum->on[nodes[i]]++;
		sum->total++;
	}
	return 0;
}

int numa_exclusive_add(struct numa_exclusive *e, unsigned long start, struct numa_pages *sum)
{
	unsigned long page_bytes = (unsigned long)sysconf(_SC_PAGESIZE);
	unsigned long end = end_of(e, start);
	int r = 0;

	while (r == 0 && start < end) {
		uint64_t words[CHUNK_PAGES];
		void *pages[CHUNK_PAGES];
		size_t left = (end - start) / page_bytes, found = 0;
		size_t n = left < CHUNK_PAGES ? left : CHUNK_PAGES;
		ssize_t got = pread(e->pagemap, words, n * sizeof(words[0]),
				    (off_t)(start / page_bytes * sizeof(words[0])));

		if (got <= 0)
			return got < 0 ? -errno : -ESRCH;
		n = (size_t)got / sizeof(words[0]);
		for (size_t i = 0; i < n; i++)
			if ((words[i] & PAGE_PRESENT) && (words[i] & PAGE_EXCLUSIVE))
				pages[found++] = (void *)(start + i * page_bytes);
		r = add_chunk(e, pages, found, sum);
		start += n * page_bytes;
	}
	return r;
}
