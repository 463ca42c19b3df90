// SPDX-License-Identifier: Apache-2.0
/*
 * The phases of a trial:
 *
 *     READING ──► READY ──► SCREENING ──► TESTING ──► CLOSING ──► ENDED
 *        │          │  └────(one arm)───────▲            ▲           ▲
 *        │          │           │           └─(every end)┤           │
 *        └──────────┴───────────┴── nothing is open ─────┴───────────┘
 *
 * In every phase one step is under way: ANSWER (an outcome is awaited), WASHOUT, WINDOW.
 *
 *     phase      answered DONE  →            window full →
 *     READING    begin_readiness             -
 *     READY      -                           ready_window      6 times, then begin_screening or begin_testing
 *     SCREENING  BEGIN: ask ARM              record_screened   asks UNDO
 *                ARM:   start_washout
 *                UNDO:  next arm, or begin_testing
 *     TESTING    BEGIN: start_half           paired_window     second half: judge
 *                ARM, BASE: start_washout
 *     CLOSING    KEEP, UNDO: end             -
 *
 * A split trial (trial.split) measures both sides in each window, by what new connections drew. Each window is a cohort of
 * its own, asked for by SPLIT; there is no washout. Its readiness is a split, too, with the incumbent on both sides:
 *
 *     READY      BEGIN: ask SPLIT            split_ready       6 times SPLIT, then asks UNDO
 *                UNDO:  begin_screening or begin_testing
 *     SCREENING  BEGIN: ask SPLIT            record_screened   as above
 *     TESTING    BEGIN: ask SPLIT            split_pair        judge: ask SPLIT
 *     each       SPLIT: start_window
 *
 * Invariants: at most one proposal is unanswered, and only UNDO replaces it; trial.txn is not 0 exactly while the
 * actuator may hold a transaction of ours; phase ENDED has txn 0; what was screened never enters the test; a
 * window holds only frames that lie in it whole, after a washout that began when the value was in force.
 */
#include "analyzer/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/arms.h"
#include "analyzer/request.h"
#include "analyzer/text.h"
#include "analyzer/trial_steps.h"
#include "base/hist.h"

/* Void windows after which the objective counts as blind. */
#define VOID_ROW_MAX 5
#define VOID_ALL_MAX 20
/* The same in a split, where a side is empty by the coin, too: five coins in a row that fall alike. */
#define SPLIT_STALLS_MAX 5
/* Void windows in a row after which an arm is not screened any longer. */
#define VOID_SCREENING_MAX 2
/* Empty windows of the arm, more than of the incumbent, after which it stalls. */
#define STALLS_MAX 2
/* Ticks without any series of the scope after which it is gone. */
#define ABSENT_TICKS_MAX 3
/* How long an outcome may take besides a window's length, and how often an undo is asked for. */
#define ANSWER_NS 10000000000ull
#define UNDO_TRIES_MAX 3
/* A window that is not full after so many of its lengths has lost too many frames. */
#define WINDOW_PATIENCE 3

_Static_assert(
	POLICY_ARMS_MAX + 2 < EXPERIMENT_TXNS_MAX,
	"one transaction for each arm screened, one for the test, one for a split's readiness");

void experiment_open(struct experiment *x, const struct step_context *context, uint64_t id,
		     const struct policy *policy, uint32_t policy_index, const struct scope *scope,
		     const struct evidence *evidence, uint32_t n_evidence)
{
	struct trial *trial = &x->trial;
	uint32_t slot = x->slot;

	memset(x, 0, sizeof(*x));
	x->slot = slot;
	x->used = true;
	x->policy = policy;
	trial->id = id;
	trial->policy = policy_index;
	trial->scope = *scope;
	trial->phase = TRIAL_READING;
	trial->opened_ns = context->now_ns;
	trial->alpha = policy->trial.error;
	trial->noise = NAN;
	trial->n_evidence = n_evidence;
	memcpy(trial->evidence, evidence, n_evidence * sizeof(*evidence));
	guardrails_init(&x->guardrails, trial);
	experiment_emit(context, x, EVENT_OPPORTUNITY);
	experiment_propose(x, context, PROPOSAL_READ, ACTION_BEGIN);
	experiment_flush(x, context);
}

/* The next window begins at `begin_ns`. */
void trial_start_window(struct experiment *x, uint64_t begin_ns)
{
	x->step = STEP_WASHOUT;
	x->washout_end_ns = begin_ns;
	window_init(&x->window);
	window_init(&x->base_window);
	if (x->in_force == WINDOW_ARM)
		guardrails_window(&x->guardrails);
}

