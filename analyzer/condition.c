// SPDX-License-Identifier: Apache-2.0
#include "analyzer/condition.h"

#include <math.h>
#include <string.h>

#include "analyzer/window.h"
#include "base/hist.h"
#include "base/scope.h"

/* What is older is no longer of the present: the slots, and one more that is being filled. */
#define RECENT_SPAN_NS ((RECENT_SLOTS + 1) * RECENT_SLOT_NS)
/* A distribution that no frame had for so long is forgotten. */
#define RECENT_KEEP_NS (4 * RECENT_SPAN_NS)

void recents_init(struct recents *recents)
{
	memset(recents, 0, sizeof(*recents));
}

static const struct recent *recent_find(const struct recents *recents, uint32_t signal,
					const struct scope *scope)
{
	for (size_t i = 0; i < RECENT_MAX; i++) {
		const struct recent *recent = &recents->recent[i];

		if (recent->used && recent->signal == signal && scope_equal(&recent->scope, scope))
			return recent;
	}
	return NULL;
}

static struct recent *recent_get(struct recents *recents, const struct series *series)
{
	const struct recent *found = recent_find(recents, series->signal, &series->scope);

	if (found)
		return &recents->recent[found - recents->recent];
	for (size_t i = 0; i < RECENT_MAX; i++) {
		struct recent *recent = &recents->recent[i];

		if (recent->used)
			continue;
		memset(recent, 0, sizeof(*recent));
		recent->used = true;
		recent->signal = series->signal;
		recent->scope = series->scope;
		return recent;
	}
	return NULL;
}

static void recent_add(struct recent *recent, const struct series *series,
		       const struct frame *frame)
{
	uint64_t begin_ns = frame->time_ns - frame->interval_ns;
	uint32_t slot = recent->newest;

	recent->seen_ns = frame->time_ns;
	if (recent->start_ns[slot] == 0 || begin_ns >= recent->start_ns[slot] + RECENT_SLOT_NS) {
		slot = (slot + 1) % RECENT_SLOTS;
		recent->newest = slot;
		recent->start_ns[slot] = begin_ns;
		recent->covered_ns[slot] = 0;
		memset(&recent->hist[slot], 0, sizeof(recent->hist[slot]));
	}
	recent->covered_ns[slot] += series_covers_ns(series, frame->interval_ns);
	hist_merge(&recent->hist[slot], series->hist);
}

void recents_add(struct recents *recents, const struct frame *frame,
		 const bool wanted[SIGNAL_ID_COUNT])
{
	recents->n_dropped = 0;
	for (size_t i = 0; i < RECENT_MAX; i++) {
		struct recent *recent = &recents->recent[i];

		if (recent->used && recent->seen_ns + RECENT_KEEP_NS < frame->time_ns)
			recent->used = false;
	}
	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];
		struct recent *recent;

		if (!series->hist || !(series->flags & SERIES_VALID) ||
		    series->signal >= SIGNAL_ID_COUNT || !wanted[series->signal])
			continue;
		recent = recent_get(recents, series);
		if (recent)
			recent_add(recent, series, frame);
		else
			recents->n_dropped++;
	}
}

static double recent_value(const struct recents *recents, const struct series *series,
			   uint32_t stat, uint64_t now_ns)
{
	const struct recent *recent = recent_find(recents, series->signal, &series->scope);
	uint64_t covered_ns = 0;
	struct hist merged;

	if (!recent)
		return NAN;
	memset(&merged, 0, sizeof(merged));
	for (size_t i = 0; i < RECENT_SLOTS; i++) {
		if (recent->start_ns[i] == 0 || recent->start_ns[i] + RECENT_SPAN_NS < now_ns)
			continue;
		hist_merge(&merged, &recent->hist[i]);
		covered_ns += recent->covered_ns[i];
	}
	return hist_stat(&merged, stat, covered_ns);
}

static double node_value(const struct condition_node *node, const struct recents *recents,
			 const struct frame *frame, const struct scope *scope)
{
	const struct series *series = frame_find(frame, &node->ref, scope);

	if (!series || !(series->flags & SERIES_VALID))
		return NAN;
	if (series->hist)
		return recent_value(recents, series, node->ref.stat, frame->time_ns);
	return series_value(series, node->ref.stat, frame->interval_ns);
}

static bool compare(uint32_t op, double value, double limit)
{
	switch (op) {
	case CONDITION_LESS:
		return value < limit;
	case CONDITION_LESS_EQUAL:
		return value <= limit;
	case CONDITION_GREATER:
		return value > limit;
	default:
		return value >= limit;
	}
}

bool condition_skipped(const struct condition *condition, const struct frame *frame)
{
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op < CONDITION_AND &&
		    signal_set_has(&frame->skipped, condition->nodes[i].ref.signal))
			return true;
	return false;
}

enum truth condition_evaluate(const struct condition *condition, const struct recents *recents,
			      const struct frame *frame, const struct scope *scope,
			      struct evidence *ret_evidence, uint32_t *ret_n_evidence)
{
	bool stack[POLICY_NODES_MAX + 1] = { false };
	uint32_t n_evidence = 0;
	bool blind = false;
	size_t n = 0;

	for (uint32_t i = 0; i < condition->n_nodes; i++) {
		const struct condition_node *node = &condition->nodes[i];
		double value;

		if (node->op == CONDITION_NOT && n >= 1) {
			stack[n - 1] = !stack[n - 1];
		} else if ((node->op == CONDITION_AND || node->op == CONDITION_OR) && n >= 2) {
			n--;
			stack[n - 1] = node->op == CONDITION_AND ? stack[n - 1] && stack[n]
								 : stack[n - 1] || stack[n];
		} else if (node->op < CONDITION_AND) {
			value = node_value(node, recents, frame, scope);
			blind |= isnan(value);
			stack[n++] = compare(node->op, value, node->limit);
			if (n_evidence < TRIAL_EVIDENCE_MAX)
				ret_evidence[n_evidence++] = (struct evidence){
					.ref = node->ref,
					.op = node->op,
					.limit = node->limit,
					.value = value,
				};
		}
	}
	*ret_n_evidence = n_evidence;
	if (blind)
		return TRUTH_BLIND;
	return n == 1 && stack[0] ? TRUTH_TRUE : TRUTH_FALSE;
}
