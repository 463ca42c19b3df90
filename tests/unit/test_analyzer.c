// SPDX-License-Identifier: Apache-2.0
/* The analyzer against a machine of synthetic frames and an actuator that answers as told. */
#include <errno.h>
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
#include "base/rng.h"

#define TICK_NS 250000000ull
#define MS 1e6
#define LOG_MAX 4096
#define KNOB "block.scheduler"

static const struct signal_row signals[SIGNAL_ID_COUNT] = {
	[SIGNAL_DISK_READ_LATENCY] = { .name = "disk.read.latency",
				       .kind = SIGNAL_DISTRIBUTION,
				       .unit = UNIT_TIME,
				       .scope = SCOPE_DISK },
	[SIGNAL_DISK_WRITE_BYTES] = { .name = "disk.write.bytes",
				      .kind = SIGNAL_COUNTER,
				      .unit = UNIT_BYTES,
				      .scope = SCOPE_DISK },
	[SIGNAL_DISK_WRITE_LATENCY] = { .name = "disk.write.latency",
					.kind = SIGNAL_DISTRIBUTION,
					.unit = UNIT_TIME,
					.scope = SCOPE_DISK },
	[SIGNAL_DISK_BUSY] = { .name = "disk.busy",
			       .kind = SIGNAL_GAUGE,
			       .unit = UNIT_RATIO,
			       .scope = SCOPE_DISK },
	[SIGNAL_PSI_IO_FULL] = { .name = "psi.io.full",
				 .kind = SIGNAL_GAUGE,
				 .unit = UNIT_RATIO,
				 .scope = SCOPE_HOST },
	[SIGNAL_APP_VALUE] = { .name = "app.value",
			       .kind = SIGNAL_GAUGE,
			       .unit = UNIT_NONE,
			       .scope = SCOPE_SERVICE },
	[SIGNAL_MEM_FREE] = { .name = "mem.free",
			      .kind = SIGNAL_GAUGE,
			      .unit = UNIT_BYTES,
			      .scope = SCOPE_HOST },
};

static const struct catalogue catalogue = { .signals = signals };

#define REF_P50                                                                          \
	{                                                                                \
		.signal = SIGNAL_DISK_READ_LATENCY, .stat = STAT_P50, .kind = SCOPE_DISK \
	}
#define REF_P99                                                                          \
	{                                                                                \
		.signal = SIGNAL_DISK_READ_LATENCY, .stat = STAT_P99, .kind = SCOPE_DISK \
	}
#define REF_WRITES                                                                       \
	{                                                                                \
		.signal = SIGNAL_DISK_WRITE_BYTES, .stat = STAT_RATE, .kind = SCOPE_DISK \
	}
#define REF_BUSY                                                                   \
	{                                                                          \
		.signal = SIGNAL_DISK_BUSY, .stat = STAT_VALUE, .kind = SCOPE_DISK \
	}
#define REF_PSI                                                  \
	{                                                        \
		.signal = SIGNAL_PSI_IO_FULL, .stat = STAT_VALUE \
	}

/* What the machine does while a value is in force. */
struct behaviour {
	const char *value;
	double latency_ns, writes, psi, busy;
};

struct machine {
	struct analyzer *analyzer;
	struct frame *frame;
	struct policy policy;
	struct analyzer_options options;
	struct decisions decisions;
	struct rng rng;
	struct behaviour behaviours[4];
	size_t n_behaviours;
	const char *choices[4];
	size_t n_disks;
	char in_force[4][KNOB_VALUE_MAX]; /* of each disk */
	uint64_t now_ns;
	uint64_t ahead_ns; /* of the frames, when an outcome comes: they wait in a channel */
	double noise;      /* half width of a tick's latency factor */
	uint64_t
		thin; /* busy is in one tick of so many, of the others the frame says that it is left out; 0 = in all */
	bool thin_unsaid; /* the frame does not say so */
	bool thin_all;    /* all of the disks, not one signal of them */
	bool no_latency, lossy, gone, mute_all;
	bool serving;          /* services `web` (faster with bfq) and `other` push their values */
	const char *stalled;   /* while this value is in force no read ends; NULL = none */
	uint32_t blind_signal; /* SIGNAL_ID_COUNT = none */
	uint32_t
		blind_flags; /* what its series carries instead; 0 = it is there, without a value */
	bool blind_missing;  /* it has no series at all */
	uint32_t reading_flags;
	uint32_t mute;                   /* bit set of actions that get no answer */
	uint32_t bad_action, bad_status; /* this action is answered by this status */
	uint32_t n_events[EVENT_COUNT];
	struct proposal log[LOG_MAX];
	size_t n_log;
	struct trial last;
};

static struct machine *machine_new(void)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->analyzer = malloc(analyzer_size());
	m->frame = calloc(1, sizeof(*m->frame));
	assert_non_null(m->analyzer);
	assert_non_null(m->frame);
	m->policy = (struct policy){
		.name = "reads",
		.scope = SCOPE_DISK,
		.when = { .n_nodes = 1,
			  .nodes = { { .op = CONDITION_GREATER, .ref = REF_BUSY, .limit = 0.5 } } },
		.knob = KNOB,
		.knob_domain = DOMAIN_DISK,
		.n_arms = 2,
		.arms = { "none", "bfq" },
		.objective = { .ref = REF_P50, .min_effect = 0.1 },
		.trial = { .window_ns = 4 * TICK_NS,
			   .washout_ns = 2 * TICK_NS,
			   .max_pairs = 40,
			   .error = 0.05,
			   .cooldown_ns = 60 * 4 * TICK_NS },
	};
	m->options = (struct analyzer_options){
		.seed = 5,
		.mode = ANALYZER_AUTONOMOUS,
		.policies = &m->policy,
		.n_policies = 1,
		.only = { .kind = SCOPE_KIND_COUNT },
		.next_trial = 7,
		.tick_ns = TICK_NS,
		.catalogue = &catalogue,
	};
	m->behaviours[0] = (struct behaviour){ "none", 5 * MS, 100e6, 0.2, 0.9 };
	m->behaviours[1] = (struct behaviour){ "bfq", 0.05 * MS, 90e6, 0.2, 0.9 };
	m->behaviours[2] = (struct behaviour){ "kyber", 2 * MS, 100e6, 0.2, 0.9 };
	m->n_behaviours = 3;
	m->n_disks = 1;
	m->noise = 0.05;
	m->reading_flags = KNOB_WRITABLE;
	m->bad_action = ACTION_COUNT;
	m->blind_signal = SIGNAL_ID_COUNT;
	for (size_t i = 0; i < ARRAY_SIZE(m->in_force); i++)
		strcpy(m->in_force[i], "none");
	rng_init(&m->rng, 9);
	return m;
}

static void machine_start(struct machine *m)
{
	assert_int_equal(analyzer_init(m->analyzer, &m->options), 0);
}

static void machine_free(struct machine *m)
{
	free(m->analyzer);
	free(m->frame);
	free(m);
}

static struct scope disk(size_t index)
{
	struct scope scope = { .kind = SCOPE_DISK, .name = "d0" };

