// SPDX-License-Identifier: Apache-2.0
/* The table that leads programs to their rows, looked up as a program does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observer/rows.h"

struct row {
	struct row_head head;
	uint64_t counted;
};

static uint64_t places[ROWS_TABLE];
static struct row row_memory[ROWS_MAX];
static struct rows rows;

static int setup(void **state)
{
	(void)state;
	memset(places, 0, sizeof(places));
	memset(row_memory, 0, sizeof(row_memory));
	rows = (struct rows){
		.places = places,
		.rows = row_memory,
		.size = sizeof(struct row),
		.n = ROWS_MAX,
	};
	return 0;
}

/* As bpf/rows_record.h has it; -1 = nobody wants it. */
static int find(uint64_t key)
{
	for (uint32_t i = 0; i < ROWS_PROBES; i++) {
		const uint64_t place = places[(rows_first(key) + i) % ROWS_TABLE];

		if (place == 0)
			return -1;
		if ((uint32_t)place != (uint32_t)key || place == ROWS_GONE)
			continue;
		return row_memory[place >> 32].head.key == key ? (int)(place >> 32) : -1;
	}
	return -1;
}

static void every_row_that_was_given_is_found_and_no_other(void **state)
{
	int given[ROWS_MAX];

	(void)state;
	for (uint32_t i = 0; i < ROWS_MAX; i++) {
		given[i] = rows_add(&rows, rows_key_process(1000 + i), i);
		assert_true(given[i] >= 0);
	}
	for (uint32_t i = 0; i < ROWS_MAX; i++) {
		assert_int_equal(find(rows_key_process(1000 + i)), given[i]);
		assert_int_equal(find(1000 + i), -1);
	}
	assert_int_equal(rows_add(&rows, rows_key_process(1), 0), -ENOSPC);
}

static void a_key_has_one_row(void **state)
{
	(void)state;
	assert_true(rows_add(&rows, 7, 0) >= 0);
	assert_int_equal(rows_add(&rows, 7, 0), -ENOSPC);
}

static void a_row_that_is_taken_back_is_found_no_more_and_those_behind_it_are(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 200; i++)
		assert_true(rows_add(&rows, rows_key_process(5000 + i), 0) >= 0);
	for (uint32_t i = 0; i < 200; i += 2)
		assert_int_equal(rows_drop(&rows, (uint32_t)find(rows_key_process(5000 + i))),
				 rows_key_process(5000 + i));
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(find(rows_key_process(5000 + i)) >= 0, i % 2);
}

static void places_do_not_run_out_by_coming_and_going(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		const int row = rows_add(&rows, rows_key_process(i + 1), 0);

		assert_true(row >= 0);
		assert_int_equal(find(rows_key_process(i + 1)), row);
		rows_drop(&rows, (uint32_t)row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_row_that_was_given_is_found_and_no_other, setup),
		cmocka_unit_test_setup(a_key_has_one_row, setup),
		cmocka_unit_test_setup(
			a_row_that_is_taken_back_is_found_no_more_and_those_behind_it_are, setup),
		cmocka_unit_test_setup(places_do_not_run_out_by_coming_and_going, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
