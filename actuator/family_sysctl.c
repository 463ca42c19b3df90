// SPDX-License-Identifier: Apache-2.0
/*
 * The sysctl family: integers under /proc/sys, of the whole machine.
 *
 * vm.dirty_ratio and vm.dirty_bytes are two faces of one limit: writing one sets the other to 0 (mm/page-writeback.c,
 * dirty_ratio_handler). On a machine that uses the bytes, the ratio reads 0, and putting 0 back would leave no
 * limit in bytes; so the counterpart is a companion. The kernel writes nothing but 0 to it: another value that is not
 * the captured one is somebody's hand, and is left.
 */
#include "actuator/family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/sysroot.h"

#define COMPANION_PATH_MAX 256

static const struct {
	const char *knob;
	const char *companion; /* below the sysroot */
} counterparts[] = {
	{ .knob = "vm.dirty_ratio", .companion = "proc/sys/vm/dirty_bytes" },
	{ .knob = "vm.dirty_background_ratio", .companion = "proc/sys/vm/dirty_background_bytes" },
};

static size_t sysctl_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			    size_t max)
{
	if (!sysroot_exists(root, row->path))
		return 0;
	if (max > 0)
		ret_scopes[0] = (struct scope){ .kind = SCOPE_HOST };
	return 1;
}

static int sysctl_capture(int root, const struct knob_row *row, const struct scope *scope,
			  char *ret_companions, size_t companions_size, char *ret_text,
			  size_t text_size)
{
	char value[KNOB_VALUE_MAX];
	ssize_t n;

	(void)scope;
	ret_companions[0] = '\0';
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

	(void)row;
	(void)scope;
	while ((r = companions_next(&companions, path, sizeof(path), value, sizeof(value))) > 0) {
		ssize_t n = sysroot_read(root, path, now, sizeof(now));

		if (n >= 0 && !strcmp(now, value))
			continue;
		if (n >= 0 && strcmp(now, "0")) {
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

const struct knob_family_ops family_sysctl = {
	.scopes = sysctl_scopes,
	.read = knob_read_file,
	.write = knob_write_file,
	.capture = sysctl_capture,
	.restore = sysctl_restore,
};
