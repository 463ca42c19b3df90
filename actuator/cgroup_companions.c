// SPDX-License-Identifier: Apache-2.0
/* What a change of a group's file disturbs in the same group: the weight of an idle group, weights for single disks. */
#include "actuator/cgroup_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actuator/family.h"

#define TEXT_MAX_BYTES 8192 /* of a file with a line a disk */

/* Of v1 the weights for single disks have a file of their own. */
static void weights_name(const struct cgroup_file *file, const struct cgroup_place *place,
			 char *buffer, size_t size)
{
	snprintf(buffer, size, "%s%s", cgroup_file_name(file, place), place->v2 ? "" : "_device");
}

static const char *disturbed_name(const struct cgroup_file *file, const struct cgroup_place *place)
{
	return place->v2 ? file->disturbed_v2 : file->disturbed_v1;
}

/* One line for each disk that has a weight of its own: `8:0 200`. */
static int capture_weights(int root, const struct cgroup_file *file,
			   const struct cgroup_place *place, const char *group, char *companions,
			   size_t size)
{
	char text[TEXT_MAX_BYTES], name[COMPANION_NAME_MAX], *rest = NULL;
	ssize_t n;
	int r = 0;

	weights_name(file, place, name, sizeof(name));
	n = cgroup_read_text(root, place, group, name, text, sizeof(text));
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(text, "\n", &rest); line && r == 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		char disk[COMPANION_NAME_MAX], value[32];

		if (sscanf(line, "%63s %31s", disk, value) == 2 && strchr(disk, ':'))
			r = companions_add(companions, size, disk, value);
	}
	return r;
}

int cgroup_file_capture(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, char *companions, size_t size)
{
	const char *name = disturbed_name(file, place);
	char value[KNOB_VALUE_MAX];
	ssize_t n;

	if (file->form == FORM_WEIGHTS)
		return capture_weights(root, file, place, group, companions, size);
	if (!name)
		return 0;
	n = cgroup_read_text(root, place, group, name, value, sizeof(value));
	if (n == -ENOENT)
		return 0;
	return n < 0 ? (int)n : companions_add(companions, size, name, value);
}

/* What a companion is now: of a disk its line, "" where it has none. */
static int read_companion(int root, const struct cgroup_file *file,
			  const struct cgroup_place *place, const char *group, const char *name,
			  char *ret_value, size_t size)
{
	char text[TEXT_MAX_BYTES], weights[COMPANION_NAME_MAX], *line;
	size_t length = strlen(name);
	ssize_t n;

	if (!strchr(name, ':')) {
		n = cgroup_read_text(root, place, group, name, ret_value, size);
		return n < 0 ? (int)n : 0;
	}
	weights_name(file, place, weights, sizeof(weights));
	n = cgroup_read_text(root, place, group, weights, text, sizeof(text));
	if (n < 0)
		return (int)n;
	ret_value[0] = '\0';
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			snprintf(ret_value, size, "%.*s", (int)strcspn(line + length + 1, "\n"),
				 line + length + 1);
	}
	return 0;
}

static int write_companion(int root, const struct cgroup_file *file,
			   const struct cgroup_place *place, const char *group, const char *name,
			   const char *value)
{
	char weights[COMPANION_NAME_MAX], line[COMPANION_NAME_MAX + KNOB_VALUE_MAX];

	if (!strchr(name, ':'))
		return cgroup_write_text(root, place, group, name, value);
	weights_name(file, place, weights, sizeof(weights));
	snprintf(line, sizeof(line), "%s %s", name, value);
	return cgroup_write_text(root, place, group, weights, line);
}

/* True for a value that the kernel itself gives the companion: everything else is somebody's hand. */
static bool is_kernels(const struct cgroup_file *file, const char *value)
{
	size_t length = strlen(value);

	if (length == 0)
		return true; /* of a disk: no weight of its own */
	for (const char *c = file->disturbed_to; c && *c; c += strcspn(c, " ")) {
		c += strspn(c, " ");
		if (!strncmp(c, value, length) && (c[length] == ' ' || c[length] == '\0'))
			return true;
	}
	return false;
}

int cgroup_file_restore(int root, const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, const char *companions, char *ret_text, size_t size)
{
	char name[COMPANION_NAME_MAX], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	int r, first = 0;

	ret_text[0] = '\0';
	while ((r = companions_next(&companions, name, sizeof(name), value, sizeof(value))) > 0) {
		if (name[0] == '@')
			continue;
		r = read_companion(root, file, place, group, name, now, sizeof(now));
		if (r == 0 && !strcmp(now, value))
			continue;
		if (r == 0 && !is_kernels(file, now)) {
			snprintf(ret_text, size,
				 "found '%.30s' in %.40s, which is somebody "
				 "else's: left",
				 now, name);
			continue;
		}
		if (r == 0)
			r = write_companion(root, file, place, group, name, value);
		if (r < 0) {
			companions_complain(ret_text, size, name, r);
			if (first == 0 || error_is_gone(first))
				first = r;
		}
	}
	return r < 0 ? r : first;
}

int cgroup_file_command(const struct cgroup_file *file, const struct cgroup_place *place,
			const char *group, const char *value, char *buffer, size_t size)
{
	const char *quote = value[strcspn(value, " ;")] || !value[0] ? "'" : "";
	char path[CGROUP_PATH_MAX];
	int n, r = cgroup_path(place, group, cgroup_file_name(file, place), path, sizeof(path));

	if (r < 0 || strchr(path, '\'') || strchr(value, '\''))
		return r < 0 ? r : -EINVAL;
	if (file->form == FORM_QUOTA && !place->v2 && !strcmp(value, KNOB_NO_LIMIT))
		value = "-1";
	n = snprintf(buffer, size, "echo %s%s%s > '/%s'", quote, value, quote, path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
