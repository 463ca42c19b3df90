// SPDX-License-Identifier: Apache-2.0
/*
 *	condition  = any [ "for" DURATION ]
 *	any        = all { "or" all }
 *	all        = one { "and" one }
 *	one        = "not" one | "(" any ")" | comparison
 *	comparison = REFERENCE ( "<" | "<=" | ">" | ">=" ) LITERAL
 *
 * `bad` is set by what is wrong but leaves the text readable (a name, a unit): then the rest is read for more.
 */
#include "policies/expression.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/words.h"
#include "base/conf_literal.h"
#include "policies/policies.h"
#include "policies/reference.h"

#define FOR_NS_MAX \
	(3600 * NSEC_PER_SEC) /* an hour: what holds for longer is no opportunity but a state */

struct expression {
	const char *text;
	size_t at; /* the next byte to read */
	unsigned int depth;
	bool bad;
	const struct catalogue *catalogue;
	enum scope_kind scope;
	struct findings *findings;
	struct condition *condition;
};

static int parse_any(struct expression *e);

static void skip_blank(struct expression *e)
{
	while (isspace((unsigned char)e->text[e->at]))
		e->at++;
}

/* The bytes at the present place that make one word for a message. */
static struct excerpt next_word(const struct expression *e)
{
	size_t length = strcspn(e->text + e->at, " \t\r\n\v\f()<>");

	if (length == 0 && e->text[e->at])
		length = 1;
	return excerpt_of(e->text + e->at, length);
}

static bool at_word(const struct expression *e, const char *word)
{
	size_t length = reference_length(e->text + e->at);

	return strlen(word) == length && !strncmp(e->text + e->at, word, length);
}

static bool take_word(struct expression *e, const char *word)
{
	if (!at_word(e, word))
		return false;
	e->at += strlen(word);
	skip_blank(e);
	return true;
}

static int emit(struct expression *e, const struct condition_node *node, size_t offset)
{
	if (e->condition->n_nodes == POLICY_NODES_MAX)
		return findings_add(e->findings, offset,
				    "more than %d comparisons and operators: split the policy",
				    POLICY_NODES_MAX);
	e->condition->nodes[e->condition->n_nodes++] = *node;
	return 0;
}

/* Where a comparison begins there is something else. */
static int fail_comparison(struct expression *e)
{
	struct excerpt word = next_word(e);

	if (!e->text[e->at])
		return findings_add(e->findings, e->at,
				    "the condition ends where a comparison should be: "
				    "write one like 'disk.busy > 50%%'");
	if (isdigit((unsigned char)e->text[e->at]))
		return findings_add(e->findings, e->at,
				    "found '%s' where a signal should be: write the signal first, "
				    "as in 'disk.busy > 50%%'",
				    word.text);
	return findings_add(e->findings, e->at, "found '%s' where a signal, 'not' or '(' should be",
			    word.text);
}

/* After a signal there is no comparison. */
static int fail_operator(struct expression *e, size_t reference, size_t length)
{
	struct excerpt word = next_word(e);
	char name[SIGNAL_REF_TEXT_MAX];

	snprintf(name, sizeof(name), "%s", excerpt_of(e->text + reference, length).text);
	if (!e->text[e->at])
		return findings_add(e->findings, e->at,
				    "the condition ends after '%s': add a comparison "
				    "(<, <=, >, >=)",
				    name);
	return findings_add(e->findings, e->at,
			    "found '%s' after '%s': the comparisons are <, <=, >, >=", word.text,
			    name);
}

static int parse_operator(struct expression *e, uint32_t *ret_op)
{
	char c = e->text[e->at];
	bool equal;

	if (c != '<' && c != '>')
		return -EINVAL;
	equal = e->text[e->at + 1] == '=';
	*ret_op = c == '<' ? (equal ? CONDITION_LESS_EQUAL : CONDITION_LESS)
			   : (equal ? CONDITION_GREATER_EQUAL : CONDITION_GREATER);
	e->at += equal ? 2 : 1;
	skip_blank(e);
	return 0;
}

/* A literal with its unit, and what people write after it. */
static int parse_limit(struct expression *e, const struct signal_ref *ref,
		       struct literal *ret_literal)
{
	size_t start = e->at, unit;
	const char *after;
	int r;

