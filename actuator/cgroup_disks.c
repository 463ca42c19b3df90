// SPDX-License-Identifier: Apache-2.0
#include "actuator/cgroup_disks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "include/knob.h"

#define DISKS_MAX 16 /* parts of a value; more do not fit into KNOB_VALUE_MAX */

enum disk_limit {
	LIMIT_RBPS,
	LIMIT_WBPS,
	LIMIT_RIOPS,
	LIMIT_WIOPS,
	LIMIT_COUNT,
};

/* The least is what lets a program start in some seconds; less looks like a machine that hangs. */
static const struct {
	const char *key;
	uint64_t min;
} limits[LIMIT_COUNT] = {
	[LIMIT_RBPS] = { .key = "rbps", .min = 65536 },
	[LIMIT_WBPS] = { .key = "wbps", .min = 65536 },
	[LIMIT_RIOPS] = { .key = "riops", .min = 16 },
	[LIMIT_WIOPS] = { .key = "wiops", .min = 16 },
};

struct disk {
	unsigned int major, minor;
	uint64_t limit[LIMIT_COUNT]; /* 0 = max */
};

struct table {
	size_t n;
	struct disk disks[DISKS_MAX];
};

static int parse_limit(const char *word, struct disk *disk)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++) {
		size_t length = strlen(limits[i].key);
		const char *value = word + length + 1;
		char *end;

		if (strncmp(word, limits[i].key, length) || word[length] != '=')
			continue;
		disk->limit[i] = 0;
		if (!strcmp(value, KNOB_NO_LIMIT))
			return 0;
		errno = 0;
		disk->limit[i] = strtoull(value, &end, 10);
		if (value[0] < '1' || value[0] > '9' || *end || errno)
			return -EBADMSG;
		return 0;
	}
	return -EBADMSG;
}

/* `8:0 rbps=1048576 wbps=max riops=max wiops=max`; the text is changed. */
static int parse_disk(char *text, struct disk *ret_disk)
{
	struct disk disk = { 0 };
	char *rest = NULL, *word = strtok_r(text, " ", &rest);
	char *colon, *end;

	if (!word || word[0] < '0' || word[0] > '9')
		return -EBADMSG;
	disk.major = (unsigned int)strtoul(word, &colon, 10);
	if (colon[0] != ':' || colon[1] < '0' || colon[1] > '9')
		return -EBADMSG;
	disk.minor = (unsigned int)strtoul(colon + 1, &end, 10);
	if (*end)
		return -EBADMSG;
	while ((word = strtok_r(NULL, " ", &rest)))
		if (parse_limit(word, &disk) < 0)
			return -EBADMSG;
	*ret_disk = disk;
	return 0;
}

static bool has_limits(const struct disk *disk)
{
	return disk->limit[0] || disk->limit[1] || disk->limit[2] || disk->limit[3];
}

static int by_number(const void *a, const void *b)
{
	const struct disk *x = a, *y = b;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return x->minor < y->minor ? -1 : x->minor > y->minor;
}

/* Parts are parted by a byte of `separators`; each is of another disk. */
static int parse_table(const char *text, const char *separators, struct table *ret_table)
{
	char copy[8192], *rest = NULL;
	struct table table = { 0 };

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return -EFBIG;
	if (!strcmp(text, KNOB_NO_LIMIT))
		copy[0] = '\0';
	for (char *part = strtok_r(copy, separators, &rest); part;
	     part = strtok_r(NULL, separators, &rest)) {
		if (table.n == DISKS_MAX)
			return -EFBIG;
		if (parse_disk(part, &table.disks[table.n]) < 0)
			return -EBADMSG;
		table.n += has_limits(&table.disks[table.n]);
	}
	/* The kernel lists them by when they were first used. */
	qsort(table.disks, table.n, sizeof(table.disks[0]), by_number);
	for (size_t i = 1; i < table.n; i++)
		if (by_number(&table.disks[i - 1], &table.disks[i]) == 0)
			return -EBADMSG;
	*ret_table = table;
	return 0;
}

static int format_table(const struct table *table, char *buffer, size_t size)
{
	size_t used = 0;

	snprintf(buffer, size, "%s", table->n ? "" : KNOB_NO_LIMIT);
	for (size_t i = 0; i < table->n; i++) {
		const struct disk *disk = &table->disks[i];

		used += (size_t)snprintf(buffer + used, size - used, "%s%u:%u", i ? "; " : "",
					 disk->major, disk->minor);
		for (size_t j = 0; j < LIMIT_COUNT && used < size; j++)
			if (disk->limit[j])
				used += (size_t)snprintf(buffer + used, size - used, " %s=%" PRIu64,
							 limits[j].key, disk->limit[j]);
		if (used >= size)
			return -EFBIG;
	}
	return 0;
}

