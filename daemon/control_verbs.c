// SPDX-License-Identifier: Apache-2.0
/* What each request to core answers. One table; requests that change something say so there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hist.h"
#include "base/scope.h"
#include "daemon/core.h"
#include "daemon/exit_code.h"

#define TARGETS_SHOWN_MAX 256
#define TRIALS_LISTED_DEFAULT 20
#define TRIALS_LISTED_MAX 10000

static json_t *processes_json(const struct core *core)
{
	const struct worker *worker = &core->worker;
	json_t *list = json_array();

	for (enum role role = 0; role < ROLE_COUNT; role++) {
		bool alive = role == ROLE_CORE || worker->peers[role] >= 0;
		unsigned int restarts = role == ROLE_CORE        ? worker->context->restarts
					: worker->meetings[role] ? worker->meetings[role] - 1
								 : 0;

		if (worker->pids[role] > 0)
			json_array_append_new(list,
					      json_pack("{ss si sb si}", "name", role_word(role),
							"pid", (int)worker->pids[role], "alive",
							alive, "restarts", (int)restarts));
	}
	return list;
}

static json_t *policies_json(const struct core *core)
{
	const struct policy_set *set = core->options->policies;
	json_t *list = json_array();

	for (size_t i = 0; i < set->n_policies; i++) {
		const struct policy *p = &set->policies[i];

		json_array_append_new(list, json_pack("{ss ss ss ss}", "name", p->name, "file",
						      p->file, "knob", p->knob, "about", p->about));
	}
	return list;
}

static json_t *targets_json(const struct core *core)
{
	struct target_view *targets = calloc(TARGETS_SHOWN_MAX, sizeof(*targets));
	json_t *list = json_array();
	size_t n;

	if (!targets)
		return list;
	n = analyzer_targets(core->analyzer, targets, TARGETS_SHOWN_MAX);
	for (size_t i = 0; i < n && i < TARGETS_SHOWN_MAX; i++)
		json_array_append_new(list, json_target(&targets[i], &core->json));
	free(targets);
	return list;
}

/* The objective in the last frame alone; NAN without one. */
static double objective_now(const struct core *core, const struct trial *trial)
{
	static const double quantiles[STAT_COUNT] = {
		[STAT_P50] = 0.5, [STAT_P90] = 0.9, [STAT_P99] = 0.99
	};
	const struct signal_ref *ref =
		&core->options->policies->policies[trial->policy].objective.ref;

	for (size_t i = 0; i < core->frame.n_series; i++) {
		const struct series *series = &core->frame.series[i];

		if (series->signal != ref->signal || !(series->flags & SERIES_VALID) ||
		    (ref->instance[0] ? strcmp(series->scope.name, ref->instance) != 0
				      : series->scope.kind != SCOPE_HOST &&
						!scope_equal(&series->scope, &trial->scope)))
			continue;
		if (ref->stat == STAT_RATE)
			return (series->hist ? (double)series->hist->count : series->value) *
			       NSEC_PER_SEC /
			       (double)series_covers_ns(series, core->frame.interval_ns);
		if (!series->hist)
			return series->value;
		return ref->stat == STAT_MEAN ? hist_mean(series->hist)
					      : hist_quantile(series->hist, quantiles[ref->stat]);
	}
	return NAN;
}

static json_t *running_json(const struct core *core)
{
	json_t *list = json_array();

	for (uint32_t slot = 0; slot < TRIALS_MAX; slot++) {
		const struct trial *trial = analyzer_trial(core->analyzer, slot);
		double now;
		json_t *row;

		if (!trial || trial->phase == TRIAL_ENDED)
			continue;
		now = objective_now(core, trial);
		row = json_trial(trial, &core->json, JSON_SUMMARY);
		json_object_set_new(row, "now", isfinite(now) ? json_real(now) : json_null());
		json_array_append_new(list, row);
	}
	return list;
}

json_t *control_tick_json(const struct core *core)
{
	return json_pack("{sf so so}", "time", (double)clock_wall_ns() / NSEC_PER_SEC, "targets",
			 targets_json(core), "trials", running_json(core));
}

