// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/words.h"

static const struct {
	const char *word;
	enum unit unit;
	double scale; /* to the unit's base */
} units[] = {
	{ .word = "ns", .unit = UNIT_TIME, .scale = 1 },
	{ .word = "us", .unit = UNIT_TIME, .scale = 1e3 },
	{ .word = "µs", .unit = UNIT_TIME, .scale = 1e3 }, /* U+00B5, the micro sign */
	{ .word = "μs",
	  .unit = UNIT_TIME,
	  .scale = 1e3 }, /* U+03BC, the Greek letter of other keyboards */
	{ .word = "ms", .unit = UNIT_TIME, .scale = 1e6 },
	{ .word = "s", .unit = UNIT_TIME, .scale = 1e9 },
	{ .word = "min", .unit = UNIT_TIME, .scale = 60e9 },
	{ .word = "h", .unit = UNIT_TIME, .scale = 3600e9 },
	{ .word = "B", .unit = UNIT_BYTES, .scale = 1 },
	{ .word = "KB", .unit = UNIT_BYTES, .scale = 1e3 },
	{ .word = "MB", .unit = UNIT_BYTES, .scale = 1e6 },
	{ .word = "GB", .unit = UNIT_BYTES, .scale = 1e9 },
	{ .word = "TB", .unit = UNIT_BYTES, .scale = 1e12 },
	{ .word = "KiB", .unit = UNIT_BYTES, .scale = 1024.0 },
	{ .word = "MiB", .unit = UNIT_BYTES, .scale = 1048576.0 },
	{ .word = "GiB", .unit = UNIT_BYTES, .scale = 1073741824.0 },
	{ .word = "TiB", .unit = UNIT_BYTES, .scale = 1099511627776.0 },
	{ .word = "%", .unit = UNIT_RATIO, .scale = 0.01 },
};

const char *quantity_unit_words(void)
{
	return "ns us ms s min h, B KB MB GB TB KiB MiB GiB TiB, %";
}

const char *quantity_unit_nearest(const char *word)
{
	const char *words[ARRAY_SIZE(units)];

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		/* The case alone is the commonest error, and may be all of a short word: `kb`, `mb`. */
		if (!strcasecmp(units[i].word, word))
			return units[i].word;
		words[i] = units[i].word;
	}
	return words_nearest(word, words, ARRAY_SIZE(words));
}

/* A letter of a unit's word: ASCII, the per cent sign, or a byte of the µ. */
static bool is_unit_byte(char c)
{
	return isalpha((unsigned char)c) || c == '%' || (unsigned char)c >= 0x80;
}

int quantity_parse(const char *text, double *ret_value, enum unit *ret_unit, const char **ret_end)
{
	const char *word, *digits;
	size_t length = 0;
	char *end;
	double value;

	while (isspace((unsigned char)*text))
		text++;
	/* strtod() also takes "inf", "nan" and hexadecimal: none is a quantity. */
	digits = text + (text[0] == '-' || text[0] == '+');
	if (!isdigit((unsigned char)digits[0]) && digits[0] != '.')
		return -EINVAL;
	if (digits[0] == '0' && tolower((unsigned char)digits[1]) == 'x')
		return -EINVAL;
	value = strtod(text, &end);
	if (end == text)
		return -EINVAL;
	if (!isfinite(value))
		return -ERANGE;
	word = end;
	while (is_unit_byte(word[length]))
		length++;
	*ret_end = word;
	if (length == 0) {
		*ret_value = value;
		*ret_unit = UNIT_NONE;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].word) == length && !strncmp(units[i].word, word, length)) {
			if (!isfinite(value * units[i].scale))
				return -ERANGE;
			*ret_value = value * units[i].scale;
			*ret_unit = units[i].unit;
			*ret_end = word + length;
			return 0;
		}
	return -EDOM;
}

int quantity_parse_all(const char *text, double *ret_value, enum unit *ret_unit)
{
	const char *end;
	double value;
	enum unit unit;
	int r;

	r = quantity_parse(text, &value, &unit, &end);
	if (r < 0)
		return r;
	while (isspace((unsigned char)*end))
		end++;
	if (*end)
		return -EINVAL;
	*ret_value = value;
	*ret_unit = unit;
	return 0;
}

struct step {
	double scale;
	const char *word;
	double from; /* shown from so many of it on; 0 = from one: "80.0 s" says more than "1.33 min" */
};

static const struct step steps[UNIT_COUNT][6] = {
	[UNIT_NONE] = { { .scale = 1, .word = "" },
			{ .scale = 1e3, .word = "k" },
			{ .scale = 1e6, .word = "M" },
			{ .scale = 1e9, .word = "G" } },
	[UNIT_TIME] = { { .scale = 1, .word = "ns" },
			{ .scale = 1e3, .word = "µs" },
			{ .scale = 1e6, .word = "ms" },
			{ .scale = 1e9, .word = "s" },
			{ .scale = 60e9, .word = "min", .from = 2 },
			{ .scale = 3600e9, .word = "h" } },
	[UNIT_BYTES] = { { .scale = 1, .word = "B" },
			 { .scale = 1e3, .word = "KB" },
			 { .scale = 1e6, .word = "MB" },
			 { .scale = 1e9, .word = "GB" },
			 { .scale = 1e12, .word = "TB" } },
	[UNIT_RATIO] = { { .scale = 0.01, .word = "%" } },
};

char *quantity_format(double value, enum unit unit, char *buffer, size_t size)
{
	const struct step *step;
	double shown;
	int decimals;

	if (!isfinite(value) || unit >= UNIT_COUNT) {
		snprintf(buffer, size, "-");
		return buffer;
	}
	step = steps[unit];
	/* 0.9995: what would round up to 1,000 of this step is 1 of the next. */
	while (step + 1 < steps[unit] + ARRAY_SIZE(steps[unit]) && step[1].word &&
	       fabs(value) >= step[1].scale * (step[1].from ? step[1].from : 0.9995))
		step++;
	shown = value / step->scale + 0.0; /* + 0.0: no "-0" */
	decimals = fabs(shown) >= 99.95 ? 0 : fabs(shown) >= 9.995 ? 1 : 2;
	if (shown == 0.0 || (step->scale == 1 && shown == floor(shown) && fabs(shown) < 1000))
		decimals = 0;
	snprintf(buffer, size, "%.*f%s%s", decimals, shown, step->word[0] ? " " : "", step->word);
	return buffer;
}
