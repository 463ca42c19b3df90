// SPDX-License-Identifier: Apache-2.0
/* Split trials: what is asked of the actuator, what is measured, and how often a useless arm is kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/analyzer.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "tests/sim/crowd.h"

#define TICK_NS 250000000ull
#define TICKS_A_WINDOW 4
#define MS 1000000
#define TRIALS 300
#define ALPHA 0.05

static const struct signal_row signals[SIGNAL_ID_COUNT] = {
	[SIGNAL_CPU_IDLE] = { .name = "cpu.idle",
			      .kind = SIGNAL_GAUGE,
			      .unit = UNIT_RATIO,
			      .scope = SCOPE_HOST },
	[SIGNAL_TCP_SPLIT_RTT] = { .name = "tcp.split.rtt",
				   .kind = SIGNAL_DISTRIBUTION,
				   .unit = UNIT_TIME,
				   .scope = SCOPE_HOST },
	[SIGNAL_TCP_SPLIT_RETRANSMITS] = { .name = "tcp.split.retransmits",
					   .kind = SIGNAL_COUNTER,
					   .unit = UNIT_NONE,
					   .scope = SCOPE_HOST },
};

static const struct catalogue catalogue = { .signals = signals };

/* Two values of the knob, `a` in force; what connections measure that drew one of them. */
struct machine {
	struct analyzer *analyzer;
	struct frame *frame;
	struct policy policy;
	struct decisions decisions;
	uint64_t now_ns;
	bool splitting, silent_arm, silent, sides_missing;
	char arm[KNOB_VALUE_MAX]; /* of the split that runs */
	uint64_t b_ns;            /* what `b` measures; `a`: 10 ms */
	double b_retransmits;     /* a tick; `a`: 10 */
	uint32_t n_actions[ACTION_COUNT];
	char actions[512]; /* first letters, in order */
	uint32_t n_windows;
	struct trial last;
};

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->analyzer = malloc(analyzer_size());
	m->frame = calloc(1, sizeof(*m->frame));
	assert_true(m->analyzer && m->frame);
	m->policy = (struct policy){
		.name = "split",
		.scope = SCOPE_HOST,
		.knob = "tcp.congestion",
		.knob_domain = DOMAIN_NETWORK,
		.when = { .n_nodes = 1,
			  .nodes = { { .op = CONDITION_GREATER,
				       .ref = { .signal = SIGNAL_CPU_IDLE } } } },
		.n_arms = 1,
		.arms = { "b" },
		.objective = { .ref = { .signal = SIGNAL_TCP_SPLIT_RTT, .stat = STAT_P50 },
			       .min_effect = 0.1 },
		.trial = { .window_ns = TICKS_A_WINDOW * TICK_NS,
			   .max_pairs = 40,
			   .error = ALPHA,
			   .split = 1,
			   .cooldown_ns = UINT64_MAX / 2 },
	};
	m->b_ns = 5 * MS;
	m->b_retransmits = 10;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	free(m->analyzer);
	free(m->frame);
	free(m);
	return 0;
}

static struct series *add_side(struct machine *m, uint32_t signal, uint32_t side, double value)
{
	struct series *series = &m->frame->series[m->frame->n_series++];

	*series = (struct series){ .signal = signal,
				   .flags = SERIES_VALID | side,
				   .scope = { .kind = SCOPE_HOST },
				   .value = value };
	if (signals[signal].kind == SIGNAL_DISTRIBUTION) {
		series->hist = &m->frame->hists[m->frame->n_hists++];
		memset(series->hist, 0, sizeof(*series->hist));
	}
	return series;
}

static void fill_sides(struct machine *m)
{
	bool is_b = !strcmp(m->arm, "b");
	/* A little more or less, so that there is noise. */
	uint64_t wobble = m->now_ns / TICK_NS * 7919 % 100 * 2000;
	struct series *base = add_side(m, SIGNAL_TCP_SPLIT_RTT, SERIES_BASE, 0);
	struct series *arm = add_side(m, SIGNAL_TCP_SPLIT_RTT, SERIES_ARM, 0);

	if (!m->silent)
		hist_add(base->hist, 10 * MS + wobble);
	if (!m->silent && !(m->silent_arm && is_b))
		hist_add(arm->hist, is_b ? m->b_ns : 10 * MS);
	add_side(m, SIGNAL_TCP_SPLIT_RETRANSMITS, SERIES_BASE, 10);
	add_side(m, SIGNAL_TCP_SPLIT_RETRANSMITS, SERIES_ARM, is_b ? m->b_retransmits : 10);
}

