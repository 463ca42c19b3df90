// SPDX-License-Identifier: Apache-2.0
/* The source tcp_split in a build without BPF programs: it says so, and is never opened. */
#include "observer/tcp_split.h"

#include <errno.h>
#include <string.h>

static void off_probe(const struct source_context *context, struct source_status *status)
{
	(void)context;
	strcpy(status->method, "sock_ops");
	status->optional = 1;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
}

static int off_open(void *state, const struct source_context *context,
		    const struct source_demand *demand, struct source_status *status)
{
	(void)state, (void)demand;
	off_probe(context, status);
	return -EOPNOTSUPP;
}

static void off_sample(void *state, struct sampler *sampler)
{
	(void)state, (void)sampler;
}

static void off_close(void *state)
{
	(void)state;
}

const struct source_ops tcp_split_source = {
	.name = "tcp_split",
	.first = SIGNAL_TCP_SPLIT_RTT,
	.last = SIGNAL_TCP_SPLIT_CONNECTIONS,
	.state_size = 1,
	.probe = off_probe,
	.open = off_open,
	.sample = off_sample,
	.close = off_close,
};
