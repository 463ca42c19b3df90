// SPDX-License-Identifier: Apache-2.0
/* The plan of recommend mode: what would be tried, with the evidence and the command that does it by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "daemon/core.h"

static json_t *arms_json(const struct core *core, const struct trial *trial,
			 const struct policy *policy)
{
	const struct knob_row *row = knob_table_find(core->options->knobs, policy->knob);
	json_t *list = json_array();
	char command[512];

	for (uint32_t i = 0; row && i < trial->n_screened; i++) {
		const char *value = trial->screened[i].value;

		if (knob_command(core->worker.context->root, row, &trial->scope, value, command,
				 sizeof(command)) == 0)
			json_array_append_new(list, json_pack("{ss ss}", "value", value, "command",
							      command));
	}
	return list;
}

void plan_add(struct core *core, const struct trial *trial)
{
	const struct policy *policy = &core->options->policies->policies[trial->policy];
	const struct trial_params *params = &policy->trial;
	json_t *entry = json_trial(trial, &core->json, JSON_FULL);
	size_t i;

	json_object_set_new(entry, "about", json_string(policy->about));
	json_object_set_new(entry, "when", json_string(policy->when.text));
	json_object_set_new(entry, "arms", arms_json(core, trial, policy));
	json_object_set_new(entry, "trial",
			    json_pack("{sI sI si sf}", "window_ns", (json_int_t)params->window_ns,
				      "washout_ns", (json_int_t)params->washout_ns, "max_pairs",
				      (int)params->max_pairs, "error", params->error));
	for (i = 0; i < json_array_size(core->plan); i++) {
		const json_t *old = json_array_get(core->plan, i);

		if (json_equal(json_object_get(old, "policy"), json_object_get(entry, "policy")) &&
		    json_equal(json_object_get(old, "scope"), json_object_get(entry, "scope")))
			break;
	}
	if (i < json_array_size(core->plan))
		json_array_set_new(core->plan, i, entry);
	else
		json_array_append_new(core->plan, entry);
}

int plan_print(struct core *core)
{
	struct target_view *targets = calloc(POLICY_MAX, sizeof(*targets));
	_cleanup_free_ char *text = NULL;
	json_t *observed = json_array(), *sources = json_array(), *document;
	size_t n = targets ? analyzer_targets(core->analyzer, targets, POLICY_MAX) : 0;

	for (size_t i = 0; i < n && i < POLICY_MAX; i++)
		json_array_append_new(observed, json_target(&targets[i], &core->json));
	free(targets);
	for (size_t i = 0; i < core->n_sources; i++)
		json_array_append_new(sources, json_source(&core->sources[i]));
	/* Blind: something is demanded, and no frame has come of it. */
	document = json_pack("{si sI sO so so sb}", "schema", 1, "observed_ns",
			     (json_int_t)core->options->plan_ns, "plan", core->plan, "observed",
			     observed, "sources", sources, "blind",
			     core->n_demands > 0 && core->frame.time_ns == 0);
	text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	json_decref(document);
	if (!text)
		return -ENOMEM;
	return file_write_all(core->options->plan_fd, text, strlen(text));
}
