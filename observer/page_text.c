// SPDX-License-Identifier: Apache-2.0
/*
 *     # TYPE http_requests counter
 *     http_requests_total{method="post",code="200"} 1027 1395066363 # {trace_id="a1"} 0.67
 *     http_requests_created{method="post",code="200"} 1605281325.0
 *     # TYPE rpc_seconds histogram
 *     rpc_seconds_bucket{le="+Inf"} 17
 *     # EOF
 */
#include "observer/page_text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

struct label {
	const char *name, *value; /* the value with its escapes */
	size_t name_length, value_length;
};

static bool is_name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == ':';
}

static size_t name_length(const char *text)
{
	size_t length = 0;

	if (isdigit((unsigned char)text[0]))
		return 0;
	while (is_name_byte(text[length]))
		length++;
	return length;
}

static char *skip_blank(char *text)
{
	return text + strspn(text, " \t");
}

/* The length of a word of `text`; 0 past the end. */
static size_t word_length(const char *text)
{
	return strcspn(text, " \t");
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !strncmp(text, word, length);
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);

	return length > n && !strncmp(text + length - n, suffix, n);
}

/* The last part of a family's name is its unit. */
static double unit_ns_of(const char *name, size_t length)
{
	static const struct {
		const char *suffix;
		double ns;
	} units[] = {
		{ "_seconds", 1e9 }, { "_milliseconds", 1e6 },
		{ "_ms", 1e6 },      { "_microseconds", 1e3 },
		{ "_us", 1e3 },      { "_nanoseconds", 1 },
		{ "_ns", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (ends_with(name, length, units[i].suffix))
			return units[i].ns;
	return 0;
}

static enum page_type type_parse(const char *word, size_t length)
{
	static const struct {
		const char *word;
		enum page_type type;
	} types[] = {
		{ "gauge", PAGE_GAUGE },     { "info", PAGE_GAUGE },
		{ "stateset", PAGE_GAUGE },  { "gaugehistogram", PAGE_GAUGE },
		{ "counter", PAGE_COUNTER }, { "histogram", PAGE_HISTOGRAM },
		{ "summary", PAGE_SUMMARY }, { "unknown", PAGE_UNKNOWN },
		{ "untyped", PAGE_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (is_word(word, length, types[i].word))
			return types[i].type;
	return PAGE_TYPE_COUNT;
}

void page_text_begin(struct page_text *text, char *bytes)
{
	*text = (struct page_text){ .at = bytes, .family = bytes };
}

static int take_comment(struct page_text *text, char *comment, const char **ret_why)
{
	char *name, *word;
	enum page_type type;

	comment = skip_blank(comment + 1);
	if (is_word(comment, word_length(comment), "EOF")) {
		text->ended = true;
		return 0;
	}
	if (!is_word(comment, word_length(comment), "TYPE"))
		return 0;
	name = skip_blank(comment + strlen("TYPE"));
	text->length = name_length(name);
	*ret_why = "a # TYPE is followed by the name of a metric";
	if (text->length == 0 || text->length != word_length(name))
		return -EINVAL;
	word = skip_blank(name + text->length);
	type = type_parse(word, word_length(word));
	*ret_why = "a # TYPE that there is not";
	if (type == PAGE_TYPE_COUNT)
		return -EINVAL;
	text->family = name;
	text->type = type;
	text->unit_ns = unit_ns_of(name, text->length);
	return 0;
}

/* Which part of its family a sample is, by the end of its name. */
static void tell_part(const struct page_text *text, struct page_line *line)
{
	static const struct {
		const char *suffix;
		enum page_type type;
		enum page_part part;
	} rows[] = {
		{ "", PAGE_GAUGE, PAGE_LEVEL },
		{ "", PAGE_COUNTER, PAGE_TOTAL },
		{ "_total", PAGE_COUNTER, PAGE_TOTAL },
		{ "_created", PAGE_COUNTER, PAGE_CREATED },
		{ "_bucket", PAGE_HISTOGRAM, PAGE_BUCKET },
		{ "_sum", PAGE_HISTOGRAM, PAGE_SUM },
		{ "_count", PAGE_HISTOGRAM, PAGE_TOTAL },
		{ "_created", PAGE_HISTOGRAM, PAGE_CREATED },
		{ "", PAGE_SUMMARY, PAGE_LEVEL },
		{ "_sum", PAGE_SUMMARY, PAGE_TOTAL },
		{ "_count", PAGE_SUMMARY, PAGE_TOTAL },
		{ "_created", PAGE_SUMMARY, PAGE_CREATED },
	};

	line->base = line->length;
	line->part = ends_with(line->name, line->length, "_total") ? PAGE_TOTAL : PAGE_EITHER;
	if (text->length == 0 || line->length < text->length ||
	    strncmp(line->name, text->family, text->length) != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].type != text->type ||
		    !is_word(line->name + text->length, line->length - text->length,
			     rows[i].suffix))
			continue;
		line->part = rows[i].part;
		line->base = text->length;
		line->unit_ns = text->type == PAGE_HISTOGRAM ? text->unit_ns : 0;
	}
}

/* Ends the line in place, and returns it; NULL past the last. */
static char *take_line(struct page_text *text)
{
	char *line = text->at, *end;

	if (!line[0])
		return NULL;
	end = strchrnul(line, '\n');
	text->at = *end ? end + 1 : end;
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	*end = '\0';
	text->line++;
	return line;
}

int page_text_next(struct page_text *text, struct page_line *ret_line, const char **ret_why)
{
	char *line;

	while (!text->ended && (line = take_line(text))) {
		line = skip_blank(line);
		if (line[0] == '#') {
			if (take_comment(text, line, ret_why) < 0)
				return -EINVAL;
			continue;
		}
		if (!line[0])
			continue;
		*ret_line = (struct page_line){ .name = line, .length = name_length(line) };
		*ret_why = "a line begins with the name of a metric, or with #";
		if (ret_line->length == 0)
			return -EINVAL;
		ret_line->rest = line + ret_line->length;
		*ret_why = "a name is followed by { or a blank, and a value";
		if (!ret_line->rest[0] || !strchr("{ \t", ret_line->rest[0]))
			return -EINVAL;
		tell_part(text, ret_line);
		return 1;
	}
	return 0;
}

/* Reads NAME="VALUE". Returns what follows it; NULL when it is none. */
static char *parse_label(char *at, struct label *ret_label)
{
	ret_label->name = at;
	ret_label->name_length = name_length(at);
	at = skip_blank(at + ret_label->name_length);
	if (ret_label->name_length == 0 || *at != '=')
		return NULL;
	at = skip_blank(at + 1);
	if (*at != '"')
		return NULL;
	ret_label->value = ++at;
	for (; *at != '"'; at++) {
		if (*at == '\\' && (!at[1] || !strchr("\\\"n", at[1])))
			return NULL;
		if (*at == '\\')
			at++;
		if (!*at)
			return NULL;
	}
	ret_label->value_length = (size_t)(at - ret_label->value);
	return skip_blank(at + 1);
}

static char *parse_labels(char *at, struct label *labels, size_t *ret_n)
{
	size_t n = 0;

	at = skip_blank(at + 1);
	while (*at != '}') {
		if (n == PAGE_LABELS_MAX)
			return NULL;
		at = parse_label(at, &labels[n++]);
		if (!at || (*at != ',' && *at != '}'))
			return NULL;
		if (*at == ',')
			at = skip_blank(at + 1);
	}
	*ret_n = n;
	return at + 1;
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	size_t n = x->name_length < y->name_length ? x->name_length : y->name_length;
	int r = strncmp(x->name, y->name, n);

	return r ? r : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

/* A number, Inf or NaN, as Go writes them; strtod() would also take hexadecimal ones, and nan(…). */
static int parse_number(const char *text, size_t length, double *ret_value)
{
	static const char *const words[] = { "inf", "+inf",      "-inf",     "infinity",
					     "nan", "+infinity", "-infinity" };
	char number[64], *end;
	bool known = false;

	if (length == 0 || length >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, length);
	number[length] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		known = known || !strcasecmp(number, words[i]);
	if (!known && number[strspn(number, "+-.0123456789eE")])
		return -EINVAL;
	*ret_value = strtod(number, &end);
	return *end ? -EINVAL : 0;
}

/* A value, perhaps a time, perhaps an exemplar, which is not looked into. */
static int parse_value(char *at, double *ret_value)
{
	size_t length;
	double time;

	at = skip_blank(at);
	length = word_length(at);
	if (parse_number(at, length, ret_value) < 0)
		return -EINVAL;
	at = skip_blank(at + length);
	if (!*at || *at == '#')
		return 0;
	length = word_length(at);
	if (parse_number(at, length, &time) < 0)
		return -EINVAL;
	at = skip_blank(at + length);
	return *at && *at != '#' ? -EINVAL : 0;
}

/* What a name is put together in; `n` goes past the end when it does not fit. */
struct name {
	char *bytes;
	size_t n;
};

static void name_add(struct name *name, char c)
{
	if (name->n + 1 < SCOPE_NAME_MAX)
		name->bytes[name->n] = c;
	name->n++;
}

static void name_add_text(struct name *name, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		name_add(name, text[i]);
}

static void name_add_value(struct name *name, const struct label *label)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < label->value_length; i++) {
		char c = label->value[i];

		if (c == '\\')
			c = label->value[++i] == 'n' ? '\n' : label->value[i];
		if (isalnum((unsigned char)c) || strchr("._:+-", c)) {
			name_add(name, c);
			continue;
		}
		name_add(name, '%');
		name_add(name, digits[(unsigned char)c >> 4]);
		name_add(name, digits[(unsigned char)c & 15]);
	}
}

struct label_list {
	size_t n;
	struct label items[PAGE_LABELS_MAX];
};

static void name_build(const char *page, const struct page_line *line, size_t length,
		       const struct label_list *labels, const struct label *without, char *ret_name)
{
	struct name name = { .bytes = ret_name };
	bool any = false;

	name_add_text(&name, page, strlen(page));
	name_add(&name, '@');
	name_add_text(&name, line->name, length);
	for (size_t i = 0; i < labels->n; i++) {
		if (&labels->items[i] == without)
			continue;
		name_add(&name, any ? ',' : '{');
		any = true;
		name_add_text(&name, labels->items[i].name, labels->items[i].name_length);
		name_add(&name, '=');
		name_add_value(&name, &labels->items[i]);
	}
	if (any)
		name_add(&name, '}');
	ret_name[name.n < SCOPE_NAME_MAX ? name.n : 0] = '\0';
}

static const struct label *label_find(const struct label_list *labels, const char *name)
{
	for (size_t i = 0; i < labels->n; i++)
		if (is_word(labels->items[i].name, labels->items[i].name_length, name))
			return &labels->items[i];
	return NULL;
}

static int sort_labels(struct label_list *labels)
{
	if (labels->n < 2)
		return 0;
	qsort(labels->items, labels->n, sizeof(labels->items[0]), compare_labels);
	for (size_t i = 1; i < labels->n; i++)
		if (!compare_labels(&labels->items[i - 1], &labels->items[i]))
			return -EINVAL;
	return 0;
}

int page_line_parse(const struct page_line *line, const char *page, struct page_sample *ret_sample,
		    const char **ret_why)
{
	const bool is_bucket = line->part == PAGE_BUCKET;
	const struct label *le = NULL;
	struct label_list labels;
	char *at = line->rest;

	labels.n = 0;
	at = skip_blank(at);
	*ret_why = "labels are {name=\"value\",...}, 32 at most, each once";
	if (*at == '{')
		at = parse_labels(at, labels.items, &labels.n);
	if (!at || sort_labels(&labels) < 0)
		return -EINVAL;
	*ret_why = "a value is a number, Inf or NaN, and after it there is a time at most";
	if (parse_value(at, &ret_sample->value) < 0)
		return -EINVAL;
	if (is_bucket) {
		le = label_find(&labels, "le");
		*ret_why = "a bucket has a label le=\"NUMBER\"";
		if (!le || parse_number(le->value, le->value_length, &ret_sample->le) < 0 ||
		    isnan(ret_sample->le))
			return -EINVAL;
	}
	name_build(page, line, line->length, &labels, NULL, ret_sample->name);
	name_build(page, line, line->base, &labels, le, ret_sample->family);
	return 0;
}
