// SPDX-License-Identifier: Apache-2.0
#include "actuator/knobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/family.h"
#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "base/words.h"

#define PATH_MAX_BYTES 256 /* of a knob's file below the sysroot */
#define TEXT_MAX_BYTES 512 /* of a choice's file; 16 names of 16 letters are half of it */

/* Shared by all rows of a kind; a row then says only what is its own. */
#define DISK_ROW .family = FAMILY_IO_SCHEDULER, .scope = SCOPE_DISK, .domain = DOMAIN_DISK
#define SYSCTL_ROW .family = FAMILY_SYSCTL, .type = KNOB_INTEGER, .scope = SCOPE_HOST
#define MEMORY_ROW SYSCTL_ROW, .domain = DOMAIN_MEMORY
#define NETWORK_ROW SYSCTL_ROW, .domain = DOMAIN_NETWORK
#define SCHEDULER_ROW SYSCTL_ROW, .domain = DOMAIN_SCHEDULER
#define PLAIN .unit = UNIT_NONE, .unit_scale = 1
#define BYTES .unit = UNIT_BYTES, .unit_scale = 1
#define KIBIBYTES .unit = UNIT_BYTES, .unit_scale = 1024
#define MICROSECONDS .unit = UNIT_TIME, .unit_scale = 1000
#define CENTISECONDS .unit = UNIT_TIME, .unit_scale = 10000000

/*
 * Ranges are the kernel's own where it has narrow ones, else what a careful operator would try: a value that can
 * take the machine down is outside. What takes the machine's last memory (vm.min_free_kbytes) is no knob.
 */
