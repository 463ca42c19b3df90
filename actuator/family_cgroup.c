// SPDX-License-Identifier: Apache-2.0
/*
 * The cgroup family: the settings of control groups. Each row names a file of v2, of a v1 controller, or of both; the
 * value is the file's own number, so that what is put back is what was there. v1's cpu.shares and v2's cpu.weight are
 * two rows: a share that is no multiple of 1024 / 100 has no weight.
 *
 * A group is known by its number in kernfs: one that was made anew under the same name is another (GONE).
 * Side effects, found by experiment (tests/native/test_families_cgroup.c repeats them):
 *   cpu.idle         1 makes the weight unreadable, and going back to 0 makes it the default
 *   *.bfq.weight     the weights for single disks are forgotten
 *   cpuset.cpus      before Linux 6.2 the threads inside forget the masks that they had set (cgroup_threads.c)
 */
#include "actuator/family.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actuator/cgroup.h"
#include "actuator/cgroup_files.h"
#include "actuator/cgroup_list.h"
#include "actuator/cgroup_threads.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define INSTANCE_NAME "@group" /* the line that says which group it was */

struct enumeration {
	const struct cgroup_file *file;
	struct scope *scopes;
	size_t n, max;
};

static int add_scope(int root, const struct cgroup_place *place, const char *group, void *context)
{
	struct enumeration *e = context;
	char path[CGROUP_PATH_MAX];

	if (!strcmp(group, "/") ||
	    cgroup_path(place, group, cgroup_file_name(e->file, place), path, sizeof(path)) < 0 ||
	    !sysroot_exists(root, path))
		return 0;
	if (e->n < e->max) {
		e->scopes[e->n] = (struct scope){ .kind = SCOPE_CGROUP };
		strcpy(e->scopes[e->n].name, group);
	}
	e->n++;
	return 0;
}

static size_t group_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			   size_t max)
{
	struct enumeration e = { .file = cgroup_file_of(row), .scopes = ret_scopes, .max = max };
	struct cgroup_place place;

	if (cgroup_file_place(root, e.file, &place) == 0)
		cgroup_walk(root, &place, "/", add_scope, &e);
	return e.n;
}

static int group_read(int root, const struct knob_row *row, const struct scope *scope,
		      struct knob_reading *ret_reading)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct knob_reading reading = { .scope = *scope };
	struct cgroup_place place;
	char path[CGROUP_PATH_MAX];
	int r;

	if (!cgroup_valid(scope->name))
		return -EINVAL;
	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	r = cgroup_file_place(root, file, &place);
	if (r == 0)
		r = cgroup_file_read(root, file, &place, scope->name, reading.value,
				     sizeof(reading.value));
	if (r == 0)
		r = cgroup_path(&place, scope->name, cgroup_file_name(file, &place), path,
				sizeof(path));
	if (error_is_gone(r)) {
		reading.flags |= KNOB_GONE;
		r = 0;
	}
	if (r < 0)
		return r;
	if (!(reading.flags & KNOB_GONE)) {
		if (sysroot_writable(root, path) == 0)
			reading.flags |= KNOB_WRITABLE;
		cgroup_owner(root, scope->name, reading.owner, sizeof(reading.owner));
		if (row->type == KNOB_LIST)
			cgroup_file_within(root, file, &place, scope->name, reading.within,
					   sizeof(reading.within));
	}
	*ret_reading = reading;
	return 0;
}

static int group_write(int root, const struct knob_row *row, const struct scope *scope,
		       const char *value)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct cgroup_place place;
	int r = cgroup_file_place(root, file, &place);

	return r < 0 ? r : cgroup_file_write(root, file, &place, scope->name, value);
}

/* Where flyball itself runs, in the hierarchy of this file; a controller of v1 has its own answer. */
static bool is_own(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		   const char *group)
{
	char own[SCOPE_NAME_MAX];

	if (cgroup_of(root, "self", place, file->controller, own, sizeof(own)) < 0 ||
	    !strcmp(own, "/"))
		return false;
	return cgroup_below(group, own);
}