	scope.name[1] = (char)('0' + index);
	return scope;
}

static const struct behaviour *behaviour(const struct machine *m, const char *value)
{
	for (size_t i = 0; i < m->n_behaviours; i++)
		if (!strcmp(m->behaviours[i].value, value))
			return &m->behaviours[i];
	return &m->behaviours[0];
}

static struct series *add_series(struct machine *m, uint32_t signal, struct scope scope,
				 double value)
{
	struct series *series = &m->frame->series[m->frame->n_series++];

	*series = (struct series){
		.signal = signal, .flags = SERIES_VALID, .scope = scope, .value = value
	};
	return series;
}

static struct hist *add_hist(struct machine *m, struct series *series)
{
	series->hist = &m->frame->hists[m->frame->n_hists++];
	memset(series->hist, 0, sizeof(*series->hist));
	return series->hist;
}

static void make_blind(struct machine *m)
{
	for (size_t i = 0; i < m->frame->n_series; i++) {
		struct series *series = &m->frame->series[i];

		if (series->signal != m->blind_signal)
			continue;
		series->flags = m->blind_flags;
		if (m->blind_missing)
			series->signal = SIGNAL_MEM_FREE;
	}
}

static void make_thin(struct machine *m)
{
	m->frame->skipped = (struct signal_set){ 0 };
	if (!m->thin || m->frame->seq % m->thin == 0)
		return;
	for (size_t i = 0; i < m->frame->n_series; i++) {
		struct series *series = &m->frame->series[i];

		if (series->signal != SIGNAL_DISK_BUSY &&
		    !(m->thin_all && series->scope.kind == SCOPE_DISK))
			continue;
		if (!m->thin_unsaid)
			signal_set_add(&m->frame->skipped, series->signal);
		*series = (struct series){ .signal = SIGNAL_MEM_FREE, .flags = SERIES_VALID };
	}
}

static void fill_disk(struct machine *m, size_t index)
{
	const struct behaviour *b = behaviour(m, m->in_force[index % ARRAY_SIZE(m->in_force)]);
	double seconds = (double)m->frame->interval_ns / 1e9;
	struct series *series;

	add_series(m, SIGNAL_DISK_BUSY, disk(index), b->busy);
	add_series(m, SIGNAL_DISK_WRITE_BYTES, disk(index), b->writes * seconds);
	add_hist(m, add_series(m, SIGNAL_DISK_WRITE_LATENCY, disk(index), 0)); /* no writes end */
	if (m->no_latency)
		return;
	series = add_series(m, SIGNAL_DISK_READ_LATENCY, disk(index), 0);
	add_hist(m, series);
	if (m->lossy)
		series->flags |= SERIES_LOSSY;
	if (m->stalled && !strcmp(m->stalled, b->value))
		return;
	for (int i = 0; i < 50; i++) {
		double factor = 1 + m->noise * (2 * rng_uniform(&m->rng) - 1);

		hist_add(series->hist, (uint64_t)(b->latency_ns * factor));
	}
}

static void take_events(struct machine *m)
{
	for (size_t i = 0; i < m->decisions.n_events; i++) {
		const struct event *event = &m->decisions.events[i];

		m->n_events[event->kind]++;
		if (event->kind == EVENT_VERDICT) {
			assert_non_null(analyzer_trial(m->analyzer, event->slot));
			m->last = *analyzer_trial(m->analyzer, event->slot);
		}
	}
}

static void answer_read(struct machine *m, const struct proposal *p)
{
	struct knob_reading reading = { .knob = KNOB,
					.scope = p->change.scope,
					.flags = m->reading_flags };

	strcpy(reading.value, m->in_force[p->change.scope.name[1] - '0']);
	while (reading.n_choices < ARRAY_SIZE(m->choices) && m->choices[reading.n_choices]) {
		strcpy(reading.choices[reading.n_choices], m->choices[reading.n_choices]);
		reading.n_choices++;
	}
	analyzer_reading(m->analyzer, p->slot, &reading, m->now_ns, &m->decisions);
}

static void answer_change(struct machine *m, const struct proposal *p)
{
	struct outcome outcome = {
		.txn = p->change.txn,
		.action = p->change.action,
		.status = OUTCOME_DONE,
		.time_ns = m->now_ns + m->ahead_ns,
	};
	char *in_force =
		m->in_force[(p->change.scope.name[1] - '0') % (int)ARRAY_SIZE(m->in_force)];

	if (p->change.action == m->bad_action)
		outcome.status = m->bad_status;
	else if (p->change.action == ACTION_ARM || p->change.action == ACTION_KEEP)
		memcpy(in_force, p->change.new_value, KNOB_VALUE_MAX);
	else
		memcpy(in_force, p->change.old_value, KNOB_VALUE_MAX);
	analyzer_outcome(m->analyzer, &outcome, m->now_ns + m->ahead_ns, &m->decisions);
}

/* Answers proposals until none is left; what is muted is only logged. */
static void answer(struct machine *m)
{
	struct proposal queue[DECISIONS_PROPOSALS_MAX];
	size_t n = m->decisions.n_proposals;

	take_events(m);
	memcpy(queue, m->decisions.proposals, n * sizeof(queue[0]));
	for (size_t i = 0; i < n; i++) {
		assert_true(m->n_log < LOG_MAX);
		m->log[m->n_log++] = queue[i];
		if (m->mute_all || (queue[i].kind == PROPOSAL_CHANGE &&
				    (m->mute & (1u << queue[i].change.action))))
			continue;
		if (queue[i].kind == PROPOSAL_READ)
			answer_read(m, &queue[i]);
		else
			answer_change(m, &queue[i]);
		answer(m);
	}
}

static void tick_for(struct machine *m, uint64_t interval_ns)
{
	m->now_ns += interval_ns;
	m->frame->seq++;
	m->frame->time_ns = m->now_ns;
	m->frame->interval_ns = interval_ns;
	m->frame->n_series = 0;
	m->frame->n_hists = 0;
	add_series(m, SIGNAL_PSI_IO_FULL, (struct scope){ .kind = SCOPE_HOST },
		   behaviour(m, m->in_force[0])->psi);
	for (size_t i = 0; i < m->n_disks && !m->gone; i++)
		fill_disk(m, i);
	if (m->serving) {
		add_series(m, SIGNAL_APP_VALUE, (struct scope){ SCOPE_SERVICE, "other" },
			   5 + m->noise * rng_uniform(&m->rng));
		add_series(m, SIGNAL_APP_VALUE, (struct scope){ SCOPE_SERVICE, "web" },
			   (strcmp(m->in_force[0], "bfq") ? 5 : 9) +
				   m->noise * rng_uniform(&m->rng));
	}
	make_blind(m);
	make_thin(m);
	analyzer_tick(m->analyzer, m->frame, &m->decisions);
	answer(m);
}

static void tick(struct machine *m)
{
	tick_for(m, TICK_NS);
}

