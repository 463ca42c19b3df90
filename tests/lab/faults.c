// SPDX-License-Identifier: Apache-2.0
/*
 * faults MINOR MAJOR SWITCHES [FILE]
 *
 * Says "ready PID", waits for a line, causes that many minor and major page faults and voluntary switches, says how many it
 * had by getrusage(2), as `minor 1000 major 64 switches 100`, and waits for the end of its input. The minor ones are of empty
 * pages, the major ones of pages of FILE (a block device, or a file that is no file of memory) that it has taken out of the
 * page cache, each read alone. Exits with 77 where that cannot be done.
 */
#include <errno.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *map(size_t pages, int fd)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, pages * page + 1, PROT_READ | (fd < 0 ? PROT_WRITE : 0),
			    MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (memory == MAP_FAILED) {
		fprintf(stderr, "faults: mmap: %s\n", strerror(errno));
		exit(1);
	}
	/* One page at a time: neither a huge one nor the neighbours. */
	madvise(memory, pages * page + 1, fd < 0 ? MADV_NOHUGEPAGE : MADV_RANDOM);
	return memory;
}

static int open_cold(const char *path, size_t pages)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char cached[1024] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *memory;

	if (fd < 0 || pages > sizeof(cached)) {
		fprintf(stderr, "faults: unable to open '%s': %s\n", path, strerror(errno));
		exit(1);
	}
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	memory = map(pages, fd);
	if (mincore((void *)(uintptr_t)memory, pages * page, cached) < 0 ||
	    memchr(cached, 1, pages)) {
		fprintf(stderr, "faults: '%s' stays in memory\n", path);
		exit(77);
	}
	return fd;
}

static void touch(volatile const char *memory, size_t pages, int write)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < pages; i++) {
		if (write)
			((volatile char *)(uintptr_t)memory)[i * page] = 1;
		else
			(void)memory[i * page];
	}
}

int main(int argc, char *argv[])
{
	size_t n[3] = { 0 };
	struct rusage before, after;
	const char *empty, *file = NULL;
	char line[16];

	if (argc < 4) {
		fprintf(stderr, "faults MINOR MAJOR SWITCHES [FILE]\n");
		return 64;
	}
	for (int i = 0; i < 3; i++)
		n[i] = strtoul(argv[1 + i], NULL, 10);
	empty = map(n[0], -1);
	if (n[1] && argc > 4)
		file = map(n[1], open_cold(argv[4], n[1]));
	getrusage(RUSAGE_SELF, &before);
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	getrusage(RUSAGE_SELF, &before);
	touch(empty, n[0], 1);
	if (file)
		touch(file, n[1], 0);
	for (size_t i = 0; i < n[2]; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	getrusage(RUSAGE_SELF, &after);
	printf("minor %ld major %ld switches %ld\n", after.ru_minflt - before.ru_minflt,
	       after.ru_majflt - before.ru_majflt, after.ru_nvcsw - before.ru_nvcsw);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}