static json_t *kept_json(const struct core *core)
{
	json_t *list = json_array();
	char scope[SCOPE_TEXT_MAX];

	for (size_t i = 0; i < core->n_kept; i++) {
		const struct change *c = &core->kept[i];

		json_array_append_new(list, json_pack("{sI sI ss ss ss ss}", "trial",
						      (json_int_t)c->trial, "txn",
						      (json_int_t)c->txn, "knob", c->knob, "scope",
						      scope_format(&c->scope, scope, sizeof(scope)),
						      "old", c->old_value, "new", c->new_value));
	}
	return list;
}

static json_t *sources_json(const struct core *core)
{
	json_t *list = json_array();

	for (size_t i = 0; i < core->n_sources; i++)
		json_array_append_new(list, json_source(&core->sources[i]));
	return list;
}

static json_t *warnings_json(const struct core *core)
{
	const struct worker *worker = &core->worker;
	json_t *list = json_array();

	if (core->history_note[0])
		json_array_append_new(list, json_string(core->history_note));
	if (worker->peers[ROLE_OBSERVER] < 0)
		json_array_append_new(list,
				      json_string("the observer is not there: nothing is seen"));
	if (core->observer_late)
		json_array_append_new(
			list, json_sprintf("the observer has sent nothing for %.1f s: nothing is "
					   "seen; if it hangs in a read, another one takes its "
					   "place without that source",
					   (double)(clock_now_ns() - core->heard_ns) /
						   (double)NSEC_PER_SEC));
	if (core->budget.state != BUDGET_WITHIN)
		json_array_append_new(list, json_sprintf("flyball takes %.3f %% of the machine, "
							 "its budget is %.3f %%%s%s",
							 100 * core->budget.total_ratio,
							 100 * core->budget.limit_ratio,
							 core->budget.text[0] ? ": " : "",
							 core->budget.text));
	if (worker->peers[ROLE_ACTUATOR] < 0 && core->options->mode == ANALYZER_AUTONOMOUS)
		json_array_append_new(list,
				      json_string(
					      "the actuator is not there: nothing can be changed"));
	for (size_t i = 0; i < core->n_sources; i++)
		if (core->sources[i].state == SOURCE_DEGRADED ||
		    core->sources[i].state == SOURCE_UNAVAILABLE)
			json_array_append_new(list, json_sprintf("source %s: %s; %s",
								 core->sources[i].name,
								 core->sources[i].text,
								 core->sources[i].remedy));
	return list;
}

static void verb_status(struct core *core, struct control_client *client, json_t *args)
{
	const struct scope *only = &core->options->only;
	char scope[SCOPE_TEXT_MAX];
	json_t *data;

	(void)args;
	data = json_pack("{si ss si ss sI sb so so so so so so so so so so}", "schema", 1,
			 "version", FLYBALL_VERSION, "pid", (int)getppid(), "mode",
			 core->options->mode == ANALYZER_AUTONOMOUS ? "autonomous" : "recommend",
			 "uptime_ns", (json_int_t)(clock_now_ns() - core->started_ns), "frozen",
			 core->frozen, "processes", processes_json(core), "policies",
			 policies_json(core), "targets", targets_json(core), "trials",
			 running_json(core), "kept", kept_json(core), "plan",
			 json_deep_copy(core->plan), "sources", sources_json(core), "warnings",
			 warnings_json(core), "pinned", core_pins_json(core), "hands",
			 core_hands_json(core));
	json_object_set_new(data, "budget", json_budget(&core->budget));
	json_object_set_new(data, "only",
			    only->kind == SCOPE_KIND_COUNT
				    ? json_null()
				    : json_string(scope_format(only, scope, sizeof(scope))));
	control_reply(client, EXIT_CODE_OK, NULL, data);
}

static void verb_trials(struct core *core, struct control_client *client, json_t *args)
{
	json_int_t limit = json_integer_value(json_object_get(args, "limit"));
	json_t *trials;

	if (limit <= 0)
		limit = TRIALS_LISTED_DEFAULT;
	if (limit > TRIALS_LISTED_MAX)
		limit = TRIALS_LISTED_MAX;
	trials = core->history ? history_list(core->history, (uint32_t)limit) : running_json(core);
	control_reply(client, EXIT_CODE_OK, NULL,
		      json_pack("{si so}", "schema", 1, "trials", trials));
}

static uint64_t last_trial(struct core *core)
{
	json_t *list = core->history ? history_list(core->history, 1) : NULL;
	uint64_t id = (uint64_t)json_integer_value(json_object_get(json_array_get(list, 0), "id"));

	json_decref(list);
	return id;
}