static void run_until(struct machine *m, enum event_kind kind)
{
	uint32_t before = m->n_events[kind];

	for (int i = 0; i < 5000 && m->n_events[kind] == before; i++)
		tick(m);
	assert_int_not_equal(m->n_events[kind], before);
}

/* Ticks until a change of `action` is proposed. */
static void run_until_action(struct machine *m, enum action action)
{
	for (int i = 0; i < 5000; i++) {
		tick(m);
		if (m->n_log && m->log[m->n_log - 1].kind == PROPOSAL_CHANGE &&
		    m->log[m->n_log - 1].change.action == action)
			return;
	}
	fail_msg("the action was never proposed");
}

static void assert_ended(const struct machine *m, enum verdict verdict, enum reason reason)
{
	assert_int_equal(m->last.verdict, verdict);
	assert_int_equal(m->last.reason, reason);
	assert_int_equal(m->last.phase, TRIAL_ENDED);
	assert_true(m->last.txn == 0);
	assert_true(m->last.reason_text[0] != '\0');
}

static const struct proposal *last_proposal(const struct machine *m)
{
	assert_true(m->n_log > 0);
	return &m->log[m->n_log - 1];
}

static enum target_state state_of(const struct machine *m, size_t index)
{
	struct target_view views[16];

	assert_true(analyzer_targets(m->analyzer, views, 16) > index);
	return views[index].state;
}

static void a_much_better_arm_is_kept_after_five_pairs(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_int_equal(m->last.n_pairs, 5);
	assert_int_equal(m->last.n_screened, 0);
	assert_string_equal(m->last.incumbent, "none");
	assert_string_equal(m->last.arm, "bfq");
	assert_string_equal(m->in_force[0], "bfq");
	assert_int_equal(last_proposal(m)->change.action, ACTION_KEEP);
	assert_true(strstr(m->last.reason_text,
			   "kept bfq: disk.read.latency.p50 99.0 % lower (at least 9") ==
		    m->last.reason_text);
	assert_non_null(strstr(m->last.reason_text, "after 5 pairs, error 5.00 %"));
	assert_true(m->last.hist[WINDOW_BASE].count > 0 && m->last.hist[WINDOW_ARM].count > 0);
	machine_free(m);
}

static void transactions_are_numbered_by_trial_and_begin_with_a_deadline(void **state)
{
	struct machine *m = machine_new();
	size_t n_begins = 0;

	(void)state;
	m->policy.n_arms = 3;
	strcpy(m->policy.arms[2], "kyber");
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	for (size_t i = 0; i < m->n_log; i++) {
		const struct change *change = &m->log[i].change;

		if (m->log[i].kind != PROPOSAL_CHANGE || change->action != ACTION_BEGIN)
			continue;
		assert_true(change->txn == 7 * 64 + n_begins);
		assert_true(change->trial == 7);
		assert_true(change->deadline_ns > m->last.opened_ns);
		assert_string_equal(change->old_value, "none");
		assert_string_equal(change->knob, KNOB);
		n_begins++;
	}
	assert_int_equal(n_begins, 3);
	machine_free(m);
}

static void screening_chooses_the_best_arm_and_stays_out_of_the_test(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_arms = 3;
	strcpy(m->policy.arms[2], "kyber");
	machine_start(m);
	run_until(m, EVENT_CHOSEN);
	assert_int_equal(m->n_events[EVENT_SCREENED], 2);
	assert_int_equal(m->n_events[EVENT_PAIR], 0);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_string_equal(m->last.arm, "bfq");
	assert_int_equal(m->last.n_screened, 2);
	assert_int_equal(m->last.n_pairs, 5);
	machine_free(m);
}

static void an_arm_that_breaches_a_guardrail_in_screening_is_dropped(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_arms = 3;
	strcpy(m->policy.arms[2], "kyber");
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 };
	m->behaviours[1].psi = 0.9;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_string_equal(m->last.arm, "kyber");
	machine_free(m);
}

static void a_worse_arm_is_undone(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->behaviours[1].latency_ns = 50 * MS;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_REVERTED, REASON_WORSE);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	assert_string_equal(m->in_force[0], "none");
	machine_free(m);
}

static void an_effect_that_is_surely_too_small_is_futile(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->behaviours[1].latency_ns = 4.8 * MS;
	m->policy.objective.min_effect = 0.5;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_INCONCLUSIVE, REASON_FUTILE);
	assert_string_equal(m->in_force[0], "none");
	machine_free(m);
}

static void pairs_run_out(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->behaviours[1].latency_ns = 2.5 * MS;
	m->policy.trial.max_pairs = 4;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_INCONCLUSIVE, REASON_MAX_PAIRS);
	assert_int_equal(m->last.n_pairs, 4);
	machine_free(m);
}

static void without_an_offered_arm_there_is_no_trial(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->choices[0] = "none";
	m->choices[1] = "mq-deadline";
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_INCONCLUSIVE, REASON_NO_ARM);
	assert_non_null(strstr(m->last.reason_text, "not offered here: bfq"));
	assert_int_equal(m->n_log, 1);
	machine_free(m);
}

static void recommend_mode_lists_the_arms_and_proposes_no_change(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->options.mode = ANALYZER_RECOMMEND;
	m->policy.n_arms = 3;
	strcpy(m->policy.arms[2], "kyber");
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_DRY_RUN);
	assert_int_equal(m->last.n_screened, 2);
	assert_true(isnan(m->last.screened[0].y));
	assert_string_equal(m->last.screened[1].value, "kyber");
	assert_string_equal(m->last.incumbent, "none");
	assert_int_equal(m->last.n_evidence, 1);
	assert_true(m->last.evidence[0].value == 0.9);
	for (int i = 0; i < 200; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	assert_int_equal(m->n_log, 1);
	assert_int_equal(state_of(m, 0), TARGET_COOLDOWN);
	for (int i = 0; i < 100; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 2);
	machine_free(m);
}

static void calibration_tests_the_incumbent_against_itself(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.trial.calibrate = 1;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_string_equal(m->last.arm, "none");
	assert_int_not_equal(m->last.verdict, VERDICT_KEPT);
	machine_free(m);
}