int cgroup_disks_parse_file(const char *text, char *ret_value, size_t size)
{
	struct table table;
	int r = parse_table(text, "\n", &table);

	return r < 0 ? r : format_table(&table, ret_value, size);
}

/* The same disk in another table; one without limits where it is not there. */
static struct disk disk_in(const struct table *table, const struct disk *disk)
{
	struct disk none = { .major = disk->major, .minor = disk->minor };

	for (size_t i = 0; i < table->n; i++)
		if (table->disks[i].major == disk->major && table->disks[i].minor == disk->minor)
			return table->disks[i];
	return none;
}

/* Disks of `of` that are otherwise in `in`; the last of them in `ret_disk`, as it is in `wanted`. */
static size_t count_changes(const struct table *of, const struct table *in,
			    const struct table *wanted, bool missing_only, struct disk *ret_disk)
{
	size_t n = 0;

	for (size_t i = 0; i < of->n; i++) {
		struct disk other = disk_in(in, &of->disks[i]);

		if (!memcmp(other.limit, of->disks[i].limit, sizeof(other.limit)) ||
		    (missing_only && has_limits(&other)))
			continue;
		*ret_disk = disk_in(wanted, &of->disks[i]);
		n++;
	}
	return n;
}

int cgroup_disks_line(const char *now, const char *wanted, char *ret_line, size_t size)
{
	struct table from, to;
	struct disk changed = { 0 };
	size_t n, used;

	if (parse_table(now, ";", &from) < 0 || parse_table(wanted, ";", &to) < 0)
		return -EINVAL;
	n = count_changes(&to, &from, &to, false, &changed);
	n += count_changes(&from, &to, &to, true, &changed);
	ret_line[0] = '\0';
	if (n != 1)
		return n ? -EINVAL : 0;
	used = (size_t)snprintf(ret_line, size, "%u:%u", changed.major, changed.minor);
	for (size_t j = 0; j < LIMIT_COUNT && used < size; j++) {
		char number[24];

		snprintf(number, sizeof(number), "%" PRIu64, changed.limit[j]);
		used += (size_t)snprintf(ret_line + used, size - used, " %s=%s", limits[j].key,
					 changed.limit[j] ? number : KNOB_NO_LIMIT);
	}
	return used < size ? 0 : -EFBIG;
}

static int check_disk(int root, const struct disk *disk, char *ret_text, size_t size)
{
	char path[96];

	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (disk->limit[i] && disk->limit[i] < limits[i].min) {
			snprintf(ret_text, size,
				 "%s=%" PRIu64 " is out of range: at least %" PRIu64 ", or max",
				 limits[i].key, disk->limit[i], limits[i].min);
			return -ERANGE;
		}
	snprintf(path, sizeof(path), "sys/dev/block/%u:%u/queue", disk->major, disk->minor);
	if (sysroot_exists(root, path))
		return 0;
	snprintf(ret_text, size, "%u:%u is no whole disk: `lsblk -d -o NAME,MAJ:MIN` lists them",
		 disk->major, disk->minor);
	return -EINVAL;
}

int cgroup_disks_check(int root, const char *now, const char *wanted, char *ret_text, size_t size)
{
	char canonical[KNOB_VALUE_MAX], line[KNOB_VALUE_MAX * 2];
	struct table table;

	if (parse_table(wanted, ";", &table) < 0) {
		snprintf(ret_text, size,
			 "'%.40s' is no limit of disks: write `8:0 rbps=1048576 wiops=120`, or max",
			 wanted);
		return -EINVAL;
	}
	if (format_table(&table, canonical, sizeof(canonical)) < 0 || strcmp(canonical, wanted)) {
		snprintf(ret_text, size, "'%.40s' is not as it is read back: write '%.80s'", wanted,
			 canonical);
		return -EINVAL;
	}
	for (size_t i = 0; i < table.n; i++) {
		int r = check_disk(root, &table.disks[i], ret_text, size);

		if (r < 0)
			return r;
	}
	if (cgroup_disks_line(now, wanted, line, sizeof(line)) == 0)
		return 0;
	snprintf(ret_text, size,
		 "'%.40s' differs from '%.40s' in two disks: a change must be of one", wanted, now);
	return -EINVAL;
}
