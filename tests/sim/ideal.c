// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/ideal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/analyzer.h"
#include "base/rng.h"

#define WINDOW_NS 1000000000ull
#define NOISE_SD 0.1
#define AR_COEFFICIENT 0.9
#define DRIFT 0.02
#define BASE_LEVEL 1e6
#define TICKS_MAX 1000
#define BEFORE_AFTER_WINDOWS 20

static const struct signal_row signals[SIGNAL_ID_COUNT] = {
	[SIGNAL_DISK_INFLIGHT] = {
		.name = "disk.inflight", .kind = SIGNAL_GAUGE, .unit = UNIT_NONE, .scope = SCOPE_DISK,
	},
};

static const struct catalogue catalogue = { .signals = signals };

struct ideal {
	struct analyzer *analyzer;
	struct frame *frame;
	struct policy policy;
	struct decisions decisions;
	struct rng rng;
	double ar;
	uint32_t windows;
};

struct ideal *ideal_new(void)
{
	struct ideal *ideal = calloc(1, sizeof(*ideal));

	if (!ideal)
		return NULL;
	ideal->analyzer = malloc(analyzer_size());
	ideal->frame = calloc(1, sizeof(*ideal->frame));
	if (!ideal->analyzer || !ideal->frame) {
		ideal_free(ideal);
		return NULL;
	}
	ideal->policy = (struct policy){
		.name = "ideal",
		.scope = SCOPE_DISK,
		.knob = "ideal.knob",
		.knob_domain = DOMAIN_DISK,
		.when = { .n_nodes = 1,
			  .nodes = { { .op = CONDITION_GREATER,
				       .ref = { .signal = SIGNAL_DISK_INFLIGHT,
						.stat = STAT_VALUE,
						.kind = SCOPE_DISK } } } },
		.n_arms = 1,
		.arms = { "b" },
		.objective = { .ref = { .signal = SIGNAL_DISK_INFLIGHT,
					.stat = STAT_VALUE,
					.kind = SCOPE_DISK },
			       .min_effect = 0.02 },
		.trial = { .window_ns = WINDOW_NS,
			   .max_pairs = 40,
			   .error = 0.05,
			   .cooldown_ns = UINT32_MAX },
	};
	return ideal;
}

void ideal_free(struct ideal *ideal)
{
	if (!ideal)
		return;
	free(ideal->analyzer);
	free(ideal->frame);
	free(ideal);
}

/* Box and Muller. */
static double normal(struct rng *rng)
{
	double radius = sqrt(-2 * log(1 - rng_uniform(rng)));

	return radius * cos(2 * M_PI * rng_uniform(rng));
}

static double student3(struct rng *rng)
{
	double chi = 0;

	for (int i = 0; i < 3; i++) {
		double z = normal(rng);

		chi += z * z;
	}
	return normal(rng) / sqrt(chi / 3);
}

/* The next window's noise, as a logarithm. */
static double noise_next(struct ideal *ideal, enum ideal_noise noise)
{
	ideal->windows++;
	switch (noise) {
	case NOISE_AR1:
		ideal->ar = AR_COEFFICIENT * ideal->ar + sqrt(1 - AR_COEFFICIENT * AR_COEFFICIENT) *
								 NOISE_SD * normal(&ideal->rng);
		return ideal->ar;
	case NOISE_HEAVY:
		return NOISE_SD * student3(&ideal->rng);
	case NOISE_DRIFT:
		return NOISE_SD * normal(&ideal->rng) - log1p(DRIFT) * ideal->windows;
	default:
		return NOISE_SD * normal(&ideal->rng);
	}
}

static void noise_begin(struct ideal *ideal)
{
	ideal->ar = NOISE_SD * normal(&ideal->rng);
	ideal->windows = 0;
}