/* {"id": 7}, {"id": "7"}, {"id": "last"}, {"id": "all"} (0). False when there is no such word. */
static bool parse_id(struct core *core, json_t *args, uint64_t *ret_id, bool *ret_all)
{
	const json_t *value = json_object_get(args, "id");
	const char *text = json_string_value(value);
	char *end;

	*ret_all = text && !strcmp(text, "all");
	if (json_is_integer(value)) {
		*ret_id = (uint64_t)json_integer_value(value);
		return *ret_id > 0;
	}
	if (!text || *ret_all)
		return *ret_all;
	if (!strcmp(text, "last")) {
		*ret_id = last_trial(core);
		return *ret_id > 0;
	}
	*ret_id = strtoull(text, &end, 10);
	return *ret_id > 0 && !*end;
}

static const struct trial *running_trial(const struct core *core, uint64_t id)
{
	for (uint32_t slot = 0; slot < TRIALS_MAX; slot++) {
		const struct trial *trial = analyzer_trial(core->analyzer, slot);

		if (trial && trial->id == id)
			return trial;
	}
	return NULL;
}

static void verb_trial(struct core *core, struct control_client *client, json_t *args)
{
	json_t *trial = NULL;
	uint64_t id = 0;
	bool all;

	if (!parse_id(core, args, &id, &all) || all) {
		control_reply(client, EXIT_CODE_ERROR, "no such trial: 'flyball trials' lists them",
			      NULL);
		return;
	}
	if (core->history)
		trial = history_get(core->history, id);
	else if (running_trial(core, id))
		trial = json_trial(running_trial(core, id), &core->json, JSON_FULL);
	if (!trial)
		control_reply(client, EXIT_CODE_ERROR, "no such trial: 'flyball trials' lists them",
			      NULL);
	else
		control_reply(client, EXIT_CODE_OK, NULL,
			      json_pack("{si so}", "schema", 1, "trial", trial));
}

/* {"knob": NAME, "scope": TEXT}: changes by hand, and with `kept` also kept ones. False when it names no knob. */
static bool end_of_knob(struct core *core, struct control_client *client, json_t *args, bool kept)
{
	const char *knob = json_string_value(json_object_get(args, "knob"));
	const char *text = json_string_value(json_object_get(args, "scope"));
	struct scope scope;
	size_t n;

	if (!knob)
		return false;
	if (text && scope_parse(text, &scope) < 0) {
		control_reply(client, EXIT_CODE_ERROR, "no such scope", NULL);
		return true;
	}
	n = core_hand_undo(core, client, knob, text ? &scope : NULL);
	for (size_t i = core->n_kept; kept && i-- > 0;) {
		struct change change = core->kept[i];

		if (strcmp(change.knob, knob) || (text && !scope_equal(&change.scope, &scope)))
			continue;
		change.action = ACTION_UNDO;
		control_wait(client, change.txn);
		core_change(core, &change);
		n++;
	}
	if (n == 0)
		control_reply(client, EXIT_CODE_ERROR,
			      "nothing of that knob was changed: 'flyball status' shows what is",
			      NULL);
	return true;
}

static void verb_abort(struct core *core, struct control_client *client, json_t *args)
{
	uint64_t id = 0;
	bool all;

	if (end_of_knob(core, client, args, false))
		return;
	if (!parse_id(core, args, &id, &all) || (!all && !running_trial(core, id))) {
		control_reply(client, EXIT_CODE_ERROR,
			      "no such trial is running: 'flyball status' shows them", NULL);
		return;
	}
	for (size_t i = 0; i < CORE_CHANGES_MAX; i++) {
		const struct change *begin = &core->changes[i].begin;

		if (begin->txn && !(begin->flags & CHANGE_BY_HAND) && (all || begin->trial == id))
			control_wait(client, begin->txn);
	}
	if (all)
		core_hand_undo(core, client, NULL, NULL);
	core_abort(core, all ? 0 : id, REASON_OPERATOR);
	control_wait(client, 0);
}