static void a_bad_answer_ends_the_trial_with_its_reason(void **state)
{
	static const struct {
		enum action action;
		enum outcome_status status;
		enum reason reason;
	} rows[] = {
		{ ACTION_BEGIN, OUTCOME_REFUSED, REASON_REFUSED },
		{ ACTION_BEGIN, OUTCOME_FOREIGN, REASON_FOREIGN },
		{ ACTION_BEGIN, OUTCOME_GONE, REASON_GONE },
		{ ACTION_BEGIN, OUTCOME_FAILED, REASON_FAILED },
		{ ACTION_ARM, OUTCOME_REFUSED, REASON_REFUSED },
		{ ACTION_ARM, OUTCOME_FOREIGN, REASON_FOREIGN },
		{ ACTION_ARM, OUTCOME_GONE, REASON_GONE },
		{ ACTION_ARM, OUTCOME_FAILED, REASON_FAILED },
		{ ACTION_BASE, OUTCOME_FOREIGN, REASON_FOREIGN },
		{ ACTION_KEEP, OUTCOME_REFUSED, REASON_REFUSED },
		{ ACTION_KEEP, OUTCOME_FOREIGN, REASON_FOREIGN },
		{ ACTION_KEEP, OUTCOME_FAILED, REASON_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine *m = machine_new();
		bool still_open =
			rows[i].status == OUTCOME_REFUSED && rows[i].action != ACTION_BEGIN;

		m->bad_action = rows[i].action;
		m->bad_status = rows[i].status;
		machine_start(m);
		run_until(m, EVENT_VERDICT);
		assert_ended(m, VERDICT_ABORTED, rows[i].reason);
		assert_int_equal(last_proposal(m)->change.action,
				 still_open ? ACTION_UNDO : rows[i].action);
		machine_free(m);
	}
}

static void a_foreign_write_pins_the_knob_until_it_is_cleared(void **state)
{
	struct machine *m = machine_new();
	struct scope scope = disk(0);

	(void)state;
	m->bad_action = ACTION_BASE;
	m->bad_status = OUTCOME_FOREIGN;
	m->policy.trial.cooldown_ns = 0;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_FOREIGN);
	for (int i = 0; i < 500; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	assert_int_equal(state_of(m, 0), TARGET_PINNED);
	analyzer_pin(m->analyzer, KNOB, &scope, 0);
	run_until(m, EVENT_OPPORTUNITY);
	machine_free(m);
}

static void an_unasked_undo_ends_the_trial_and_an_unknown_one_is_ignored(void **state)
{
	struct machine *m = machine_new();
	struct outcome outcome = { .action = ACTION_UNDO, .status = OUTCOME_DONE, .unasked = 1 };

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	outcome.txn = 12345;
	analyzer_outcome(m->analyzer, &outcome, m->now_ns, &m->decisions);
	assert_int_equal(m->decisions.n_events, 0);
	outcome.txn = analyzer_trial(m->analyzer, 0)->txn;
	analyzer_outcome(m->analyzer, &outcome, m->now_ns, &m->decisions);
	answer(m);
	assert_ended(m, VERDICT_ABORTED, REASON_DEADLINE);
	machine_free(m);
}

static void a_silent_actuator_is_asked_to_undo_and_given_up(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->mute = 1u << ACTION_ARM;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_PEER);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	machine_free(m);

	m = machine_new();
	m->mute = 1u << ACTION_ARM | 1u << ACTION_UNDO;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_PEER);
	machine_free(m);
}

/* What an outcome asks for is asked later than the frames that waited were made: it is not overdue for that. */
static void frames_older_than_what_was_asked_are_no_silence(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	/* Three arms are screened: the answer to BEGIN asks for ARM. */
	m->policy.n_arms = 3;
	strcpy(m->policy.arms[2], "kyber");
	machine_start(m);
	m->ahead_ns = 3 * TICK_NS;
	m->mute = 1u << ACTION_ARM;
	run_until_action(m, ACTION_ARM);
	for (int i = 0; i < 6; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_VERDICT], 0);
	assert_int_equal(last_proposal(m)->change.action, ACTION_ARM);
	machine_free(m);
}

static void a_hard_guardrail_undoes_the_arm_in_the_same_tick(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 };
	m->mute = 1u << ACTION_UNDO;
	machine_start(m);
	run_until_action(m, ACTION_ARM);
	m->behaviours[1].psi = 0.91;
	tick(m);
	assert_int_equal(m->decisions.n_proposals, 1);
	assert_int_equal(m->decisions.proposals[0].change.action, ACTION_UNDO);
	m->mute = 0;
	answer(m);
	assert_ended(m, VERDICT_REVERTED, REASON_GUARDRAIL);
	assert_int_equal(m->last.guardrails[0].breached, 1);
	assert_string_equal(m->last.reason_text,
			    "undid bfq: guardrail psi.io.full max 80.0 % was breached at 91.0 %");
	machine_free(m);
}

static void a_hard_guardrail_looks_only_while_the_arm_is_in_force(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 };
	m->behaviours[0].psi = 0.95;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	machine_free(m);
}

static void a_relative_guardrail_compares_with_the_incumbents_windows(void **state)
{
	for (int breach = 0; breach < 2; breach++) {
		struct machine *m = machine_new();

		(void)state;
		m->policy.n_guardrails = 1;
		m->policy.guardrails[0] = (struct guardrail){ .ref = REF_WRITES,
							      .kind = GUARDRAIL_MAX_DROP,
							      .limit = 0.4 };
		m->behaviours[1].writes = breach ? 50e6 : 65e6;
		machine_start(m);
		run_until(m, EVENT_VERDICT);
		if (breach) {
			assert_ended(m, VERDICT_REVERTED, REASON_GUARDRAIL);
			assert_int_equal(m->last.n_pairs, 0);
			assert_true(fabs(m->last.guardrails[0].base - 100e6) < 1);
		} else {
			assert_ended(m, VERDICT_KEPT, REASON_BETTER);
		}
		machine_free(m);
	}
}

static void a_rise_from_nothing_breaches(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX_RISE, .limit = 0.5 };
	m->behaviours[0].psi = 0;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_REVERTED, REASON_GUARDRAIL);
	machine_free(m);
}

static void an_arm_is_not_tried_without_sight_of_its_guardrails(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] = (struct guardrail){
		.ref = { .signal = SIGNAL_MEM_FREE, .stat = STAT_VALUE },
		.kind = GUARDRAIL_MIN,
		.limit = 1e9,
	};
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_BLIND);
	assert_non_null(strstr(m->last.reason_text, "guardrail mem.free"));
	assert_int_equal(m->n_log, 1);
	machine_free(m);
}