/* What tuners do: measure, change, measure, compare by a t test at 5 %. */
static bool before_after(struct ideal *ideal, enum ideal_noise noise, double gain)
{
	double sum[2] = { 0 }, squares[2] = { 0 }, n = BEFORE_AFTER_WINDOWS, variance = 0;

	noise_begin(ideal);
	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < BEFORE_AFTER_WINDOWS; i++) {
			double y = noise_next(ideal, noise) - (side ? log(gain) : 0);

			sum[side] += y;
			squares[side] += y * y;
		}
		variance += (squares[side] - sum[side] * sum[side] / n) / (n - 1);
	}
	return (sum[0] - sum[1]) / n / sqrt(variance / n) > 1.645;
}

/* Does what was proposed, and what that leads to; returns whether the arm is in force afterwards. */
static bool carry_out(struct ideal *ideal, bool arm, uint64_t now_ns)
{
	struct decisions *decisions = &ideal->decisions;

	while (decisions->n_proposals) {
		struct proposal p = decisions->proposals[0];

		if (p.kind == PROPOSAL_READ) {
			struct knob_reading reading = {
				.knob = "ideal.knob",
				.scope = p.change.scope,
				.flags = KNOB_WRITABLE,
				.value = "a",
			};

			analyzer_reading(ideal->analyzer, p.slot, &reading, now_ns, decisions);
		} else {
			struct outcome outcome = {
				.txn = p.change.txn,
				.action = p.change.action,
				.status = OUTCOME_DONE,
				.time_ns = now_ns,
			};

			arm = p.change.action == ACTION_ARM || p.change.action == ACTION_KEEP;
			analyzer_outcome(ideal->analyzer, &outcome, now_ns, decisions);
		}
	}
	return arm;
}

static bool find_verdict(const struct ideal *ideal, struct ideal_result *ret_result)
{
	for (size_t i = 0; i < ideal->decisions.n_events; i++) {
		const struct event *event = &ideal->decisions.events[i];
		const struct trial *trial;

		if (event->kind != EVENT_VERDICT)
			continue;
		trial = analyzer_trial(ideal->analyzer, event->slot);
		ret_result->verdict = trial->verdict;
		ret_result->reason = trial->reason;
		ret_result->n_pairs = trial->n_pairs;
		return true;
	}
	return false;
}

struct ideal_result ideal_run(struct ideal *ideal, enum ideal_noise noise, double gain,
			      uint64_t seed)
{
	struct analyzer_options options = {
		.seed = seed * 2 + 1,
		.mode = ANALYZER_AUTONOMOUS,
		.policies = &ideal->policy,
		.n_policies = 1,
		.only = { .kind = SCOPE_KIND_COUNT },
		.next_trial = 1,
		.tick_ns = WINDOW_NS,
		.catalogue = &catalogue,
	};
	struct frame *frame = ideal->frame;
	struct ideal_result result = { .verdict = VERDICT_NONE };
	bool arm = false;

	rng_init(&ideal->rng, seed * 2);
	result.before_after = before_after(ideal, noise, gain);
	noise_begin(ideal);
	if (analyzer_init(ideal->analyzer, &options) < 0)
		return result;
	for (uint64_t tick = 1; tick < TICKS_MAX; tick++) {
		double level = BASE_LEVEL * exp(noise_next(ideal, noise));

		frame->seq = tick;
		frame->time_ns = tick * WINDOW_NS;
		frame->interval_ns = WINDOW_NS;
		frame->n_series = 1;
		frame->series[0] = (struct series){
			.signal = SIGNAL_DISK_INFLIGHT,
			.flags = SERIES_VALID,
			.scope = { .kind = SCOPE_DISK, .name = "ideal" },
			.value = arm ? level / gain : level,
		};
		analyzer_tick(ideal->analyzer, frame, &ideal->decisions);
		arm = carry_out(ideal, arm, frame->time_ns);
		if (find_verdict(ideal, &result))
			break;
	}
	return result;
}

void ideal_wilson(uint32_t hits, uint32_t n, double *ret_low, double *ret_high)
{
	const double z = 1.96;
	double p = (double)hits / n, centre = p + z * z / (2 * n);
	double half = z * sqrt(p * (1 - p) / n + z * z / (4.0 * n * n));

	*ret_low = (centre - half) / (1 + z * z / n);
	*ret_high = (centre + half) / (1 + z * z / n);
}