static void fill(struct machine *m)
{
	struct frame *frame = m->frame;

	m->now_ns += TICK_NS;
	frame->seq++;
	frame->time_ns = m->now_ns;
	frame->interval_ns = TICK_NS;
	frame->n_hists = 0;
	frame->n_series = 1;
	frame->series[0] = (struct series){ .signal = SIGNAL_CPU_IDLE,
					    .flags = SERIES_VALID,
					    .scope = { .kind = SCOPE_HOST },
					    .value = 0.5 };
	if (m->splitting && !m->sides_missing)
		fill_sides(m);
}

static void take_verdict(struct machine *m)
{
	for (size_t i = 0; i < m->decisions.n_events; i++)
		if (m->decisions.events[i].kind == EVENT_VERDICT)
			m->last = *analyzer_trial(m->analyzer, m->decisions.events[i].slot);
}

static void answer(struct machine *m)
{
	while (m->decisions.n_proposals) {
		struct proposal p = m->decisions.proposals[0];
		struct knob_reading reading = { .knob = "tcp.congestion",
						.scope = p.change.scope,
						.flags = KNOB_WRITABLE,
						.value = "a" };
		struct outcome outcome = { .txn = p.change.txn,
					   .action = p.change.action,
					   .time_ns = m->now_ns };

		take_verdict(m);
		if (p.kind == PROPOSAL_READ) {
			analyzer_reading(m->analyzer, p.slot, &reading, m->now_ns, &m->decisions);
			continue;
		}
		assert_int_equal(p.change.flags, CHANGE_SPLIT);
		m->actions[strlen(m->actions)] = "BABKUS"[p.change.action];
		m->n_actions[p.change.action]++;
		m->splitting = p.change.action == ACTION_SPLIT;
		if (p.change.action == ACTION_BEGIN)
			memcpy(m->arm, p.change.new_value, KNOB_VALUE_MAX);
		analyzer_outcome(m->analyzer, &outcome, m->now_ns, &m->decisions);
	}
	take_verdict(m);
}

/* Until the verdict, which is checked. */
static void run(struct machine *m, uint32_t verdict, uint32_t reason)
{
	const struct analyzer_options options = {
		.seed = 3,
		.mode = ANALYZER_AUTONOMOUS,
		.policies = &m->policy,
		.n_policies = 1,
		.catalogue = &catalogue,
		.only = { .kind = SCOPE_KIND_COUNT },
		.next_trial = 1,
		.tick_ns = TICK_NS,
	};

	assert_int_equal(analyzer_init(m->analyzer, &options), 0);
	for (int tick = 0; tick < 1000 && m->last.phase != TRIAL_ENDED; tick++) {
		fill(m);
		analyzer_tick(m->analyzer, m->frame, &m->decisions);
		answer(m);
	}
	assert_int_equal(m->last.verdict, verdict);
	assert_int_equal(m->last.reason, reason);
	assert_int_equal(m->last.txn, 0);
}

static void a_better_arm_is_kept_without_ever_being_in_force_for_all(void **state)
{
	struct machine *m = *state;

	run(m, VERDICT_KEPT, REASON_BETTER);
	/* Readiness with the incumbent on both sides, then five cohorts, then the keep. */
	assert_string_equal(m->actions, "BSSSSSSUBSSSSSK");
	assert_int_equal(m->n_actions[ACTION_ARM], 0);
	assert_int_equal(m->last.n_pairs, 5);
	assert_true(fabs(m->last.pairs[4].d - log(2)) < 0.1);
	assert_int_equal(m->last.hist[WINDOW_BASE].count, 5 * TICKS_A_WINDOW);
	assert_int_equal(m->last.hist[WINDOW_ARM].count, 5 * TICKS_A_WINDOW);
}

static void the_noise_is_that_of_two_sides_with_the_incumbent(void **state)
{
	struct machine *m = *state;

	run(m, VERDICT_KEPT, REASON_BETTER);
	assert_int_equal(m->last.n_ready, TRIAL_READY_WINDOWS);
	/* At most 200 µs of 10 ms apart. */
	assert_true(m->last.noise >= 0.001 && m->last.noise < 0.04);
}