/* The value has been in force since `since_ns`; the next window begins a washout later. */
void trial_start_washout(struct experiment *x, uint64_t since_ns)
{
	trial_start_window(x, since_ns + x->policy->trial.washout_ns);
}

static void list_dry_run(struct experiment *x)
{
	struct trial *trial = &x->trial;

	for (uint32_t i = 0; i < x->n_arms; i++) {
		memcpy(trial->screened[i].value, x->arms[i], KNOB_VALUE_MAX);
		trial->screened[i].y = NAN;
	}
	trial->n_screened = x->n_arms;
	snprintf(x->text, sizeof(x->text),
		 "recommend mode: %u arm%s could be tried against %.64s, nothing was written",
		 x->n_arms, x->n_arms == 1 ? "" : "s", trial->incumbent);
}

void experiment_reading(struct experiment *x, const struct step_context *context,
			const struct knob_reading *reading)
{
	struct trial *trial = &x->trial;

	if (trial->phase != TRIAL_READING)
		return;
	if (reading->flags & KNOB_GONE) {
		experiment_abort(x, context, REASON_GONE, "the knob or its scope does not exist");
		return;
	}
	if (reading->flags & KNOB_HIDDEN) {
		experiment_abort(x, context, REASON_REFUSED,
				 "the knob can be read by the actuator alone, and there is none");
		return;
	}
	memcpy(trial->incumbent, reading->value, KNOB_VALUE_MAX);
	if (!(reading->flags & KNOB_WRITABLE)) {
		experiment_abort(x, context, REASON_REFUSED, "the knob cannot be written here");
		return;
	}
	x->n_arms = arms_choose(x->policy, reading, x->arms, x->dropped, sizeof(x->dropped));
	if (x->n_arms == 0) {
		snprintf(x->text, sizeof(x->text),
			 "no arm to test: the knob offers none that differs from %.64s",
			 trial->incumbent);
		experiment_conclude(x, context, VERDICT_INCONCLUSIVE, REASON_NO_ARM);
	} else if (context->mode == ANALYZER_RECOMMEND) {
		list_dry_run(x);
		experiment_conclude(x, context, VERDICT_ABORTED, REASON_DRY_RUN);
	} else {
		arms_shuffle(x->arms, x->n_arms, context->rng);
		trial->phase = TRIAL_READY;
		trial->begun_ns = context->now_ns;
		experiment_emit(context, x, EVENT_BEGUN);
		if (x->policy->trial.split)
			experiment_begin(x, context, TRIAL_READY_WINDOWS);
		else
			trial_start_washout(x, context->now_ns);
	}
}

/* Gives window `half` of the pair its side. No switch where it is in force already, but a washout in any case. */
static void start_half(struct experiment *x, const struct step_context *context)
{
	enum window_side side = x->arm_first == (x->half == 0) ? WINDOW_ARM : WINDOW_BASE;

	if (side == x->in_force)
		trial_start_washout(x, context->now_ns);
	else
		experiment_ask(x, context, side == WINDOW_ARM ? ACTION_ARM : ACTION_BASE);
}

void trial_start_pair(struct experiment *x, const struct step_context *context)
{
	if (x->policy->trial.split) {
		experiment_ask(x, context, ACTION_SPLIT);
		return;
	}
	x->arm_first = rng_coin(context->rng);
	x->half = 0;
	start_half(x, context);
}

static void begin_testing(struct experiment *x, const struct step_context *context, const char *arm)
{
	struct trial *trial = &x->trial;

	memmove(trial->arm, arm, KNOB_VALUE_MAX);
	trial->phase = TRIAL_TESTING;
	evalue_init(&x->test, trial->noise);
	guardrails_begin(&x->guardrails, trial);
	experiment_emit(context, x, EVENT_CHOSEN);
	experiment_begin(x, context, (x->policy->trial.split ? 1 : 2) * x->policy->trial.max_pairs);
}

static void screen_arm(struct experiment *x, const struct step_context *context)
{
	memcpy(x->trial.arm, x->arms[x->screening], KNOB_VALUE_MAX);
	guardrails_begin(&x->guardrails, &x->trial);
	experiment_begin(x, context, 2);
}

/* Which arm looked best. Only this choice depends on the screening. */
static const struct screened *best_screened(const struct experiment *x)
{
	bool minimize = x->policy->objective.direction == OBJECTIVE_MINIMIZE;
	const struct screened *best = NULL;

	for (uint32_t i = 0; i < x->trial.n_screened; i++) {
		const struct screened *arm = &x->trial.screened[i];

		if (isnan(arm->y))
			continue;
		if (!best || (minimize ? arm->y < best->y : arm->y > best->y))
			best = arm;
	}
	return best;
}

