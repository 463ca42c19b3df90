// SPDX-License-Identifier: Apache-2.0
/* Rows of tables and what the actuator answers; trials and targets are in json_trial.c. */
#include "daemon/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/sysroot.h"
#include "base/words.h"
#include "daemon/json_internal.h"

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_time(uint64_t time_ns, int64_t wall_offset_ns)
{
	if (time_ns == 0 || time_ns == UINT64_MAX)
		return json_null();
	return json_real((double)((int64_t)time_ns + wall_offset_ns) / (double)NSEC_PER_SEC);
}

json_t *json_scope(const struct scope *scope)
{
	char text[SCOPE_TEXT_MAX];

	return json_string(scope_format(scope, text, sizeof(text)));
}

json_t *json_source(const struct source_status *source)
{
	json_t *losses = json_object();

	for (uint32_t i = 0; i < LOSS_COUNT; i++)
		json_object_set_new(losses, loss_word(i),
				    json_integer((json_int_t)source->losses[i]));
	return json_pack("{s:s, s:s, s:b, s:f, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}",
			 "name", source->name, "thinning", source_thinning_word(source->thinning),
			 "on_trial", (int)source->on_trial, "cpu_ratio", source->cpu_ratio,
			 "method", source->method, "state", source_state_word(source->state),
			 "text", source->text, "remedy", source->remedy, "samples",
			 (json_int_t)source->samples, "sample_ns", (json_int_t)source->sample_ns,
			 "bpf_runs", (json_int_t)source->bpf_runs, "bpf_run_ns",
			 (json_int_t)source->bpf_run_ns, "losses", losses);
}

json_t *json_budget(const struct budget_report *budget)
{
	return json_pack("{s:f, s:f, s:s, s:s}", "limit_ratio", budget->limit_ratio, "ratio",
			 budget->total_ratio, "state", budget_state_word(budget->state), "text",
			 budget->text);
}

json_t *json_signal_row(const struct signal_row *row)
{
	json_t *scopes = json_array();

	json_array_append_new(scopes, json_string(scope_kind_word(row->scope)));
	for (uint32_t kind = 0; kind < SCOPE_KIND_COUNT; kind++)
		if (kind != row->scope && signal_has_scope(row, kind))
			json_array_append_new(scopes, json_string(scope_kind_word(kind)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "name", row->name, "kind",
			 signal_kind_word(row->kind), "unit", unit_word(row->unit), "scope",
			 scope_kind_word(row->scope), "scopes", scopes, "source", row->source,
			 "about", row->about);
}

json_t *json_knob(const struct knob_found *found)
{
	const struct knob_reading *reading = &found->reading;
	const struct knob_row *row = found->row;
	json_t *knob, *choices;

	knob = json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:s, s:s}",
			 "name", row->name, "family", knob_family_word(row->family), "scope",
			 json_scope(&reading->scope), "value", reading->value, "type",
			 knob_type_word(row->type), "unit", unit_word(row->unit), "writable",
			 (reading->flags & KNOB_WRITABLE) != 0, "gone",
			 (reading->flags & KNOB_GONE) != 0, "hidden",
			 (reading->flags & KNOB_HIDDEN) != 0, "owner", reading->owner, "reason",
			 reading->reason, "about", row->about, "command", found->command);
	if (!knob)
		return NULL;
	if (row->type == KNOB_INTEGER || row->type == KNOB_LIMIT) {
		json_object_set_new(knob, "unit_scale", json_integer(row->unit_scale));
		json_object_set_new(knob, "min", json_integer(row->min));
		json_object_set_new(knob, "max", json_integer(row->max));
		return knob;
	}
	if (row->type == KNOB_TEXT)
		return knob;
	if (row->type == KNOB_LIST) {
		json_object_set_new(knob, "within", json_string(reading->within));
		return knob;
	}
	choices = json_array();
	for (uint32_t i = 0; i < reading->n_choices && i < KNOB_CHOICES_MAX; i++)
		json_array_append_new(choices, json_string(reading->choices[i]));
	json_object_set_new(knob, "choices", choices);
	return knob;
}

json_t *json_outcome(const struct outcome *outcome, const struct change *change, uint64_t frame_ns)
{
	return json_pack("{s:I, s:o, s:s, s:s, s:i, s:b, s:s, s:s, s:I, s:o, s:o, s:o}", "txn",
			 (json_int_t)outcome->txn, "trial",
			 change ? json_integer((json_int_t)change->trial) : json_null(), "action",
			 action_word(outcome->action), "status",
			 outcome_status_word(outcome->status), "error", outcome->error, "unasked",
			 outcome->unasked != 0, "value", outcome->value, "text", outcome->text,
			 "took_ns", (json_int_t)outcome->took_ns, "after_frame_ns",
			 frame_ns && outcome->time_ns >= frame_ns
				 ? json_integer((json_int_t)(outcome->time_ns - frame_ns))
				 : json_null(),
			 "knob", change ? json_string(change->knob) : json_null(), "scope",
			 change ? json_scope(&change->scope) : json_null());
}