static void a_guardrail_that_goes_blind_undoes_the_arm(void **state)
{
	static const struct {
		struct guardrail rail;
		uint32_t flags;
		bool missing;
		int n_ticks;
		const char *text;
	} rows[] = {
		{ { .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 },
		  SERIES_VALID,
		  true,
		  3,
		  "guardrail psi.io.full" },
		{ { .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 },
		  0,
		  false,
		  3,
		  "guardrail psi.io.full" },
		{ { .ref = REF_WRITES, .kind = GUARDRAIL_MAX_DROP, .limit = 0.4 },
		  SERIES_VALID,
		  true,
		  3,
		  "guardrail disk.write.bytes.rate" },
		{ { .ref = REF_WRITES, .kind = GUARDRAIL_MAX_DROP, .limit = 0.4 },
		  0,
		  false,
		  3,
		  "guardrail disk.write.bytes.rate" },
		/* Some of it can still be seen, but a lossy tick enters no window. */
		{ { .ref = REF_WRITES, .kind = GUARDRAIL_MAX_DROP, .limit = 0.4 },
		  SERIES_VALID | SERIES_LOSSY,
		  false,
		  12,
		  "guardrail disk.write.bytes.rate" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine *m = machine_new();

		m->policy.trial.window_ns = 40 * TICK_NS;
		m->policy.n_guardrails = 1;
		m->policy.guardrails[0] = rows[i].rail;
		machine_start(m);
		run_until_action(m, ACTION_ARM);
		m->blind_signal = rows[i].rail.ref.signal;
		m->blind_flags = rows[i].flags;
		m->blind_missing = rows[i].missing;
		for (int n = 1; n < rows[i].n_ticks; n++)
			tick(m);
		assert_int_equal(m->n_events[EVENT_VERDICT], 0);
		tick(m);
		assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
		assert_ended(m, VERDICT_ABORTED, REASON_BLIND);
		assert_non_null(strstr(m->last.reason_text, rows[i].text));
		assert_string_equal(m->in_force[0], "none");
		machine_free(m);
	}
}

static void a_short_gap_of_a_guardrail_and_one_under_the_incumbent_are_forgiven(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 };
	machine_start(m);
	run_until_action(m, ACTION_ARM);
	for (int i = 0; i < 5; i++) {
		m->blind_signal = i == 2 ? SIGNAL_ID_COUNT : SIGNAL_PSI_IO_FULL;
		tick(m);
	}
	m->blind_signal = SIGNAL_ID_COUNT;
	run_until_action(m, ACTION_BASE);
	m->blind_signal = SIGNAL_PSI_IO_FULL;
	for (int i = 0; i < 5; i++)
		tick(m);
	m->blind_signal = SIGNAL_ID_COUNT;
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	machine_free(m);
}

static void a_guardrail_without_events_is_not_blind(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 2;
	m->policy.guardrails[0] = (struct guardrail){
		.ref = { .signal = SIGNAL_DISK_WRITE_LATENCY,
			 .stat = STAT_P99,
			 .kind = SCOPE_DISK },
		.kind = GUARDRAIL_MAX,
		.limit = 1e9,
	};
	m->policy.guardrails[1] = m->policy.guardrails[0];
	m->policy.guardrails[1].kind = GUARDRAIL_MAX_RISE;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	machine_free(m);
}

static void a_vanished_scope_ends_the_trial(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->bad_action = ACTION_UNDO;
	m->bad_status = OUTCOME_GONE;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	m->gone = true;
	tick(m);
	tick(m);
	assert_int_equal(m->n_events[EVENT_VERDICT], 0);
	tick(m);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	assert_ended(m, VERDICT_ABORTED, REASON_GONE);
	machine_free(m);
}

static void a_knob_that_is_gone_or_read_only_gives_no_trial(void **state)
{
	static const struct {
		uint32_t flags;
		enum reason reason;
	} rows[] = { { KNOB_GONE, REASON_GONE }, { 0, REASON_REFUSED } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine *m = machine_new();

		m->reading_flags = rows[i].flags;
		machine_start(m);
		run_until(m, EVENT_VERDICT);
		assert_ended(m, VERDICT_ABORTED, rows[i].reason);
		machine_free(m);
	}
}

static void until_ends_the_opportunity(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.until = (struct condition){
		.n_nodes = 1,
		.for_ns = 4 * TICK_NS,
		.nodes = { { .op = CONDITION_LESS, .ref = REF_BUSY, .limit = 0.05 } },
	};
	machine_start(m);
	run_until(m, EVENT_PAIR);
	m->behaviours[0].busy = m->behaviours[1].busy = 0.01;
	for (int i = 0; i < 4; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_VERDICT], 0);
	tick(m);
	assert_ended(m, VERDICT_ABORTED, REASON_OVER);
	machine_free(m);
}

static void without_until_only_the_incumbents_windows_can_end_the_opportunity(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	/* The arms make the condition false because they are good, in screening for three windows in a row. */
	m->policy.n_arms = 4;
	strcpy(m->policy.arms[2], "kyber");
	strcpy(m->policy.arms[3], "mq-deadline");
	m->behaviours[3] = (struct behaviour){ "mq-deadline", 3 * MS, 100e6, 0.2, 0.1 };
	m->n_behaviours = 4;
	m->behaviours[1].busy = m->behaviours[2].busy = 0.1;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	machine_free(m);

	m = machine_new();
	machine_start(m);
	run_until(m, EVENT_READY);
	m->behaviours[0].busy = 0.1;
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_OVER);
	machine_free(m);
}

static void a_condition_must_hold_at_every_tick_for_its_time(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.when.for_ns = 4 * TICK_NS;
	machine_start(m);
	for (int i = 0; i < 4; i++)
		tick(m);
	assert_int_equal(state_of(m, 0), TARGET_HOLDING);
	m->behaviours[0].busy = 0.1;
	tick(m);
	assert_int_equal(state_of(m, 0), TARGET_WATCHING);
	m->behaviours[0].busy = 0.9;
	for (int i = 0; i < 4; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 0);
	tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	machine_free(m);
}

static void a_missing_value_makes_the_target_blind(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	/* "not (p99 > 1 s) and busy": a missing value must not count as a false comparison. */
	m->policy.when = (struct condition){
		.n_nodes = 4,
		.nodes = { { .op = CONDITION_GREATER, .ref = REF_P99, .limit = 1e9 },
			   { .op = CONDITION_NOT },
			   { .op = CONDITION_GREATER, .ref = REF_BUSY, .limit = 0.5 },
			   { .op = CONDITION_AND } },
	};
	m->no_latency = true;
	machine_start(m);
	for (int i = 0; i < 20; i++)
		tick(m);
	assert_int_equal(state_of(m, 0), TARGET_BLIND);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 0);
	m->no_latency = false;
	run_until(m, EVENT_OPPORTUNITY);
	machine_free(m);
}

static void percentiles_of_conditions_cover_the_last_second(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.when.nodes[0] =
		(struct condition_node){ .op = CONDITION_GREATER, .ref = REF_P50, .limit = 3 * MS };
	m->behaviours[0].latency_ns = 1 * MS;
	machine_start(m);
	for (int i = 0; i < 8; i++)
		tick(m);
	/* One slow tick in four does not move the median; three do. */
	m->behaviours[0].latency_ns = 9 * MS;
	tick(m);
	assert_int_equal(state_of(m, 0), TARGET_WATCHING);
	tick(m);
	tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	machine_free(m);
}

static void lossy_windows_are_void_and_repeated(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	m->lossy = true;
	run_until(m, EVENT_VOID);
	m->lossy = false;
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_int_equal(m->last.n_void, 1);
	assert_int_equal(m->last.n_pairs, 5);
	machine_free(m);
}

static void five_void_windows_in_a_row_are_blind(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	m->no_latency = true;
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_ABORTED, REASON_BLIND);
	assert_int_equal(m->last.n_void, 5);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	machine_free(m);
}

/* The arm's next window is empty, and it works again when that is over. */
static void stall_once(struct machine *m, const char *value)
{
	m->stalled = value;
	run_until(m, EVENT_VOID);
	m->stalled = NULL;
}

