/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the cgroup family: which file a row means on v1 and on v2, its form, and what else the kernel changes. */
#ifndef FLYBALL_ACTUATOR_CGROUP_FILES_H
#define FLYBALL_ACTUATOR_CGROUP_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "actuator/cgroup.h"
#include "include/knob.h"

#define COMPANION_NAME_MAX 64 /* `cpu.weight`, `259:0`, `4194304@18446744073709551615` */

enum cgroup_form {
	FORM_PLAIN, /* the value and nothing else */
	FORM_QUOTA, /* v2: `max 100000`, quota and period; v1: -1 is no limit */
	FORM_WEIGHTS, /* v2: `default 100`, and a line for each disk that has its own; v1: two files */
	FORM_LIST,    /* CPUs or nodes; an empty line clears */
	FORM_DISKS, /* a line of limits for each disk: cgroup_disks.h */
	FORM_COUNT,
};

struct cgroup_file {
	const char *knob;
	const char *controller;            /* of v1; NULL = v1 has no such file */
	const char *v1, *v2;               /* v2 NULL = v2 has no such file */
	const char *within_v1, *within_v2; /* of the group above: what a list must be within */
	const char *disturbed_v1,
		*disturbed_v2;    /* a file of the same group that the kernel changes along */
	const char *disturbed_to; /* the values that the kernel gives it then, parted by blanks */
	enum cgroup_form form;
	bool disturbs_threads; /* the masks of the threads inside */
};

/* The file of a row of the family; never NULL for one. */
const struct cgroup_file *cgroup_file_of(const struct knob_row *row);

/* The hierarchy that the file is in on this machine: v1's controller where it is mounted, else v2. 0, -ENOENT, -errno. */
int cgroup_file_place(int root, const struct cgroup_file *file, struct cgroup_place *ret_place);
int cgroup_file_mount(const struct cgroup_mounts *mounts, const struct cgroup_file *file,
		      struct cgroup_place *ret_place);

/* Its name there; never NULL after cgroup_file_place(). The second is of what a list must be within; NULL = nothing. */
const char *cgroup_file_name(const struct cgroup_file *file, const struct cgroup_place *place);
const char *cgroup_file_within_name(const struct cgroup_file *file,
				    const struct cgroup_place *place);

/* The value of the knob. 0, -ENOENT, -EFBIG, -EBADMSG, -errno. */
int cgroup_file_read(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		     const char *group, char *ret_value, size_t size);

/* Writes a value; one write(2). 0 or -errno. */
int cgroup_file_write(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		      const char *group, const char *value);

/* What a list must be within; "" when it cannot be known, or is too long. */
void cgroup_file_within(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, char *ret_within, size_t size);

/* As allowed() of a family, for what only the group's other files say. */
int cgroup_file_takes(int root, const struct cgroup_file *file, const struct cgroup_place *place,
		      const char *group, const char *value, char *ret_text, size_t size);

/* As capture(), restore() and command() of a family. */
int cgroup_file_capture(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, char *companions, size_t size);
int cgroup_file_restore(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, const char *companions, char *ret_text, size_t size);
int cgroup_file_command(const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, const char *value, char *buffer, size_t size);

#endif
