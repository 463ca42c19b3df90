// SPDX-License-Identifier: Apache-2.0
#include "observer/disks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "observer/source.h"
#include "observer/text.h"

#define DISK_PATH_BYTES 192 /* NAME/queue/iostats, in sys/block */
#define DISK_STAT_BYTES 512 /* 17 numbers */
#define DISK_DIRENT_BYTES 4096
#define DEV_MINOR_BITS 20 /* linux/kdev_t.h */

int disks_open(struct disks *disks, int root)
{
	memset(disks, 0, sizeof(*disks));
	disks->folder = openat(root, "sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return disks->folder < 0 ? -errno : 0;
}

void disk_drop(struct disk *disk)
{
	if (disk->dev)
		closep(&disk->stat_fd);
	memset(disk, 0, sizeof(*disk));
}

void disks_close(struct disks *disks)
{
	for (size_t i = 0; i < DISKS_MAX; i++)
		disk_drop(&disks->places[i]);
	closep(&disks->folder);
}

static int disk_path(const char *name, const char *file, char path[DISK_PATH_BYTES])
{
	int n = snprintf(path, DISK_PATH_BYTES, "%s/%s", name, file);

	return n < DISK_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

/* A small number in a file of the disk; -errno where there is none. */
static int disk_number(const struct disks *disks, const char *name, const char *file,
		       uint64_t *ret_number)
{
	char path[DISK_PATH_BYTES], text[32];
	ssize_t n;
	int r;

	r = disk_path(name, file, path);
	if (r < 0)
		return r;
	n = sysroot_read(disks->folder, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	return text_numbers(text, ret_number, 1) ? 0 : -EBADMSG;
}

/* `7:0` */
static int disk_dev(const struct disks *disks, const char *name, uint32_t *ret_dev)
{
	char path[DISK_PATH_BYTES], text[32], end;
	unsigned int major, minor;
	ssize_t n;
	int r;

	r = disk_path(name, "dev", path);
	if (r < 0)
		return r;
	n = sysroot_read(disks->folder, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	if (sscanf(text, "%u:%u%c", &major, &minor, &end) != 2 || major >> (32 - DEV_MINOR_BITS) ||
	    minor >> DEV_MINOR_BITS || (major == 0 && minor == 0))
		return -EBADMSG;
	*ret_dev = major << DEV_MINOR_BITS | minor;
	return 0;
}

static struct disk *disks_find(struct disks *disks, const struct scope *scope, uint32_t dev)
{
	for (size_t i = 0; i < DISKS_MAX; i++)
		if (disks->places[i].dev == dev && scope_equal(&disks->places[i].scope, scope))
			return &disks->places[i];
	return NULL;
}

static struct disk *disks_free_place(struct disks *disks)
{
	for (size_t i = 0; i < DISKS_MAX; i++)
		if (disks->places[i].dev == 0)
			return &disks->places[i];
	return NULL;
}

static int disk_come(struct disks *disks, struct disk *disk, const struct scope *scope,
		     uint32_t dev)
{
	char path[DISK_PATH_BYTES];
	int fd, r;

	r = disk_path(scope->name, "stat", path);
	if (r < 0)
		return r;
	fd = openat(disks->folder, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*disk = (struct disk){ .scope = *scope, .dev = dev, .stat_fd = fd, .fresh = true };
	/* The folder of hardware queues: only request-based disks have one. */
	disk->request_based =
		disk_path(scope->name, "mq", path) == 0 && sysroot_exists(disks->folder, path);
	return 0;
}

static void disks_see(struct disks *disks, const struct source_demand *demand, const char *name)
{
	struct scope scope = { .kind = SCOPE_DISK };
	uint64_t size = 0, iostats = 1;
	struct signal_set signals;
	struct disk *disk;
	uint32_t dev = 0;

	if (name[0] == '.' || strlen(name) >= sizeof(scope.name))
		return;
	strcpy(scope.name, name);
	signals = source_demand_of(demand, &scope);
	/* A loop device without a file and a drive without a medium have no sectors. */
	if (signal_set_empty(&signals) || disk_number(disks, name, "size", &size) < 0 ||
	    size == 0 || disk_dev(disks, name, &dev) < 0)
		return;
	disk = disks_find(disks, &scope, dev);
	if (!disk) {
		disk = disks_free_place(disks);
		if (!disk) {
			disks->n_over++;
			return;
		}
		if (disk_come(disks, disk, &scope, dev) < 0)
			return;
	}
	disk->fresh |= !signal_set_equal(&disk->signals, &signals);
	disk->signals = signals;
	disk->present = true;
	(void)disk_number(disks, name, "queue/iostats", &iostats);
	disk->counted = iostats != 0;
	disks->n_uncounted += !disk->counted;
}

int disks_scan(struct disks *disks, const struct source_demand *demand)
{
	/* getdents64(2) by hand: opendir(3) allocates. */
	_Alignas(struct dirent64) char entries[DISK_DIRENT_BYTES];
	ssize_t n;

	disks->n_over = 0;
	disks->n_uncounted = 0;
	for (size_t i = 0; i < DISKS_MAX; i++)
		disks->places[i].present = false;
	if (lseek(disks->folder, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(disks->folder, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const struct dirent64 *)(entries + at);

			disks_see(disks, demand, entry->d_name);
			at += entry->d_reclen;
		}
	}
	return n < 0 ? -errno : 0;
}

/*
 *     1545      500    81334     1105      520      263     6392      367        0      912     1473 …
 *    reads   merged  sectors       ms   writes   merged  sectors       ms inflight  busy ms
 */
static bool disk_stat_parse(const char *text, struct disk_stat *ret_stat)
{
	uint64_t n[10];

	if (!text_numbers(text, n, ARRAY_SIZE(n)))
		return false;
	*ret_stat = (struct disk_stat){
		.ios = { n[0], n[4] },
		.sectors = { n[2], n[6] },
		.time_ms = { n[3], n[7] },
		.inflight = n[8],
		.busy_ms = n[9],
	};
	return true;
}

/* Counters never go back while a disk lives, and none counts so much between two ticks: 278 years, 4 PiB. */
#define DISK_STEP_MAX (1ull << 43)

static bool counter_follows(uint64_t now, uint64_t before)
{
	return now >= before && now - before <= DISK_STEP_MAX;
}

static bool disk_stat_follows(const struct disk_stat *now, const struct disk_stat *before)
{
	for (size_t op = 0; op < DISK_OPS; op++)
		if (!counter_follows(now->ios[op], before->ios[op]) ||
		    !counter_follows(now->sectors[op], before->sectors[op]) ||
		    !counter_follows(now->time_ms[op], before->time_ms[op]))
			return false;
	return counter_follows(now->busy_ms, before->busy_ms);
}

static int disk_stat_read(int fd, struct disk_stat *ret_stat)
{
	char text[DISK_STAT_BYTES];
	ssize_t n = source_reread(fd, text, sizeof(text));

	if (n < 0)
		return n == -EFBIG ? -EBADMSG : (int)n;
	return disk_stat_parse(text, ret_stat) ? 0 : -EBADMSG;
}

bool disk_idle(const struct disk *disk)
{
	return disk->valid && !memcmp(&disk->now, &disk->before, sizeof(disk->now));
}

int disk_count(const struct disk *disk, uint64_t ret_ios[DISK_OPS])
{
	struct disk_stat stat;
	int r = disk_stat_read(disk->stat_fd, &stat);

	if (r == 0)
		memcpy(ret_ios, stat.ios, sizeof(stat.ios));
	return r;
}

int disk_read(struct disk *disk)
{
	const bool known = disk->known;
	int r;

	disk->known = false;
	disk->valid = false;
	disk->before = disk->now;
	r = disk_stat_read(disk->stat_fd, &disk->now);
	if (r < 0)
		return r;
	disk->known = true;
	if (known && !disk_stat_follows(&disk->now, &disk->before))
		return -EBADMSG;
	disk->valid = known && disk->counted;
	return 0;
}
