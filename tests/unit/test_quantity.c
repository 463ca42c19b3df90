// SPDX-License-Identifier: Apache-2.0
/* base/quantity: every unit, what is no quantity, and what people are shown. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/quantity.h"

static void every_unit_comes_in_its_base(void **state)
{
	static const struct {
		const char *text;
		double value;
		enum unit unit;
	} rows[] = {
		{ .text = "7", .value = 7, .unit = UNIT_NONE },
		{ .text = "7ns", .value = 7, .unit = UNIT_TIME },
		{ .text = "7us", .value = 7e3, .unit = UNIT_TIME },
		{ .text = "7\u00b5s", .value = 7e3, .unit = UNIT_TIME },
		{ .text = "7\u03bcs", .value = 7e3, .unit = UNIT_TIME },
		{ .text = "7ms", .value = 7e6, .unit = UNIT_TIME },
		{ .text = "7s", .value = 7e9, .unit = UNIT_TIME },
		{ .text = "7min", .value = 420e9, .unit = UNIT_TIME },
		{ .text = "7h", .value = 25200e9, .unit = UNIT_TIME },
		{ .text = "7B", .value = 7, .unit = UNIT_BYTES },
		{ .text = "7KB", .value = 7e3, .unit = UNIT_BYTES },
		{ .text = "7MB", .value = 7e6, .unit = UNIT_BYTES },
		{ .text = "7GB", .value = 7e9, .unit = UNIT_BYTES },
		{ .text = "7TB", .value = 7e12, .unit = UNIT_BYTES },
		{ .text = "7KiB", .value = 7168, .unit = UNIT_BYTES },
		{ .text = "7MiB", .value = 7340032, .unit = UNIT_BYTES },
		{ .text = "7GiB", .value = 7516192768, .unit = UNIT_BYTES },
		{ .text = "7TiB", .value = 7696581394432, .unit = UNIT_BYTES },
		{ .text = "7%", .value = 0.07, .unit = UNIT_RATIO },
		{ .text = "  +2.5ms ", .value = 2.5e6, .unit = UNIT_TIME },
		{ .text = "-3%", .value = -0.03, .unit = UNIT_RATIO },
		{ .text = ".5s", .value = 5e8, .unit = UNIT_TIME },
		{ .text = "-.5s", .value = -5e8, .unit = UNIT_TIME },
		{ .text = "1e3B", .value = 1000, .unit = UNIT_BYTES },
		{ .text = "007", .value = 7, .unit = UNIT_NONE },
	};
	enum unit unit;
	double value;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (quantity_parse_all(rows[i].text, &value, &unit) < 0)
			fail_msg("'%s' is not parsed", rows[i].text);
		assert_true(fabs(value - rows[i].value) <= 1e-12 * fabs(rows[i].value));
		assert_int_equal(unit, rows[i].unit);
	}
}

static void what_is_no_quantity_is_refused_and_nothing_written(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ .text = "", .error = -EINVAL },        { .text = " ", .error = -EINVAL },
		{ .text = "ms", .error = -EINVAL },      { .text = "-", .error = -EINVAL },
		{ .text = "+-1", .error = -EINVAL },     { .text = ".", .error = -EINVAL },
		{ .text = "-.", .error = -EINVAL },      { .text = "inf", .error = -EINVAL },
		{ .text = "-inf", .error = -EINVAL },    { .text = "nan", .error = -EINVAL },
		{ .text = "0x10", .error = -EINVAL },    { .text = "+0x10", .error = -EINVAL },
		{ .text = "-0X1p3", .error = -EINVAL },  { .text = "1 2", .error = -EINVAL },
		{ .text = "2ms x", .error = -EINVAL },   { .text = "2 ms", .error = -EINVAL },
		{ .text = "2mss", .error = -EDOM },      { .text = "2MS", .error = -EDOM },
		{ .text = "2kb", .error = -EDOM },       { .text = "2%%", .error = -EDOM },
		{ .text = "2\xff", .error = -EDOM },     { .text = "1e999", .error = -ERANGE },
		{ .text = "1e308TB", .error = -ERANGE },
	};
	enum unit unit = UNIT_COUNT;
	double value = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = quantity_parse_all(rows[i].text, &value, &unit);

		if (r != rows[i].error)
			fail_msg("'%s' gives %d", rows[i].text, r);
		assert_true(value == 42);
		assert_int_equal(unit, UNIT_COUNT);
	}
}

static void the_end_is_told_and_for_a_wrong_unit_where_it_begins(void **state)
{
	const char *text = "20MB and", *end;
	enum unit unit;
	double value;

	(void)state;
	assert_int_equal(quantity_parse(text, &value, &unit, &end), 0);
	assert_ptr_equal(end, text + 4);
	text = "20 and";
	assert_int_equal(quantity_parse(text, &value, &unit, &end), 0);
	assert_ptr_equal(end, text + 2);
	text = "20parsec";
	assert_int_equal(quantity_parse(text, &value, &unit, &end), -EDOM);
	assert_ptr_equal(end, text + 2);
}

static void people_see_three_digits_and_a_fitting_unit(void **state)
{
	static const struct {
		double value;
		enum unit unit;
		const char *text;
	} rows[] = {
		{ .value = 0, .unit = UNIT_TIME, .text = "0 ns" },
		{ .value = -0.0, .unit = UNIT_TIME, .text = "0 ns" },
		{ .value = 999, .unit = UNIT_TIME, .text = "999 ns" },
		{ .value = 999.6, .unit = UNIT_TIME, .text = "1.00 \u00b5s" },
		{ .value = 4210000, .unit = UNIT_TIME, .text = "4.21 ms" },
		{ .value = -4210000, .unit = UNIT_TIME, .text = "-4.21 ms" },
		{ .value = 2e9, .unit = UNIT_TIME, .text = "2.00 s" },
		{ .value = 90e9, .unit = UNIT_TIME, .text = "90.0 s" },
		{ .value = 150e9, .unit = UNIT_TIME, .text = "2.50 min" },
		{ .value = 7200e9, .unit = UNIT_TIME, .text = "2.00 h" },
		{ .value = 20e6, .unit = UNIT_BYTES, .text = "20.0 MB" },
		{ .value = 5e15, .unit = UNIT_BYTES, .text = "5000 TB" },
		{ .value = 0.4, .unit = UNIT_RATIO, .text = "40.0 %" },
		{ .value = 1, .unit = UNIT_RATIO, .text = "100 %" },
		{ .value = 0, .unit = UNIT_RATIO, .text = "0 %" },
		{ .value = 1200, .unit = UNIT_NONE, .text = "1.20 k" },
		{ .value = 5, .unit = UNIT_NONE, .text = "5" },
		{ .value = 0.5, .unit = UNIT_NONE, .text = "0.50" },
		{ .value = NAN, .unit = UNIT_NONE, .text = "-" },
		{ .value = -INFINITY, .unit = UNIT_TIME, .text = "-" },
		{ .value = 1, .unit = UNIT_COUNT, .text = "-" },
	};
	char buffer[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(quantity_format(rows[i].value, rows[i].unit, buffer,
						    sizeof(buffer)),
				    rows[i].text);
	assert_string_equal(quantity_format(4210000, UNIT_TIME, buffer, 4), "4.2");
}

static void every_unit_word_of_the_list_is_one(void **state)
{
	char words[128], text[32], *word, *rest = words;
	enum unit unit;
	double value;
	size_t n = 0;

	(void)state;
	strcpy(words, quantity_unit_words());
	while ((word = strsep(&rest, " ,"))) {
		if (!word[0])
			continue;
		snprintf(text, sizeof(text), "1%s", word);
		assert_int_equal(quantity_parse_all(text, &value, &unit), 0);
		assert_string_equal(quantity_unit_nearest(word), word);
		n++;
	}
	assert_int_equal(n, 16);
}

static void a_misspelt_unit_has_a_near_one(void **state)
{
	(void)state;
	assert_string_equal(quantity_unit_nearest("kb"), "KB");
	assert_string_equal(quantity_unit_nearest("mib"), "MiB");
	assert_string_equal(quantity_unit_nearest("mss"), "ms");
	assert_string_equal(quantity_unit_nearest("sec"), "s");
	assert_null(quantity_unit_nearest("parsec"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_unit_comes_in_its_base),
		cmocka_unit_test(what_is_no_quantity_is_refused_and_nothing_written),
		cmocka_unit_test(the_end_is_told_and_for_a_wrong_unit_where_it_begins),
		cmocka_unit_test(people_see_three_digits_and_a_fitting_unit),
		cmocka_unit_test(every_unit_word_of_the_list_is_one),
		cmocka_unit_test(a_misspelt_unit_has_a_near_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