const struct knob_row knob_rows[] = {
	{ DISK_ROW, .name = "block.scheduler", .type = KNOB_CHOICE, PLAIN,
	  .path = "sys/block/%s/queue/scheduler",
	  .about = "The I/O scheduler of a disk: who waits when readers and writers compete." },
	{ DISK_ROW, .name = "block.read_ahead_kb", .type = KNOB_INTEGER, KIBIBYTES, .min = 0,
	  .max = 65536, .path = "sys/block/%s/queue/read_ahead_kb",
	  .about = "How far a sequential reader is read ahead of; the kernel rounds down to whole "
		   "pages." },
	{ DISK_ROW, .name = "block.nr_requests", .type = KNOB_INTEGER, PLAIN, .min = 4, .max = 2048,
	  .path = "sys/block/%s/queue/nr_requests",
	  .about = "Requests that may wait in a disk's queue; without a scheduler at most the "
		   "device's own depth." },
	/* -1 asks the kernel for its default and cannot be read back as -1: a value that cannot be verified. */
	{ DISK_ROW, .name = "block.wbt_lat_usec", .type = KNOB_INTEGER, MICROSECONDS, .min = 0,
	  .max = 10000000, .path = "sys/block/%s/queue/wbt_lat_usec",
	  .about = "Read latency that writeback throttling defends; 0 switches the throttling "
		   "off." },

	{ MEMORY_ROW, .name = "vm.dirty_ratio", PLAIN, .min = 1, .max = 60,
	  .path = "proc/sys/vm/dirty_ratio",
	  .about = "Per cent of memory that may be dirty before writers must write back "
		   "themselves." },
	{ MEMORY_ROW, .name = "vm.dirty_background_ratio", PLAIN, .min = 1, .max = 50,
	  .path = "proc/sys/vm/dirty_background_ratio",
	  .about = "Per cent of memory that may be dirty before the kernel begins to write back." },
	{ MEMORY_ROW, .name = "vm.dirty_expire_centisecs", CENTISECONDS, .min = 100, .max = 36000,
	  .path = "proc/sys/vm/dirty_expire_centisecs",
	  .about = "Age at which dirty data is written back." },
	{ MEMORY_ROW, .name = "vm.dirty_writeback_centisecs", CENTISECONDS, .min = 10, .max = 36000,
	  .path = "proc/sys/vm/dirty_writeback_centisecs",
	  .about = "Interval of the periodic writeback." },
	{ MEMORY_ROW, .name = "vm.swappiness", PLAIN, .min = 0, .max = 200,
	  .path = "proc/sys/vm/swappiness",
	  .about = "How readily anonymous memory is swapped rather than page cache dropped." },
	{ MEMORY_ROW, .name = "vm.vfs_cache_pressure", PLAIN, .min = 1, .max = 1000,
	  .path = "proc/sys/vm/vfs_cache_pressure",
	  .about = "How readily inodes and directory entries are reclaimed, against page cache." },
	{ MEMORY_ROW, .name = "vm.page-cluster", PLAIN, .min = 0, .max = 6,
	  .path = "proc/sys/vm/page-cluster",
	  .about = "Pages read at once from swap, as a power of two." },
	{ MEMORY_ROW, .name = "vm.watermark_scale_factor", PLAIN, .min = 1, .max = 1000,
	  .path = "proc/sys/vm/watermark_scale_factor",
	  .about = "How early kswapd wakes and how much it frees, in 1/10,000 of memory." },
	{ MEMORY_ROW, .name = "vm.compaction_proactiveness", PLAIN, .min = 0, .max = 100,
	  .path = "proc/sys/vm/compaction_proactiveness",
	  .about = "How eagerly memory is compacted in the background for huge pages." },

	{ NETWORK_ROW, .name = "net.core.somaxconn", PLAIN, .min = 64, .max = 65535,
	  .path = "proc/sys/net/core/somaxconn",
	  .about = "Longest queue of connections that wait for accept()." },
	{ NETWORK_ROW, .name = "net.core.netdev_budget", PLAIN, .min = 32, .max = 10000,
	  .path = "proc/sys/net/core/netdev_budget",
	  .about = "Packets handled in one round of receiving." },
	{ NETWORK_ROW, .name = "net.core.netdev_budget_usecs", MICROSECONDS, .min = 500,
	  .max = 100000, .path = "proc/sys/net/core/netdev_budget_usecs",
	  .about = "Longest time of one round of receiving." },
	{ NETWORK_ROW, .name = "net.core.netdev_max_backlog", PLAIN, .min = 100, .max = 1000000,
	  .path = "proc/sys/net/core/netdev_max_backlog",
	  .about = "Received packets that may wait for a CPU before more are dropped." },
	{ NETWORK_ROW, .name = "net.core.rmem_max", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/core/rmem_max",
	  .about = "Largest receive buffer that a program may ask for." },
	{ NETWORK_ROW, .name = "net.core.wmem_max", BYTES, .min = 65536, .max = 268435456,
	  .path = "proc/sys/net/core/wmem_max",
	  .about = "Largest send buffer that a program may ask for." },
	{ NETWORK_ROW, .name = "net.core.busy_read", MICROSECONDS, .min = 0, .max = 1000,
	  .path = "proc/sys/net/core/busy_read",
	  .about = "How long a blocking read of a new socket polls the device; 0 = not at all." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_notsent_lowat", BYTES, .min = 4096, .max = 4294967295,
	  .path = "proc/sys/net/ipv4/tcp_notsent_lowat",
	  .about = "Unsent bytes in a socket over which it is not writable." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_slow_start_after_idle", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_slow_start_after_idle",
	  .about = "Whether a connection that was idle starts slowly again." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_max_syn_backlog", PLAIN, .min = 128, .max = 65536,
	  .path = "proc/sys/net/ipv4/tcp_max_syn_backlog",
	  .about = "Half-open connections that a listener keeps." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_limit_output_bytes", BYTES, .min = 65536,
	  .max = 67108864, .path = "proc/sys/net/ipv4/tcp_limit_output_bytes",
	  .about = "Bytes of one connection that may wait in queueing disciplines and device." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_autocorking", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/net/ipv4/tcp_autocorking",
	  .about = "Whether small writes are held back to be merged." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_min_tso_segs", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_min_tso_segs",
	  .about = "Least number of segments in an offloaded send." },
	{ NETWORK_ROW, .name = "net.ipv4.tcp_tso_win_divisor", PLAIN, .min = 1, .max = 64,
	  .path = "proc/sys/net/ipv4/tcp_tso_win_divisor",
	  .about = "Share of the congestion window (1/n) that one offloaded send may take." },

	{ SCHEDULER_ROW, .name = "kernel.numa_balancing", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/numa_balancing",
	  .about = "Whether pages move to the node whose CPUs use them." },
	{ SCHEDULER_ROW, .name = "kernel.sched_autogroup_enabled", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/sched_autogroup_enabled",
	  .about = "Whether each session gets an equal share of the CPUs." },
	{ SCHEDULER_ROW, .name = "kernel.sched_cfs_bandwidth_slice_us", MICROSECONDS, .min = 1000,
	  .max = 50000, .path = "proc/sys/kernel/sched_cfs_bandwidth_slice_us",
	  .about = "CPU time that a limited group hands to a CPU at once." },
	{ SCHEDULER_ROW, .name = "kernel.timer_migration", PLAIN, .min = 0, .max = 1,
	  .path = "proc/sys/kernel/timer_migration",
	  .about = "Whether timers move from idle to busy CPUs." },
};

const size_t knob_rows_count = ARRAY_SIZE(knob_rows);

static const struct knob_family_ops *const knob_families[FAMILY_COUNT] = {
	[FAMILY_SYSCTL] = &family_sysctl,
	[FAMILY_IO_SCHEDULER] = &family_io_scheduler,
};

const struct knob_family_ops *knob_family_ops(const struct knob_row *row)
{
	return knob_families[row->family];
}

const struct knob_row *knob_find(const char *name)
{
	for (size_t i = 0; i < knob_rows_count; i++)
		if (!strcmp(knob_rows[i].name, name))
			return &knob_rows[i];
	return NULL;
}

