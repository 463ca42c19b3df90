// SPDX-License-Identifier: Apache-2.0
/*
 * The numa family: on which nodes the memory of a process lies. On whose CPUs it runs is numa_cpus.c.
 *
 * Pages are no setting. Where they are is the sum of what the process touched, of what the kernel reclaimed and
 * balanced, and of what anybody moved; nothing in the kernel says who did it. So these words mean here:
 *
 * - The value in force is the set of nodes that hold at least 5 % of the process's own anonymous pages each.
 *   `0`: (nearly) all is on node 0. `0-1`: both hold a part.
 * - Putting a value in force moves pages, never policies: what lies elsewhere comes to the value's nodes, and each of
 *   these has at least 10 % afterwards. Memory that the process touches later lies where its policy and its CPU
 *   say, as ever: a move alone does not bind (cgroup.cpuset.mems does).
 * - Old is not the set but the distribution at BEGIN, which is a companion. An undo brings the shares back to within
 *   5 % (or one huge page) of the pages that there are by then. What cannot be moved any more is said, and tried again.
 * - A value that is neither old nor new is nobody's hand but drift (a row that drifts): a process goes on allocating. It is
 *   moved as asked all the same.
 * - The operator's limits: a move forth keeps to numa.rate and leaves numa.free free, and is refused where it would take
 *   more than NUMA_MOVE_SECONDS_MAX. A move back keeps to the rate as far as it ends in that time, and asks no more of a
 *   node than the built-in reserve: what was there before fits.
 * - What is somebody's hand is confinement: when the nodes that the process may use are others than at BEGIN, somebody
 *   has decided where it lives, and everything is left as it is.
 */
#include "actuator/family.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actuator/affinity.h"
#include "actuator/knobs.h"
#include "actuator/numa_pages.h"
#include "base/cleanup.h"

#define PAGES_NAME "pages" /* the companion: `0:5120 1:44` */
#define NODES_NAME "@mems" /* the line that says which nodes the process might use */
#define PAGES_TEXT_MAX 512

static size_t numa_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			  size_t max)
{
	(void)root;
	(void)row;
	(void)ret_scopes;
	(void)max;
	return 0; /* processes are not listed: name one */
}

static int numa_resolve(int root, const struct knob_row *row, struct scope *scope)
{
	(void)row;
	return affinity_process_resolve(root, scope);
}

/* 0; -ESRCH when the process is not that one any more. */
static int process_of(int root, const struct scope *scope, struct thread *ret_process)
{
	uint64_t start;
	pid_t pid;
	int r = thread_parse(scope->name, &pid, &start);

	if (r < 0)
		return r;
	r = thread_read(root, pid, pid, ret_process);
	if (r < 0)
		return r;
	return ret_process->start == start ? 0 : -ESRCH;
}

static int numa_read(int root, const struct knob_row *row, const struct scope *scope,
		     struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	struct idset nodes, within;
	struct numa_pages pages;
	struct thread process;
	int r = process_of(root, scope, &process);

	if (r == 0)
		r = numa_pages_read(root, &process, &pages);
	if (r == 0)
		r = numa_nodes_within(root, &process, &within);
	if (r < 0)
		return knob_unreadable(r == -ESRCH ? -ENOENT : r, row, scope, ret_reading);
	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	numa_pages_present(&pages, &nodes);
	r = idset_format(&nodes, reading.value, sizeof(reading.value));
	if (r == 0)
		r = idset_format(&within, reading.within, sizeof(reading.within));
	if (r < 0)
		return r;
	if (process.flags & THREAD_KERNEL)
		snprintf(reading.reason, sizeof(reading.reason), "a thread of the kernel");
	else if (idset_count(&within) < 2)
		snprintf(reading.reason, sizeof(reading.reason),
			 "one node with memory is all that it may use");
	else if (pages.total == 0)
		snprintf(reading.reason, sizeof(reading.reason), "no memory of its own");
	else
		reading.flags |= KNOB_WRITABLE;
	*ret_reading = reading;
	return 0;
}

