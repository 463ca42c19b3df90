// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/quantity.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/render_trial.h"
#include "daemon/cli/verbs.h"

static void explain_looks(FILE *out, const struct style *style, const json_t *trial)
{
	double noise = member_number(trial, "noise");
	const json_t *row;
	char text[32];
	size_t i;

	json_array_foreach (json_object_get(trial, "ready"), i, row)
		story_ready(out, style, trial, i,
			    json_is_number(row) ? json_number_value(row) : (double)NAN);
	if (!isnan(noise) && noise > 0)
		story_line(out, style, TONE_BASE, "knows",
			   "untouched, the objective moves by about %s from look to look",
			   quantity_format(noise, UNIT_RATIO, text, sizeof(text)));
	json_array_foreach (json_object_get(trial, "screened"), i, row)
		story_screened(out, style, trial, row);
}

/* The proof in one sentence: how sure it is, and how sure it had to be. */
static void explain_proof(FILE *out, const struct style *style, const json_t *trial)
{
	double log_e = member_number(trial, "log_e"), threshold = member_number(trial, "threshold");
	bool passed = log_e >= threshold;

	if (isnan(log_e) || isnan(threshold))
		return;
	story_line(out, style, TONE_STRONG, "proof",
		   "if '%s' changed nothing, results like these would come up in at most "
		   "%.2g %% of trials; to keep it, that must be at most %.2g %%: %s",
		   member_text(trial, "arm"), 100.0 * fmin(exp(-log_e), 1.0),
		   100.0 * exp(-threshold), passed ? "shown" : "not shown");
}

static void explain_outcomes(FILE *out, const struct style *style, const json_t *trial)
{
	const json_t *outcome;
	size_t i, done = 0;

	json_array_foreach (json_object_get(trial, "outcomes"), i, outcome) {
		const char *status = member_text(outcome, "status"),
			   *action = member_text(outcome, "action");
		bool unasked = json_is_true(json_object_get(outcome, "unasked"));
		char when[64] = "";
		double after;

		/* The switches of the windows are many and alike: only what is special has a line. */
		if (!strcmp(status, "done") && !unasked &&
		    (!strcmp(action, "arm") || !strcmp(action, "base"))) {
			done++;
			continue;
		}
		after = member_number(outcome, "after_frame_ns");
		if (isfinite(after))
			snprintf(when, sizeof(when),
				 ", %.1f ms after the values that called for it",
				 after / NSEC_PER_MSEC);
		story_line(out, style, strcmp(status, "done") ? TONE_BAD : TONE_PLAIN, "writes",
			   "%s%s: %s%s%s; '%s' in force%s", action,
			   unasked ? " (by the actuator itself)" : "", status,
			   member_text(outcome, "text")[0] ? ", " : "",
			   member_text(outcome, "text"), member_text(outcome, "value"), when);
	}
	if (done)
		story_line(out, style, TONE_PLAIN, "writes",
			   "%zu switches between '%s' and '%s', each journaled before and read "
			   "back after",
			   done, member_text(trial, "incumbent"), member_text(trial, "arm"));
}

static void explain_undo(FILE *out, const struct style *style, const json_t *trial)
{
	if (!strcmp(member_text(trial, "verdict"), "kept"))
		story_line(out, style, TONE_STRONG, "undo",
			   "flyball rollback %" JSON_INTEGER_FORMAT " puts '%s' back",
			   member_integer(trial, "id"), member_text(trial, "incumbent"));
	else if (!strcmp(member_text(trial, "verdict"), "running"))
		story_line(out, style, TONE_STRONG, "undo",
			   "flyball abort %" JSON_INTEGER_FORMAT " ends it and puts '%s' back",
			   member_integer(trial, "id"), member_text(trial, "incumbent"));
}

static void explain(FILE *out, const struct style *style, const json_t *trial)
{
	const json_t *pair;
	size_t i;

	fprintf(out, "trial %" JSON_INTEGER_FORMAT " of policy %s on %s\n\n",
		member_integer(trial, "id"), member_text(trial, "policy"),
		member_text(trial, "scope"));
	story_opportunity(out, style, trial);
	explain_looks(out, style, trial);
	if (json_array_size(json_object_get(trial, "pairs")))
		story_chosen(out, style, trial);
	json_array_foreach (json_object_get(trial, "pairs"), i, pair)
		story_pair(out, style, trial, pair, i);
	explain_proof(out, style, trial);
	explain_outcomes(out, style, trial);
	if (strcmp(member_text(trial, "verdict"), "running"))
		story_verdict(out, style, trial);
	explain_undo(out, style, trial);
}

static int explain_run(const struct invocation *invocation)
{
	const struct style style = style_of(invocation->out);
	_cleanup_json_ json_t *data = NULL;
	json_t *args = NULL;
	int r;

	r = trial_id_args(invocation, &args);
	if (r != EXIT_CODE_OK)
		return r;
	r = daemon_ask(invocation, "explain", args, &data);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, data);
	explain(invocation->out, &style, json_object_get(data, "trial"));
	return EXIT_CODE_OK;
}

const struct verb verb_explain = {
	.name = "explain",
	.arguments = "[ID|last]",
	.about = "Tell a trial as a story: what was seen, tried and measured, why it ended so, how "
		 "to undo it.",
	.options = (const struct option_row[]){ OPTION_RUN, { .name = NULL } },
	.examples = (const char *const[]){ "flyball explain last", NULL },
	.max_words = 1,
	.run = explain_run,
};
