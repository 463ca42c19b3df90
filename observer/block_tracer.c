// SPDX-License-Identifier: Apache-2.0
#include "observer/block_tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "observer/block_programs.h"

/* One operation of one slot, all CPUs together. */
struct slot_op {
	bool known; /* `before` is of the previous tick */
	bool unstamped; /* the kernel does not always stamp the issue: sticks until the demand changes */
	struct block_hist before;
};

struct block_tracer {
	struct block_programs programs;
	uint32_t n_slots;
	uint32_t stages;         /* as attached for */
	bool ended;              /* a request whose issue was asked for ended in this tick */
	bool stamped;            /* while it rests: the program at issue was attached */
	int n_cpus;              /* possible ones */
	struct slot_op *ops;     /* n_slots * BLOCK_OP_COUNT */
	struct block_hist *cpus; /* scratch: one element as the kernel copies it, a struct a CPU */
	struct block_hist total; /* scratch */
};

_Static_assert(sizeof(struct block_hist) % 8 == 0,
	       "the kernel rounds each CPU's part up to 8 bytes");

int block_tracer_open(const struct source_context *context, enum block_way way, uint32_t n_slots,
		      uint32_t stages, struct source_status *status,
		      struct block_tracer **ret_tracer)
{
	struct block_tracer *tracer = calloc(1, sizeof(*tracer));
	int r;

	if (!tracer)
		return block_programs_refuse(way, -ENOMEM, "have memory for", status);
	tracer->n_slots = n_slots;
	tracer->n_cpus = libbpf_num_possible_cpus();
	if (tracer->n_cpus > 0) {
		tracer->ops = calloc((size_t)n_slots * BLOCK_OP_COUNT, sizeof(*tracer->ops));
		tracer->cpus = calloc((size_t)tracer->n_cpus, sizeof(*tracer->cpus));
	}
	r = tracer->ops && tracer->cpus
		    ? block_programs_load(&tracer->programs, context, way, n_slots, status)
		    : block_programs_refuse(way, -ENOMEM, "have memory for", status);
	if (r == 0) {
		r = block_tracer_stages(tracer, stages);
		if (r < 0)
			block_programs_refuse(way, r, "attach", status);
	}
	if (r < 0) {
		block_tracer_close(tracer);
		return r;
	}
	*ret_tracer = tracer;
	return 0;
}

void block_tracer_close(struct block_tracer *tracer)
{
	if (!tracer)
		return;
	programs_close(&tracer->programs.base);
	free(tracer->ops);
	free(tracer->cpus);
	free(tracer);
}

int block_tracer_stages(struct block_tracer *tracer, uint32_t stages)
{
	tracer->stages = stages;
	return programs_attach(&tracer->programs.base, stages & BLOCK_STAGES_ISSUE);
}

bool block_tracer_may_rest(const struct block_tracer *tracer)
{
	return programs_may_rest(&tracer->programs.base);
}

int block_tracer_attend(struct block_tracer *tracer, bool attends)
{
	const uint64_t now_ns = clock_now_ns();

	if (!attends) {
		tracer->stamped = programs_switched(&tracer->programs.base);
		programs_leave(&tracer->programs.base);
		return 0;
	}
	/* The kernel stamps a request in a rest, too; who stamps the issue itself has not seen these. */
	for (uint32_t slot = 0; tracer->stamped && slot < tracer->n_slots; slot++)
		__atomic_store_n(&tracer->programs.shared->since_ns[slot], now_ns,
				 __ATOMIC_SEQ_CST);
	return programs_attach(&tracer->programs.base, tracer->stamped);
}

int block_tracer_settle(struct block_tracer *tracer)
{
	const bool ended = tracer->ended;
	bool unstamped = false;

	tracer->ended = false;
	if (!(tracer->stages & BLOCK_STAGES_ISSUE) || !block_programs_switchable(&tracer->programs))
		return 0;
	for (size_t i = 0; i < (size_t)tracer->n_slots * BLOCK_OP_COUNT; i++)
		unstamped |= tracer->ops[i].unstamped;
	if (unstamped == programs_switched(&tracer->programs.base) || (!unstamped && !ended))
		return 0;
	return programs_attach(&tracer->programs.base, unstamped);
}

/* The disk's place in the table, or the first free one on its way; NULL when it would lie too far away. */
static uint64_t *table_place(struct block_tracer *tracer, uint32_t dev)
{
	uint64_t *places = tracer->programs.shared->places, *free_place = NULL;

	for (uint32_t i = 0; i < BLOCK_PROBES; i++) {
		uint64_t *place = &places[(block_place_first(dev) + i) % BLOCK_TABLE];

		if (block_place_dev(*place) == dev)
			return place;
		if (!free_place && (*place == 0 || *place == BLOCK_GONE))
			free_place = place;
		if (*place == 0)
			break;
	}
	return free_place;
}