void trial_screened_next(struct experiment *x, const struct step_context *context)
{
	const struct screened *best;

	if (++x->screening < x->n_arms) {
		screen_arm(x, context);
		return;
	}
	best = best_screened(x);
	if (best) {
		begin_testing(x, context, best->value);
	} else if (x->any_breached) {
		/* x->text names the last breach. */
		experiment_conclude(x, context, VERDICT_REVERTED, REASON_GUARDRAIL);
	} else {
		experiment_abort(x, context, REASON_BLIND, "no arm gave a usable window");
	}
}

void trial_record_screened(struct experiment *x, const struct step_context *context, double y)
{
	struct trial *trial = &x->trial;
	struct screened *arm = &trial->screened[trial->n_screened++];

	memcpy(arm->value, trial->arm, KNOB_VALUE_MAX);
	arm->y = y;
	x->n_void_row = 0;
	experiment_emit(context, x, EVENT_SCREENED);
	experiment_ask(x, context, ACTION_UNDO);
}

/* An arm whose guardrail nobody can see is not tried, and not left in force. True when `blind` is one (not -1). */
static bool abort_unguarded(struct experiment *x, const struct step_context *context, int blind)
{
	char text[POLICY_TEXT_MAX] = "no values for guardrail ", ref[POLICY_TEXT_MAX];

	if (blind < 0)
		return false;
	text_append(text, sizeof(text),
		    text_ref(context->catalogue, &x->policy->guardrails[blind].ref, ref,
			     sizeof(ref)));
	if (x->in_force == WINDOW_ARM)
		text_append(text, sizeof(text), " while the arm was in force");
	experiment_abort(x, context, REASON_BLIND, text);
	return true;
}

void trial_begin_trying(struct experiment *x, const struct step_context *context)
{
	struct trial *trial = &x->trial;

	if (abort_unguarded(x, context, guardrails_blind(&x->guardrails, x->policy)))
		return;
	if (x->n_arms == 1) {
		begin_testing(x, context, x->arms[0]);
	} else {
		trial->phase = TRIAL_SCREENING;
		screen_arm(x, context);
	}
}

static void ready_window(struct experiment *x, const struct step_context *context, double y)
{
	struct trial *trial = &x->trial;

	trial->ready[trial->n_ready++] = y;
	if (trial->n_ready == TRIAL_READY_WINDOWS)
		trial->noise = evalue_noise(trial->ready, trial->n_ready);
	experiment_emit(context, x, EVENT_READY);
	/* Nothing was switched, so there is nothing to wait out. */
	if (trial->n_ready < TRIAL_READY_WINDOWS)
		trial_start_window(x, context->now_ns);
	else
		trial_begin_trying(x, context);
}

static void conclude_tested(struct experiment *x, const struct step_context *context,
			    enum verdict verdict, enum reason reason)
{
	text_tested(context->catalogue, x->policy, &x->trial, reason, x->text, sizeof(x->text));
	experiment_conclude(x, context, verdict, reason);
}

/* After each pair: keep, stop, or go on. Looking costs nothing, the test is valid at every n. */
static void judge(struct experiment *x, const struct step_context *context)
{
	const struct pair *last = &x->trial.pairs[x->trial.n_pairs - 1];
	const struct objective *objective = &x->policy->objective;
	double threshold = log(1 / x->trial.alpha);
	double wanted = evalue_from_ratio(objective->min_effect, objective->direction);

	if (last->log_e_keep >= threshold && last->effect >= wanted) {
		text_tested(context->catalogue, x->policy, &x->trial, REASON_BETTER, x->text,
			    sizeof(x->text));
		x->verdict = VERDICT_KEPT;
		x->reason = REASON_BETTER;
		x->trial.phase = TRIAL_CLOSING;
		experiment_ask(x, context, ACTION_KEEP);
	} else if (last->log_e_harm >= threshold) {
		conclude_tested(x, context, VERDICT_REVERTED, REASON_WORSE);
	} else if (last->effect_high < wanted) {
		conclude_tested(x, context, VERDICT_INCONCLUSIVE, REASON_FUTILE);
	} else if (x->trial.n_pairs >= x->policy->trial.max_pairs ||
		   x->trial.n_pairs >= TRIAL_PAIRS_MAX) {
		conclude_tested(x, context, VERDICT_INCONCLUSIVE, REASON_MAX_PAIRS);
	} else {
		trial_start_pair(x, context);
	}
}

