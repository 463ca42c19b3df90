// SPDX-License-Identifier: Apache-2.0
/*
 * The sysctl family: settings of the whole machine that are one file: under /proc/sys, and what behaves alike under
 * /sys (huge pages, same-page merging, the scheduler's debugfs). Some are one number of several in a file; some exist in
 * each network namespace: on Linux 6.1 and 6.18 all of net.ipv4.tcp_* and udp_*, of net.core somaxconn and txrehash (and
 * optmem_max on 6.18), while the buffers' limits are the machine's.
 *
 * vm.dirty_ratio and vm.dirty_bytes are two faces of one limit: writing one sets the other to 0 (mm/page-writeback.c,
 * dirty_ratio_handler). On a machine that uses the bytes, the ratio reads 0, and putting 0 back would leave no
 * limit in bytes; so the counterpart is a companion. The kernel writes nothing but 0 to it: another value that is not
 * the captured one is somebody's hand, and is left.
 *
 * Switching huge pages on or off recomputes vm.min_free_kbytes (mm/khugepaged.c, set_recommended_min_free_kbytes), also
 * where somebody has set it by hand: a companion, too.
 */
#include "actuator/family.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "actuator/in_netns.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define COMPANION_PATH_MAX 256

static const struct {
	const char *knob;
	const char *companion; /* below the sysroot */
	bool to_any;           /* the kernel may have written any value to it, not 0 alone */
} counterparts[] = {
	{ .knob = "vm.dirty_ratio", .companion = "proc/sys/vm/dirty_bytes" },
	{ .knob = "vm.dirty_background_ratio", .companion = "proc/sys/vm/dirty_background_bytes" },
	{ .knob = "thp.enabled", .companion = "proc/sys/vm/min_free_kbytes", .to_any = true },
};

static bool is_to_any(const struct knob_row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(counterparts); i++)
		if (!strcmp(counterparts[i].knob, row->name))
			return counterparts[i].to_any;
	return false;
}

struct visit {
	int root;
	const struct knob_row *row;
	const struct scope *scope;
	const char *value; /* to write */
	struct knob_reading reading;
};

static size_t sysctl_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			    size_t max)
{
	size_t n = 0;

	if (sysroot_exists(root, row->path)) {
		if (max > 0)
			ret_scopes[0] = (struct scope){ .kind = SCOPE_HOST };
		n = 1;
	}
	if (!row->per_netns)
		return n;
	return n + in_netns_scopes(root, ret_scopes + (n < max ? n : max), n < max ? max - n : 0);
}

/* The number `field` (from 1) of `4096\t131072\t6291456`: where it begins and its length. False when there is none. */
static bool find_field(const char *text, unsigned int field, size_t *ret_start, size_t *ret_length)
{
	size_t at = strspn(text, " \t"), length = strcspn(text + at, " \t\n");

	while (--field > 0 && length > 0) {
		at += length;
		at += strspn(text + at, " \t");
		length = strcspn(text + at, " \t\n");
	}
	*ret_start = at;
	*ret_length = length;
	return length > 0;
}

static int read_setting(int root, const struct knob_row *row, const struct scope *scope,
			struct knob_reading *reading)
{
	size_t start, length;
	int r = knob_read_file(root, row, scope, reading);

	if (r < 0 || !row->field || (reading->flags & KNOB_GONE))
		return r;
	if (!find_field(reading->value, row->field, &start, &length))
		return -EBADMSG;
	memmove(reading->value, reading->value + start, length);
	memset(reading->value + length, 0, sizeof(reading->value) - length);
	return 0;
}

static int read_here(void *data)
{
	struct visit *visit = data;

	return read_setting(visit->root, visit->row, visit->scope, &visit->reading);
}

static int sysctl_list(int root, const struct knob_row *const *rows, size_t n, knob_found_fn fn,
		       void *context)
{
	return in_netns_list(root, rows, n, read_setting, fn, context);
}