static void an_arm_that_stalls_now_and_then_is_undone(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	stall_once(m, "bfq");
	run_until(m, EVENT_PAIR);
	assert_int_equal(m->n_events[EVENT_VERDICT], 0);
	stall_once(m, "bfq");
	assert_ended(m, VERDICT_REVERTED, REASON_WORSE);
	assert_int_equal(m->last.n_void, 2);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	assert_string_equal(m->in_force[0], "none");
	assert_string_equal(m->last.reason_text, "undid bfq: it stalled, disk.read.latency.p50 had "
						 "no events in 2 windows of the arm");
	machine_free(m);
}

static void an_arm_that_stops_all_reads_is_undone_before_the_first_pair(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->stalled = "bfq";
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_REVERTED, REASON_WORSE);
	assert_int_equal(m->last.n_pairs, 0);
	assert_int_equal(m->last.n_void, 2);
	machine_free(m);
}

static void an_arm_under_which_writes_stop_is_undone_when_they_are_to_be_maximized(void **state)
{
	for (int minimize = 0; minimize < 2; minimize++) {
		struct machine *m = machine_new();

		(void)state;
		m->policy.objective = (struct objective){
			.ref = REF_WRITES,
			.direction = minimize ? OBJECTIVE_MINIMIZE : OBJECTIVE_MAXIMIZE,
			.min_effect = 0.1,
		};
		m->behaviours[1].writes = 0;
		machine_start(m);
		run_until(m, EVENT_VERDICT);
		/* Less than anything is no stall where little is wanted. */
		if (minimize)
			assert_ended(m, VERDICT_ABORTED, REASON_BLIND);
		else
			assert_ended(m, VERDICT_REVERTED, REASON_WORSE);
		machine_free(m);
	}
}

static void windows_that_are_empty_on_both_sides_or_under_the_incumbent_show_no_stall(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	for (int i = 0; i < 3; i++)
		stall_once(m, "none");
	for (int i = 0; i < 3; i++)
		stall_once(m, "bfq");
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_int_equal(m->last.n_void, 6);
	machine_free(m);
}

static struct signal_ref app_value(const char *instance)
{
	struct signal_ref ref = { .signal = SIGNAL_APP_VALUE, .kind = SCOPE_SERVICE };

	strcpy(ref.instance, instance);
	return ref;
}

static void the_objective_of_a_disk_can_be_one_service(void **state)
{
	static const char *const services[] = { "web", "other" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		struct machine *m = machine_new();

		m->serving = true;
		m->policy.objective.ref = app_value(services[i]);
		m->policy.objective.direction = OBJECTIVE_MAXIMIZE;
		machine_start(m);
		run_until(m, EVENT_VERDICT);
		if (i == 0)
			assert_ended(m, VERDICT_KEPT, REASON_BETTER);
		else
			assert_ended(m, VERDICT_INCONCLUSIVE, REASON_FUTILE);
		if (i == 0)
			assert_non_null(strstr(m->last.reason_text, "app.value[web] 7"));
		machine_free(m);
	}
}

/* A slash between them: fnmatch would take a backslash away. */
static void one_instance_is_demanded_by_its_name(void **state)
{
	struct demand demands[DEMANDS_MAX];
	struct machine *m = machine_new();

	(void)state;
	m->policy.when.nodes[0].ref = app_value("we\\x2db");
	strcpy(m->policy.scope_match, "d0");
	machine_start(m);
	/* The objective, too: only its series say which disks there are. */
	assert_int_equal(analyzer_demands(m->analyzer, demands), 2);
	assert_int_equal(demands[0].signal, SIGNAL_APP_VALUE);
	assert_int_equal(demands[0].scope.kind, SCOPE_SERVICE);
	assert_string_equal(demands[0].scope.name, "we\\\\x2db");
	assert_int_equal(demands[1].signal, SIGNAL_DISK_READ_LATENCY);
	machine_free(m);
}

/* No signal of a disk is asked for: the disk that is named exists by itself, also without any series. */
static void a_policy_that_names_its_instance_needs_no_signal_of_it(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->serving = true;
	m->gone = true;
	m->policy.when.nodes[0] = (struct condition_node){ .op = CONDITION_GREATER,
							   .ref = app_value("web"),
							   .limit = 1 };
	m->policy.objective.ref = app_value("web");
	m->policy.objective.direction = OBJECTIVE_MAXIMIZE;
	strcpy(m->policy.scope_match, "d*");
	machine_start(m);
	for (int i = 0; i < 20; i++)
		tick(m);
	assert_int_equal(analyzer_targets(m->analyzer, NULL, 0), 0);
	strcpy(m->policy.scope_match, "d0");
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_ended(m, VERDICT_KEPT, REASON_BETTER);
	assert_string_equal(m->last.scope.name, "d0");
	machine_free(m);
}

static void a_frame_that_straddles_the_washout_is_not_counted(void **state)
{
	struct machine *m = machine_new();
	double ready;

	(void)state;
	m->policy.trial.washout_ns = TICK_NS / 2;
	m->noise = 0;
	m->behaviours[0].latency_ns = 900 * MS;
	machine_start(m);
	run_until(m, EVENT_BEGUN);
	/* The washout ends in the middle of this frame: its 900 ms must not be seen. */
	tick(m);
	m->behaviours[0].latency_ns = 5 * MS;
	run_until(m, EVENT_READY);
	ready = analyzer_trial(m->analyzer, 0)->ready[0];
	assert_true(ready > 4.8 * MS && ready < 5.2 * MS);
	/* Four whole frames after it. */
	assert_true(m->now_ns == analyzer_trial(m->analyzer, 0)->begun_ns + 5 * TICK_NS);
	machine_free(m);
}

static void one_domain_and_scope_runs_one_trial(void **state)
{
	struct machine *m = machine_new();
	struct policy two[2];

	(void)state;
	two[0] = two[1] = m->policy;
	m->options.policies = two;
	m->options.n_policies = 2;
	machine_start(m);
	tick(m);
	tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	assert_int_equal(state_of(m, 0), TARGET_ON_TRIAL);
	assert_int_equal(state_of(m, 1), TARGET_WAITING);
	machine_free(m);
}

static void memory_knobs_of_two_scopes_never_overlap(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->n_disks = 2;
	m->policy.knob_domain = DOMAIN_MEMORY;
	machine_start(m);
	tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 1);
	assert_int_equal(state_of(m, 1), TARGET_WAITING);
	machine_free(m);
}

static void no_proposal_is_lost_when_all_slots_speak_at_once(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->n_disks = 9;
	m->mute_all = true;
	machine_start(m);
	tick(m);
	assert_int_equal(m->decisions.n_proposals, TRIALS_MAX);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], TRIALS_MAX);
	assert_int_equal(state_of(m, 8), TARGET_WAITING);
	for (uint32_t i = 0; i < TRIALS_MAX; i++)
		assert_int_equal(m->decisions.proposals[i].slot, i);
	assert_int_equal(analyzer_abort(m->analyzer, 0, REASON_OPERATOR, m->now_ns, &m->decisions),
			 TRIALS_MAX);
	assert_int_equal(m->decisions.n_events, TRIALS_MAX);
	assert_int_equal(m->decisions.n_proposals, 0);
	machine_free(m);
}

