// SPDX-License-Identifier: Apache-2.0
/* The BPF methods in a build without BPF programs: it says so, and nothing else is ever called. */
#include "observer/service_tracer.h"

#include <errno.h>

int service_tracer_probe(const struct source_context *context, enum service_way way,
			 struct source_status *status)
{
	(void)context, (void)way;
	source_say(status, SOURCE_UNAVAILABLE, "build with -DWITH_BPF=ON",
		   "this build has no BPF programs");
	return -EOPNOTSUPP;
}

void service_tracer_caution(const struct source_context *context, enum service_way way,
			    struct source_status *status)
{
	(void)context, (void)way, (void)status;
}

int service_tracer_open(const struct source_context *context, enum service_way way,
			struct source_status *status, struct service_tracer **ret_tracer)
{
	(void)ret_tracer;
	return service_tracer_probe(context, way, status);
}

void service_tracer_close(struct service_tracer *tracer)
{
	(void)tracer;
}

bool service_tracer_may_rest(const struct service_tracer *tracer)
{
	(void)tracer;
	return false;
}

int service_tracer_attend(struct service_tracer *tracer, bool attends)
{
	(void)tracer, (void)attends;
	return -EOPNOTSUPP;
}

int service_tracer_scan(struct service_tracer *tracer, const struct service_rules *rules)
{
	(void)tracer, (void)rules;
	return -EOPNOTSUPP;
}

void service_tracer_want(struct service_tracer *tracer, uint32_t slots, uint32_t thin)
{
	(void)tracer, (void)slots, (void)thin;
}

void service_tracer_look(struct service_tracer *tracer, uint32_t slots)
{
	(void)tracer, (void)slots;
}

bool service_way_sees(enum service_way way, const struct service *service)
{
	(void)way, (void)service;
	return false;
}

bool service_way_looks(enum service_way way)
{
	(void)way;
	return false;
}

int service_tracer_read(struct service_tracer *tracer, uint32_t slot, struct hist *hist,
			struct service_counts *ret_counts)
{
	(void)tracer, (void)slot, (void)hist, (void)ret_counts;
	return -EOPNOTSUPP;
}

void service_tracer_restart(struct service_tracer *tracer)
{
	(void)tracer;
}

int service_tracer_slot(const struct service_tracer *tracer, uint32_t netns, uint16_t port)
{
	(void)tracer, (void)netns, (void)port;
	return -1;
}

uint32_t service_tracer_lost(const struct service_tracer *tracer)
{
	(void)tracer;
	return 0;
}

void service_tracer_status(const struct service_tracer *tracer, struct source_status *status)
{
	(void)tracer, (void)status;
}