	if (!e->text[start])
		return findings_add(e->findings, start,
				    "the condition ends where a value should be");
	r = literal_parse(e->text, start, e->findings, ret_literal);
	if (r < 0)
		return r;
	e->at += ret_literal->length;
	after = e->text + e->at;
	if (ref && ref->stat == STAT_RATE && !strncmp(after, "/s", 2))
		return findings_add(e->findings, e->at,
				    "leave '/s' out: '.rate' is a second's already");
	unit = e->at + strspn(after, " \t");
	if (ret_literal->unit == UNIT_NONE && unit > e->at) {
		e->at = unit;
		if (reference_length(e->text + e->at) > 0 && !at_word(e, "and") &&
		    !at_word(e, "or") && !at_word(e, "for"))
			return findings_add(e->findings, start,
					    "write the unit right after the number: '%s%s'",
					    excerpt_of(e->text + start, ret_literal->length).text,
					    next_word(e).text);
	}
	skip_blank(e);
	return 0;
}

static bool is_unclosed(const char *reference, size_t length)
{
	const char *open = memrchr(reference, '[', length);

	return open && !memchr(open, ']', (size_t)(reference + length - open));
}

static int parse_comparison(struct expression *e)
{
	size_t start = e->at, length = reference_length(e->text + e->at), limit;
	struct condition_node node = { .op = CONDITION_LESS };
	struct literal literal = { 0 };
	char name[SIGNAL_REF_TEXT_MAX];
	bool known;

	if (length == 0 || at_word(e, "and") || at_word(e, "or") || at_word(e, "for"))
		return fail_comparison(e);
	e->at += length;
	skip_blank(e);
	/* A bracket that is not closed has taken everything: the reference says so. */
	if (is_unclosed(e->text + start, length))
		return reference_parse(e->text, start, length, e->catalogue, e->scope, e->findings,
				       &node.ref);
	if (parse_operator(e, &node.op) < 0)
		return fail_operator(e, start, length);
	known = reference_parse(e->text, start, length, e->catalogue, e->scope, e->findings,
				&node.ref) == 0;
	limit = e->at;
	if (parse_limit(e, known ? &node.ref : NULL, &literal) < 0)
		return -EINVAL;
	if (known) {
		struct literal_target target = {
			.name = signal_ref_format(&node.ref, e->catalogue, name, sizeof(name)),
			.unit = signal_ref_unit(&node.ref, e->catalogue),
			.verb = "compare",
		};

		known = literal_fit(&literal, &target, e->text, limit, e->findings) == 0;
		if (known && target.unit == UNIT_RATIO && literal.value > 1) {
			findings_add(e->findings, limit, "'%s' is past 100 %%: %s never is",
				     excerpt_of(e->text + limit, literal.length).text, name);
			known = false;
		}
	}
	e->bad |= !known;
	node.limit = known ? literal.value : 0;
	return emit(e, &node, start);
}

static int parse_group(struct expression *e, size_t open)
{
	int r;

	e->at++;
	skip_blank(e);
	r = parse_any(e);
	if (r < 0)
		return r;
	if (e->text[e->at] == ')') {
		e->at++;
		skip_blank(e);
		return 0;
	}
	if (at_word(e, "for"))
		return findings_add(e->findings, e->at,
				    "'for' stands at the end of the whole condition, outside of "
				    "brackets");
	if (!e->text[e->at])
		return findings_add(e->findings, open, "this '(' is not closed: add ')'");
	return findings_add(e->findings, e->at, "found '%s' where 'and', 'or' or ')' should be",
			    next_word(e).text);
}

static int parse_one(struct expression *e)
{
	struct condition_node not = { .op = CONDITION_NOT };
	size_t start = e->at;
	bool negated = take_word(e, "not");
	int r;

	if (!negated && e->text[e->at] != '(')
		return parse_comparison(e);
	if (e->depth == EXPRESSION_DEPTH_MAX)
		return findings_add(e->findings, start,
				    "brackets and 'not' are nested deeper than %d: simplify",
				    EXPRESSION_DEPTH_MAX);
	e->depth++;
	r = negated ? parse_one(e) : parse_group(e, start);
	e->depth--;
	return r == 0 && negated ? emit(e, &not, start) : r;
}