static void an_operator_ends_a_trial_and_its_arm_is_undone(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_PAIR);
	assert_int_equal(analyzer_abort(m->analyzer, 99, REASON_OPERATOR, m->now_ns, &m->decisions),
			 0);
	assert_int_equal(analyzer_abort(m->analyzer, 7, REASON_OPERATOR, m->now_ns, &m->decisions),
			 1);
	answer(m);
	assert_ended(m, VERDICT_ABORTED, REASON_OPERATOR);
	assert_int_equal(last_proposal(m)->change.action, ACTION_UNDO);
	assert_string_equal(m->in_force[0], "none");
	machine_free(m);
}

static void an_answer_that_an_undo_overtook_changes_nothing(void **state)
{
	struct machine *m = machine_new();
	struct outcome late;

	(void)state;
	m->mute = 1u << ACTION_ARM;
	machine_start(m);
	run_until_action(m, ACTION_ARM);
	late = (struct outcome){ .txn = last_proposal(m)->change.txn,
				 .action = ACTION_ARM,
				 .time_ns = m->now_ns };
	analyzer_abort(m->analyzer, 0, REASON_OPERATOR, m->now_ns, &m->decisions);
	assert_int_equal(m->decisions.proposals[0].change.action, ACTION_UNDO);
	struct decisions undo = m->decisions;
	analyzer_outcome(m->analyzer, &late, m->now_ns, &m->decisions);
	assert_int_equal(m->decisions.n_proposals, 0);
	assert_int_equal(m->decisions.n_events, 0);
	m->decisions = undo;
	answer(m);
	assert_ended(m, VERDICT_ABORTED, REASON_OPERATOR);
	machine_free(m);
}

static void nothing_opens_while_frozen(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	analyzer_freeze(m->analyzer, 1);
	for (int i = 0; i < 20; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 0);
	assert_int_equal(state_of(m, 0), TARGET_FROZEN);
	analyzer_freeze(m->analyzer, 0);
	run_until(m, EVENT_OPPORTUNITY);
	machine_free(m);
}

static void a_ladder_gives_the_neighbours_within_its_limits(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->options.mode = ANALYZER_RECOMMEND;
	m->policy.ladder = LADDER_FACTOR;
	m->policy.factor = 2;
	m->policy.ladder_min = 100;
	m->policy.ladder_max = 4096;
	strcpy(m->in_force[0], "128");
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_int_equal(m->last.n_screened, 2);
	assert_string_equal(m->last.screened[0].value, "256");
	assert_string_equal(m->last.screened[1].value, "100");
	machine_free(m);
}

static void a_slot_is_readable_until_the_next_call_and_then_free(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	machine_start(m);
	run_until(m, EVENT_VERDICT);
	assert_non_null(analyzer_trial(m->analyzer, 0));
	tick(m);
	assert_null(analyzer_trial(m->analyzer, 0));
	assert_null(analyzer_trial(m->analyzer, TRIALS_MAX));
	machine_free(m);
}

static bool is_demanded(const struct machine *m, uint32_t signal, uint32_t kind)
{
	struct demand demands[DEMANDS_MAX];
	size_t n = analyzer_demands(m->analyzer, demands);

	for (size_t i = 0; i < n; i++)
		if (demands[i].signal == signal && demands[i].scope.kind == kind)
			return true;
	return false;
}

static void only_a_trial_demands_the_objective_and_the_guardrails(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_PSI, .kind = GUARDRAIL_MAX, .limit = 0.8 };
	machine_start(m);
	assert_true(is_demanded(m, SIGNAL_DISK_BUSY, SCOPE_DISK));
	assert_false(is_demanded(m, SIGNAL_DISK_READ_LATENCY, SCOPE_DISK));
	run_until(m, EVENT_OPPORTUNITY);
	assert_true(is_demanded(m, SIGNAL_DISK_READ_LATENCY, SCOPE_DISK));
	assert_true(is_demanded(m, SIGNAL_PSI_IO_FULL, SCOPE_HOST));
	run_until(m, EVENT_VERDICT);
	assert_false(is_demanded(m, SIGNAL_DISK_READ_LATENCY, SCOPE_DISK));
	machine_free(m);
}

static uint32_t on_trial(const struct machine *m, uint32_t signal)
{
	struct demand demands[DEMANDS_MAX];
	size_t n = analyzer_demands(m->analyzer, demands);

	for (size_t i = 0; i < n; i++)
		if (demands[i].signal == signal)
			return demands[i].on_trial;
	return 0;
}

static void what_a_running_trial_needs_is_marked_in_the_demand(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.n_guardrails = 1;
	m->policy.guardrails[0] =
		(struct guardrail){ .ref = REF_BUSY, .kind = GUARDRAIL_MAX, .limit = 2 };
	machine_start(m);
	assert_int_equal(on_trial(m, SIGNAL_DISK_BUSY), 0);
	run_until(m, EVENT_OPPORTUNITY);
	assert_int_equal(on_trial(m, SIGNAL_DISK_READ_LATENCY), 1);
	assert_int_equal(on_trial(m, SIGNAL_DISK_BUSY), 1); /* watched, too */
	run_until(m, EVENT_VERDICT);
	assert_int_equal(on_trial(m, SIGNAL_DISK_BUSY), 0);
	machine_free(m);
}

/* In the ticks that leave it out a condition is what it was; without the frame saying so, it is blind. */
static void a_condition_holds_over_ticks_that_leave_its_source_out(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.when.for_ns = 20 * TICK_NS;
	m->thin = 8;
	machine_start(m);
	run_until(m, EVENT_OPPORTUNITY);
	assert_true(m->now_ns >= 20 * TICK_NS);
	machine_free(m);
	m = machine_new();
	m->policy.when.for_ns = 20 * TICK_NS;
	m->thin = 8;
	m->thin_unsaid = true;
	machine_start(m);
	for (int i = 0; i < 200; i++)
		tick(m);
	assert_int_equal(m->n_events[EVENT_OPPORTUNITY], 0);
	machine_free(m);
}

/* A source's turns may lie twice as far apart as it is thinned: the longest is 16 s. */
static void a_scope_is_remembered_while_its_source_is_left_out(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->policy.when.for_ns = 80 * TICK_NS;
	m->thin = 63;
	m->thin_all = true;
	machine_start(m);
	run_until(m, EVENT_OPPORTUNITY);
	assert_in_range(m->now_ns, 80 * TICK_NS, 320 * TICK_NS);
	machine_free(m);
}

static void only_the_named_scope_is_watched(void **state)
{
	struct machine *m = machine_new();
	struct target_view view;

	(void)state;
	m->n_disks = 3;
	m->options.only = disk(1);
	machine_start(m);
	tick(m);
	assert_int_equal(analyzer_targets(m->analyzer, &view, 1), 1);
	assert_string_equal(view.scope.name, "d1");
	machine_free(m);
}

