// SPDX-License-Identifier: Apache-2.0
#include "actuator/affinity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/sysroot.h"

#define INSTANCE_NAME "@irq" /* the line that says whose interrupt it was: `virtio1-req.0` */

size_t affinity_irq_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			   size_t max)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(root, "proc/irq", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	size_t n = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		struct scope scope = { .kind = SCOPE_IRQ };
		char path[512];

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
		    strlen(entry->d_name) >= sizeof(scope.name))
			continue;
		strcpy(scope.name, entry->d_name);
		if (knob_path(row, &scope, path, sizeof(path)) < 0 || !sysroot_exists(root, path))
			continue;
		if (n < max)
			ret_scopes[n] = scope;
		n++;
	}
	return n;
}

/* The devices behind it; numbers are given anew when one is removed. "" where the kernel does not say. */
static int irq_instance(int root, const struct scope *scope, char *ret_value, size_t size)
{
	char path[SCOPE_NAME_MAX + 32];
	ssize_t n;

	snprintf(path, sizeof(path), "sys/kernel/irq/%s/actions", scope->name);
	n = sysroot_read(root, path, ret_value, size);
	if (n == -ENOENT)
		ret_value[0] = '\0';
	return n < 0 && n != -ENOENT ? (int)n : 0;
}

int affinity_irq_capture(int root, const struct scope *scope, char *companions, size_t size)
{
	char instance[KNOB_VALUE_MAX];
	int r = irq_instance(root, scope, instance, sizeof(instance));

	return r < 0 ? r : companions_add(companions, size, INSTANCE_NAME, instance);
}

int affinity_irq_same_instance(int root, const struct scope *scope, const char *companions)
{
	char name[32], value[KNOB_VALUE_MAX], now[KNOB_VALUE_MAX];
	int r;

	while (companions_next(&companions, name, sizeof(name), value, sizeof(value)) > 0) {
		if (strcmp(name, INSTANCE_NAME))
			continue;
		r = irq_instance(root, scope, now, sizeof(now));
		return r < 0 ? r : !strcmp(now, value);
	}
	return 1;
}