/* Both sides are measured. */
void trial_add_pair(struct experiment *x, const struct step_context *context)
{
	struct trial *trial = &x->trial;
	struct evalue_result result;
	double d = trial_log_ratio(x);
	struct pair *pair;

	evalue_add(&x->test, d);
	result = evalue_result(&x->test, trial->alpha);
	pair = &trial->pairs[trial->n_pairs++];
	*pair = (struct pair){
		.time_ns = context->now_ns,
		.arm_first = x->arm_first,
		.y_base = x->y[WINDOW_BASE],
		.y_arm = x->y[WINDOW_ARM],
		.d = d,
		.log_e_keep = result.log_e_keep,
		.log_e_harm = result.log_e_harm,
		.effect = result.effect,
		.effect_low = result.effect_low,
		.effect_high = result.effect_high,
	};
	experiment_emit(context, x, EVENT_PAIR);
	judge(x, context);
}

static void paired_window(struct experiment *x, const struct step_context *context, double y)
{
	x->y[x->in_force] = y;
	hist_merge(&x->trial.hist[x->in_force], &x->window.hist);
	if (x->half++ == 0)
		start_half(x, context);
	else
		trial_add_pair(x, context);
}

static void (*const on_window[TRIAL_PHASE_COUNT])(struct experiment *, const struct step_context *,
						  double) = {
	[TRIAL_READY] = ready_window,
	[TRIAL_SCREENING] = trial_record_screened,
	[TRIAL_TESTING] = paired_window,
};

void trial_void_window(struct experiment *x, const struct step_context *context)
{
	struct trial *trial = &x->trial;

	trial->n_void++;
	x->n_void_row++;
	experiment_emit(context, x, EVENT_VOID);
	if (trial->phase == TRIAL_TESTING &&
	    x->n_empty[WINDOW_ARM] >=
		    x->n_empty[WINDOW_BASE] +
			    (x->policy->trial.split ? SPLIT_STALLS_MAX : STALLS_MAX)) {
		text_stalled(context->catalogue, x->policy, trial, x->n_empty[WINDOW_ARM], x->text,
			     sizeof(x->text));
		experiment_conclude(x, context, VERDICT_REVERTED, REASON_WORSE);
	} else if (x->n_void_row >= VOID_ROW_MAX || trial->n_void >= VOID_ALL_MAX)
		experiment_abort(x, context, REASON_BLIND, "the objective has no usable values");
	else if (trial->phase == TRIAL_SCREENING && x->n_void_row >= VOID_SCREENING_MAX)
		trial_record_screened(x, context, NAN);
	else if (x->policy->trial.split)
		experiment_ask(x, context, ACTION_SPLIT);
	else
		trial_start_washout(x, context->now_ns);
}

/*
 * No events, and nothing of it lost, where the readiness windows had some. To repeat such windows without counting them
 * would favour an arm that stalls now and then. A low rate that is wanted, or a gauge at zero, is no stall.
 */
bool trial_window_is_empty(const struct experiment *x, const struct window *window)
{
	const struct objective *objective = &x->policy->objective;

	return window_empty(window, objective->ref.stat) &&
	       (objective->ref.stat != STAT_RATE || objective->direction == OBJECTIVE_MAXIMIZE);
}

bool trial_is_measured(double y)
{
	return isfinite(y) && y > 0;
}

static void finish_window(struct experiment *x, const struct step_context *context)
{
	double y = window_value(&x->window, x->policy->objective.ref.stat);

	if (x->policy->trial.split) {
		trial_finish_split(x, context);
		return;
	}
	if (!trial_is_measured(y)) {
		if (x->trial.phase == TRIAL_TESTING && trial_window_is_empty(x, &x->window))
			x->n_empty[x->in_force]++;
		trial_void_window(x, context);
		return;
	}
	x->n_void_row = 0;
	on_window[x->trial.phase](x, context, y);
}

static void measure(struct experiment *x, const struct step_context *context,
		    const struct frame *frame)
{
	const struct policy *policy = x->policy;
	const struct signal_ref *ref = &policy->objective.ref;
	const struct series *series = frame_find_side(frame, ref, &x->trial.scope, SERIES_ARM);
	const struct series *base =
		policy->trial.split ? frame_find_side(frame, ref, &x->trial.scope, SERIES_BASE)
				    : series;
	uint64_t patience_ns = WINDOW_PATIENCE * policy->trial.window_ns + 2 * frame->interval_ns;

	if (frame->time_ns > x->washout_end_ns + patience_ns) {
		trial_void_window(x, context);
		return;
	}
	/* A frame that straddles the end of the washout holds values of both sides. */
	if (frame->interval_ns == 0 || frame->time_ns - frame->interval_ns < x->washout_end_ns)
		return;
	x->step = STEP_WINDOW;
	if (!series_usable(series, ref->stat) || !series_usable(base, ref->stat)) {
		trial_void_window(x, context);
		return;
	}
	window_add(&x->window, series, ref->stat, frame);
	if (policy->trial.split)
		window_add(&x->base_window, base, ref->stat, frame);
	guardrails_add(&x->guardrails, policy, &x->trial, frame, x->in_force);
	/* Ticks jitter: less than half a tick is missing at most. */
	if (x->window.covered_ns + frame->interval_ns / 2 >= policy->trial.window_ns)
		finish_window(x, context);
}

