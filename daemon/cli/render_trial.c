// SPDX-License-Identifier: Apache-2.0
/* The final table of a trial and its histograms. */
#include "daemon/cli/render_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "daemon/catalogue.h"
#include "daemon/cli/render_chart.h"
#include "daemon/cli/verbs.h"
#include "policies/policies.h"

static enum tone verdict_tone(const char *verdict)
{
	if (!strcmp(verdict, "kept"))
		return TONE_GOOD;
	if (!strcmp(verdict, "running"))
		return TONE_STRONG;
	return !strcmp(verdict, "inconclusive") ? TONE_WARN : TONE_BAD;
}

static void print_headline(FILE *f, const struct style *style, const json_t *trial)
{
	const char *verdict = member_text(trial, "verdict"), *arm = member_text(trial, "arm");
	const char *text = member_text(trial, "reason_text");

	fprintf(f, "trial %" JSON_INTEGER_FORMAT ": %s%s%s  %s of %s", member_integer(trial, "id"),
		tone_on(style, verdict_tone(verdict)), verdict, tone_off(style),
		member_text(trial, "knob"), member_text(trial, "scope"));
	if (arm[0])
		fprintf(f, ", '%s' against '%s'", arm, member_text(trial, "incumbent"));
	fputc('\n', f);
	if (text[0])
		text_wrap(f, text, 0, 0, style->width);
}

/* The objective's row: before, after, the effect with its interval. */
static void objective_row(struct table *table, const json_t *trial)
{
	const json_t *objective = json_object_get(trial, "objective"),
		     *effect = json_object_get(trial, "effect");
	const char *unit = member_text(objective, "unit"),
		   *signal = member_text(objective, "signal");
	double estimate = member_number(effect, "estimate"),
	       threshold = member_number(trial, "threshold");
	double low = member_number(effect, "low"), high = member_number(effect, "high");
	char before[64], after[64], change[64], least[32] = "-", most[32] = "-";

	if (!isnan(low))
		quantity_format(low, UNIT_RATIO, least, sizeof(least));
	if (!isnan(high))
		quantity_format(high, UNIT_RATIO, most, sizeof(most));
	table_row(table);
	table_cell(table, TONE_STRONG, "%s", signal);
	table_cell(table, TONE_BASE, "%s",
		   value_text(member_number(trial, "before"), unit, signal, before,
			      sizeof(before)));
	table_cell(table, TONE_ARM, "%s",
		   value_text(member_number(trial, "after"), unit, signal, after, sizeof(after)));
	if (isnan(estimate))
		table_cell(table, TONE_PLAIN, "-");
	else
		table_cell(table, estimate > 0 ? TONE_GOOD : TONE_BAD,
			   "%s\nbetter by %s to %s, %.3g %% sure",
			   trial_effect_text(trial, estimate, change, sizeof(change)), least, most,
			   isnan(threshold) ? 95.0 : 100.0 * (1.0 - exp(-threshold)));
}

static void guardrail_row(struct table *table, const json_t *guardrail)
{
	const char *unit = member_text(guardrail, "unit"),
		   *signal = member_text(guardrail, "signal");
	const char *text = member_text(guardrail, "text");
	double base = member_number(guardrail, "base"), arm = member_number(guardrail, "arm");
	bool breached = json_is_true(json_object_get(guardrail, "breached"));
	char before[64], after[64], change[64] = "";

	if (base > 0 && isfinite(arm)) {
		char amount[32];

		quantity_format(fabs(arm / base - 1), UNIT_RATIO, amount, sizeof(amount));
		snprintf(change, sizeof(change), "%s %s; ", amount,
			 arm < base ? "lower" : "higher");
	}
	/* The text begins with the signal, which the row says already. */
	if (!strncmp(text, signal, strlen(signal)))
		text += strlen(signal);
	table_row(table);
	table_cell(table, TONE_PLAIN, "%s", signal);
	table_cell(table, TONE_BASE, "%s", value_text(base, unit, signal, before, sizeof(before)));
	table_cell(table, TONE_ARM, "%s", value_text(arm, unit, signal, after, sizeof(after)));
	table_cell(table, breached ? TONE_BAD : TONE_PLAIN, "%s%s: guardrail%s", change,
		   breached ? "BREACHED" : "ok", text);
}

