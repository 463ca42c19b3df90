// SPDX-License-Identifier: Apache-2.0
#include "actuator/cgroup_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/cgroup_disks.h"
#include "base/cleanup.h"

#define TEXT_MAX_BYTES 8192 /* of a file with a line a disk */

static const struct cgroup_file files[] = {
	{ .knob = "cgroup.cpu.weight", .v2 = "cpu.weight" },
	{ .knob = "cgroup.cpu.shares", .controller = "cpu", .v1 = "cpu.shares" },
	{ .knob = "cgroup.cpu.max",
	  .form = FORM_QUOTA,
	  .controller = "cpu",
	  .v1 = "cpu.cfs_quota_us",
	  .v2 = "cpu.max" },
	/* sched_group_set_idle() (kernel/sched/fair.c): idle has a weight of its own, and back is the default. */
	{ .knob = "cgroup.cpu.idle",
	  .controller = "cpu",
	  .v1 = "cpu.idle",
	  .v2 = "cpu.idle",
	  .disturbed_v1 = "cpu.shares",
	  .disturbed_v2 = "cpu.weight",
	  .disturbed_to = "1024 3 100 0" },
	{ .knob = "cgroup.io.weight", .form = FORM_WEIGHTS, .v2 = "io.weight" },
	{ .knob = "cgroup.io.bfq.weight",
	  .form = FORM_WEIGHTS,
	  .controller = "blkio",
	  .v1 = "blkio.bfq.weight",
	  .v2 = "io.bfq.weight" },
	{ .knob = "cgroup.io.max", .form = FORM_DISKS, .v2 = "io.max" },
	{ .knob = "cgroup.memory.high", .v2 = "memory.high" },
	{ .knob = "cgroup.memory.low", .v2 = "memory.low" },
	{ .knob = "cgroup.cpuset.cpus",
	  .form = FORM_LIST,
	  .controller = "cpuset",
	  .v1 = "cpuset.cpus",
	  .v2 = "cpuset.cpus",
	  .within_v1 = "cpuset.effective_cpus",
	  .within_v2 = "cpuset.cpus.effective",
	  .disturbs_threads = true },
	{ .knob = "cgroup.cpuset.mems",
	  .form = FORM_LIST,
	  .controller = "cpuset",
	  .v1 = "cpuset.mems",
	  .v2 = "cpuset.mems",
	  .within_v1 = "cpuset.effective_mems",
	  .within_v2 = "cpuset.mems.effective" },
};

const struct cgroup_file *cgroup_file_of(const struct knob_row *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(files[i].knob, row->name))
			return &files[i];
	abort(); /* A row without a file is a mistake in the tables; test_family_cgroup.c walks them. */
}

int cgroup_file_place(int root, const struct cgroup_file *file, struct cgroup_place *ret_place)
{
	_cleanup_(cgroup_mounts_deinit) struct cgroup_mounts mounts = { 0 };
	int r = cgroup_mounts_read(root, &mounts);

	return r < 0 ? r : cgroup_file_mount(&mounts, file, ret_place);
}

int cgroup_file_mount(const struct cgroup_mounts *mounts, const struct cgroup_file *file,
		      struct cgroup_place *ret_place)
{
	int r = -ENOENT;

	if (file->controller)
		r = cgroup_mounts_find(mounts, file->controller, ret_place);
	if (r == -ENOENT && file->v2)
		r = cgroup_mounts_find(mounts, NULL, ret_place);
	return r;
}

const char *cgroup_file_name(const struct cgroup_file *file, const struct cgroup_place *place)
{
	return place->v2 ? file->v2 : file->v1;
}

const char *cgroup_file_within_name(const struct cgroup_file *file,
				    const struct cgroup_place *place)
{
	return place->v2 ? file->within_v2 : file->within_v1;
}

/*
 * FORM_QUOTA    max 100000
 *               -1
 * FORM_WEIGHTS  default 100
 *               8:0 200
 * `text` is changed.
 */
static const char *parse_value(enum cgroup_form form, char *text)
{
	if (form == FORM_QUOTA) {
		text[strcspn(text, " ")] = '\0';
		return strcmp(text, "-1") ? text : KNOB_NO_LIMIT;
	}
	if (form == FORM_WEIGHTS) {
		text[strcspn(text, "\n")] = '\0';
		return strncmp(text, "default ", 8) ? text : text + 8;
	}
	return text;
}

int cgroup_file_read(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		     const char *group, char *ret_value, size_t size)
{
	char text[TEXT_MAX_BYTES];
	const char *value;
	ssize_t n = cgroup_read_text(root, place, group, cgroup_file_name(file, place), text,
				     sizeof(text));

	if (n < 0)
		return (int)n;
	if (file->form == FORM_DISKS)
		return cgroup_disks_parse_file(text, ret_value, size);
	value = parse_value(file->form, text);
	if (strchr(value, '\n'))
		return -EBADMSG;
	if (strlen(value) >= size)
		return -EFBIG;
	strcpy(ret_value, value);
	return 0;
}

int cgroup_file_write(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		      const char *group, const char *value)
{
	char now[KNOB_VALUE_MAX], line[KNOB_VALUE_MAX * 2] = "";
	int r;

	if (file->form == FORM_QUOTA && !place->v2 && !strcmp(value, KNOB_NO_LIMIT))
		value = "-1";
	/* write(2) of nothing never reaches the kernel's parser. */
	if (file->form == FORM_LIST && value[0] == '\0')
		value = "\n";
	if (file->form == FORM_DISKS) {
		r = cgroup_file_read(root, file, place, group, now, sizeof(now));
		if (r == 0)
			r = cgroup_disks_line(now, value, line, sizeof(line));
		if (r < 0 || line[0] == '\0')
			return r;
		value = line;
	}
	return cgroup_write_text(root, place, group, cgroup_file_name(file, place), value);
}

void cgroup_file_within(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, char *ret_within, size_t size)
{
	const char *name = cgroup_file_within_name(file, place);
	char above[SCOPE_NAME_MAX];
	char *slash;

	ret_within[0] = '\0';
	snprintf(above, sizeof(above), "%s", group);
	slash = strrchr(above, '/');
	if (!name || !slash)
		return;
	slash[slash == above] = '\0';
	if (cgroup_read_text(root, place, above, name, ret_within, size) < 0)
		ret_within[0] = '\0';
}

int cgroup_file_takes(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		      const char *group, const char *value, char *ret_text, size_t size)
{
	const char *name = cgroup_file_name(file, place);
	char text[KNOB_VALUE_MAX];
	int r;

	if (file->form == FORM_DISKS) {
		r = cgroup_file_read(root, file, place, group, text, sizeof(text));
		return r < 0 ? r : cgroup_disks_check(root, text, value, ret_text, size);
	}
	if ((!strcmp(name, "cpu.weight") || !strcmp(name, "cpu.shares")) &&
	    cgroup_read_text(root, place, group, "cpu.idle", text, sizeof(text)) > 0 &&
	    text[0] == '1') {
		snprintf(ret_text, size, "'%.60s' is idle (cpu.idle = 1), and so has no weight",
			 group);
		return -EPERM;
	}
	if (file->form == FORM_LIST &&
	    cgroup_read_text(root, place, group, "cpuset.cpus.partition", text, sizeof(text)) > 0 &&
	    strncmp(text, "member", 6)) {
		snprintf(ret_text, size,
			 "'%.60s' is a partition (%.20s): its CPUs are taken from other groups",
			 group, text);
		return -EPERM;
	}
	return 0;
}
