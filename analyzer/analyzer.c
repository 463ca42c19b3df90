// SPDX-License-Identifier: Apache-2.0
/*
 * The facade: every call first frees the slots whose verdict was told by the call before, then steps targets and
 * trials, then settles those that ended: cooldown, and a pin where somebody else wrote the knob.
 */
#include "analyzer/analyzer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "analyzer/state.h"
#include "base/scope.h"

/* What a slot tells in one call: opportunity, screened or pair, chosen, verdict; an abort adds one. */
#define SLOT_EVENTS_MAX 6
_Static_assert(TRIALS_MAX *SLOT_EVENTS_MAX <= DECISIONS_EVENTS_MAX, "no event is lost");

size_t analyzer_size(void)
{
	return sizeof(struct analyzer);
}

static bool ref_valid(const struct catalogue *catalogue, const struct signal_ref *ref)
{
	return ref->signal < SIGNAL_ID_COUNT && ref->stat < STAT_COUNT &&
	       signal_has_scope(&catalogue->signals[ref->signal], ref->kind);
}

static bool refs_valid(const struct catalogue *catalogue, const struct condition *condition)
{
	if (condition->n_nodes > POLICY_NODES_MAX)
		return false;
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op >= CONDITION_OP_COUNT ||
		    (condition->nodes[i].op < CONDITION_AND &&
		     !ref_valid(catalogue, &condition->nodes[i].ref)))
			return false;
	return true;
}

static bool policy_valid(const struct catalogue *catalogue, const struct policy *policy)
{
	const struct trial_params *params = &policy->trial;

	if (!refs_valid(catalogue, &policy->when) || !refs_valid(catalogue, &policy->until) ||
	    policy->n_arms > POLICY_ARMS_MAX || policy->n_guardrails > POLICY_GUARDRAILS_MAX ||
	    !ref_valid(catalogue, &policy->objective.ref))
		return false;
	for (uint32_t i = 0; i < policy->n_guardrails; i++)
		if (!ref_valid(catalogue, &policy->guardrails[i].ref))
			return false;
	return params->window_ns > 0 && params->max_pairs > 0 &&
	       params->max_pairs <= TRIAL_PAIRS_MAX && params->error > 0 && params->error < 1 &&
	       policy->objective.min_effect >= 0 &&
	       (policy->objective.direction == OBJECTIVE_MAXIMIZE ||
		policy->objective.min_effect < 1);
}

static void want(struct analyzer *analyzer, const struct condition *condition)
{
	for (uint32_t i = 0; i < condition->n_nodes; i++)
		if (condition->nodes[i].op < CONDITION_AND)
			analyzer->wanted[condition->nodes[i].ref.signal] = true;
}

int analyzer_init(struct analyzer *analyzer, const struct analyzer_options *options)
{
	if (options->n_policies > POLICY_MAX || options->next_trial == 0 || !options->catalogue ||
	    options->mode > ANALYZER_AUTONOMOUS || options->only.kind > SCOPE_KIND_COUNT)
		return -EINVAL;
	for (size_t i = 0; i < options->n_policies; i++)
		if (!policy_valid(options->catalogue, &options->policies[i]))
			return -EINVAL;
	memset(analyzer, 0, sizeof(*analyzer));
	analyzer->options = *options;
	analyzer->next_trial = options->next_trial;
	rng_init(&analyzer->rng, options->seed);
	for (size_t i = 0; i < options->n_policies; i++) {
		want(analyzer, &options->policies[i].when);
		want(analyzer, &options->policies[i].until);
		analyzer->discoverers[i] = policy_discoverers(&options->policies[i]);
	}
	for (uint32_t i = 0; i < TRIALS_MAX; i++)
		analyzer->experiments[i].slot = i;
	return 0;
}

/* Begins a call: empties `ret`, frees what ended before, sends what found no room before. */
static struct step_context call_begin(struct analyzer *analyzer, uint64_t now_ns,
				      struct decisions *ret)
{
	struct step_context context = {
		.mode = analyzer->options.mode,
		.catalogue = analyzer->options.catalogue,
		.rng = &analyzer->rng,
		.now_ns = now_ns,
		.decisions = ret,
	};

