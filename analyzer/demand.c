// SPDX-License-Identifier: Apache-2.0
/* Which signals the policies need: those of `when` always, the others only while a trial runs. */
#include <string.h>

#include "analyzer/state.h"
#include "base/scope.h"

struct demand_list {
	const struct analyzer *analyzer;
	struct demand *demands;
	size_t n;
	uint32_t on_trial; /* of what is added */
};

/* `pattern`: of the instances that the policy is about. */
static void demand_add(struct demand_list *list, const struct signal_ref *ref,
		       const struct scope *pattern)
{
	const uint32_t signal = ref->signal;
	struct demand demand = { .signal = signal,
				 .on_trial = list->on_trial,
				 .scope = { .kind = ref->kind } };

	if (ref->kind != SCOPE_HOST && ref->instance[0]) {
		memcpy(demand.scope.name, ref->instance, sizeof(ref->instance));
		demand.scope = scope_pattern_of(&demand.scope);
	} else if (ref->kind != SCOPE_HOST) {
		demand.scope = *pattern;
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->demands[i].signal == signal &&
		    (scope_equal(&list->demands[i].scope, &demand.scope) ||
		     (list->demands[i].scope.kind == demand.scope.kind &&
		      !list->demands[i].scope.name[0]))) {
			list->demands[i].on_trial |= demand.on_trial;
			return;
		}
	if (list->n < DEMANDS_MAX)
		list->demands[list->n++] = demand;
}

static void demand_condition(struct demand_list *list, const struct condition *condition,
			     const struct scope *scope)
{
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op < CONDITION_AND)
			demand_add(list, &condition->nodes[i].ref, scope);
}

/* Only series of the objective say which instances there are. */
static bool objective_discovers(const struct policy *policy)
{
	const struct signal_set signals = policy_discoverers(policy);

	return signal_set_has(&signals, policy->objective.ref.signal);
}

static void demand_watch(struct demand_list *list, const struct policy *policy)
{
	const struct scope *only = &list->analyzer->options.only;
	struct scope pattern = { .kind = policy->scope };

	memcpy(pattern.name, policy->scope_match, sizeof(pattern.name));
	if (only->kind != SCOPE_KIND_COUNT && only->name[0])
		pattern = *only;
	demand_condition(list, &policy->when, &pattern);
	if (objective_discovers(policy))
		demand_add(list, &policy->objective.ref, &pattern);
}

static void demand_trial(struct demand_list *list, const struct experiment *x)
{
	const struct scope pattern = scope_pattern_of(&x->trial.scope);

	demand_condition(list, &x->policy->until, &pattern);
	demand_add(list, &x->policy->objective.ref, &pattern);
	for (uint32_t i = 0; i < x->policy->n_guardrails; i++)
		demand_add(list, &x->policy->guardrails[i].ref, &pattern);
}

size_t analyzer_demands(const struct analyzer *analyzer, struct demand *ret_demands)
{
	struct demand_list list = { .analyzer = analyzer, .demands = ret_demands };

	for (size_t i = 0; i < analyzer->options.n_policies; i++)
		if (policy_allowed(analyzer, &analyzer->options.policies[i]))
			demand_watch(&list, &analyzer->options.policies[i]);
	list.on_trial = 1;
	for (size_t i = 0; i < TRIALS_MAX; i++)
		if (analyzer->experiments[i].used &&
		    analyzer->experiments[i].trial.phase != TRIAL_ENDED)
			demand_trial(&list, &analyzer->experiments[i]);
	return list.n;
}
