// SPDX-License-Identifier: Apache-2.0
/* A build without BPF: squeezes are counted, their cause is not known. */
#include "observer/squeeze.h"

#include <errno.h>
#include <stdio.h>

int squeeze_open(const struct source_context *context, struct squeeze **ret_squeeze, char *ret_text,
		 size_t size)
{
	(void)context, (void)ret_squeeze;
	snprintf(ret_text, size, "built without BPF");
	return -EOPNOTSUPP;
}

void squeeze_close(struct squeeze *squeeze)
{
	(void)squeeze;
}

int squeeze_attach(struct squeeze *squeeze)
{
	(void)squeeze;
	return -EOPNOTSUPP;
}

void squeeze_detach(struct squeeze *squeeze)
{
	(void)squeeze;
}

bool squeeze_attached(const struct squeeze *squeeze)
{
	(void)squeeze;
	return false;
}

int squeeze_read(struct squeeze *squeeze, uint64_t *ret_counts, size_t max)
{
	(void)squeeze, (void)ret_counts, (void)max;
	return -EOPNOTSUPP;
}

void squeeze_status(const struct squeeze *squeeze, struct source_status *status)
{
	(void)squeeze, (void)status;
}