int block_tracer_watch(struct block_tracer *tracer, uint32_t slot, uint32_t dev, uint32_t wanted)
{
	uint64_t *place, since_ns;

	if (slot >= tracer->n_slots)
		return -ENOSPC;
	place = table_place(tracer, dev);
	if (!place)
		return -ENOSPC;
	/* Nothing is measured until both are in place: what was allocated before has an issue that nobody stamped. */
	__atomic_store_n(&tracer->programs.shared->since_ns[slot], UINT64_MAX, __ATOMIC_SEQ_CST);
	__atomic_store_n(place, block_place(dev, slot, wanted), __ATOMIC_SEQ_CST);
	since_ns = clock_now_ns();
	__atomic_store_n(&tracer->programs.shared->since_ns[slot], since_ns, __ATOMIC_SEQ_CST);
	for (uint32_t op = 0; op < BLOCK_OP_COUNT; op++)
		tracer->ops[slot * BLOCK_OP_COUNT + op] = (struct slot_op){ 0 };
	return 0;
}

void block_tracer_forget(struct block_tracer *tracer, uint32_t slot, uint32_t dev)
{
	uint64_t *place;

	if (slot >= tracer->n_slots)
		return;
	place = table_place(tracer, dev);
	if (place && block_place_dev(*place) == dev)
		__atomic_store_n(place, BLOCK_GONE, __ATOMIC_SEQ_CST);
	for (uint32_t op = 0; op < BLOCK_OP_COUNT; op++)
		tracer->ops[slot * BLOCK_OP_COUNT + op] = (struct slot_op){ 0 };
}

void block_tracer_restart(struct block_tracer *tracer)
{
	for (size_t i = 0; i < (size_t)tracer->n_slots * BLOCK_OP_COUNT; i++)
		tracer->ops[i].known = false;
}

void block_tracer_status(const struct block_tracer *tracer, struct source_status *status)
{
	programs_cost(&tracer->programs.base, &status->bpf_runs, &status->bpf_run_ns);
}

/* The sum over all CPUs; wraps as its parts do. */
static void total_add(struct block_hist *total, const struct block_hist *cpu)
{
	total->ends += cpu->ends;
	total->orphans += cpu->orphans;
	total->unstamped += cpu->unstamped;
	for (size_t stage = 0; stage < BLOCK_STAGE_COUNT; stage++) {
		total->sums[stage] += cpu->sums[stage];
		total->clamped[stage] += cpu->clamped[stage];
		for (size_t i = 0; i < HIST_BUCKETS; i++)
			total->buckets[stage][i] += cpu->buckets[stage][i];
	}
}

static int total_read(struct block_tracer *tracer, uint32_t key)
{
	if (bpf_map_lookup_elem(tracer->programs.hists_fd, &key, tracer->cpus) < 0)
		return -errno;
	memset(&tracer->total, 0, sizeof(tracer->total));
	for (int cpu = 0; cpu < tracer->n_cpus; cpu++)
		total_add(&tracer->total, &tracer->cpus[cpu]);
	return 0;
}

/* The count is of the buckets, not one of its own: they can never disagree. */
static void hist_between(const struct block_hist *now, const struct block_hist *before,
			 size_t stage, struct hist *hist)
{
	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		hist->buckets[i] = now->buckets[stage][i] - before->buckets[stage][i];
		hist->count += hist->buckets[i];
	}
	hist->sum = now->sums[stage] - before->sums[stage];
	hist->clamped = now->clamped[stage] - before->clamped[stage];
	hist_settle(hist);
}

int block_tracer_read(struct block_tracer *tracer, uint32_t slot, uint32_t op, bool idle,
		      struct hist *hists[BLOCK_STAGE_COUNT], struct block_losses *ret_losses)
{
	const uint32_t key = slot * BLOCK_OP_COUNT + op;
	struct slot_op *state;
	bool known;
	int r;

	if (slot >= tracer->n_slots)
		return -ENOSPC;
	state = &tracer->ops[key];
	known = state->known;
	if (known && idle) {
		*ret_losses = (struct block_losses){ .total = state->before.ends };
		return 0;
	}
	state->known = false;
	r = total_read(tracer, key);
	if (r < 0)
		return r;
	*ret_losses = (struct block_losses){ .total = tracer->total.ends };
	for (size_t stage = 0; known && stage < BLOCK_STAGE_COUNT; stage++) {
		ret_losses->clamped += tracer->total.clamped[stage] - state->before.clamped[stage];
		if (hists[stage])
			hist_between(&tracer->total, &state->before, stage, hists[stage]);
	}
	if (known) {
		ret_losses->ends = tracer->total.ends - state->before.ends;
		ret_losses->orphans = tracer->total.orphans - state->before.orphans;
		state->unstamped |= tracer->total.unstamped != state->before.unstamped;
		tracer->ended |= ret_losses->ends > 0;
	}
	state->before = tracer->total;
	state->known = true;
	return known ? 0 : 1;
}
