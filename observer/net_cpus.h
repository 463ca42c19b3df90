/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The net source's part by CPU: what each took, dropped and left. These counters are the machine's, whatever network
 * namespace packets are in.
 */
#ifndef FLYBALL_OBSERVER_NET_CPUS_H
#define FLYBALL_OBSERVER_NET_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "observer/instances.h"
#include "observer/softnet.h"
#include "observer/squeeze.h"

#define NET_TEXT_BYTES \
	(256 << 10) /* of softnet_stat: 136 bytes a CPU; of softirqs: 110 a CPU that may be */

/* What a tick added on one CPU. */
enum net_delta {
	NET_DELTA_PACKETS,
	NET_DELTA_DROPS_BACKLOG,
	NET_DELTA_DROPS_FLOW_LIMIT,
	NET_DELTA_SQUEEZES,
	NET_DELTA_SQUEEZES_BUDGET,
	NET_DELTA_SQUEEZES_TIME,
	NET_DELTA_RPS,
	NET_DELTA_BACKLOG, /* a level */
	NET_DELTA_COUNT,
};

struct net_cpu {
	bool known; /* `before` is of the previous tick */
	struct softnet_cpu before;
	double deltas[NET_DELTA_COUNT]; /* NAN = not known */
	bool causes_known;
	uint64_t budget_start; /* the programs' count at the baseline of the causes */
	uint64_t squeezes, budget,
		time; /* since that baseline; the last two as far as they were told */
	bool irqs_known;
	uint64_t irqs;
	double irqs_added;
};

/* All zeroes is closed. */
struct net_cpus {
	const struct source_context *context;
	int softnet, softirqs;   /* descriptors */
	struct squeeze *squeeze; /* NULL = causes are not demanded, or not to be had */
	uint64_t squeezed_ns;    /* when a CPU was squeezed last */
	char squeeze_text[SOURCE_TEXT_MAX / 2]; /* why not to be had; "" */
	struct instances instances;
	uint16_t cpu_of[SOFTNET_CPUS_MAX]; /* of a place among the instances */
	uint16_t online[SOFTNET_CPUS_MAX]; /* for kernels that do not tell a line's CPU */
	size_t n_online;
	struct softnet_cpu now[SOFTNET_CPUS_MAX];
	struct net_cpu cpus[SOFTNET_CPUS_MAX];
	uint64_t budget_first[SOFTNET_CPUS_MAX],
		budget[SOFTNET_CPUS_MAX]; /* before and after the file */
	uint64_t irqs[SOFTNET_CPUS_MAX];
	char text[NET_TEXT_BYTES];
};

/* Returns 0 or -errno; net_cpus_close() follows in either case. */
int net_cpus_open(struct net_cpus *cpus, const struct source_context *context);

/* Loads the programs when causes are demanded, else unloads them. That they fail is said in squeeze_text. */
void net_cpus_demand(struct net_cpus *cpus, const struct source_demand *demand);

void net_cpus_sample(struct net_cpus *cpus, struct sampler *sampler);
void net_cpus_close(struct net_cpus *cpus);

/* The programs that tell squeezes apart are detached, or attached again where there were any of late. Returns 0 or -errno. */
int net_cpus_attend(struct net_cpus *cpus, bool attends);

#endif