static int group_allowed(int root, const struct knob_row *row, const struct scope *scope,
			 const struct knob_reading *reading, const char *value, char *ret_text,
			 size_t size)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct cgroup_place place;
	int r = cgroup_file_place(root, file, &place);

	(void)reading;
	if (r < 0) {
		snprintf(ret_text, size, "no hierarchy of control groups has %s", row->name);
		return r;
	}
	if (!strcmp(scope->name, "/")) {
		snprintf(ret_text, size,
			 "the root group is the whole machine: choose a group below it");
		return -EPERM;
	}
	if (is_own(root, file, &place, scope->name)) {
		snprintf(ret_text, size, "'%.60s' is the group that flyball runs in", scope->name);
		return -EPERM;
	}
	return cgroup_file_takes(root, file, &place, scope->name, value, ret_text, size);
}

/* Which group it is: kernfs gives every folder a number that is not used again before 2^32 others were made. */
static int group_instance(int root, const struct cgroup_place *place, const char *group,
			  char *ret_value, size_t size)
{
	char path[CGROUP_PATH_MAX];
	struct stat st;

	if (cgroup_path(place, group, "", path, sizeof(path)) < 0)
		return -ENAMETOOLONG;
	if (fstatat(root, path, &st, 0) < 0)
		return -errno;
	snprintf(ret_value, size, "%" PRIu64, (uint64_t)st.st_ino);
	return 0;
}

static int group_same_instance(int root, const struct knob_row *row, const struct scope *scope,
			       const char *companions)
{
	char name[COMPANION_NAME_MAX], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	struct cgroup_place place;
	int r = cgroup_file_place(root, cgroup_file_of(row), &place);

	while (r == 0 &&
	       companions_next(&companions, name, sizeof(name), value, sizeof(value)) > 0) {
		if (strcmp(name, INSTANCE_NAME))
			continue;
		r = group_instance(root, &place, scope->name, now, sizeof(now));
		if (r == 0)
			return !strcmp(now, value);
	}
	if (r < 0)
		return error_is_gone(r) ? 0 : r;
	return 1;
}

static int group_capture(int root, const struct knob_row *row, const struct scope *scope,
			 char *ret_companions, size_t companions_size, char *ret_text,
			 size_t text_size)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct cgroup_place place;
	char instance[32];
	int r = cgroup_file_place(root, file, &place);

	ret_companions[0] = '\0';
	if (r == 0)
		r = group_instance(root, &place, scope->name, instance, sizeof(instance));
	if (r == 0)
		r = companions_add(ret_companions, companions_size, INSTANCE_NAME, instance);
	if (r == 0)
		r = cgroup_file_capture(root, file, &place, scope->name, ret_companions,
					companions_size);
	if (r == 0 && file->disturbs_threads)
		r = cgroup_threads_capture(root, &place, scope->name, ret_companions,
					   companions_size);
	if (r < 0)
		snprintf(ret_text, text_size,
			 "unable to write down what a change disturbs in '%.40s': %s", scope->name,
			 r == -E2BIG ? "more than fits into a journal record" : strerror(-r));
	return r;
}

static int group_restore(int root, const struct knob_row *row, const struct scope *scope,
			 const char *companions, char *ret_text, size_t text_size)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct cgroup_place place;
	int r = cgroup_file_place(root, file, &place);

	if (r < 0)
		return r;
	if (file->disturbs_threads)
		return cgroup_threads_restore(root, &place, scope->name, companions, ret_text,
					      text_size);
	return cgroup_file_restore(root, file, &place, scope->name, companions, ret_text,
				   text_size);
}

static int group_command(int root, const struct knob_row *row, const struct scope *scope,
			 const char *value, char *buffer, size_t size)
{
	const struct cgroup_file *file = cgroup_file_of(row);
	struct cgroup_place place;
	int r = cgroup_file_place(root, file, &place);

	return r < 0 ? r : cgroup_file_command(file, &place, scope->name, value, buffer, size);
}

const struct knob_family_ops family_cgroup = {
	.scopes = group_scopes,
	.read = group_read,
	.list = cgroup_list,
	.allowed = group_allowed,
	.command = group_command,
	.write = group_write,
	.capture = group_capture,
	.restore = group_restore,
	.same_instance = group_same_instance,
};
