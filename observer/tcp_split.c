// SPDX-License-Identifier: Apache-2.0
/*
 * What became of the connections that drew their congestion control: of each split that runs, two series a signal, one a
 * side. The actuator's hand holds the program; this process has the maps alone, to read (include/split.h), so it sees
 * splits come and go by the slots. Everything in the maps only grows: a tick's values are differences, and the first tick
 * of a split has none.
 */
#include "observer/source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hist.h"
#include "base/sysroot.h"
#include "bpf/tcp_split.h"
#include "observer/tcp_split.h"

_Static_assert(TCP_SPLIT_SCOPE == SCOPE_NAME_MAX, "a slot holds any scope");

/* The sums over all CPUs. */
struct totals {
	uint64_t connections, refused, chosen, no_ecn, lost, bytes, retransmits;
	uint64_t sums[TCP_SPLIT_VALUES], clamped[TCP_SPLIT_VALUES];
	uint32_t buckets[TCP_SPLIT_VALUES][HIST_BUCKETS];
};

struct tcp_split {
	struct split_maps maps;
	size_t n_cpus;
	struct tcp_split_result *cpus;     /* one lookup: n_cpus of them */
	uint32_t serials[TCP_SPLIT_SLOTS]; /* of the split that `before` is of; 0 = none */
	struct totals before[TCP_SPLIT_SLOTS][TCP_SPLIT_SIDES];
	struct totals now;
	struct signal_set wanted;                      /* of the slot that is being sampled */
	uint64_t connections, refused, chosen, no_ecn; /* since it was opened, for people */
};

static const uint32_t sides[TCP_SPLIT_SIDES] = {
	[TCP_SPLIT_BASE] = SERIES_BASE,
	[TCP_SPLIT_ARM] = SERIES_ARM,
};

static int tcp_split_open(void *state, const struct source_context *context,
			  const struct source_demand *demand, struct source_status *status)
{
	struct tcp_split *split = state;
	int n_cpus = libbpf_num_possible_cpus();

	(void)demand;
	if (!context->maps || context->maps->results < 0 || context->maps->slots < 0) {
		source_say(status, SOURCE_UNAVAILABLE, TCP_SPLIT_REMEDY, TCP_SPLIT_ABSENT);
		return -ENODEV;
	}
	if (n_cpus > 0) {
		split->maps = *context->maps;
		split->n_cpus = (size_t)n_cpus;
		split->cpus = calloc(split->n_cpus, sizeof(*split->cpus));
	}
	if (!split->cpus) {
		source_say(status, SOURCE_UNAVAILABLE, "", "out of memory");
		return -ENOMEM;
	}
	source_say(status, SOURCE_ATTACHED, "", "%s", "");
	return 0;
}

static void tcp_split_close(void *state)
{
	struct tcp_split *split = state;

	free(split->cpus);
}

static void totals_add(struct totals *totals, const struct tcp_split_result *cpu)
{
	totals->connections += cpu->connections;
	totals->refused += cpu->refused;
	totals->chosen += cpu->chosen;
	totals->no_ecn += cpu->no_ecn;
	totals->lost += cpu->lost;
	totals->bytes += cpu->bytes;
	totals->retransmits += cpu->retransmits;
	for (size_t value = 0; value < TCP_SPLIT_VALUES; value++) {
		totals->sums[value] += cpu->sums[value];
		totals->clamped[value] += cpu->clamped[value];
		for (size_t i = 0; i < HIST_BUCKETS; i++)
			totals->buckets[value][i] += cpu->buckets[value][i];
	}
}

static int totals_read(struct tcp_split *split, uint32_t slot, uint32_t side)
{
	uint32_t key = slot * TCP_SPLIT_SIDES + side;

	if (bpf_map_lookup_elem(split->maps.results, &key, split->cpus) < 0)
		return -errno;
	memset(&split->now, 0, sizeof(split->now));
	for (size_t i = 0; i < split->n_cpus; i++)
		totals_add(&split->now, &split->cpus[i]);
	return 0;
}

static void hist_difference(struct hist *hist, const struct totals *now,
			    const struct totals *before, enum tcp_split_value value)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		hist->buckets[i] = now->buckets[value][i] - before->buckets[value][i];
		hist->count += hist->buckets[i];
	}
	hist->sum = now->sums[value] - before->sums[value];
	hist->clamped = now->clamped[value] - before->clamped[value];
	hist_settle(hist);
}

static struct series *series_add(struct tcp_split *split, struct sampler *sampler,
				 enum signal_id signal, const struct scope *scope, uint32_t side)
{
	struct series *series =
		signal_set_has(&split->wanted, signal) ? sampler_add(sampler, signal, scope) : NULL;

	if (series)
		series->flags = SERIES_VALID | sides[side];
	return series;
}

static void add_distribution(struct tcp_split *split, struct sampler *sampler,
			     enum signal_id signal, enum tcp_split_value value,
			     const struct scope *scope, uint32_t slot, uint32_t side)
{
	struct series *series = series_add(split, sampler, signal, scope, side);

	if (series)
		hist_difference(series->hist, &split->now, &split->before[slot][side], value);
}