static void print_counts(FILE *f, const json_t *trial)
{
	json_int_t voids = member_integer(trial, "void");
	double duration = member_number(trial, "duration_ns");
	char text[32];

	fprintf(f, "%" JSON_INTEGER_FORMAT " of at most %" JSON_INTEGER_FORMAT " pairs",
		member_integer(trial, "n_pairs"), member_integer(trial, "max_pairs"));
	if (voids)
		fprintf(f, "; %" JSON_INTEGER_FORMAT " window%s not counted, and repeated", voids,
			voids == 1 ? "" : "s");
	if (!isnan(duration))
		fprintf(f, "; %s from the opportunity to the verdict",
			quantity_format(duration, UNIT_TIME, text, sizeof(text)));
	fputc('\n', f);
}

/* [[lower_ns, count]…] → a histogram; what is no pair of numbers is left out. */
static void hist_read(const json_t *rows, struct hist *ret_hist)
{
	const json_t *row;
	size_t i;

	memset(ret_hist, 0, sizeof(*ret_hist));
	json_array_foreach (rows, i, row) {
		json_int_t lower = json_integer_value(json_array_get(row, 0));
		json_int_t count = json_integer_value(json_array_get(row, 1));

		if (lower < 0 || count <= 0 || count > UINT32_MAX)
			continue;
		ret_hist->buckets[hist_index((uint64_t)lower)] += (uint32_t)count;
		ret_hist->count += (uint64_t)count;
	}
}

/* What the buckets are of, also where their rate is asked for. */
static enum unit hist_unit(const char *objective)
{
	const struct catalogue catalogue = catalogue_here();
	struct signal_ref ref;
	char why[256];

	if (signal_ref_parse(objective, &catalogue, &ref, why, sizeof(why)) < 0)
		return UNIT_NONE;
	return catalogue.signals[ref.signal].unit;
}

static void print_hists(FILE *f, const struct style *style, const json_t *trial)
{
	const json_t *histograms = json_object_get(trial, "histograms");
	_cleanup_free_ struct hist *hists = calloc(2, sizeof(*hists));
	char signal[128], before[256], after[256];
	struct chart_panel panels[2];
	enum unit unit;

	if (!hists)
		return;
	hist_read(json_object_get(histograms, "base"), &hists[0]);
	hist_read(json_object_get(histograms, "arm"), &hists[1]);
	if (hists[0].count == 0 || hists[1].count == 0)
		return;
	snprintf(signal, sizeof(signal), "%s",
		 member_text(json_object_get(trial, "objective"), "signal"));
	unit = hist_unit(signal);
	if (strrchr(signal, '.'))
		*strrchr(signal, '.') = '\0';
	snprintf(before, sizeof(before), "%s before, with '%s':", signal,
		 member_text(trial, "incumbent"));
	snprintf(after, sizeof(after), "%s after, with '%s':", signal, member_text(trial, "arm"));
	panels[0] = (struct chart_panel){
		.title = before, .tone = TONE_BASE, .hist = &hists[0], .unit = unit
	};
	panels[1] = (struct chart_panel){
		.title = after, .tone = TONE_ARM, .hist = &hists[1], .unit = unit
	};
	fputc('\n', f);
	chart_hists(f, style, panels, ARRAY_SIZE(panels));
}

void trial_print(FILE *f, const struct style *style, const json_t *trial)
{
	static const char *const titles[] = { "signal", ">before", ">after", "change" };
	_cleanup_table_ struct table *table = table_new(ARRAY_SIZE(titles), titles);
	const json_t *guardrail;
	size_t i;

	print_headline(f, style, trial);
	if (member_integer(trial, "n_pairs") > 0) {
		fputc('\n', f);
		objective_row(table, trial);
		json_array_foreach (json_object_get(trial, "guardrails"), i, guardrail)
			guardrail_row(table, guardrail);
		table_print(table, style, f);
	}
	print_counts(f, trial);
	print_hists(f, style, trial);
}