int knob_path(const struct knob_row *row, const struct scope *scope, char *buffer, size_t size)
{
	const char *hole = strstr(row->path, "%s");
	int n;

	if (hole)
		n = snprintf(buffer, size, "%.*s%s%s", (int)(hole - row->path), row->path,
			     scope->name, hole + 2);
	else
		n = snprintf(buffer, size, "%s", row->path);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/*
 * The present value is in brackets:
 *     [none] mq-deadline kyber bfq
 *     none
 * The second form is what a disk without a request queue shows, and a plain file after a write.
 */
static int parse_choices(char *text, struct knob_reading *ret_reading)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
		size_t length = strlen(word);
		bool chosen = length > 2 && word[0] == '[' && word[length - 1] == ']';

		if (chosen) {
			word[length - 1] = '\0';
			word++;
		}
		if (ret_reading->n_choices == KNOB_CHOICES_MAX || strlen(word) >= KNOB_NAME_MAX)
			return -E2BIG;
		strcpy(ret_reading->choices[ret_reading->n_choices++], word);
		if (chosen)
			strcpy(ret_reading->value, word);
	}
	if (ret_reading->value[0] == '\0' && ret_reading->n_choices == 1)
		strcpy(ret_reading->value, ret_reading->choices[0]);
	return ret_reading->value[0] ? 0 : -EBADMSG;
}

int knob_read_file(int root, const struct knob_row *row, const struct scope *scope,
		   struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	char path[PATH_MAX_BYTES], text[TEXT_MAX_BYTES];
	ssize_t n;
	int r;

	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	r = knob_path(row, scope, path, sizeof(path));
	if (r < 0)
		return r;
	n = sysroot_read(root, path, text, sizeof(text));
	if (error_is_gone((int)n))
		reading.flags |= KNOB_GONE;
	else if (n < 0)
		return (int)n;
	else if (row->type == KNOB_CHOICE)
		r = parse_choices(text, &reading);
	else if (n >= KNOB_VALUE_MAX)
		r = -EFBIG;
	else
		memcpy(reading.value, text, (size_t)n + 1);
	if (r < 0)
		return r;
	if (!(reading.flags & KNOB_GONE) && sysroot_writable(root, path) == 0)
		reading.flags |= KNOB_WRITABLE;
	*ret_reading = reading;
	return 0;
}

int knob_write_file(int root, const struct knob_row *row, const struct scope *scope,
		    const char *value)
{
	char path[PATH_MAX_BYTES];
	int r = knob_path(row, scope, path, sizeof(path));

	return r < 0 ? r : sysroot_write(root, path, value);
}

int knob_read(int root, const struct knob_row *row, const struct scope *scope,
	      struct knob_reading *ret_reading)
{
	if (scope->kind != row->scope || !scope_valid(scope))
		return -EINVAL;
	return knob_family_ops(row)->read(root, row, scope, ret_reading);
}

size_t knob_scopes(int root, const struct knob_row *row, struct scope *ret_scopes, size_t max)
{
	return knob_family_ops(row)->scopes(root, row, ret_scopes, max);
}

/* A decimal number and nothing else; strtoll() alone would take blanks before it. */
static int parse_integer(const char *text, int64_t *ret_value)
{
	const char *digits = text + (text[0] == '-');
	char *end;
	long long value;

	if (digits[0] < '0' || digits[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

static int check_integer(const struct knob_row *row, const char *value, char *ret_text, size_t size)
{
	int64_t number = 0;
	int r = parse_integer(value, &number);

	if (r == -EINVAL) {
		snprintf(ret_text, size, "'%.40s' is no number: %s takes %" PRId64 " to %" PRId64,
			 value, row->name, row->min, row->max);
		return -EINVAL;
	}
	if (r < 0 || number < row->min || number > row->max) {
		snprintf(ret_text, size, "%.24s is out of range: %s takes %" PRId64 " to %" PRId64,
			 value, row->name, row->min, row->max);
		return -ERANGE;
	}
	return 0;
}

static int check_choice(const struct knob_reading *reading, const char *value, char *ret_text,
			size_t size)
{
	const char *names[KNOB_CHOICES_MAX], *nearest;
	size_t used;

	for (uint32_t i = 0; i < reading->n_choices; i++) {
		if (!strcmp(reading->choices[i], value))
			return 0;
		names[i] = reading->choices[i];
	}
	nearest = words_nearest(value, names, reading->n_choices);
	if (nearest) {
		snprintf(ret_text, size, "'%.40s' is not offered: did you mean '%.40s'?", value,
			 nearest);
		return -EINVAL;
	}
	snprintf(ret_text, size, "'%.40s' is not offered: choose one of", value);
	for (uint32_t i = 0; i < reading->n_choices; i++) {
		used = strlen(ret_text);
		snprintf(ret_text + used, size - used, " %s", reading->choices[i]);
	}
	return -EINVAL;
}

int knob_check(const struct knob_row *row, const struct knob_reading *reading, const char *value,
	       char *ret_text, size_t size)
{
	if (row->type == KNOB_CHOICE)
		return check_choice(reading, value, ret_text, size);
	return check_integer(row, value, ret_text, size);
}

int knob_same(const struct knob_row *row, const char *a, const char *b)
{
	int64_t x, y;

	if (row->type == KNOB_INTEGER && parse_integer(a, &x) == 0 && parse_integer(b, &y) == 0)
		return x == y;
	return !strcmp(a, b);
}
