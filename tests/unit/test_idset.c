// SPDX-License-Identifier: Apache-2.0
/* base/idset: sets of CPUs and nodes there and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/idset.h"

static void a_list_is_written_as_the_kernel_writes_it(void **state)
{
	static const struct {
		const char *text, *canonical;
		size_t count;
	} rows[] = {
		{ .text = "", .canonical = "", .count = 0 },
		{ .text = "0", .canonical = "0", .count = 1 },
		{ .text = "0-3,8", .canonical = "0-3,8", .count = 5 },
		{ .text = "8,3,2,1,0", .canonical = "0-3,8", .count = 5 },
		{ .text = "0-1,2-3,1", .canonical = "0-3", .count = 4 },
		{ .text = "63,64", .canonical = "63-64", .count = 2 },
		{ .text = "007", .canonical = "7", .count = 1 },
		{ .text = "8191", .canonical = "8191", .count = 1 },
		{ .text = "0-8191", .canonical = "0-8191", .count = 8192 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct idset set;
		char text[64];

		assert_int_equal(idset_parse(rows[i].text, &set), 0);
		assert_int_equal(idset_format(&set, text, sizeof(text)), 0);
		assert_string_equal(text, rows[i].canonical);
		assert_int_equal(idset_count(&set), rows[i].count);
	}
}

static void what_is_no_list_is_refused_and_leaves_the_set(void **state)
{
	static const char *const bad[] = { " ",   ",",       "0,",    ",0",   "0-",  "-1",
					   "3-1", "0 1",     "0-1-2", "0-3,", "a",   "0x1",
					   "0\n", "0-3:1/2", "+1",    "all",  "1.5", "0,,1" };
	static const char *const large[] = { "8192", "0-8192", "99999999999999999999" };
	struct idset set = { .words = { 5 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (idset_parse(bad[i], &set) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(idset_parse(large[i], &set), -ERANGE);
	assert_int_equal(set.words[0], 5);
}

static void sets_are_compared(void **state)
{
	struct idset small, large, other;

	(void)state;
	assert_int_equal(idset_parse("1,100", &small), 0);
	assert_int_equal(idset_parse("0-127", &large), 0);
	assert_int_equal(idset_parse("100,1", &other), 0);
	assert_true(idset_equal(&small, &other));
	assert_false(idset_equal(&small, &large));
	assert_true(idset_within(&small, &large));
	assert_false(idset_within(&large, &small));
	assert_true(idset_has(&small, 100));
	assert_false(idset_has(&small, 101));
	assert_false(idset_has(&small, IDSET_MAX));
}

static void a_text_that_does_not_fit_is_an_error(void **state)
{
	struct idset set;
	char text[6];

	(void)state;
	assert_int_equal(idset_parse("0,2,4", &set), 0);
	assert_int_equal(idset_format(&set, text, sizeof(text)), 0);
	idset_add(&set, 6);
	assert_int_equal(idset_format(&set, text, sizeof(text)), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_written_as_the_kernel_writes_it),
		cmocka_unit_test(what_is_no_list_is_refused_and_leaves_the_set),
		cmocka_unit_test(sets_are_compared),
		cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
