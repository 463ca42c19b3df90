// SPDX-License-Identifier: Apache-2.0
/* The shell command that does a change by hand. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actuator/family.h"
#include "actuator/knobs.h"

#define SYSCTL_ROOT "proc/sys/"

/* `vm/dirty_ratio` → `vm.dirty_ratio`; where a part has a dot itself (eth0.7), sysctl(8) takes the slashes. */
static void sysctl_name(char *name)
{
	if (strchr(name, '.'))
		return;
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '.';
}

/* One number of several: the others as they are at that moment. */
static int field_command(const struct knob_row *row, const struct scope *scope, const char *name,
			 const char *value, char *buffer, size_t size)
{
	char visit[SCOPE_NAME_MAX + 32] = "";
	int n;

	if (scope->kind == SCOPE_NETNS)
		snprintf(visit, sizeof(visit), "ip netns exec %s ", scope->name);
	n = snprintf(buffer, size,
		     "%ssysctl -w %s=\"$(%ssysctl -n %s | awk '{ $%u = \"%s\"; print }')\"", visit,
		     name, visit, name, row->field, value);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Of a knob that is a file. */
static int file_command(const struct knob_row *row, const struct scope *scope, const char *value,
			char *buffer, size_t size)
{
	/* What a shell takes as it stands; everything else goes into quotes. */
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,:/+@%";
	const char *quote = value[0] && strspn(value, plain) == strlen(value) ? "" : "'";
	char path[KNOB_COMMAND_MAX];
	int n, r = knob_path(row, scope, path, sizeof(path));

	if (r < 0)
		return r;
	if (!strncmp(path, SYSCTL_ROOT, strlen(SYSCTL_ROOT))) {
		sysctl_name(path + strlen(SYSCTL_ROOT));
		if (row->field)
			return field_command(row, scope, path + strlen(SYSCTL_ROOT), value, buffer,
					     size);
		n = snprintf(buffer, size, "%s%s%ssysctl -w %s=%s%s%s",
			     scope->kind == SCOPE_NETNS ? "ip netns exec " : "", scope->name,
			     scope->kind == SCOPE_NETNS ? " " : "", path + strlen(SYSCTL_ROOT),
			     quote, value, quote);
	} else {
		n = snprintf(buffer, size, "echo %s%s%s > /%s", quote, value, quote, path);
	}
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int knob_command(int root, const struct knob_row *row, const struct scope *scope, const char *value,
		 char *buffer, size_t size)
{
	const struct knob_family_ops *ops = knob_family_ops(row);

	if (strchr(value, '\''))
		return -EINVAL;
	if (ops->command)
		return ops->command(root, row, scope, value, buffer, size);
	return file_command(row, scope, value, buffer, size);
}
