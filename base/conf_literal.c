// SPDX-License-Identifier: Apache-2.0
#include "base/conf_literal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/quantity.h"

static const char *const unit_words[UNIT_COUNT] = {
	[UNIT_NONE] = "no unit",
	[UNIT_TIME] = "ns us ms s min h",
	[UNIT_BYTES] = "B KB MB GB TB KiB MiB GiB TiB",
	[UNIT_RATIO] = "%",
};

/* The word that a number at `text` makes, for messages: up to a blank or a bracket. */
static size_t word_length(const char *text)
{
	return strcspn(text, " \t\r\n\v\f()<>=,;");
}

static int fail_unit(const char *text, size_t offset, size_t unit, struct findings *findings)
{
	size_t length = word_length(text + unit);
	struct excerpt word = excerpt_of(text + unit, length ? length : 1);
	const char *nearest = quantity_unit_nearest(word.text);

	if (nearest)
		return findings_add(findings, offset,
				    "unknown unit '%s' in '%s': did you mean '%s'?", word.text,
				    excerpt_of(text + offset, unit - offset + length).text,
				    nearest);
	return findings_add(findings, offset, "unknown unit '%s' in '%s': units are %s", word.text,
			    excerpt_of(text + offset, unit - offset + length).text,
			    quantity_unit_words());
}

int literal_parse(const char *text, size_t offset, struct findings *findings,
		  struct literal *ret_literal)
{
	struct literal literal;
	const char *end = text + offset;
	int r;

	r = quantity_parse(text + offset, &literal.value, &literal.unit, &end);
	if (r == -EDOM)
		return fail_unit(text, offset, (size_t)(end - text), findings);
	if (r == -ERANGE)
		return findings_add(findings, offset, "'%s' is too large",
				    excerpt_of(text + offset, word_length(text + offset)).text);
	if (r < 0)
		return findings_add(findings, offset, "'%s' is no number",
				    excerpt_of(text + offset, word_length(text + offset)).text);
	literal.length = (size_t)(end - text) - offset;
	*ret_literal = literal;
	return 0;
}

int literal_fit(const struct literal *literal, const struct literal_target *target,
		const char *text, size_t offset, struct findings *findings)
{
	struct excerpt word = excerpt_of(text + offset, literal->length);

	if (literal->value < 0)
		return findings_add(findings, offset, "'%s' is negative: %s is never below 0",
				    word.text, target->name);
	if (literal->unit == UNIT_NONE && target->unit != UNIT_NONE &&
	    !(target->unit == UNIT_RATIO && literal->value <= 1))
		return findings_add(findings, offset, "%s is %s: '%s' needs a unit (%s)",
				    target->name, unit_phrase(target->unit), word.text,
				    unit_words[target->unit]);
	if (literal->unit != UNIT_NONE && literal->unit != target->unit) {
		if (target->verb)
			return findings_add(findings, offset, "cannot %s %s (%s) with %s (%s)",
					    target->verb, target->name, unit_phrase(target->unit),
					    word.text, unit_phrase(literal->unit));
		return findings_add(findings, offset, "%s takes %s (%s), '%s' is %s", target->name,
				    unit_phrase(target->unit), unit_words[target->unit], word.text,
				    unit_phrase(literal->unit));
	}
	return 0;
}

int literal_parse_for(const char *text, const struct literal_target *target,
		      struct findings *findings, double *ret_value)
{
	size_t start = strspn(text, " \t\r\n"), after;
	struct literal literal = { 0 };
	int r;

	r = literal_parse(text, start, findings, &literal);
	if (r < 0)
		return r;
	after = start + literal.length;
	after += strspn(text + after, " \t\r\n");
	if (text[after])
		return findings_add(findings, after, "unexpected '%s' after '%s'",
				    excerpt(text + after).text,
				    excerpt_of(text + start, literal.length).text);
	r = literal_fit(&literal, target, text, start, findings);
	if (r < 0)
		return r;
	*ret_value = literal.value;
	return 0;
}
