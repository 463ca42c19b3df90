// SPDX-License-Identifier: Apache-2.0
/* The budget on a simulated machine: who is thinned, in which order, and when it comes back. */
#include "observer/budget.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#define TICK_NS 250000000ull
#define LIMIT 0.005
#define STEPS(ticks) ((ticks) / BUDGET_STEP_TICKS)

enum { CHEAP, DEAR, DEARER, SOURCES };

/* What each costs when it is whole; a `fixed` one costs the same until it is dropped, as BPF programs do. */
struct machine {
	struct budget budget;
	struct budget_verdict verdict;
	uint64_t now_ns;
	double base; /* what is no source's */
	double whole[SOURCES];
	bool fixed[SOURCES], idle[SOURCES], on_trial[SOURCES];
	size_t n_changes, n_over;
};

static void machine_init(struct machine *m, double cheap, double dear, double dearer)
{
	*m = (struct machine){ .now_ns = 1000 * TICK_NS, .whole = { cheap, dear, dearer } };
	budget_init(&m->budget, LIMIT, TICK_NS);
}

static uint32_t thinning(const struct machine *m, size_t i)
{
	return m->budget.items[i].thinning;
}

static double cost(const struct machine *m, size_t i)
{
	if (m->idle[i] || thinning(m, i) == SOURCE_DROPPED)
		return 0;
	return m->fixed[i] ? m->whole[i] : m->whole[i] / (double)(1u << thinning(m, i));
}

static double total(const struct machine *m)
{
	double sum = m->base;

	for (size_t i = 0; i < SOURCES; i++)
		sum += cost(m, i);
	return sum;
}

static void step(struct machine *m)
{
	struct budget_cost costs[SOURCES];

	for (size_t i = 0; i < SOURCES; i++)
		costs[i] = (struct budget_cost){ cost(m, i), !m->idle[i], m->on_trial[i] };
	m->n_over += total(m) > LIMIT;
	m->now_ns += BUDGET_STEP_TICKS * TICK_NS;
	budget_step(&m->budget, m->now_ns, total(m), costs, SOURCES, &m->verdict);
	m->n_changes += m->verdict.changed >= 0;
}

static void steps(struct machine *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		step(m);
}

static void nothing_is_thinned_within_the_budget(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.0029);
	steps(&m, 5000);
	assert_int_equal(m.n_changes, 0);
	assert_int_equal(m.verdict.state, BUDGET_WITHIN);
}

static void a_peak_shorter_than_the_time_changes_nothing(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.001);
	for (int i = 0; i < 200; i++) {
		m.base = 0.1;
		steps(&m, STEPS(BUDGET_OVER_TICKS));
		assert_int_equal(m.verdict.state, BUDGET_OVER);
		m.base = 0;
		step(&m);
		assert_int_equal(m.verdict.state, BUDGET_WITHIN);
	}
	assert_int_equal(m.n_changes, 0);
}

static void over_it_for_the_time_the_dearest_is_thinned(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.0005, 0.0015, 0.004);
	steps(&m, STEPS(BUDGET_OVER_TICKS));
	assert_int_equal(m.n_changes, 0);
	step(&m);
	assert_int_equal(m.n_changes, 1);
	assert_int_equal(m.verdict.changed, DEARER);
	assert_int_equal(m.verdict.n_changed, 1);
	assert_int_equal(thinning(&m, DEARER), SOURCE_HALF);
	steps(&m, 20);
	assert_int_equal(m.n_changes, 1);
}

/* 0.1 of the machine, in one step: what is dear comes to cost the same, nobody is blind, and no more is taken than has to be. */
static void far_over_it_as_many_rungs_as_it_takes_are_taken_at_once(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.0003, 0.03, 0.04);
	steps(&m, STEPS(BUDGET_OVER_TICKS) + 1);
	assert_int_equal(m.n_changes, 1);
	assert_int_equal(m.verdict.changed, DEARER);
	assert_int_equal(m.verdict.n_changed, 2);
	assert_int_equal(thinning(&m, DEARER), SOURCE_THIRTY_SECOND);
	assert_int_equal(thinning(&m, DEAR), SOURCE_SIXTEENTH);
	assert_int_equal(thinning(&m, CHEAP), SOURCE_WHOLE);
	assert_true(total(&m) <= LIMIT * BUDGET_ROOM_RATIO);
	steps(&m, 20);
	assert_int_equal(m.n_changes, 1);
}

static void nobody_is_blind_while_it_helps_to_look_less_often(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.04, 0.04, 0.04);
	for (int i = 0; i < 1000; i++) {
		step(&m);
		for (size_t j = 0; j < SOURCES; j++)
			assert_true(thinning(&m, j) < SOURCE_DROPPED);
	}
	assert_true(total(&m) <= LIMIT);
}

