/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structs of include/ as JSON: one function a struct, used by the control socket, the history and `--json`
 * alike, so that a thing looks the same wherever it is shown. The caller owns what is returned; NULL when out
 * of memory. Times are nanoseconds, sizes bytes, ratios 0 to 1; NAN and infinities become null.
 */
#ifndef FLYBALL_DAEMON_JSON_H
#define FLYBALL_DAEMON_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "actuator/knobs.h"
#include "analyzer/analyzer.h"
#include "include/catalogue.h"
#include "include/knob.h"
#include "include/outcome.h"
#include "include/policy.h"
#include "include/source.h"
#include "include/trial.h"

/* What JSON of the analyzer's structs needs to name things. */
struct json_context {
	const struct catalogue *catalogue;
	const struct policy *policies;
	int64_t wall_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC, for `"…_at"` in seconds since 1970 */
};

enum json_detail {
	JSON_SUMMARY, /* one row of a list */
	JSON_FULL,    /* with evidence, readiness, screening, pairs, guardrails and histograms */
};

/*
 * A trial: {"id", "policy", "knob", "scope", "incumbent", "arm", "phase", "verdict", "reason", "reason_text",
 * "objective": {"signal", "unit", "direction", "min_effect"}, "n_pairs", "max_pairs", "before", "after" (medians of
 * the windows' objective), "effect": {"estimate", "low", "high"} (ratio by which the objective got better: 0.9 =
 * 90 % lower latency, or 0.9 = 90 % more throughput), "log_e", "threshold" (ln 1/α), "opened_at", "ended_at",
 * "duration_ns"} and in full detail {"evidence": [{"text", "value"}], "ready": [], "noise", "screened": [{"value",
 * "y"}], "pairs": [{"arm_first", "y_base", "y_arm", "d", "log_e", "effect", "low", "high"}], "guardrails": [{"text",
 * "base", "arm", "worst", "breached"}], "histograms": {"base": [[lower_ns, count]…], "arm": …}, "void"}.
 */
json_t *json_trial(const struct trial *trial, const struct json_context *context,
		   enum json_detail detail);

/* {"policy", "scope", "knob", "state", "until_at", "evidence": [{"text", "value", "unit"}]} */
json_t *json_target(const struct target_view *target, const struct json_context *context);

/* {"name", "thinning", "on_trial", "cpu_ratio", "method", "state", "text", "remedy", "samples", "sample_ns", "bpf_runs", "bpf_run_ns", "losses": {}} */
json_t *json_source(const struct source_status *source);

/* {"limit_ratio", "ratio", "state", "text"} */
json_t *json_budget(const struct budget_report *budget);

/* {"name", "kind", "unit", "scope" (the main one), "scopes": [], "source" (of the main one), "about"} */
json_t *json_signal_row(const struct signal_row *row);

/* {"name", "family", "scope", "value", "type", "unit", "choices" | "min", "max", "writable", "about", "command"} */
json_t *json_knob(const struct knob_found *found);

/*
 * {"txn", "trial", "action", "status", "error", "unasked", "value", "text", "took_ns", "after_frame_ns", "knob", "scope"}.
 * `frame_ns`: when the frame was sampled that called for it, 0 = none did; from then to the value in force is after_frame_ns.
 */
json_t *json_outcome(const struct outcome *outcome, const struct change *change, uint64_t frame_ns);

#endif