static int parse_chain(struct expression *e, const char *word, uint32_t op,
		       int (*parse_part)(struct expression *))
{
	struct condition_node node = { .op = op };
	int r = parse_part(e);

	while (r == 0 && at_word(e, word)) {
		size_t start = e->at;

		take_word(e, word);
		r = parse_part(e);
		if (r == 0)
			r = emit(e, &node, start);
	}
	return r;
}

static int parse_all(struct expression *e)
{
	return parse_chain(e, "and", CONDITION_AND, parse_one);
}

static int parse_any(struct expression *e)
{
	return parse_chain(e, "or", CONDITION_OR, parse_all);
}

static int parse_for(struct expression *e)
{
	const struct literal_target target = { .name = "'for'", .unit = UNIT_TIME };
	size_t start = e->at;
	struct literal literal = { 0 };

	if (parse_limit(e, NULL, &literal) < 0)
		return -EINVAL;
	if (literal_fit(&literal, &target, e->text, start, e->findings) < 0)
		return -EINVAL;
	if (literal.value > (double)FOR_NS_MAX)
		return findings_add(e->findings, start,
				    "'for %s' is out of range: write 1h or less",
				    excerpt_of(e->text + start, literal.length).text);
	e->condition->for_ns = (uint64_t)literal.value;
	return 0;
}

/* Something follows a whole condition. */
static int fail_rest(struct expression *e, bool after_for)
{
	static const char *const joints[] = { "and", "or", "for" };
	struct excerpt word = next_word(e);
	const char *nearest = NULL;

	if (e->text[e->at] == ')')
		return findings_add(e->findings, e->at, "this ')' closes nothing: remove it");
	if (after_for)
		return findings_add(e->findings, e->at,
				    "found '%s' after 'for': it stands once, at the end of the "
				    "whole condition",
				    word.text);
	if (!strncmp(e->text + e->at, "&&", 2))
		nearest = "and";
	else if (!strncmp(e->text + e->at, "||", 2))
		nearest = "or";
	for (size_t i = 0; i < sizeof(joints) / sizeof(joints[0]) && !nearest; i++)
		if (!strcasecmp(word.text, joints[i]))
			nearest = joints[i];
	if (nearest)
		return findings_add(e->findings, e->at, "found '%s': write '%s'", word.text,
				    nearest);
	return findings_add(e->findings, e->at,
			    "found '%s' where 'and', 'or', 'for' or the end should be", word.text);
}

int expression_compile(const char *text, const struct catalogue *catalogue, enum scope_kind scope,
		       struct findings *findings, struct condition *ret_condition)
{
	struct condition condition = { .n_nodes = 0 };
	struct expression e = {
		.text = text,
		.catalogue = catalogue,
		.scope = scope,
		.findings = findings,
		.condition = &condition,
	};
	bool has_for;

	if (strlen(text) >= sizeof(condition.text))
		return findings_add(findings, 0,
				    "the condition is longer than %zu bytes: split the policy",
				    sizeof(condition.text) - 1);
	skip_blank(&e);
	if (parse_any(&e) < 0)
		return -EINVAL;
	has_for = take_word(&e, "for");
	if (has_for && parse_for(&e) < 0)
		return -EINVAL;
	if (e.text[e.at])
		return fail_rest(&e, has_for);
	if (e.bad)
		return -EINVAL;
	strcpy(condition.text, text);
	for (char *c = condition.text; *c; c++)
		if (isspace((unsigned char)*c))
			*c = ' ';
	*ret_condition = condition;
	return 0;
}

/* Characters, not bytes: what an editor shows. */
static unsigned int column_of(const char *text, size_t offset)
{
	unsigned int column = 1;

	for (size_t i = 0; i < offset; i++)
		column += ((unsigned char)text[i] & 0xc0) != 0x80;
	return column;
}

int condition_parse(const char *text, const struct catalogue *catalogue, enum scope_kind scope,
		    struct condition *ret_condition, unsigned int *ret_column, char *ret_text,
		    size_t size)
{
	struct findings findings = { .n = 0 };
	int r;

	r = expression_compile(text, catalogue, scope, &findings, ret_condition);
	if (r == 0)
		return 0;
	*ret_column = column_of(text, findings.items[0].offset);
	snprintf(ret_text, size, "%s", findings.items[0].text);
	text_trim(ret_text);
	return r;
}
