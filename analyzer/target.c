// SPDX-License-Identifier: Apache-2.0
/*
 * Instances of policies. `state` says why an instance has no trial:
 *
 *     WATCHING ──when──► HOLDING ──for_ns──► (opened by analyzer.c) ON_TRIAL ──verdict──► COOLDOWN ──► WATCHING
 *         └─no value─► BLIND                        or WAITING, PINNED, FROZEN
 *
 * `when` must hold at every tick: one tick without it, or without a value, starts the time anew. A tick that left the
 * source out (frame.skipped) says nothing either way.
 */
#include "analyzer/state.h"

#include <string.h>

#include "analyzer/window.h"
#include "base/scope.h"

/* An instance that no frame had for so long makes room, when nothing is remembered for it. */
#define TARGET_KEEP_NS 5000000000ull

/* The reference is to a signal that instances of the policy have of their own, and can be known by. */
static bool is_own(const struct policy *policy, const struct signal_ref *ref)
{
	return signal_ref_is_own(ref, policy->scope);
}

/* Those that some comparison of `when` is on. */
static struct signal_set own_triggers(const struct policy *policy)
{
	struct signal_set own = { 0 };

	for (uint32_t i = 0; i < policy->when.n_nodes; i++) {
		const struct condition_node *node = &policy->when.nodes[i];

		if (node->op < CONDITION_AND && is_own(policy, &node->ref))
			signal_set_add(&own, node->ref.signal);
	}
	return own;
}

struct signal_set policy_discoverers(const struct policy *policy)
{
	struct signal_set signals = own_triggers(policy);

	if (signal_set_empty(&signals) && is_own(policy, &policy->objective.ref))
		signal_set_add(&signals, policy->objective.ref.signal);
	return signals;
}

bool policy_names_instance(const struct policy *policy, struct scope *ret_scope)
{
	const struct signal_set discoverers = policy_discoverers(policy);
	struct scope pattern = { .kind = policy->scope };

	memcpy(pattern.name, policy->scope_match, sizeof(pattern.name));
	return signal_set_empty(&discoverers) && scope_pattern_is_exact(&pattern, ret_scope);
}

bool policy_allowed(const struct analyzer *analyzer, const struct policy *policy)
{
	uint32_t only = analyzer->options.only.kind;

	return only == SCOPE_KIND_COUNT || only == policy->scope;
}

static bool scope_allowed(const struct analyzer *analyzer, const struct policy *policy,
			  const struct scope *scope)
{
	struct scope pattern = { .kind = policy->scope };

	memcpy(pattern.name, policy->scope_match, sizeof(pattern.name));
	return scope_matches(scope, &pattern) && (analyzer->options.only.kind == SCOPE_KIND_COUNT ||
						  scope_matches(scope, &analyzer->options.only));
}

static uint32_t slot_of(uint32_t policy, const struct scope *scope)
{
	return (scope_hash(scope) + policy * 31) % TARGET_SLOTS;
}

static void index_add(struct target_index *index, const struct target *targets, size_t i)
{
	const uint32_t slot = slot_of(targets[i].policy, &targets[i].scope);

	index->next[i] = index->first[slot];
	index->first[slot] = (uint16_t)(i + 1);
}

static void index_all(struct analyzer *analyzer)
{
	memset(analyzer->index.first, 0, sizeof(analyzer->index.first));
	for (size_t i = ANALYZER_TARGETS_MAX; i-- > 0;)
		if (analyzer->targets[i].used)
			index_add(&analyzer->index, analyzer->targets, i);
}

static struct target *target_find(struct analyzer *analyzer, uint32_t policy,
				  const struct scope *scope)
{
	const struct target_index *index = &analyzer->index;

	for (uint32_t i = index->first[slot_of(policy, scope)]; i; i = index->next[i - 1]) {
		struct target *target = &analyzer->targets[i - 1];

		if (target->policy == policy && scope_equal(&target->scope, scope))
			return target;
	}
	return NULL;
}

/* A new instance; `*place` is where to look for room from, and where to go on the next time. */
static void target_make(struct analyzer *analyzer, uint32_t policy, const struct scope *scope,
			uint64_t now_ns, size_t *place)
{
	struct target *target;

	while (*place < ANALYZER_TARGETS_MAX && analyzer->targets[*place].used)
		++*place;
	if (*place == ANALYZER_TARGETS_MAX) {
		analyzer->n_dropped++;
		return;
	}
	target = &analyzer->targets[*place];
	memset(target, 0, sizeof(*target));
	target->used = true;
	target->policy = policy;
	target->scope = *scope;
	target->seen_ns = now_ns;
	index_add(&analyzer->index, analyzer->targets, *place);
}