static void verb_rollback(struct core *core, struct control_client *client, json_t *args)
{
	struct change kept[ACTUATOR_KEPT_MAX];
	size_t n = 0;
	uint64_t id = 0;
	bool all;

	if (end_of_knob(core, client, args, true))
		return;
	if (parse_id(core, args, &id, &all))
		for (size_t i = core->n_kept; i-- > 0;)
			if (all || core->kept[i].trial == id)
				kept[n++] = core->kept[i];
	if (n == 0 && !all) {
		control_reply(client, EXIT_CODE_ERROR,
			      "nothing of that trial is kept: 'flyball status' shows what is",
			      NULL);
		return;
	}
	for (size_t i = 0; i < n; i++)
		control_wait(client, kept[i].txn);
	for (size_t i = 0; i < n; i++) {
		kept[i].action = ACTION_UNDO;
		core_change(core, &kept[i]);
	}
	/* Outcomes come later, by the loop: with nothing to wait for it answers at once. */
	if (n == 0)
		control_wait(client, 0);
}

static void reply_done(struct control_client *client, const char *text)
{
	control_reply(client, EXIT_CODE_OK, NULL,
		      json_pack("{si s[s]}", "schema", 1, "done", text));
}

static void verb_freeze(struct core *core, struct control_client *client, json_t *args)
{
	(void)args;
	/* First the undo, then the ban: frozen, the actuator still undoes. */
	core_abort(core, 0, REASON_FROZEN);
	core_freeze(core, true);
	reply_done(client, "frozen: running trials are undone, none begins until 'flyball thaw'; "
			   "kept values stay");
}

static void verb_thaw(struct core *core, struct control_client *client, json_t *args)
{
	(void)args;
	core_freeze(core, false);
	reply_done(client, "thawed: policies may open trials again");
}

static void verb_overhead(struct core *core, struct control_client *client, json_t *args)
{
	double total;
	json_t *processes = usage_json(core, &total);

	(void)args;
	control_reply(client, EXIT_CODE_OK, NULL,
		      json_pack("{si sI so so so sf}", "schema", 1, "window_ns",
				(json_int_t)(clock_now_ns() - core->started_ns), "processes",
				processes, "sources", sources_json(core), "budget",
				json_budget(&core->budget), "total_ratio", total));
}

static void verb_follow(struct core *core, struct control_client *client, json_t *args)
{
	(void)args;
	control_follow(client);
	control_reply(client, EXIT_CODE_OK, NULL,
		      json_pack("{si so so}", "schema", 1, "targets", targets_json(core), "trials",
				running_json(core)));
}

static const struct {
	const char *name;
	bool changes; /* only for root */
	bool acts;    /* needs the actuator */
	void (*run)(struct core *core, struct control_client *client, json_t *args);
} verbs[] = {
	{ .name = "status", .run = verb_status },
	{ .name = "trials", .run = verb_trials },
	{ .name = "trial", .run = verb_trial },
	{ .name = "explain", .run = verb_trial },
	{ .name = "overhead", .run = verb_overhead },
	{ .name = "follow", .run = verb_follow },
	{ .name = "abort", .changes = true, .run = verb_abort },
	{ .name = "rollback", .changes = true, .acts = true, .run = verb_rollback },
	{ .name = "freeze", .changes = true, .run = verb_freeze },
	{ .name = "thaw", .changes = true, .run = verb_thaw },
	{ .name = "set", .changes = true, .acts = true, .run = control_verb_set },
	{ .name = "pin", .changes = true, .acts = true, .run = control_verb_pin },
	{ .name = "unpin", .changes = true, .acts = true, .run = control_verb_unpin },
	{ .name = "limits", .acts = true, .run = control_verb_limits },
};

void control_dispatch(struct core *core, struct control_client *client, const char *verb,
		      json_t *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, verb))
			continue;
		if (verbs[i].acts && core->options->mode != ANALYZER_AUTONOMOUS)
			control_reply(client, EXIT_CODE_REFUSED,
				      "this daemon only recommends and has no actuator: restart it "
				      "with '--mode "
				      "autonomous', also to undo what an earlier one kept",
				      NULL);
		else if (verbs[i].changes && !control_may_change(client))
			control_reply(client, EXIT_CODE_PERMISSION,
				      "only root may change what flyball does", NULL);
		else
			verbs[i].run(core, client, args);
		return;
	}
	control_reply(client, EXIT_CODE_USAGE, "the daemon does not know this verb", NULL);
}
