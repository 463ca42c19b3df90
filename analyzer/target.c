// SPDX-License-Identifier: Apache-2.0
/*
 * Instances of policies. `state` says why an instance has no trial:
 *
 *     WATCHING ──when──► HOLDING ──for_ns──► (opened by analyzer.c) ON_TRIAL ──verdict──► COOLDOWN ──► WATCHING
 *         └─no value─► BLIND                        or WAITING, PINNED, FROZEN
 *
 * `when` must hold at every tick: one tick without it, or without a value, starts the time anew.
 */
#include "analyzer/state.h"

#include <string.h>

#include "analyzer/window.h"
#include "base/scope.h"

/* An instance that no frame had for so long makes room, when nothing is remembered for it. */
#define TARGET_KEEP_NS 5000000000ull

/* The reference is to a signal that instances of the policy have of their own, and can be known by. */
static bool is_own(const struct analyzer *analyzer, const struct policy *policy,
		   const struct signal_ref *ref)
{
	return signal_ref_is_own(ref, analyzer->options.catalogue->signals, policy->scope);
}

/* Some comparison of `when` is on such a signal; on `signal`, unless that is SIGNAL_ID_COUNT. */
static bool has_own_trigger(const struct analyzer *analyzer, const struct policy *policy,
			    uint32_t signal)
{
	for (uint32_t i = 0; i < policy->when.n_nodes; i++) {
		const struct condition_node *node = &policy->when.nodes[i];

		if (node->op < CONDITION_AND && is_own(analyzer, policy, &node->ref) &&
		    (signal == SIGNAL_ID_COUNT || node->ref.signal == signal))
			return true;
	}
	return false;
}

bool policy_discovers(const struct analyzer *analyzer, const struct policy *policy, uint32_t signal)
{
	if (has_own_trigger(analyzer, policy, SIGNAL_ID_COUNT))
		return has_own_trigger(analyzer, policy, signal);
	return policy->objective.ref.signal == signal &&
	       is_own(analyzer, policy, &policy->objective.ref);
}

bool policy_names_instance(const struct analyzer *analyzer, const struct policy *policy,
			   struct scope *ret_scope)
{
	struct scope pattern = { .kind = policy->scope };

	memcpy(pattern.name, policy->scope_match, sizeof(pattern.name));
	return !has_own_trigger(analyzer, policy, SIGNAL_ID_COUNT) &&
	       !is_own(analyzer, policy, &policy->objective.ref) &&
	       scope_pattern_is_exact(&pattern, ret_scope);
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

static void target_see(struct analyzer *analyzer, uint32_t policy, const struct scope *scope,
		       uint64_t now_ns)
{
	struct target *free_one = NULL;

	for (size_t i = 0; i < ANALYZER_TARGETS_MAX; i++) {
		struct target *target = &analyzer->targets[i];

		if (!target->used) {
			free_one = free_one ? free_one : target;
		} else if (target->policy == policy && scope_equal(&target->scope, scope)) {
			target->seen_ns = now_ns;
			return;
		}
	}
	if (!free_one) {
		analyzer->n_dropped++;
		return;
	}
	memset(free_one, 0, sizeof(*free_one));
	free_one->used = true;
	free_one->policy = policy;
	free_one->scope = *scope;
	free_one->seen_ns = now_ns;
}

static void discover(struct analyzer *analyzer, const struct frame *frame, uint32_t index)
{
	const struct policy *policy = &analyzer->options.policies[index];
	bool triggers[SIGNAL_ID_COUNT];
	struct scope named;

	if (policy_names_instance(analyzer, policy, &named) &&
	    scope_allowed(analyzer, policy, &named)) {
		target_see(analyzer, index, &named, frame->time_ns);
		return;
	}
	for (uint32_t signal = 0; signal < SIGNAL_ID_COUNT; signal++)
		triggers[signal] = policy_discovers(analyzer, policy, signal);
	for (size_t i = 0; i < frame->n_series; i++) {
		const struct series *series = &frame->series[i];

		if (series->signal < SIGNAL_ID_COUNT && triggers[series->signal] &&
		    scope_allowed(analyzer, policy, &series->scope))
			target_see(analyzer, index, &series->scope, frame->time_ns);
	}
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
	if (frame->interval_ns) {
		target->when =
			condition_evaluate(&policy->when, &analyzer->recents, frame, &target->scope,
					   target->evidence, &target->n_evidence);
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
	for (uint32_t i = 0; i < analyzer->options.n_policies; i++)
		if (policy_allowed(analyzer, &analyzer->options.policies[i]))
			discover(analyzer, frame, i);
	for (size_t i = 0; i < ANALYZER_TARGETS_MAX; i++) {
		struct target *target = &analyzer->targets[i];

		if (!target->used)
			continue;
		target_update(analyzer, target, frame);
		if (target->seen_ns + TARGET_KEEP_NS < frame->time_ns && !target->on_trial &&
		    !target->cooldown_until_ns)
			target->used = false;
	}
}
