// SPDX-License-Identifier: Apache-2.0
/*
 * The affinity family: which CPUs the threads of a process may run on, and which may handle an interrupt. Those of a
 * control group are cgroup.cpuset.cpus.
 */
#include "actuator/family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actuator/affinity.h"
#include "actuator/cgroup_threads.h"
#include "actuator/knobs.h"
#include "base/sysroot.h"

static bool is_process(const struct knob_row *row)
{
	return row->scope == SCOPE_PROCESS;
}

/* There are too many processes to list, and nearly none is meant: they are named. */
static size_t affinity_scopes(int root, const struct knob_row *row, struct scope *ret_scopes,
			      size_t max)
{
	return is_process(row) ? 0 : affinity_irq_scopes(root, row, ret_scopes, max);
}

static int affinity_resolve(int root, const struct knob_row *row, struct scope *scope)
{
	return is_process(row) ? affinity_process_resolve(root, scope) : 0;
}

static int affinity_read(int root, const struct knob_row *row, const struct scope *scope,
			 struct knob_reading *ret_reading)
{
	struct knob_reading reading = { .scope = *scope };
	int r;

	snprintf(reading.knob, sizeof(reading.knob), "%s", row->name);
	if (is_process(row))
		r = affinity_process_read(root, scope, &reading);
	else
		r = knob_read_file(root, row, scope, &reading);
	if (r < 0)
		return r;
	if (!is_process(row) && sysroot_read(root, "sys/devices/system/cpu/online", reading.within,
					     sizeof(reading.within)) < 0)
		reading.within[0] = '\0';
	*ret_reading = reading;
	return 0;
}

static int affinity_allowed(int root, const struct knob_row *row, const struct scope *scope,
			    const struct knob_reading *reading, const char *value, char *ret_text,
			    size_t size)
{
	(void)reading;
	(void)value;
	return is_process(row) ? affinity_process_allowed(root, scope, ret_text, size) : 0;
}

static int affinity_command(int root, const struct knob_row *row, const struct scope *scope,
			    const char *value, char *buffer, size_t size)
{
	int n;

	(void)root;
	if (!is_process(row))
		n = snprintf(buffer, size, "echo %s > /proc/irq/%s/smp_affinity_list", value,
			     scope->name);
	else
		n = snprintf(buffer, size, "taskset -a -c -p %s %.*s", value,
			     (int)strcspn(scope->name, "@"), scope->name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int affinity_write(int root, const struct knob_row *row, const struct scope *scope,
			  const char *companions, const char *value)
{
	if (is_process(row))
		return affinity_process_write(root, scope, companions, value);
	return knob_write_file(root, row, scope, value);
}

static int affinity_capture(int root, const struct knob_row *row, const struct scope *scope,
			    char *ret_companions, size_t size, char *ret_text, size_t text_size)
{
	int r;

	ret_companions[0] = '\0';
	if (is_process(row))
		return affinity_process_capture(root, scope, ret_companions, size, ret_text,
						text_size);
	r = affinity_irq_capture(root, scope, ret_companions, size);
	if (r < 0)
		snprintf(ret_text, text_size, "unable to write down whose interrupt %.20s is: %s",
			 scope->name, strerror(-r));
	return r;
}

static int affinity_restore(int root, const struct knob_row *row, const struct scope *scope,
			    const char *companions, char *ret_text, size_t size)
{
	if (is_process(row))
		return affinity_process_restore(root, scope, companions, ret_text, size);
	return 0;
}

static int affinity_same_instance(int root, const struct knob_row *row, const struct scope *scope,
				  const char *companions)
{
	/* A process's scope says which one it is. */
	return is_process(row) ? 1 : affinity_irq_same_instance(root, scope, companions);
}

const struct knob_family_ops family_affinity = {
	.scopes = affinity_scopes,
	.resolve = affinity_resolve,
	.read = affinity_read,
	.allowed = affinity_allowed,
	.command = affinity_command,
	.write_parts = affinity_write,
	.capture = affinity_capture,
	.restore = affinity_restore,
	.same_instance = affinity_same_instance,
};