static void add_counter(struct tcp_split *split, struct sampler *sampler, enum signal_id signal,
			uint64_t increase, const struct scope *scope, uint32_t side)
{
	struct series *series = series_add(split, sampler, signal, scope, side);

	if (series)
		series->value = (double)increase;
}

static void side_sample(struct tcp_split *split, struct sampler *sampler, const struct scope *scope,
			uint32_t slot, uint32_t side)
{
	static const struct {
		enum signal_id signal;
		enum tcp_split_value value;
	} distributions[] = {
		{ SIGNAL_TCP_SPLIT_RTT, TCP_SPLIT_RTT },
		{ SIGNAL_TCP_SPLIT_RTT_MIN, TCP_SPLIT_RTT_MIN },
		{ SIGNAL_TCP_SPLIT_DURATION, TCP_SPLIT_DURATION },
		{ SIGNAL_TCP_SPLIT_DELIVERY, TCP_SPLIT_DELIVERY },
	};
	const struct totals *now = &split->now, *before = &split->before[slot][side];

	for (size_t i = 0; i < ARRAY_SIZE(distributions); i++)
		add_distribution(split, sampler, distributions[i].signal, distributions[i].value,
				 scope, slot, side);
	add_counter(split, sampler, SIGNAL_TCP_SPLIT_BYTES, now->bytes - before->bytes, scope,
		    side);
	add_counter(split, sampler, SIGNAL_TCP_SPLIT_RETRANSMITS,
		    now->retransmits - before->retransmits, scope, side);
	add_counter(split, sampler, SIGNAL_TCP_SPLIT_CONNECTIONS,
		    now->connections - before->connections, scope, side);
	for (size_t i = 0; i < TCP_SPLIT_VALUES; i++)
		sampler->losses[LOSS_CLAMPED] += now->clamped[i] - before->clamped[i];
	sampler->losses[LOSS_EVENT] += now->lost - before->lost;
	split->connections += now->connections - before->connections;
	split->refused += now->refused - before->refused;
	split->chosen += now->chosen - before->chosen;
	split->no_ecn += now->no_ecn - before->no_ecn;
}

/* Half-written, or of a scope that is none: as if it did not run; the next tick sees it whole. */
static bool slot_read(const struct tcp_split *split, uint32_t slot, struct tcp_split_slot *ret_slot)
{
	return bpf_map_lookup_elem(split->maps.slots, &slot, ret_slot) == 0 && ret_slot->running &&
	       ret_slot->serial && ret_slot->serial == ret_slot->serial_again &&
	       (ret_slot->kind == SCOPE_HOST || ret_slot->kind == SCOPE_NETNS) &&
	       memchr(ret_slot->name, '\0', sizeof(ret_slot->name));
}

static void slot_sample(struct tcp_split *split, struct sampler *sampler, uint32_t slot)
{
	struct tcp_split_slot known;
	struct scope scope;
	bool baseline;

	if (!slot_read(split, slot, &known)) {
		split->serials[slot] = 0;
		return;
	}
	scope = (struct scope){ .kind = known.kind };
	memcpy(scope.name, known.name, sizeof(scope.name));
	split->wanted = source_demand_of(sampler->demand, &scope);
	baseline = sampler->interval_ns == 0 || split->serials[slot] != known.serial;
	for (uint32_t side = 0; side < TCP_SPLIT_SIDES; side++) {
		if (totals_read(split, slot, side) < 0) {
			sampler->losses[LOSS_EVENT]++;
			known.serial = 0;
			continue;
		}
		if (!baseline)
			side_sample(split, sampler, &scope, slot, side);
		split->before[slot][side] = split->now;
	}
	split->serials[slot] = known.serial;
}

static void tcp_split_sample(void *state, struct sampler *sampler)
{
	for (uint32_t slot = 0; slot < TCP_SPLIT_SLOTS; slot++)
		slot_sample(state, sampler, slot);
}

static void tcp_split_status(void *state, struct source_status *status)
{
	const struct tcp_split *split = state;

	snprintf(status->text, sizeof(status->text),
		 "%llu connections drew; the kernel refused %llu; took no part: %llu with a "
		 "choice of their own, %llu without ECN",
		 (unsigned long long)split->connections, (unsigned long long)split->refused,
		 (unsigned long long)split->chosen, (unsigned long long)split->no_ecn);
}

const struct source_ops tcp_split_source = {
	.name = "tcp_split",
	.first = SIGNAL_TCP_SPLIT_RTT,
	.last = SIGNAL_TCP_SPLIT_CONNECTIONS,
	.state_size = sizeof(struct tcp_split),
	.probe = tcp_split_probe,
	.open = tcp_split_open,
	.sample = tcp_split_sample,
	.close = tcp_split_close,
	.status = tcp_split_status,
};