	analyzer->now_ns = now_ns;
	ret->n_proposals = 0;
	ret->n_events = 0;
	for (size_t i = 0; i < TRIALS_MAX; i++) {
		struct experiment *x = &analyzer->experiments[i];

		if (x->used && x->trial.phase == TRIAL_ENDED)
			x->used = false;
		else if (x->used)
			experiment_flush(x, &context);
	}
	return context;
}

static void call_end(struct analyzer *analyzer)
{
	for (size_t i = 0; i < TRIALS_MAX; i++) {
		struct experiment *x = &analyzer->experiments[i];
		struct target *target = &analyzer->targets[x->target];

		if (!x->used || x->trial.phase != TRIAL_ENDED || !target->on_trial)
			continue;
		target->on_trial = false;
		target->hold_since_ns = 0;
		target->cooldown_until_ns = analyzer->now_ns + x->policy->trial.cooldown_ns;
		target->state = TARGET_COOLDOWN;
		if (x->trial.reason == REASON_FOREIGN)
			analyzer_pin(analyzer, x->policy->knob, &x->trial.scope, UINT64_MAX);
	}
}

/* Knobs of memory and of the scheduler influence the whole machine, others their own scope. */
static bool is_interfering(const struct policy *a, const struct scope *a_scope,
			   const struct experiment *x)
{
	if (a->knob_domain != x->policy->knob_domain)
		return false;
	return knob_scopes_interfere(a->knob_domain, a_scope, &x->trial.scope) ||
	       scope_overlaps(a_scope, &x->trial.scope);
}

static struct experiment *slot_find(struct analyzer *analyzer, const struct target *target)
{
	const struct policy *policy = &analyzer->options.policies[target->policy];
	struct experiment *found = NULL;

	for (size_t i = 0; i < TRIALS_MAX; i++) {
		struct experiment *x = &analyzer->experiments[i];

		if (!x->used)
			found = found ? found : x;
		else if (x->trial.phase != TRIAL_ENDED && is_interfering(policy, &target->scope, x))
			return NULL;
	}
	return found;
}

static void open_trials(struct analyzer *analyzer, const struct step_context *context)
{
	for (uint32_t i = 0; i < ANALYZER_TARGETS_MAX; i++) {
		struct target *target = &analyzer->targets[i];
		const struct policy *policy;
		struct experiment *x;
		struct scope named;

		if (!target->used || target->state != TARGET_HOLDING)
			continue;
		policy = &analyzer->options.policies[target->policy];
		if (context->now_ns - target->hold_since_ns < policy->when.for_ns)
			continue;
		x = slot_find(analyzer, target);
		if (!x) {
			target->state = TARGET_WAITING;
			continue;
		}
		x->target = i;
		target->on_trial = true;
		target->state = TARGET_ON_TRIAL;
		experiment_open(x, context, analyzer->next_trial++, policy, target->policy,
				&target->scope, target->evidence, target->n_evidence);
		x->target = i;
		x->named = policy_names_instance(policy, &named);
	}
}

void analyzer_tick(struct analyzer *analyzer, struct frame *frame, struct decisions *ret)
{
	struct step_context context = call_begin(analyzer, frame->time_ns, ret);

	frame_index(frame);
	if (frame->interval_ns)
		recents_add(&analyzer->recents, frame, analyzer->wanted);
	targets_update(analyzer, frame);
	for (size_t i = 0; i < TRIALS_MAX; i++) {
		struct experiment *x = &analyzer->experiments[i];
		const struct target *target = &analyzer->targets[x->target];

		if (x->used)
			experiment_tick(x, &context, frame, target->when, target->until);
	}
	open_trials(analyzer, &context);
	call_end(analyzer);
}