static void too_many_instances_are_counted(void **state)
{
	struct machine *m = machine_new();
	struct target_view view;

	(void)state;
	machine_start(m);
	m->frame->time_ns = m->frame->interval_ns = TICK_NS;
	for (int i = 0; i < ANALYZER_TARGETS_MAX + 3; i++) {
		struct series *series = add_series(m, SIGNAL_DISK_BUSY, disk(0), 0.1);

		series->scope.name[1] = (char)('a' + i % 26);
		series->scope.name[2] = (char)('a' + i / 26);
	}
	analyzer_tick(m->analyzer, m->frame, &m->decisions);
	assert_int_equal(analyzer_targets(m->analyzer, &view, 1), ANALYZER_TARGETS_MAX);
	assert_int_equal(analyzer_dropped(m->analyzer), 3);
	machine_free(m);
}

static void the_same_inputs_give_the_same_decisions(void **state)
{
	struct machine *a = machine_new(), *b = machine_new();

	(void)state;
	a->behaviours[1].latency_ns = b->behaviours[1].latency_ns = 4.7 * MS;
	a->noise = b->noise = 0.5;
	machine_start(a);
	machine_start(b);
	for (int i = 0; i < 1500; i++) {
		tick(a);
		tick(b);
		assert_memory_equal(&a->decisions.n_events, &b->decisions.n_events, sizeof(size_t));
	}
	assert_int_equal(a->n_log, b->n_log);
	assert_memory_equal(a->log, b->log, a->n_log * sizeof(a->log[0]));
	assert_memory_equal(&a->last, &b->last, sizeof(a->last));
	assert_true(a->n_events[EVENT_VERDICT] > 0);
	machine_free(a);
	machine_free(b);
}

static void options_out_of_range_are_refused(void **state)
{
	struct machine *m = machine_new();

	(void)state;
	m->options.next_trial = 0;
	assert_int_equal(analyzer_init(m->analyzer, &m->options), -EINVAL);
	m->options.next_trial = 1;
	m->options.catalogue = NULL;
	assert_int_equal(analyzer_init(m->analyzer, &m->options), -EINVAL);
	m->options.catalogue = &catalogue;
	m->policy.trial.error = 0;
	assert_int_equal(analyzer_init(m->analyzer, &m->options), -EINVAL);
	m->policy.trial.error = 0.05;
	m->policy.trial.max_pairs = TRIAL_PAIRS_MAX + 1;
	assert_int_equal(analyzer_init(m->analyzer, &m->options), -EINVAL);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_much_better_arm_is_kept_after_five_pairs),
		cmocka_unit_test(transactions_are_numbered_by_trial_and_begin_with_a_deadline),
		cmocka_unit_test(screening_chooses_the_best_arm_and_stays_out_of_the_test),
		cmocka_unit_test(an_arm_that_breaches_a_guardrail_in_screening_is_dropped),
		cmocka_unit_test(a_worse_arm_is_undone),
		cmocka_unit_test(an_effect_that_is_surely_too_small_is_futile),
		cmocka_unit_test(pairs_run_out),
		cmocka_unit_test(without_an_offered_arm_there_is_no_trial),
		cmocka_unit_test(recommend_mode_lists_the_arms_and_proposes_no_change),
		cmocka_unit_test(calibration_tests_the_incumbent_against_itself),
		cmocka_unit_test(a_bad_answer_ends_the_trial_with_its_reason),
		cmocka_unit_test(a_foreign_write_pins_the_knob_until_it_is_cleared),
		cmocka_unit_test(an_unasked_undo_ends_the_trial_and_an_unknown_one_is_ignored),
		cmocka_unit_test(a_silent_actuator_is_asked_to_undo_and_given_up),
		cmocka_unit_test(frames_older_than_what_was_asked_are_no_silence),
		cmocka_unit_test(a_hard_guardrail_undoes_the_arm_in_the_same_tick),
		cmocka_unit_test(a_hard_guardrail_looks_only_while_the_arm_is_in_force),
		cmocka_unit_test(a_relative_guardrail_compares_with_the_incumbents_windows),
		cmocka_unit_test(a_rise_from_nothing_breaches),
		cmocka_unit_test(an_arm_is_not_tried_without_sight_of_its_guardrails),
		cmocka_unit_test(a_guardrail_that_goes_blind_undoes_the_arm),
		cmocka_unit_test(
			a_short_gap_of_a_guardrail_and_one_under_the_incumbent_are_forgiven),
		cmocka_unit_test(a_guardrail_without_events_is_not_blind),
		cmocka_unit_test(a_vanished_scope_ends_the_trial),
		cmocka_unit_test(a_knob_that_is_gone_or_read_only_gives_no_trial),
		cmocka_unit_test(until_ends_the_opportunity),
		cmocka_unit_test(without_until_only_the_incumbents_windows_can_end_the_opportunity),
		cmocka_unit_test(a_condition_must_hold_at_every_tick_for_its_time),
		cmocka_unit_test(a_missing_value_makes_the_target_blind),
		cmocka_unit_test(percentiles_of_conditions_cover_the_last_second),
		cmocka_unit_test(lossy_windows_are_void_and_repeated),
		cmocka_unit_test(five_void_windows_in_a_row_are_blind),
		cmocka_unit_test(an_arm_that_stalls_now_and_then_is_undone),
		cmocka_unit_test(an_arm_that_stops_all_reads_is_undone_before_the_first_pair),
		cmocka_unit_test(
			an_arm_under_which_writes_stop_is_undone_when_they_are_to_be_maximized),
		cmocka_unit_test(
			windows_that_are_empty_on_both_sides_or_under_the_incumbent_show_no_stall),
		cmocka_unit_test(the_objective_of_a_disk_can_be_one_service),
		cmocka_unit_test(one_instance_is_demanded_by_its_name),
		cmocka_unit_test(a_policy_that_names_its_instance_needs_no_signal_of_it),
		cmocka_unit_test(a_frame_that_straddles_the_washout_is_not_counted),
		cmocka_unit_test(one_domain_and_scope_runs_one_trial),
		cmocka_unit_test(memory_knobs_of_two_scopes_never_overlap),
		cmocka_unit_test(no_proposal_is_lost_when_all_slots_speak_at_once),
		cmocka_unit_test(an_operator_ends_a_trial_and_its_arm_is_undone),
		cmocka_unit_test(an_answer_that_an_undo_overtook_changes_nothing),
		cmocka_unit_test(nothing_opens_while_frozen),
		cmocka_unit_test(a_ladder_gives_the_neighbours_within_its_limits),
		cmocka_unit_test(a_slot_is_readable_until_the_next_call_and_then_free),
		cmocka_unit_test(only_a_trial_demands_the_objective_and_the_guardrails),
		cmocka_unit_test(what_a_running_trial_needs_is_marked_in_the_demand),
		cmocka_unit_test(a_condition_holds_over_ticks_that_leave_its_source_out),
		cmocka_unit_test(a_scope_is_remembered_while_its_source_is_left_out),
		cmocka_unit_test(only_the_named_scope_is_watched),
		cmocka_unit_test(too_many_instances_are_counted),
		cmocka_unit_test(the_same_inputs_give_the_same_decisions),
		cmocka_unit_test(options_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
