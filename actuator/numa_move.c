// SPDX-License-Identifier: Apache-2.0
/*
 * move_pages(2) in slices. A slice asks where its pages are, moves those that are on a node with too many to one with
 * too few, and asks again: what the kernel answers of a single page is not what became of it, since the pages of one
 * huge page move together. Only pages that no other process maps are moved (MPOL_MF_MOVE): shared ones are counted, but
 * not only this process's to move.
 *
 * How long a page takes nobody knows: for each the kernel asks all CPUs that run the process to forget where it was, and
 * waits. A virtual CPU that its host does not run at the moment answers some milliseconds later, so that 512 pages took
 * more than the 2 s in which the hand must be heard of. So a slice is moved in batches, as large as they are quick.
 */
#include "actuator/numa_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "actuator/family.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define PASSES 2
#define PAUSE_NS 200000000 /* between two signs of progress: a tenth of the hand's limit */
#define BATCH_FIRST 32     /* pages: at 60 ms each the hand would be silent for its limit */
#define BATCH_MAX \
	64 /* however quick they were: at 30 ms each it would be, and a page may be 20 times slower at once */

struct mover {
	int root;
	const struct thread *process;
	const struct numa_pages *want;
	const struct numa_pace *pace;
	struct numa_pages now;
	size_t page_bytes;
	uint64_t scanned, reported_ns;
	size_t batch; /* pages that are moved by one call */
	void *pages[NUMA_SLICE_PAGES];
	int before[NUMA_SLICE_PAGES], after[NUMA_SLICE_PAGES];
	void *chosen[NUMA_SLICE_PAGES];
	int targets[NUMA_SLICE_PAGES], results[NUMA_SLICE_PAGES];
};

/* The node that lacks most; -1 when none lacks any. */
static int neediest(const struct mover *m, const struct numa_pages *now)
{
	uint64_t most = 0;
	int found = -1;

	for (int node = 0; node < NUMA_NODES_MAX; node++)
		if (m->want->on[node] > now->on[node] && m->want->on[node] - now->on[node] > most) {
			most = m->want->on[node] - now->on[node];
			found = node;
		}
	return found;
}

/* Picks pages of the slice that are on nodes with too many. -ENOMEM when the node that lacks some is full. */
static int choose(struct mover *m, size_t n, size_t *ret_chosen)
{
	struct numa_pages planned = m->now;
	uint64_t room[NUMA_NODES_MAX];
	bool asked[NUMA_NODES_MAX] = { 0 };
	size_t chosen = 0;

	for (size_t i = 0; i < n; i++) {
		int from = m->before[i], to, r;

		if (from < 0 || from >= NUMA_NODES_MAX || planned.on[from] <= m->want->on[from])
			continue;
		to = neediest(m, &planned);
		if (to < 0)
			break;
		r = asked[to] ? 0
			      : numa_node_room(m->root, (unsigned int)to, m->pace->free_bytes,
					       &room[to]);
		if (r < 0)
			return r;
		asked[to] = true;
		if (room[to]-- == 0)
			return -ENOMEM;
		planned.on[from]--;
		planned.on[to]++;
		m->chosen[chosen] = m->pages[i];
		m->targets[chosen++] = to;
	}
	*ret_chosen = chosen;
	return 0;
}

static int where(const struct mover *m, size_t n, int *ret_nodes)
{
	return move_pages(m->process->process, n, (void **)m->pages, NULL, ret_nodes, 0) < 0
		       ? -errno
		       : 0;
}

/* Counts what has changed. Returns how many pages have moved. */
static uint64_t account(struct mover *m, size_t n)
{
	uint64_t moved = 0;

	for (size_t i = 0; i < n; i++) {
		int from = m->before[i], to = m->after[i];

		if (from < 0 || to < 0 || from == to || from >= NUMA_NODES_MAX ||
		    to >= NUMA_NODES_MAX)
			continue;
		m->now.on[from] -= m->now.on[from] > 0;
		m->now.on[to]++;
		moved++;
	}
	return moved;
}

static void report(struct mover *m)
{
	uint64_t now_ns = clock_now_ns();

	if (now_ns - m->reported_ns < PAUSE_NS)
		return;
	m->reported_ns = now_ns;
	family_progress();
}

/* A slice may be due for longer than the hand's limit. */
static void keep_pace(struct mover *m, uint64_t bytes, uint64_t since_ns)
{
	double due_ns = (double)bytes * NSEC_PER_SEC / (double)m->pace->rate_bytes;
	double left_ns;

	while ((left_ns = due_ns - (double)(clock_now_ns() - since_ns)) > 0) {
		const struct timespec pause = {
			.tv_nsec = (long)(left_ns < PAUSE_NS ? left_ns : PAUSE_NS),
		};

		nanosleep(&pause, NULL);
		report(m);
	}
}