void analyzer_reading(struct analyzer *analyzer, uint32_t slot, const struct knob_reading *reading,
		      uint64_t now_ns, struct decisions *ret)
{
	struct step_context context = call_begin(analyzer, now_ns, ret);

	if (slot < TRIALS_MAX && analyzer->experiments[slot].used &&
	    scope_equal(&analyzer->experiments[slot].trial.scope, &reading->scope) &&
	    !strcmp(analyzer->experiments[slot].policy->knob, reading->knob))
		experiment_reading(&analyzer->experiments[slot], &context, reading);
	call_end(analyzer);
}

void analyzer_outcome(struct analyzer *analyzer, const struct outcome *outcome, uint64_t now_ns,
		      struct decisions *ret)
{
	struct step_context context = call_begin(analyzer, now_ns, ret);

	for (size_t i = 0; i < TRIALS_MAX; i++)
		if (analyzer->experiments[i].used &&
		    experiment_outcome(&analyzer->experiments[i], &context, outcome))
			break;
	call_end(analyzer);
}

static const char *abort_text(enum reason reason)
{
	switch (reason) {
	case REASON_OPERATOR:
		return "ended by the operator";
	case REASON_FROZEN:
		return "changes are frozen";
	case REASON_PEER:
		return "the observer or the actuator died";
	default:
		return "ended from outside";
	}
}

size_t analyzer_abort(struct analyzer *analyzer, uint64_t id, enum reason reason, uint64_t now_ns,
		      struct decisions *ret)
{
	struct step_context context = call_begin(analyzer, now_ns, ret);
	size_t n = 0;

	for (size_t i = 0; i < TRIALS_MAX; i++) {
		struct experiment *x = &analyzer->experiments[i];

		if (!x->used || (id && x->trial.id != id))
			continue;
		experiment_abort(x, &context, reason, abort_text(reason));
		n++;
	}
	call_end(analyzer);
	return n;
}

void analyzer_freeze(struct analyzer *analyzer, uint32_t frozen)
{
	analyzer->frozen = frozen != 0;
}

void analyzer_pin(struct analyzer *analyzer, const char *knob, const struct scope *scope,
		  uint64_t until_ns)
{
	struct pin *place = &analyzer->pins[0];

	for (size_t i = 0; i < ANALYZER_PINS_MAX; i++) {
		struct pin *pin = &analyzer->pins[i];

		if (pin->used && pin->until_ns <= analyzer->now_ns)
			pin->used = false;
		if (pin->used && !strcmp(pin->knob, knob) && scope_equal(&pin->scope, scope)) {
			place = pin;
			break;
		}
		if (place->used && (!pin->used || pin->until_ns < place->until_ns))
			place = pin;
	}
	if (until_ns == 0 && (strcmp(place->knob, knob) != 0 || !scope_equal(&place->scope, scope)))
		return;
	memset(place, 0, sizeof(*place));
	place->used = until_ns != 0;
	memcpy(place->knob, knob, strnlen(knob, sizeof(place->knob) - 1));
	place->scope = *scope;
	place->until_ns = until_ns;
}

const struct trial *analyzer_trial(const struct analyzer *analyzer, uint32_t slot)
{
	if (slot >= TRIALS_MAX || !analyzer->experiments[slot].used)
		return NULL;
	return &analyzer->experiments[slot].trial;
}

size_t analyzer_targets(const struct analyzer *analyzer, struct target_view *ret_targets,
			size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < ANALYZER_TARGETS_MAX; i++) {
		const struct target *target = &analyzer->targets[i];
		struct target_view view;

		if (!target->used)
			continue;
		view = (struct target_view){
			.policy = target->policy,
			.state = target->state,
			.scope = target->scope,
			.n_evidence = target->n_evidence,
		};
		memcpy(view.evidence, target->evidence, sizeof(view.evidence));
		if (target->state == TARGET_COOLDOWN)
			view.until_ns = target->cooldown_until_ns;
		if (target->state == TARGET_PINNED)
			view.until_ns =
				pin_until(analyzer, analyzer->options.policies[target->policy].knob,
					  &target->scope);
		if (n < max)
			ret_targets[n] = view;
		n++;
	}
	return n;
}

size_t analyzer_dropped(const struct analyzer *analyzer)
{
	return analyzer->n_dropped + analyzer->recents.n_dropped;
}