static void what_thinning_does_not_make_cheaper_is_dropped_before_others_are_thinned(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.0015, 0.02);
	m.fixed[DEARER] = true;
	steps(&m, 4 * (STEPS(BUDGET_OVER_TICKS) + 1));
	assert_int_equal(thinning(&m, DEARER), SOURCE_DROPPED);
	assert_int_equal(thinning(&m, DEAR), SOURCE_WHOLE);
	assert_int_equal(thinning(&m, CHEAP), SOURCE_WHOLE);
	assert_true(m.n_changes <= 4);
	assert_true(total(&m) <= LIMIT);
}

static void the_dearest_at_that_time_comes_first(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.0001, 0.002, 0.0035);
	step(&m);
	for (int expected = 0; expected < 2; expected++) {
		static const int order[] = { DEARER, DEAR };

		while (m.verdict.changed < 0)
			step(&m);
		assert_int_equal(m.verdict.changed, order[expected]);
		assert_int_equal(m.verdict.n_changed, 1);
		step(&m);
		m.base += 0.0015; /* and more */
	}
}

static void what_a_trial_needs_is_never_thinned_but_named(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.02);
	m.on_trial[DEARER] = true;
	for (int i = 0; i < 400; i++) {
		step(&m);
		assert_int_equal(thinning(&m, DEARER), SOURCE_WHOLE);
	}
	/* They cost next to nothing by then. */
	assert_int_equal(thinning(&m, CHEAP), SOURCE_THIRTY_SECOND);
	assert_int_equal(thinning(&m, DEAR), SOURCE_THIRTY_SECOND);
	assert_int_equal(m.verdict.state, BUDGET_TRIAL);
	assert_int_equal(m.verdict.dearest, DEARER);
}

static void a_thinned_source_is_whole_at_once_for_a_trial(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.02);
	m.fixed[DEARER] = true;
	steps(&m, 100);
	assert_int_equal(thinning(&m, DEARER), SOURCE_DROPPED);
	m.on_trial[DEARER] = true;
	step(&m);
	assert_int_equal(thinning(&m, DEARER), SOURCE_WHOLE);
}

static void what_nobody_wants_any_more_is_whole_the_next_time(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.004);
	steps(&m, 10);
	assert_int_equal(thinning(&m, DEARER), SOURCE_HALF);
	m.idle[DEARER] = true;
	step(&m);
	assert_int_equal(thinning(&m, DEARER), SOURCE_WHOLE);
}

static void with_room_for_the_longer_time_they_come_back_a_rung_each(void **state)
{
	struct machine m;
	uint32_t last;

	(void)state;
	machine_init(&m, 0.0005, 0.0005, 0.002);
	m.base = 0.01;
	while (thinning(&m, DEARER) != SOURCE_DROPPED)
		step(&m);
	m.base = 0;
	m.n_changes = 0;
	last = SOURCE_DROPPED;
	while (thinning(&m, DEARER) != SOURCE_WHOLE || thinning(&m, DEAR) != SOURCE_WHOLE) {
		const size_t before = m.n_changes;

		steps(&m, STEPS(BUDGET_ROOM_TICKS));
		assert_int_equal(m.n_changes, before);
		step(&m);
		assert_int_equal(m.n_changes, before + 1);
		assert_true(last - thinning(&m, DEARER) <= 1);
		last = thinning(&m, DEARER);
	}
	assert_int_equal(m.n_changes, SOURCE_DROPPED);
}

/* By what they cost now: both on the same rung, only the cheaper one fits. */
static void of_those_that_wait_the_cheap_ones_come_back_as_far_as_they_fit(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.0005, 0.006, 0.02);
	m.base = 0.001;
	steps(&m, STEPS(BUDGET_OVER_TICKS) + 1);
	assert_int_equal(thinning(&m, DEAR), SOURCE_QUARTER);
	assert_int_equal(thinning(&m, DEARER), SOURCE_SIXTEENTH);
	m.whole[DEAR] = 0.004;
	steps(&m, STEPS(BUDGET_ROOM_TICKS) + 2);
	assert_int_equal(thinning(&m, DEAR), SOURCE_QUARTER);
	m.base = 0;
	steps(&m, STEPS(BUDGET_ROOM_TICKS) + 2);
	assert_int_equal(thinning(&m, DEAR), SOURCE_HALF);
	assert_int_equal(thinning(&m, DEARER), SOURCE_SIXTEENTH);
}

static void it_does_not_flap(void **state)
{
	struct machine m;
	size_t n_steps = STEPS(BUDGET_RETRY_TICKS) * 20;

	(void)state;
	/* Half of it fits, all of it does not: what it did cost is remembered, and it is tried only every ten minutes. */
	machine_init(&m, 0.001, 0.001, 0.004);
	steps(&m, n_steps);
	assert_int_equal(thinning(&m, CHEAP), SOURCE_WHOLE);
	assert_true(m.n_changes <= 1 + 2 * 20);
	assert_true(m.n_over <= (1 + 20) * (STEPS(BUDGET_OVER_TICKS) + 2));
}

