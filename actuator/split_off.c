// SPDX-License-Identifier: Apache-2.0
/* Splits in a build without BPF programs: there are none. */
#include "actuator/split.h"

#include <errno.h>
#include <stdio.h>

#include "actuator/actuator.h"

void split_use(const struct split_maps *maps)
{
	(void)maps;
}

int split_draw(int root, const struct scope *scope, const char *base, const char *arm,
	       char *ret_text, size_t size)
{
	(void)root, (void)scope, (void)base, (void)arm;
	snprintf(ret_text, size, "connections cannot be split: this build has no BPF programs");
	return -EOPNOTSUPP;
}

void split_end(const struct scope *scope)
{
	(void)scope;
}

int split_maps_open(struct split_maps *ret_actuator, struct split_maps *ret_observer)
{
	*ret_actuator = *ret_observer = SPLIT_MAPS_NONE;
	return -EOPNOTSUPP;
}

void split_maps_close(struct split_maps *maps)
{
	(void)maps;
}