static void a_worse_arm_is_undone(void **state)
{
	struct machine *m = *state;

	m->b_ns = 20 * MS;
	run(m, VERDICT_REVERTED, REASON_WORSE);
	assert_int_equal(m->n_actions[ACTION_KEEP], 0);
}

static void arms_are_screened_side_by_side(void **state)
{
	struct machine *m = *state;

	m->policy.n_arms = 2;
	strcpy(m->policy.arms[1], "c"); /* as `a` */
	run(m, VERDICT_KEPT, REASON_BETTER);
	assert_string_equal(m->actions, "BSSSSSSUBSUBSUBSSSSSK");
	assert_string_equal(m->last.arm, "b");
}

static void a_guardrail_compares_the_two_sides(void **state)
{
	struct machine *m = *state;

	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] = (struct guardrail){
		.ref = { .signal = SIGNAL_TCP_SPLIT_RETRANSMITS, .stat = STAT_RATE },
		.kind = GUARDRAIL_MAX_RISE,
		.limit = 1,
	};
	m->b_retransmits = 25;
	run(m, VERDICT_REVERTED, REASON_GUARDRAIL);
	assert_int_equal(m->last.n_pairs, 0);
}

static void an_arm_whose_connections_never_come_to_anything_is_worse(void **state)
{
	struct machine *m = *state;

	m->silent_arm = true;
	run(m, VERDICT_REVERTED, REASON_WORSE);
	assert_int_equal(m->last.n_pairs, 0);
}

static void without_connections_a_trial_ends_as_blind(void **state)
{
	struct machine *m = *state;

	m->silent = true;
	run(m, VERDICT_ABORTED, REASON_BLIND);
	/* The arm was not tried. */
	assert_string_equal(m->actions, "BSSSSSU");
}

static void a_split_that_vanishes_is_asked_for_again_and_then_given_up(void **state)
{
	struct machine *m = *state;

	m->sides_missing = true;
	run(m, VERDICT_ABORTED, REASON_BLIND);
	assert_true(m->n_actions[ACTION_SPLIT] > 1);
	assert_int_equal(m->n_actions[ACTION_UNDO], 1);
}

/* The error and three standard deviations of a share. */
static double ceiling(void)
{
	return ALPHA + 3 * sqrt(ALPHA * (1 - ALPHA) / TRIALS);
}

static double kept_share(enum ideal_noise noise, enum crowd_size size, double gain)
{
	struct crowd *crowd = crowd_new();
	uint32_t kept = 0;

	assert_non_null(crowd);
	for (uint32_t i = 0; i < TRIALS; i++)
		kept += crowd_run(crowd, noise, size, gain, 1000 + i).verdict == VERDICT_KEPT;
	crowd_free(crowd);
	return (double)kept / TRIALS;
}

static void a_useless_arm_is_kept_no_more_often_than_the_error(void **state)
{
	(void)state;
	for (enum ideal_noise noise = 0; noise < NOISE_COUNT; noise++) {
		assert_true(kept_share(noise, CROWD_32, 1) <= ceiling());
		assert_true(kept_share(noise, CROWD_FEW, 1) <= ceiling());
	}
}

/* The rule that only a connection's own window counts is what makes the test valid: this would find it missing. */
static void without_cohorts_it_would_be_kept_far_more_often(void **state)
{
	(void)state;
	assert_true(kept_share(NOISE_INDEPENDENT, CROWD_CARRIED, 1) > 3 * ALPHA);
}

static void a_gain_is_found(void **state)
{
	(void)state;
	assert_true(kept_share(NOISE_INDEPENDENT, CROWD_32, 1 / 0.9) > 0.9);
	assert_true(kept_share(NOISE_HEAVY, CROWD_FEW, 1 / 0.7) > 0.9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_better_arm_is_kept_without_ever_being_in_force_for_all, setup, teardown),
		cmocka_unit_test_setup_teardown(the_noise_is_that_of_two_sides_with_the_incumbent,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_worse_arm_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(arms_are_screened_side_by_side, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guardrail_compares_the_two_sides, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			an_arm_whose_connections_never_come_to_anything_is_worse, setup, teardown),
		cmocka_unit_test_setup_teardown(without_connections_a_trial_ends_as_blind, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_split_that_vanishes_is_asked_for_again_and_then_given_up, setup,
			teardown),
		cmocka_unit_test(a_useless_arm_is_kept_no_more_often_than_the_error),
		cmocka_unit_test(without_cohorts_it_would_be_kept_far_more_often),
		cmocka_unit_test(a_gain_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