static void target_see(struct analyzer *analyzer, uint32_t index, const struct scope *scope,
		       uint64_t now_ns, size_t *place)
{
	struct target *target = target_find(analyzer, index, scope);

	if (target)
		target->seen_ns = now_ns;
	else if (scope_allowed(analyzer, &analyzer->options.policies[index], scope))
		target_make(analyzer, index, scope, now_ns, place);
}

static void discover(struct analyzer *analyzer, const struct frame *frame,
		     const struct signal_set *present, uint32_t index, size_t *place)
{
	const struct signal_set *discoverers = &analyzer->discoverers[index];
	const struct policy *policy = &analyzer->options.policies[index];
	struct scope named;

	if (policy_names_instance(policy, &named)) {
		target_see(analyzer, index, &named, frame->time_ns, place);
		return;
	}
	if (!signal_set_meets(discoverers, present))
		return;
	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		if (series->scope.kind == policy->scope && series->signal < SIGNAL_ID_COUNT &&
		    signal_set_has(discoverers, series->signal))
			target_see(analyzer, index, &series->scope, frame->time_ns, place);
	}
}

/* Nobody could see it: its source was left out, for up to 16 s. */
static bool is_hidden(const struct analyzer *analyzer, const struct target *target,
		      const struct frame *frame)
{
	return signal_set_meets(&analyzer->discoverers[target->policy], &frame->skipped);
}

/* Policies that no series of this frame is about are not gone through the frame for. */
static void discover_all(struct analyzer *analyzer, const struct frame *frame)
{
	struct signal_set present = { 0 };
	size_t place = 0;

	for (size_t i = 0; i < frame->n_series; i++)
		if (frame->series[i].signal < SIGNAL_ID_COUNT)
			signal_set_add(&present, frame->series[i].signal);
	index_all(analyzer);
	for (uint32_t i = 0; i < analyzer->options.n_policies; i++)
		if (policy_allowed(analyzer, &analyzer->options.policies[i]))
			discover(analyzer, frame, &present, i, &place);
}

uint64_t pin_until(const struct analyzer *analyzer, const char *knob, const struct scope *scope)
{
	for (size_t i = 0; i < ANALYZER_PINS_MAX; i++) {
		const struct pin *pin = &analyzer->pins[i];

		if (pin->used && pin->until_ns > analyzer->now_ns && !strcmp(pin->knob, knob) &&
		    scope_matches(scope, &pin->scope))
			return pin->until_ns;
	}
	return 0;
}

static enum target_state target_judge(const struct analyzer *analyzer, const struct target *target)
{
	const struct policy *policy = &analyzer->options.policies[target->policy];

	if (target->on_trial)
		return TARGET_ON_TRIAL;
	if (analyzer->frozen)
		return TARGET_FROZEN;
	if (pin_until(analyzer, policy->knob, &target->scope))
		return TARGET_PINNED;
	if (target->cooldown_until_ns)
		return TARGET_COOLDOWN;
	if (target->when == TRUTH_BLIND)
		return TARGET_BLIND;
	return target->when == TRUTH_TRUE ? TARGET_HOLDING : TARGET_WATCHING;
}

static void target_update(struct analyzer *analyzer, struct target *target,
			  const struct frame *frame)
{
	const struct policy *policy = &analyzer->options.policies[target->policy];
	struct evidence ignored[TRIAL_EVIDENCE_MAX];
	uint32_t n_ignored;

	if (target->cooldown_until_ns && target->cooldown_until_ns <= frame->time_ns)
		target->cooldown_until_ns = 0;
	if (frame->interval_ns && !condition_skipped(&policy->when, frame))
		target->when =
			condition_evaluate(&policy->when, &analyzer->recents, frame, &target->scope,
					   target->evidence, &target->n_evidence);
	if (frame->interval_ns && !condition_skipped(&policy->until, frame)) {
		target->until = condition_evaluate(&policy->until, &analyzer->recents, frame,
						   &target->scope, ignored, &n_ignored);
	}
	target->state = target_judge(analyzer, target);
	/* What happens in a trial, a cooldown or a pause does not count towards the next opportunity. */
	if (target->state != TARGET_HOLDING)
		target->hold_since_ns = 0;
	else if (target->hold_since_ns == 0)
		target->hold_since_ns = frame->time_ns;
}

void targets_update(struct analyzer *analyzer, const struct frame *frame)
{
	analyzer->n_dropped = 0;
	discover_all(analyzer, frame);
	for (size_t i = 0; i < ANALYZER_TARGETS_MAX; i++) {
		struct target *target = &analyzer->targets[i];

		if (!target->used)
			continue;
		target_update(analyzer, target, frame);
		if (is_hidden(analyzer, target, frame))
			target->seen_ns = frame->time_ns;
		if (target->seen_ns + TARGET_KEEP_NS < frame->time_ns && !target->on_trial &&
		    !target->cooldown_until_ns)
			target->used = false;
	}
}