/* Larger while it is quick: each call has a price, too, as the kernel empties a list of every CPU for it. */
static void adapt(struct mover *m, uint64_t took_ns)
{
	if (took_ns > PAUSE_NS && m->batch > 1)
		m->batch /= 2;
	else if (took_ns < PAUSE_NS / 4 && m->batch < BATCH_MAX)
		m->batch *= 2;
}

/* A number that is another process's by now must not be touched. */
static int check_process(const struct mover *m)
{
	struct thread now;
	int r = thread_read(m->root, m->process->process, m->process->process, &now);

	return r < 0 || now.start != m->process->start ? -ESRCH : 0;
}

/* A huge page that lies in two batches moves with the first; for the second it is there already. */
static int move_chosen(struct mover *m, size_t n)
{
	for (size_t done = 0, step; done < n; done += step) {
		uint64_t since_ns = clock_now_ns();

		if (done > 0 && check_process(m) < 0)
			return -ESRCH;
		step = n - done < m->batch ? n - done : m->batch;
		/* Single pages that do not move are found by asking again; ENOMEM: a node filled up between two looks. */
		if (move_pages(m->process->process, step, m->chosen + done, m->targets + done,
			       m->results + done, MPOL_MF_MOVE) < 0 &&
		    errno != ENOENT && errno != EBUSY)
			return -errno;
		/* However slow the machine and large the process, it is known to get on after each. */
		family_progress();
		adapt(m, clock_now_ns() - since_ns);
	}
	return 0;
}

static int move_slice(struct mover *m, uint64_t start, size_t n)
{
	uint64_t since_ns = clock_now_ns();
	size_t chosen = 0;
	int r = check_process(m);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		m->pages[i] = (void *)(start + i * m->page_bytes);
	r = where(m, n, m->before);
	if (r == 0)
		r = choose(m, n, &chosen);
	if (r < 0 || chosen == 0)
		return r;
	r = move_chosen(m, chosen);
	if (r == 0)
		r = where(m, n, m->after);
	if (r == 0)
		keep_pace(m, account(m, n) * m->page_bytes, since_ns);
	return r;
}

static int move_range(struct mover *m, uint64_t start, uint64_t end)
{
	int r = 0;

	while (r == 0 && start < end && neediest(m, &m->now) >= 0) {
		/* Up to a multiple of its size: no huge page lies in two slices, or one would not see all that moves. */
		uint64_t slice = NUMA_SLICE_PAGES * m->page_bytes;
		uint64_t stop = (start / slice + 1) * slice;
		size_t n = (size_t)(((stop < end ? stop : end) - start) / m->page_bytes);

		m->scanned += n;
		if (n == 0 || m->scanned > NUMA_SCAN_PAGES_MAX)
			return n ? -EFBIG : 0;
		r = move_slice(m, start, n);
		report(m);
		start += n * m->page_bytes;
	}
	return r;
}

/*
 * proc/PID/maps, where memory that belongs to a file has an inode:
 *     7f9103856000-7f9103878000 rw-p 00000000 00:00 0
 *     557183117000-557183138000 rw-p 00000000 00:00 0                          [heap]
 */
static int move_line(struct mover *m, const char *line)
{
	unsigned long start, end, inode;

	if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &start, &end, &inode) != 3 || inode != 0 ||
	    strstr(line, "[v"))
		return 0;
	return move_range(m, start, end);
}

static int check_proc(int root)
{
	_cleanup_close_ int fd = openat(root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st;

	if (fd < 0 || fstatfs(fd, &st) < 0)
		return -errno;
	return st.f_type == PROC_SUPER_MAGIC ? 0 : -EXDEV;
}

static int move_pass(struct mover *m)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[64];
	int fd, r = numa_pages_read(m->root, m->process, &m->now);

	if (r < 0 || numa_pages_missing(m->want, &m->now) == 0)
		return r;
	snprintf(path, sizeof(path), "proc/%d/maps", (int)m->process->process);
	fd = openat(m->root, path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file)
		return fd < 0 ? -errno : -ENOMEM;
	while (r == 0 && getline(&line, &size, file) > 0)
		r = move_line(m, line);
	return r == 0 && ferror(file) ? -EIO : r;
}

/* The second pass is for pages that were busy; when the first was enough it only counts. */
int numa_pages_move(int root, const struct thread *process, const struct numa_pages *want,
		    const struct numa_pace *pace)
{
	_cleanup_free_ struct mover *m = calloc(1, sizeof(*m));
	int r = check_proc(root);

	if (r < 0 || !m)
		return r < 0 ? r : -ENOMEM;
	if (pace->rate_bytes == 0)
		return -EPERM;
	*m = (struct mover){ .root = root, .process = process, .want = want, .pace = pace };
	m->batch = BATCH_FIRST;
	m->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	for (int pass = 0; pass < PASSES && r == 0; pass++)
		r = move_pass(m);
	return r;
}
