// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>
#include <time.h>

#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/render_trial.h"
#include "daemon/cli/verbs.h"

static void print_trial(struct table *table, const json_t *trial)
{
	const char *verdict = member_text(trial, "verdict");
	double opened = member_number(trial, "opened_at");
	double estimate = member_number(json_object_get(trial, "effect"), "estimate");
	enum tone tone = !strcmp(verdict, "kept")       ? TONE_GOOD
			 : !strcmp(verdict, "reverted") ? TONE_BAD
							: TONE_PLAIN;
	char when[32] = "-", effect[64] = "-";
	time_t second = isnan(opened) ? 0 : (time_t)opened;
	struct tm local;

	if (second && localtime_r(&second, &local))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &local);
	if (!isnan(estimate))
		trial_effect_text(trial, estimate, effect, sizeof(effect));
	table_row(table);
	table_cell(table, TONE_STRONG, "%" JSON_INTEGER_FORMAT, member_integer(trial, "id"));
	table_cell(table, TONE_PLAIN, "%s", when);
	table_cell(table, TONE_PLAIN, "%s %s", member_text(trial, "knob"),
		   member_text(trial, "scope"));
	table_cell(table, TONE_PLAIN, "%s", member_text(trial, "incumbent"));
	table_cell(table, TONE_PLAIN, "%s", member_text(trial, "arm"));
	table_cell(table, TONE_PLAIN, "%" JSON_INTEGER_FORMAT, member_integer(trial, "n_pairs"));
	table_cell(table, TONE_PLAIN, "%s", effect);
	table_cell(table, tone, "%s", verdict);
}

static int trials_run(const struct invocation *invocation)
{
	static const char *const titles[] = { ">id",   "opened", "knob",    "before",
					      "tried", ">pairs", ">effect", "verdict" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const struct style style = style_of(invocation->out);
	_cleanup_json_ json_t *data = NULL;
	const json_t *trial;
	size_t i;
	int r;

	r = daemon_ask(invocation, "trials",
		       json_pack("{s:I}", "limit",
				 (json_int_t)option_number(invocation, "--limit")),
		       &data);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, data);
	json_array_foreach (json_object_get(data, "trials"), i, trial)
		print_trial(table, trial);
	if (json_array_size(json_object_get(data, "trials")) == 0)
		fputs("no trial yet; 'flyball status' says what the policies see\n",
		      invocation->out);
	else
		table_print(table, &style, invocation->out);
	return EXIT_CODE_OK;
}

const struct verb verb_trials = {
	.name = "trials",
	.arguments = "",
	.about = "List trials, the newest first, with their verdicts.",
	.options =
		(const struct option_row[]){
			{ .name = "--limit",
			  .argument = "N",
			  .type = OPTION_NUMBER,
			  .preset = "20",
			  .about = "At most so many." },
			OPTION_RUN,
			{ .name = NULL },
		},
	.run = trials_run,
};