static void room_that_its_old_cost_hides_is_found_again(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.001, 0.001, 0.02);
	m.fixed[DEARER] = true;
	steps(&m, 100);
	assert_int_equal(thinning(&m, DEARER), SOURCE_DROPPED);
	m.whole[DEARER] = 0.0001; /* the load has gone */
	m.n_changes = 0;
	steps(&m, STEPS(BUDGET_RETRY_TICKS) - 100);
	assert_int_equal(m.n_changes, 0);
	while (m.n_changes == 0)
		step(&m);
	assert_int_equal(thinning(&m, DEARER), SOURCE_THIRTY_SECOND);
	/* And the rest of the way by what it costs now. */
	steps(&m, 5 * (STEPS(BUDGET_ROOM_TICKS) + 1));
	assert_int_equal(thinning(&m, DEARER), SOURCE_WHOLE);
}

static void what_costs_next_to_nothing_is_left_alone(void **state)
{
	struct machine m;

	(void)state;
	machine_init(&m, 0.00001, 0.00002, 0.00003);
	m.base = 0.02;
	steps(&m, 100);
	assert_int_equal(m.n_changes, 0);
	assert_int_equal(m.verdict.state, BUDGET_NOTHING);
}

static void garbage_decides_nothing(void **state)
{
	static const double totals[] = { NAN, INFINITY, -INFINITY, -1 };
	static const double ratios[] = { NAN, INFINITY, -1 };
	struct budget_cost costs[SOURCES_MAX + 8] = { 0 };
	struct budget_verdict verdict;
	struct budget budget;
	uint64_t now_ns = TICK_NS;

	(void)state;
	budget_init(&budget, LIMIT, TICK_NS);
	for (size_t i = 0; i < SOURCES_MAX + 8; i++)
		costs[i] = (struct budget_cost){ .ratio = ratios[i % 3], .wanted = 1 };
	for (int i = 0; i < 400; i++) {
		budget_step(&budget, now_ns += 8 * TICK_NS, totals[i % 4], costs, SOURCES_MAX + 8,
			    &verdict);
		assert_int_equal(verdict.changed, -1);
	}
	for (int i = 0; i < 400; i++) {
		budget_step(&budget, now_ns += 8 * TICK_NS, 1, costs, SOURCES_MAX + 8, &verdict);
		assert_int_equal(verdict.changed, -1);
	}
	assert_int_equal(verdict.state, BUDGET_NOTHING);
}

static void a_clock_that_does_not_advance_decides_nothing(void **state)
{
	const struct budget_cost cost = { .ratio = 0.1, .wanted = 1 };
	struct budget_verdict verdict;
	struct budget budget;

	(void)state;
	budget_init(&budget, LIMIT, TICK_NS);
	for (int i = 0; i < 400; i++) {
		budget_step(&budget, 5000 * TICK_NS, 0.1, &cost, 1, &verdict);
		assert_int_equal(verdict.changed, -1);
	}
	for (uint64_t i = 4000; i > 3600; i--) {
		budget_step(&budget, i * TICK_NS, 0.1, &cost, 1, &verdict);
		assert_int_equal(verdict.changed, -1);
	}
}

static void without_a_budget_nothing_is_thinned(void **state)
{
	static const double limits[] = { 0, -1, NAN, INFINITY };
	struct machine m;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		machine_init(&m, 0.1, 0.2, 0.3);
		budget_init(&m.budget, limits[i], TICK_NS);
		steps(&m, 100);
		assert_int_equal(m.n_changes, 0);
		assert_int_equal(m.verdict.state, BUDGET_WITHIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_thinned_within_the_budget),
		cmocka_unit_test(a_peak_shorter_than_the_time_changes_nothing),
		cmocka_unit_test(over_it_for_the_time_the_dearest_is_thinned),
		cmocka_unit_test(far_over_it_as_many_rungs_as_it_takes_are_taken_at_once),
		cmocka_unit_test(nobody_is_blind_while_it_helps_to_look_less_often),
		cmocka_unit_test(
			what_thinning_does_not_make_cheaper_is_dropped_before_others_are_thinned),
		cmocka_unit_test(the_dearest_at_that_time_comes_first),
		cmocka_unit_test(what_a_trial_needs_is_never_thinned_but_named),
		cmocka_unit_test(a_thinned_source_is_whole_at_once_for_a_trial),
		cmocka_unit_test(what_nobody_wants_any_more_is_whole_the_next_time),
		cmocka_unit_test(with_room_for_the_longer_time_they_come_back_a_rung_each),
		cmocka_unit_test(of_those_that_wait_the_cheap_ones_come_back_as_far_as_they_fit),
		cmocka_unit_test(it_does_not_flap),
		cmocka_unit_test(room_that_its_old_cost_hides_is_found_again),
		cmocka_unit_test(what_costs_next_to_nothing_is_left_alone),
		cmocka_unit_test(garbage_decides_nothing),
		cmocka_unit_test(a_clock_that_does_not_advance_decides_nothing),
		cmocka_unit_test(without_a_budget_nothing_is_thinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