static int sysctl_read(int root, const struct knob_row *row, const struct scope *scope,
		       struct knob_reading *ret_reading)
{
	struct visit visit = { .root = root, .row = row, .scope = scope };
	int r = in_netns(root, scope, read_here, &visit);

	if (r < 0)
		return knob_unreadable(r, row, scope, ret_reading);
	*ret_reading = visit.reading;
	return 0;
}

/* One number of several: the others stay as they are now, also where somebody has changed them since. */
static int write_field(const struct visit *visit)
{
	char now[KNOB_VALUE_MAX], all[2 * KNOB_VALUE_MAX];
	size_t start, length;
	ssize_t n = sysroot_read(visit->root, visit->row->path, now, sizeof(now));

	if (n < 0)
		return (int)n;
	if (!find_field(now, visit->row->field, &start, &length))
		return -EBADMSG;
	snprintf(all, sizeof(all), "%.*s%s%s", (int)start, now, visit->value, now + start + length);
	return sysroot_write(visit->root, visit->row->path, all);
}

static int write_here(void *data)
{
	const struct visit *visit = data;

	if (visit->row->field)
		return write_field(visit);
	return knob_write_file(visit->root, visit->row, visit->scope, visit->value);
}

static int sysctl_write(int root, const struct knob_row *row, const struct scope *scope,
			const char *value)
{
	struct visit visit = { .root = root, .row = row, .scope = scope, .value = value };

	return in_netns(root, scope, write_here, &visit);
}

static int sysctl_capture(int root, const struct knob_row *row, const struct scope *scope,
			  char *ret_companions, size_t companions_size, char *ret_text,
			  size_t text_size)
{
	char value[KNOB_VALUE_MAX];
	ssize_t n;
	int r;

	ret_companions[0] = '\0';
	r = in_netns_capture(root, scope, ret_companions, companions_size);
	if (r < 0) {
		snprintf(ret_text, text_size, "unable to tell which namespace it is: %s",
			 strerror(-r));
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(counterparts); i++) {
		if (strcmp(counterparts[i].knob, row->name))
			continue;
		n = sysroot_read(root, counterparts[i].companion, value, sizeof(value));
		if (n == -ENOENT)
			continue;
		if (n < 0) {
			snprintf(ret_text, text_size, "unable to read '%s': %s",
				 counterparts[i].companion, strerror((int)-n));
			return (int)n;
		}
		return companions_add(ret_companions, companions_size, counterparts[i].companion,
				      value);
	}
	return 0;
}

static int sysctl_restore(int root, const struct knob_row *row, const struct scope *scope,
			  const char *companions, char *ret_text, size_t text_size)
{
	char path[COMPANION_PATH_MAX], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	int r;

	(void)scope;
	while ((r = companions_next(&companions, path, sizeof(path), value, sizeof(value))) > 0) {
		ssize_t n;

		if (path[0] == '@')
			continue;
		n = sysroot_read(root, path, now, sizeof(now));
		if (n >= 0 && !strcmp(now, value))
			continue;
		if (n >= 0 && !is_to_any(row) && strcmp(now, "0")) {
			snprintf(ret_text, text_size,
				 "found '%.30s' in %s, which is somebody else's: left", now, path);
			continue;
		}
		r = n < 0 ? (int)n : sysroot_write(root, path, value);
		if (r < 0) {
			companions_complain(ret_text, text_size, path, r);
			return r;
		}
	}
	return r;
}

static int sysctl_same_instance(int root, const struct knob_row *row, const struct scope *scope,
				const char *companions)
{
	(void)row;
	return in_netns_same(root, scope, companions);
}

const struct knob_family_ops family_sysctl = {
	.scopes = sysctl_scopes,
	.read = sysctl_read,
	.list = sysctl_list,
	.write = sysctl_write,
	.capture = sysctl_capture,
	.restore = sysctl_restore,
	.same_instance = sysctl_same_instance,
};
