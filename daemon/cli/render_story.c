// SPDX-License-Identifier: Apache-2.0
/* The story of a trial, one line an event, in words that need no manual. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quantity.h"
#include "daemon/cli/render_chart.h"
#include "daemon/cli/render_trial.h"
#include "daemon/cli/verbs.h"

#define LABEL_WIDTH 9     /* of the words on the left */
#define INTERVAL_WIDTH 25 /* columns of the bar of a pair */
#define TEXT_MAX 512

static const json_t *objective_of(const json_t *trial)
{
	return json_object_get(trial, "objective");
}

static char *objective_value(const json_t *trial, double value, char *buffer, size_t size)
{
	const json_t *objective = objective_of(trial);

	return value_text(value, member_text(objective, "unit"), member_text(objective, "signal"),
			  buffer, size);
}

char *trial_effect_text(const json_t *trial, double effect, char *buffer, size_t size)
{
	bool minimize = !strcmp(member_text(objective_of(trial), "direction"), "minimize");
	char amount[32];

	if (isnan(effect)) {
		snprintf(buffer, size, "not known yet");
		return buffer;
	}
	quantity_format(fabs(effect), UNIT_RATIO, amount, sizeof(amount));
	/* Getting worse by `effect` < 0: a latency is higher by that ratio, a throughput lower. */
	snprintf(buffer, size, "%s %s", amount, (effect >= 0) == minimize ? "lower" : "higher");
	return buffer;
}

void story_line(FILE *f, const struct style *style, enum tone tone, const char *label,
		const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(f, "%s%-*s%s  ", tone_on(style, tone), LABEL_WIDTH, label, tone_off(style));
	text_wrap(f, text, LABEL_WIDTH + 2, LABEL_WIDTH + 2, style->width);
}

static void story_evidence(FILE *f, const struct style *style, const json_t *evidence)
{
	const char *signal = member_text(evidence, "signal");
	char value[64];

	value_text(member_number(evidence, "value"), member_text(evidence, "unit"), signal, value,
		   sizeof(value));
	story_line(f, style, TONE_STRONG, "sees", "%s is %s; the policy acts at: %s",
		   signal[0] ? signal : "the signal", value, member_text(evidence, "text"));
}

void story_opportunity(FILE *f, const struct style *style, const json_t *trial)
{
	const json_t *objective = objective_of(trial), *evidence;
	bool minimize = !strcmp(member_text(objective, "direction"), "minimize");
	const char *incumbent = member_text(trial, "incumbent");
	char effect[32];
	size_t i;

	json_array_foreach (json_object_get(trial, "evidence"), i, evidence)
		story_evidence(f, style, evidence);
	quantity_format(member_number(objective, "min_effect"), UNIT_RATIO, effect, sizeof(effect));
	story_line(f, style, TONE_STRONG, "asks",
		   "would another %s on %s%s%s%s make %s at least %s %s?",
		   member_text(trial, "knob"), member_text(trial, "scope"),
		   incumbent[0] ? " than '" : "", incumbent, incumbent[0] ? "'" : "",
		   member_text(objective, "signal"), effect, minimize ? "lower" : "higher");
}

void story_ready(FILE *f, const struct style *style, const json_t *trial, size_t index,
		 double value)
{
	char text[64];

	story_line(f, style, TONE_BASE, "looks", "untouched, '%s' in force, look %zu: %s",
		   member_text(trial, "incumbent"), index + 1,
		   objective_value(trial, value, text, sizeof(text)));
}

void story_screened(FILE *f, const struct style *style, const json_t *trial, const json_t *screened)
{
	double y = member_number(screened, "y");
	char text[64];

	if (isnan(y))
		story_line(f, style, TONE_ARM, "tries", "'%s' for a moment: no usable value",
			   member_text(screened, "value"));
	else
		story_line(f, style, TONE_ARM, "tries", "'%s' for a moment: %s",
			   member_text(screened, "value"),
			   objective_value(trial, y, text, sizeof(text)));
}

void story_chosen(FILE *f, const struct style *style, const json_t *trial)
{
	story_line(f, style, TONE_STRONG, "picks",
		   "'%s' for the proof: '%s' and '%s' take turns in pairs, and a coin "
		   "decides which goes first, so that chance and drift cannot look like a gain",
		   member_text(trial, "arm"), member_text(trial, "incumbent"),
		   member_text(trial, "arm"));
}

void story_pair(FILE *f, const struct style *style, const json_t *trial, const json_t *pair,
		size_t index)
{
	double low = member_number(pair, "low"), high = member_number(pair, "high");
	double estimate = member_number(pair, "effect");
	char base[64], arm[64], effect[64], bar[INTERVAL_WIDTH * 3 + 16], label[32];
	const char *indent = style->width && style->width < 110 ? "\n" : "  ";

	objective_value(trial, member_number(pair, "y_base"), base, sizeof(base));
	objective_value(trial, member_number(pair, "y_arm"), arm, sizeof(arm));
	snprintf(label, sizeof(label), "pair %zu", index + 1);
	story_line(f, style, TONE_STRONG, label, "%s: %s, %s: %s%s%s  so far %s",
		   member_text(trial, "incumbent"), base, member_text(trial, "arm"), arm, indent,
		   chart_interval(low, estimate, high, INTERVAL_WIDTH, bar, sizeof(bar)),
		   trial_effect_text(trial, estimate, effect, sizeof(effect)));
}

void story_verdict(FILE *f, const struct style *style, const json_t *trial)
{
	const char *verdict = member_text(trial, "verdict"),
		   *text = member_text(trial, "reason_text");
	enum tone tone = !strcmp(verdict, "kept")           ? TONE_GOOD
			 : !strcmp(verdict, "inconclusive") ? TONE_WARN
							    : TONE_BAD;

	if (!text[0])
		text = member_text(trial, "reason");
	if (!strcmp(verdict, "kept"))
		story_line(f, style, tone, "keeps", "'%s' stays: %s", member_text(trial, "arm"),
			   text);
	else if (!strcmp(member_text(trial, "reason"), "foreign-write"))
		story_line(f, style, tone, "yields", "%s", text);
	else
		story_line(f, style, tone, "undoes", "%s; '%s' is in force (%s)", text,
			   member_text(trial, "incumbent"), verdict);
}
