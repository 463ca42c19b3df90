// SPDX-License-Identifier: Apache-2.0
/* The BPF methods in a build without BPF programs: it says so, and nothing else is ever called. */
#include "observer/block_tracer.h"

#include <errno.h>

int block_tracer_probe(const struct source_context *context, enum block_way way,
		       struct source_status *status)
{
	(void)context, (void)way;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
	return -EOPNOTSUPP;
}

void block_tracer_caution(const struct source_context *context, enum block_way way,
			  struct source_status *status)
{
	(void)context, (void)way, (void)status;
}

int block_tracer_open(const struct source_context *context, enum block_way way, uint32_t n_slots,
		      uint32_t stages, struct source_status *status,
		      struct block_tracer **ret_tracer)
{
	(void)n_slots, (void)stages, (void)ret_tracer;
	return block_tracer_probe(context, way, status);
}

int block_tracer_settle(struct block_tracer *tracer)
{
	(void)tracer;
	return -EOPNOTSUPP;
}

void block_tracer_close(struct block_tracer *tracer)
{
	(void)tracer;
}

bool block_tracer_may_rest(const struct block_tracer *tracer)
{
	(void)tracer;
	return false;
}

int block_tracer_attend(struct block_tracer *tracer, bool attends)
{
	(void)tracer, (void)attends;
	return -EOPNOTSUPP;
}

int block_tracer_stages(struct block_tracer *tracer, uint32_t stages)
{
	(void)tracer, (void)stages;
	return -EOPNOTSUPP;
}

int block_tracer_watch(struct block_tracer *tracer, uint32_t slot, uint32_t dev, uint32_t wanted)
{
	(void)tracer, (void)slot, (void)dev, (void)wanted;
	return -EOPNOTSUPP;
}

void block_tracer_forget(struct block_tracer *tracer, uint32_t slot, uint32_t dev)
{
	(void)tracer, (void)slot, (void)dev;
}

int block_tracer_read(struct block_tracer *tracer, uint32_t slot, uint32_t op, bool idle,
		      struct hist *hists[BLOCK_STAGE_COUNT], struct block_losses *ret_losses)
{
	(void)tracer, (void)slot, (void)op, (void)idle, (void)hists, (void)ret_losses;
	return -EOPNOTSUPP;
}

void block_tracer_restart(struct block_tracer *tracer)
{
	(void)tracer;
}

void block_tracer_status(const struct block_tracer *tracer, struct source_status *status)
{
	(void)tracer, (void)status;
}
