/* SPDX-License-Identifier: Apache-2.0 */
/* The service source's own parts: its methods, and a service's series of a tick. */
#ifndef FLYBALL_OBSERVER_SERVICE_H
#define FLYBALL_OBSERVER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/service.h"
#include "observer/service_rules.h"
#include "observer/service_tracer.h"
#include "observer/source.h"

/* The BPF programs' ways, and what there is without them. */
enum service_method_id {
	SERVICE_SOCK_DIAG = SERVICE_WAY_COUNT,
	SERVICE_METHOD_COUNT,
};

/* All listening sockets of one service together. */
struct service_backlog {
	bool there;
	uint32_t waiting, dropped;
};

struct service_source {
	const struct source_context *context;
	const struct service_list *services;
	struct signal_set signals[SERVICES_MAX]; /* that are demanded of each */
	uint32_t traced, queued; /* 1 << service: something is demanded of programs, of sock_diag */
	uint32_t looked;         /* 1 << service: its errors are demanded, which costs more */
	uint32_t method;         /* enum service_way, or SERVICE_SOCK_DIAG */
	struct service_tracer
		*tracer; /* NULL while nothing is demanded of it, and with sock_diag */
	uint32_t thin;   /* one connection in 2^thin is measured */
	struct service_rules rules;
	struct service_rule known[SERVICE_RULES_MAX]; /* of the last scan */
	uint64_t found_ns, scanned_ns;                /* 0 = not yet */
	uint64_t find_pause_ns, scan_pause_ns;        /* the least time from one to the next */
	int find_error; /* of the last look; 0 = the rules are of now */
	unsigned int n_scans;
	int diag; /* sock_diag; -1 = not open */
	uint32_t netns;
	struct service_backlog backlogs[SERVICES_MAX], backlogs_before[SERVICES_MAX];
	uint64_t unmeasured, continued; /* since the demand */
	uint32_t told; /* 1 << service: its latest answers were of a protocol that shows errors */
	uint32_t mute; /* 1 << service: they were not */
	char text[SOURCE_TEXT_MAX]; /* why not the best method; "" */
};

/* The methods' names, best first; NULL past the end. */
const char *service_method_name(size_t method);

bool service_method_forced(const struct source_context *context);

/* As struct source_ops has it. */
void service_method_try(const struct source_context *context, size_t method,
			struct source_status *status);

/*
 * The first method that may work, from `first` on; `status` gets its name, and why the best does not work. Returns
 * SERVICE_METHOD_COUNT when a forced one does not work or does not exist.
 */
uint32_t service_method_choose(const struct source_context *context, uint32_t first,
			       struct source_status *status);

/* The queues of all services, now. Returns 0 or -errno. */
int service_queues_read(struct service_source *source);

/* The series of one service. */
void service_series_sample(struct service_source *source, uint32_t slot, struct sampler *sampler);

#endif
