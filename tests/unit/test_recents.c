// SPDX-License-Identifier: Apache-2.0
/* What a condition makes of distributions: of the last second or so, however long each of them was filled. */
#include "analyzer/condition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/frame.h"
#include "base/hist.h"

#define TICK 250000000ull
#define A_TICK 50 /* values */
#define RATE 200.0

struct fixture {
	struct recents recents;
	struct frame frame;
	bool wanted[SIGNAL_ID_COUNT];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	recents_init(&f->recents);
	f->frame.time_ns = 1000 * TICK;
	f->frame.interval_ns = TICK;
	f->wanted[SIGNAL_DISK_READ_LATENCY] = true;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* A tick with a distribution of so many values, and how long it was filled; 0 = since the last frame. */
static void tick_with(struct fixture *f, unsigned int n, uint64_t covers_ns)
{
	struct series *series = &f->frame.series[0];

	f->frame.time_ns += TICK;
	f->frame.skipped = (struct signal_set){ 0 };
	f->frame.n_series = 1;
	memset(&f->frame.hists[0], 0, sizeof(f->frame.hists[0]));
	*series = (struct series){ .signal = SIGNAL_DISK_READ_LATENCY,
				   .flags = SERIES_VALID,
				   .scope = { .kind = SCOPE_DISK, .name = "vda" },
				   .value = (double)covers_ns,
				   .hist = &f->frame.hists[0] };
	while (n-- > 0)
		hist_add(series->hist, 1000);
	frame_index(&f->frame);
	recents_add(&f->recents, &f->frame, f->wanted);
}

static void tick_without(struct fixture *f)
{
	f->frame.time_ns += TICK;
	f->frame.n_series = 0;
	signal_set_add(&f->frame.skipped, SIGNAL_DISK_READ_LATENCY);
	recents_add(&f->recents, &f->frame, f->wanted);
}

/* The rate that a condition sees now. */
static double rate(const struct fixture *f)
{
	const struct condition condition = {
		.n_nodes = 1,
		.nodes = { { .op = CONDITION_GREATER,
			     .ref = { .signal = SIGNAL_DISK_READ_LATENCY,
				      .stat = STAT_RATE,
				      .kind = SCOPE_DISK } } },
	};
	const struct scope vda = { .kind = SCOPE_DISK, .name = "vda" };
	struct evidence evidence[TRIAL_EVIDENCE_MAX];
	uint32_t n = 0;

	condition_evaluate(&condition, &f->recents, &f->frame, &vda, evidence, &n);
	assert_int_equal(n, 1);
	assert_true(isfinite(evidence[0].value)); /* else it is equal to everything */
	return evidence[0].value;
}

static void each_tick_counts(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		tick_with(f, A_TICK, 0);
		assert_float_equal(rate(f), RATE, 1e-9);
	}
}

static const unsigned int every[] = { 2, 4, 8, 16, 32 };

/* Attached all the time, read at one tick in so many: what it has is of all of them. */
static void what_gathers_while_it_is_left_out_is_of_all_that_time(void **state)
{
	struct fixture *f = *state;

	for (size_t k = 0; k < sizeof(every) / sizeof(*every); k++) {
		recents_init(&f->recents);
		for (unsigned int i = 0; i < 20; i++) {
			for (unsigned int j = 1; j < every[k]; j++)
				tick_without(f);
			tick_with(f, every[k] * A_TICK, every[k] * TICK);
			assert_float_equal(rate(f), RATE, 1e-9);
		}
	}
}

/* Detached in the others: what it has is of the one tick. */
static void what_rests_while_it_is_left_out_is_of_its_own_tick(void **state)
{
	struct fixture *f = *state;

	for (size_t k = 0; k < sizeof(every) / sizeof(*every); k++) {
		recents_init(&f->recents);
		for (unsigned int i = 0; i < 20; i++) {
			for (unsigned int j = 1; j < every[k]; j++)
				tick_without(f);
			tick_with(f, A_TICK, 0);
			assert_float_equal(rate(f), RATE, 1e-9);
		}
	}
}

static void a_time_that_cannot_be_is_that_of_the_frame(void **state)
{
	static const double values[] = { NAN, -1, 0, 1e19, INFINITY, -INFINITY };
	struct hist hist = { 0 };
	struct series series = { .hist = &hist };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		series.value = values[i];
		assert_int_equal(series_covers_ns(&series, TICK), TICK);
	}
	series.value = 5;
	assert_int_equal(series_covers_ns(&series, TICK), 5);
	series.hist = NULL; /* a gauge */
	assert_int_equal(series_covers_ns(&series, TICK), TICK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_tick_counts),
		TEST(what_gathers_while_it_is_left_out_is_of_all_that_time),
		TEST(what_rests_while_it_is_left_out_is_of_its_own_tick),
		cmocka_unit_test(a_time_that_cannot_be_is_that_of_the_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