/* In force, and not already on its way out of the screening or the trial. */
static bool must_guard(const struct experiment *x)
{
	return x->in_force == WINDOW_ARM && x->trial.phase != TRIAL_CLOSING &&
	       !(x->step == STEP_ANSWER && x->proposal.change.action == ACTION_UNDO);
}

/* True when it was breached and the undo is proposed. */
static bool check_guardrails(struct experiment *x, const struct step_context *context,
			     const struct frame *frame)
{
	struct trial *trial = &x->trial;
	int breached;

	if (!must_guard(x))
		return false;
	breached = guardrails_check(&x->guardrails, x->policy, trial, frame);
	if (breached < 0)
		return false;
	text_guardrail(context->catalogue, x->policy, trial, (uint32_t)breached, trial->arm,
		       x->text, sizeof(x->text));
	if (trial->phase == TRIAL_SCREENING) {
		x->any_breached = true;
		trial_record_screened(x, context, NAN);
	} else {
		experiment_conclude(x, context, VERDICT_REVERTED, REASON_GUARDRAIL);
	}
	return true;
}

/*
 * The opportunity ends when `until` has held for its time. Without `until`, when `when` did not hold for long
 * enough while the incumbent was measured: in the arm's windows it may fail just because the arm is good.
 */
static bool check_over(struct experiment *x, const struct frame *frame, enum truth when,
		       enum truth until)
{
	const struct policy *policy = x->policy;
	uint64_t limit_ns = 2 * policy->when.for_ns;

	if (policy->until.n_nodes) {
		if (until != TRUTH_TRUE)
			x->until_since_ns = 0;
		else if (x->until_since_ns == 0)
			x->until_since_ns = frame->time_ns;
		return x->until_since_ns &&
		       frame->time_ns - x->until_since_ns >= policy->until.for_ns;
	}
	if (x->step != STEP_WINDOW || x->in_force != WINDOW_BASE || when == TRUTH_BLIND)
		return false;
	x->over_ns = when == TRUTH_TRUE ? 0 : x->over_ns + frame->interval_ns;
	if (limit_ns < 2 * policy->trial.window_ns)
		limit_ns = 2 * policy->trial.window_ns;
	return x->over_ns >= limit_ns;
}

static void check_answer(struct experiment *x, const struct step_context *context)
{
	bool undo = x->proposal.change.action == ACTION_UNDO;

	/* What an answer made it ask is asked later than the next frame was made, where frames wait. */
	if (context->now_ns <= x->asked_ns + ANSWER_NS + x->policy->trial.window_ns)
		return;
	if (undo && ++x->n_undos < UNDO_TRIES_MAX) {
		experiment_ask(x, context, ACTION_UNDO);
		return;
	}
	if (undo)
		x->trial.txn = 0; /* its own deadline is left to the actuator */
	snprintf(x->text, sizeof(x->text), "aborted: no answer came in time to what was asked");
	experiment_conclude(x, context, VERDICT_ABORTED, REASON_PEER);
}

void experiment_tick(struct experiment *x, const struct step_context *context,
		     const struct frame *frame, enum truth when, enum truth until)
{
	if (x->trial.phase == TRIAL_ENDED)
		return;
	x->n_absent = x->named || frame_has_scope(frame, &x->trial.scope) ? 0 : x->n_absent + 1;
	if (check_guardrails(x, context, frame))
		return;
	if (x->trial.phase != TRIAL_CLOSING && x->n_absent >= ABSENT_TICKS_MAX) {
		experiment_abort(x, context, REASON_GONE, "the scope is gone");
		return;
	}
	if (must_guard(x) &&
	    abort_unguarded(x, context,
			    guardrails_lost(&x->guardrails, x->policy, &x->trial, frame)))
		return;
	if (x->trial.phase != TRIAL_CLOSING && check_over(x, frame, when, until)) {
		experiment_abort(x, context, REASON_OVER, "the opportunity is over");
		return;
	}
	if (x->step == STEP_ANSWER)
		check_answer(x, context);
	else
		measure(x, context, frame);
}
