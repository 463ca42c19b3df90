// SPDX-License-Identifier: Apache-2.0
/* A service's series of a tick: what the programs saw, and the queues of its listening sockets. */
#include "observer/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "observer/service_backlog.h"

#define LOSSY_SHARE 100 /* lossy when more than one in so many was not measured */

/* The service that listens on a port of our own network namespace; -1 = none. */
static int slot_of(const struct service_source *source, uint16_t port)
{
	if (source->tracer)
		return service_tracer_slot(source->tracer, source->netns, port);
	for (size_t i = 0; i < source->rules.n; i++) {
		const struct service_rule *rule = &source->rules.rules[i];

		if (rule->port == port && !rule->udp && !rule->file && !rule->group)
			return (int)rule->slot;
	}
	return -1;
}

static void queue_found(void *data, const struct service_queue *queue)
{
	struct service_source *source = data;
	int slot = slot_of(source, queue->port);

	if (slot < 0)
		return;
	source->backlogs[slot].there = true;
	source->backlogs[slot].waiting += queue->waiting;
	source->backlogs[slot].dropped += queue->dropped;
}

int service_queues_read(struct service_source *source)
{
	memcpy(source->backlogs_before, source->backlogs, sizeof(source->backlogs));
	memset(source->backlogs, 0, sizeof(source->backlogs));
	return service_backlog_read(source->diag, queue_found, source);
}

static struct series *series_add(struct service_source *source, uint32_t slot,
				 enum signal_id signal, struct sampler *sampler)
{
	struct scope scope = { .kind = SCOPE_SERVICE };

	if (!signal_set_has(&source->signals[slot], signal))
		return NULL;
	snprintf(scope.name, sizeof(scope.name), "%s", source->services->items[slot].name);
	return sampler_add(sampler, signal, &scope);
}

static void value_add(struct service_source *source, uint32_t slot, enum signal_id signal,
		      struct sampler *sampler, uint32_t flags, uint64_t value)
{
	struct series *series = series_add(source, slot, signal, sampler);

	if (!series)
		return;
	series->value = (double)value;
	series->flags = flags;
}

/* Some of its executables, groups or sockets are over a limit; whose sockets these are nobody knows. */
static bool is_partial(const struct service_source *source, uint32_t slot)
{
	return source->rules.over >> slot & 1 || service_tracer_lost(source->tracer);
}

static bool is_seen(const struct service_source *source, uint32_t slot)
{
	return service_way_sees((enum service_way)source->method, &source->services->items[slot]);
}

/*
 * Errors have a value where the latest answers of the service were in a protocol that shows them: not before its first answer,
 * and not where most are in no such protocol.
 */
static void sample_errors(struct service_source *source, uint32_t slot, struct sampler *sampler,
			  uint32_t flags, const struct service_counts *counts)
{
	const uint64_t answers = counts->answers - counts->unknown;
	const uint64_t seen = counts->errors + counts->fine,
		       unseen = seen < answers ? answers - seen : 0;

	if (!service_way_looks((enum service_way)source->method))
		return;
	if (answers > 0) {
		source->told &= ~(1u << slot);
		source->mute &= ~(1u << slot);
		*(seen >= unseen ? &source->told : &source->mute) |= 1u << slot;
	}
	if (unseen * LOSSY_SHARE > answers)
		flags |= SERIES_LOSSY;
	value_add(source, slot, SIGNAL_SERVICE_ERRORS, sampler,
		  source->told >> slot & 1 ? flags : 0, counts->errors);
}

static void sample_traced(struct service_source *source, uint32_t slot, struct sampler *sampler)
{
	struct series *latency = series_add(source, slot, SIGNAL_SERVICE_LATENCY, sampler);
	struct service_counts counts;
	uint64_t unmeasured;
	uint32_t flags, lossy;
	int r = service_tracer_read(source->tracer, slot, latency ? latency->hist : NULL, &counts);

	flags = r == 0 && is_seen(source, slot) ? SERIES_VALID : 0;
	sampler->losses[LOSS_EVENT] += (r < 0) + counts.unstored;
	sampler->losses[LOSS_ORPHAN_END] += counts.unknown;
	sampler->losses[LOSS_PIPELINED] += counts.pipelined;
	sampler->losses[LOSS_CLAMPED] += counts.clamped;
	unmeasured = counts.pipelined + counts.unknown;
	source->unmeasured += unmeasured;
	source->continued += counts.continued;
	lossy = counts.unstored * LOSSY_SHARE > counts.answers || is_partial(source, slot)
			? SERIES_LOSSY
			: 0;
	value_add(source, slot, SIGNAL_SERVICE_REQUESTS, sampler, flags | lossy, counts.requests);
	value_add(source, slot, SIGNAL_SERVICE_BYTES_IN, sampler, flags | lossy, counts.bytes_in);
	value_add(source, slot, SIGNAL_SERVICE_BYTES_OUT, sampler, flags | lossy, counts.bytes_out);
	sample_errors(source, slot, sampler, flags | lossy, &counts);
	if (unmeasured * LOSSY_SHARE > counts.answers)
		lossy = SERIES_LOSSY;
	if (latency)
		latency->flags = flags | lossy;
}

/* Where a socket was closed the sum of its like shrinks: that tick has no value. */
static void sample_queue(struct service_source *source, uint32_t slot, struct sampler *sampler)
{
	const struct service_backlog *now = &source->backlogs[slot],
				     *before = &source->backlogs_before[slot];
	bool grows = sampler->interval_ns > 0 && before->there && now->dropped >= before->dropped;

	if (!now->there)
		return;
	value_add(source, slot, SIGNAL_SERVICE_QUEUE, sampler,
		  sampler->interval_ns > 0 ? SERIES_VALID : 0, now->waiting);
	value_add(source, slot, SIGNAL_SERVICE_QUEUE_DROPS, sampler, grows ? SERIES_VALID : 0,
		  grows ? now->dropped - before->dropped : 0);
}

void service_series_sample(struct service_source *source, uint32_t slot, struct sampler *sampler)
{
	if (source->tracer && source->traced >> slot & 1)
		sample_traced(source, slot, sampler);
	if (source->queued >> slot & 1)
		sample_queue(source, slot, sampler);
}
