// SPDX-License-Identifier: Apache-2.0
/*
 * memnode RUN_NODE MEMORY_NODE MIB THREADS SECONDS [loose] [push SOCKET]
 *
 * Runs threads on one NUMA node that use memory on another, and prints each second, and at the end, where the memory
 * is, as a line of JSON: {"threads": 2, "passes": 120, "pages": {"0": 0, "1": 4096}}. The memory stays bound to its
 * node, which forbids nobody to move it by move_pages() or migrate_pages() but the kernel's own balancing, which moved
 * the pages within seconds; `loose` lets it. `push` sends a metric every tenth of a second, for the daemon that listens
 * there: `memnode.distance`, the mean over its pages of how far they are from the threads, as the kernel's table has it
 * (10 for the own node). Exits with 77 where there are no such nodes, 64 for wrong use.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NODES_MAX 64
#define BATCH 1024        /* pages asked for in one call */
#define BREATH_NS 1000000 /* between two passes: other programs want to run, too */
#define PUSHES 10         /* a second */

struct region {
	char *memory;
	size_t page, pages; /* bytes of one, number */
	size_t threads;
	int run_node;
	_Atomic uint64_t passes;
	_Atomic bool ended;
};

struct user {
	struct region *region;
	pthread_t thread;
	size_t first, pages;
};

static void *use(void *context)
{
	struct user *user = context;
	struct region *region = user->region;

	numa_run_on_node(region->run_node);
	while (!region->ended) {
		for (size_t i = 0; i < user->pages; i++)
			region->memory[(user->first + i) * region->page]++;
		region->passes++;
		nanosleep(&(struct timespec){ .tv_nsec = BREATH_NS }, NULL);
	}
	return NULL;
}

/* Without nodes to move to, move_pages tells where each page is. */
static int count_pages(const struct region *region, uint64_t counts[NODES_MAX])
{
	void *pages[BATCH];
	int status[BATCH];

	memset(counts, 0, NODES_MAX * sizeof(*counts));
	for (size_t first = 0; first < region->pages; first += BATCH) {
		size_t n = region->pages - first < BATCH ? region->pages - first : BATCH;

		for (size_t i = 0; i < n; i++)
			pages[i] = region->memory + (first + i) * region->page;
		if (move_pages(0, n, pages, NULL, status, 0) < 0)
			return -errno;
		for (size_t i = 0; i < n; i++)
			if (status[i] >= 0 && status[i] < NODES_MAX)
				counts[status[i]]++;
	}
	return 0;
}

static int report(struct region *region)
{
	uint64_t counts[NODES_MAX];
	int r = count_pages(region, counts);

	if (r < 0) {
		fprintf(stderr, "memnode: unable to ask where the pages are: %s\n", strerror(-r));
		return r;
	}
	printf("{\"threads\": %zu, \"passes\": %llu, \"pages\": {", region->threads,
	       (unsigned long long)region->passes);
	for (int node = 0; node <= numa_max_node() && node < NODES_MAX; node++)
		printf("%s\"%d\": %llu", node ? ", " : "", node, (unsigned long long)counts[node]);
	printf("}}\n");
	fflush(stdout);
	return 0;
}

/* Nobody may listen, or not yet: then this one is lost. */
static void push(const struct region *region, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint64_t counts[NODES_MAX], pages = 0, far = 0;
	char line[64];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || count_pages(region, counts) < 0)
		goto end;
	for (int node = 0; node < NODES_MAX; node++) {
		if (counts[node] == 0)
			continue;
		pages += counts[node];
		far += counts[node] * (uint64_t)numa_distance(region->run_node, node);
	}
	if (pages == 0)
		goto end;
	snprintf(line, sizeof(line), "memnode.distance %.3f", (double)far / (double)pages);
	sendto(fd, line, strlen(line), 0, (const struct sockaddr *)&address, sizeof(address));
end:
	if (fd >= 0)
		close(fd);
}

static void sleep_second(const struct region *region, const char *path)
{
	for (int i = 0; i < PUSHES; i++) {
		if (path)
			push(region, path);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000000 / PUSHES }, NULL);
	}
}

static int region_make(struct region *region, int node, size_t mib, bool loose)
{
	unsigned long mask = 1ul << node;
	size_t size = mib << 20;

	region->page = (size_t)sysconf(_SC_PAGESIZE);
	region->pages = size / region->page;
	region->memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (region->memory == MAP_FAILED)
		return -errno;
	/* A huge page would count 512 times, and move whole. */
	madvise(region->memory, size, MADV_NOHUGEPAGE);
	if (mbind(region->memory, size, MPOL_BIND, &mask, NODES_MAX + 1, 0) < 0)
		return -errno;
	memset(region->memory, 1, size);
	if (loose && mbind(region->memory, size, MPOL_DEFAULT, NULL, 0, 0) < 0)
		return -errno;
	return 0;
}

static int run(struct region *region, unsigned int seconds, const char *path)
{
	struct user *users = calloc(region->threads, sizeof(*users));
	size_t started = 0, share = region->pages / region->threads;
	int r = users ? 0 : -ENOMEM;

	for (; r == 0 && started < region->threads; started++) {
		struct user *user = &users[started];

		*user = (struct user){ .region = region, .first = started * share, .pages = share };
		r = -pthread_create(&user->thread, NULL, use, user);
		if (r < 0)
			break;
	}
	for (unsigned int second = 0; r == 0 && second < seconds; second++) {
		r = report(region);
		sleep_second(region, path);
	}
	region->ended = true;
	for (size_t i = 0; i < started; i++)
		pthread_join(users[i].thread, NULL);
	free(users);
	return r < 0 ? r : report(region);
}

/* What follows the numbers. */
static bool parse_words(int n, char **words, bool *ret_loose, const char **ret_path)
{
	int i = 0;

	*ret_loose = i < n && !strcmp(words[i], "loose");
	i += *ret_loose;
	*ret_path = i + 1 < n && !strcmp(words[i], "push") ? words[i + 1] : NULL;
	return i + (*ret_path ? 2 : 0) == n;
}

int main(int argc, char **argv)
{
	struct region region = { 0 };
	const char *path;
	bool loose;
	int memory_node, r;

	if (argc < 6 || !parse_words(argc - 6, argv + 6, &loose, &path) || atoi(argv[3]) < 1 ||
	    atoi(argv[4]) < 1) {
		fprintf(stderr, "usage: memnode RUN_NODE MEMORY_NODE MIB THREADS SECONDS [loose] "
				"[push SOCKET]\n");
		return 64;
	}
	region.run_node = atoi(argv[1]);
	memory_node = atoi(argv[2]);
	region.threads = (size_t)atoi(argv[4]);
	if (numa_available() < 0 || region.run_node > numa_max_node() ||
	    memory_node > numa_max_node() || region.run_node < 0 || memory_node < 0) {
		fprintf(stderr, "memnode: no nodes %s and %s here\n", argv[1], argv[2]);
		return 77;
	}
	r = region_make(&region, memory_node, (size_t)atoi(argv[3]), loose);
	if (r < 0)
		fprintf(stderr, "memnode: unable to take %s MiB on node %s: %s\n", argv[3], argv[2],
			strerror(-r));
	else
		r = run(&region, (unsigned int)atoi(argv[5]), path);
	return r < 0;
}