static uint64_t bytes_of(uint64_t pages)
{
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int numa_allowed(int root, const struct knob_row *row, const struct scope *scope,
			const struct knob_reading *reading, const char *value, char *ret_text,
			size_t size)
{
	struct numa_pages pages = { 0 };
	struct thread process;
	int r = process_of(root, scope, &process);

	if (knob_same(row, reading->value, value))
		return 0;
	if (r == 0)
		r = numa_pages_read(root, &process, &pages);
	if (r < 0) {
		snprintf(ret_text, size, "unable to read where its memory is: %s", strerror(-r));
		return r;
	}
	if (bytes_of(pages.total) <= NUMA_MOVE_BYTES_MAX)
		return 0;
	snprintf(ret_text, size, "%" PRIu64 " MiB are more than the %llu that are moved at most",
		 bytes_of(pages.total) >> 20, NUMA_MOVE_BYTES_MAX >> 20);
	return -EPERM;
}

/* The slowest that ends in time. */
static uint64_t least_rate(const struct numa_pages *pages)
{
	return bytes_of(pages->total) / NUMA_MOVE_SECONDS_MAX + 1;
}

static struct numa_pace pace_of(const struct numa_pages *pages)
{
	const struct family_limits *limits = family_limits();
	uint64_t least = least_rate(pages);

	if (limits->going_back)
		return (struct numa_pace){ .rate_bytes = limits->numa_rate_bytes > least
								 ? limits->numa_rate_bytes
								 : least };
	return (struct numa_pace){
		.rate_bytes = limits->numa_rate_bytes < least ? 0 : limits->numa_rate_bytes,
		.free_bytes = limits->numa_free_bytes,
	};
}

static int numa_write(int root, const struct knob_row *row, const struct scope *scope,
		      const char *value)
{
	struct numa_pages now = { 0 }, want;
	struct numa_pace pace;
	struct thread process;
	struct idset nodes;
	int r = idset_parse(value, &nodes);

	(void)row;
	if (r == 0 && idset_count(&nodes) == 0)
		r = -EINVAL;
	for (unsigned int node = NUMA_NODES_MAX; r == 0 && node < IDSET_MAX; node++)
		if (idset_has(&nodes, node))
			r = -ERANGE;
	if (r == 0)
		r = process_of(root, scope, &process);
	if (r == 0)
		r = numa_pages_read(root, &process, &now);
	if (r < 0)
		return r == -ESRCH ? -ENODEV : r;
	numa_pages_plan(&nodes, &now, &want);
	pace = pace_of(&now);
	r = numa_pages_move(root, &process, &want, &pace);
	return r == -ESRCH ? -ENODEV : r;
}

/* Here and not in numa_allowed(): these limits are known in the hand alone. */
static int check_rate(const struct numa_pages *pages, char *ret_text, size_t size)
{
	uint64_t rate = family_limits()->numa_rate_bytes;

	if (rate >= least_rate(pages))
		return 0;
	snprintf(ret_text, size,
		 "%" PRIu64 " MiB take more than %d s at the limit numa.rate, %" PRIu64
		 " MiB a second: raise it in the limits file",
		 bytes_of(pages->total) >> 20, NUMA_MOVE_SECONDS_MAX, rate >> 20);
	return -EPERM;
}

static int numa_capture(int root, const struct knob_row *row, const struct scope *scope,
			char *ret_companions, size_t companions_size, char *ret_text,
			size_t text_size)
{
	char text[PAGES_TEXT_MAX] = "", nodes[KNOB_VALUE_MAX];
	struct numa_pages pages;
	struct thread process;
	struct idset within;
	int r = process_of(root, scope, &process);

	(void)row;
	ret_companions[0] = '\0';
	if (r == 0)
		r = numa_nodes_within(root, &process, &within);
	if (r == 0)
		r = idset_format(&within, nodes, sizeof(nodes));
	if (r == 0)
		r = companions_add(ret_companions, companions_size, NODES_NAME, nodes);
	if (r == 0)
		r = numa_pages_read(root, &process, &pages);
	if (r == 0 && check_rate(&pages, ret_text, text_size) < 0)
		return -EPERM;
	if (r == 0)
		r = numa_pages_format(&pages, text, sizeof(text));
	if (r == 0)
		r = companions_add(ret_companions, companions_size, PAGES_NAME, text);
	if (r < 0)
		snprintf(ret_text, text_size, "unable to write down where its memory is: %s",
			 strerror(-r));
	return r;
}

static int numa_restore(int root, const struct knob_row *row, const struct scope *scope,
			const char *companions, char *ret_text, size_t text_size)
{
	struct numa_pages old, now = { 0 }, want;
	char text[PAGES_TEXT_MAX];
	struct thread process;
	struct numa_pace pace;
	int counted = 0;
	uint64_t left = 0;
	int r = companions_find(companions, PAGES_NAME, text, sizeof(text));

	(void)row;
	if (r == 0)
		r = numa_pages_parse(text, &old);
	if (r == 0)
		r = process_of(root, scope, &process);
	if (r == 0)
		r = numa_pages_read(root, &process, &now);
	if (r < 0)
		return r == -ESRCH ? -ENODEV : r;
	numa_pages_scale(&old, &now, &want);
	pace = pace_of(&now);
	r = numa_pages_move(root, &process, &want, &pace);
	if (r != -ESRCH) {
		counted = numa_pages_read(root, &process, &now);
		if (counted < 0 && counted != -ESRCH && !error_is_gone(counted))
			return counted;
	}
	if (r == -ESRCH || counted < 0)
		return -ENODEV;
	numa_pages_scale(&old, &now, &want);
	left = numa_pages_missing(&want, &now);
	if (left == 0)
		return 0;
	snprintf(ret_text, text_size,
		 "%" PRIu64 " of %" PRIu64 " KiB are not back on their nodes%s",
		 bytes_of(left) >> 10, bytes_of(now.total) >> 10,
		 r == -ENOMEM ? ": one has too little free memory" : "");
	return r < 0 ? r : -EBUSY;
}

static int numa_same_instance(int root, const struct knob_row *row, const struct scope *scope,
			      const char *companions)
{
	char nodes[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	struct thread process;
	struct idset within;
	int r;

	(void)row;
	if (companions_find(companions, NODES_NAME, nodes, sizeof(nodes)) < 0)
		return 1;
	r = process_of(root, scope, &process);
	if (r == 0)
		r = numa_nodes_within(root, &process, &within);
	if (r == 0)
		r = idset_format(&within, now, sizeof(now));
	if (r < 0)
		return r == -ESRCH || error_is_gone(r) ? 0 : r;
	return !strcmp(now, nodes);
}

/* migratepages(8) takes the nodes to leave, too, and then leaves none behind. */
static int numa_command(int root, const struct knob_row *row, const struct scope *scope,
			const char *value, char *buffer, size_t size)
{
	const char *at = strchr(scope->name, '@');
	int n = snprintf(buffer, size, "migratepages %.*s all %s",
			 (int)(at ? at - scope->name : (ptrdiff_t)strlen(scope->name)), scope->name,
			 value);

	(void)root;
	(void)row;
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

const struct knob_family_ops family_numa = {
	.scopes = numa_scopes,
	.resolve = numa_resolve,
	.read = numa_read,
	.allowed = numa_allowed,
	.command = numa_command,
	.write = numa_write,
	.capture = numa_capture,
	.restore = numa_restore,
	.same_instance = numa_same_instance,
};
