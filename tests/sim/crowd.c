// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/crowd.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/analyzer.h"
#include "base/hist.h"
#include "base/rng.h"

#define WINDOW_NS 1000000000ull
#define LEVEL_NS 10e6
#define SPREAD 0.3   /* of connections */
#define TOGETHER 0.1 /* of all of a window */
#define AR_COEFFICIENT 0.9
#define DRIFT 0.02 /* a window */
#define MANY 32
#define FEW_LEAST 2
#define FEW_MOST 12
#define LIFE 10 /* windows */
#define TICKS_MAX 1000

static const struct signal_row signals[SIGNAL_ID_COUNT] = {
	[SIGNAL_CPU_IDLE] = {
		.name = "cpu.idle", .kind = SIGNAL_GAUGE, .unit = UNIT_RATIO, .scope = SCOPE_HOST,
	},
	[SIGNAL_TCP_SPLIT_RTT] = {
		.name = "tcp.split.rtt", .kind = SIGNAL_DISTRIBUTION, .unit = UNIT_TIME, .scope = SCOPE_HOST,
	},
};

static const struct catalogue catalogue = { .signals = signals };

struct connection {
	bool arm;
	double value; /* ln, without the window's part */
};

struct crowd {
	struct analyzer *analyzer;
	struct frame *frame;
	struct policy policy;
	struct decisions decisions;
	struct rng rng;
	double ar;
	double gain; /* of the side that drew the arm now: 1 while both sides have the incumbent */
	bool splitting;
	uint32_t windows, n_alive;
	struct connection alive[LIFE * MANY];
};

struct crowd *crowd_new(void)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	if (!crowd)
		return NULL;
	crowd->analyzer = malloc(analyzer_size());
	crowd->frame = calloc(1, sizeof(*crowd->frame));
	if (!crowd->analyzer || !crowd->frame) {
		crowd_free(crowd);
		return NULL;
	}
	crowd->policy = (struct policy){
		.name = "crowd",
		.scope = SCOPE_HOST,
		.knob = "tcp.congestion",
		.knob_domain = DOMAIN_NETWORK,
		.when = { .n_nodes = 1,
			  .nodes = { { .op = CONDITION_GREATER,
				       .ref = { .signal = SIGNAL_CPU_IDLE,
						.stat = STAT_VALUE } } } },
		.n_arms = 1,
		.arms = { "b" },
		.objective = { .ref = { .signal = SIGNAL_TCP_SPLIT_RTT, .stat = STAT_P50 },
			       .min_effect = 0.02 },
		.trial = { .window_ns = WINDOW_NS,
			   .max_pairs = 40,
			   .error = 0.05,
			   .split = 1,
			   .cooldown_ns = UINT32_MAX },
	};
	return crowd;
}

void crowd_free(struct crowd *crowd)
{
	if (!crowd)
		return;
	free(crowd->analyzer);
	free(crowd->frame);
	free(crowd);
}

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

static double value_of(struct crowd *crowd, enum ideal_noise noise)
{
	switch (noise) {
	case NOISE_AR1:
		crowd->ar = AR_COEFFICIENT * crowd->ar + sqrt(1 - AR_COEFFICIENT * AR_COEFFICIENT) *
								 SPREAD * normal(&crowd->rng);
		return crowd->ar;
	case NOISE_HEAVY:
		return SPREAD * student3(&crowd->rng);
	case NOISE_DRIFT:
		return SPREAD * normal(&crowd->rng) + log1p(DRIFT) * crowd->windows;
	default:
		return SPREAD * normal(&crowd->rng);
	}
}

static struct hist *side_add(struct crowd *crowd, uint32_t side)
{
	struct frame *frame = crowd->frame;
	struct series *series = &frame->series[frame->n_series++];

	*series = (struct series){ .signal = SIGNAL_TCP_SPLIT_RTT,
				   .flags = SERIES_VALID | side,
				   .scope = { .kind = SCOPE_HOST },
				   .hist = &frame->hists[frame->n_hists++] };
	memset(series->hist, 0, sizeof(*series->hist));
	return series->hist;
}

/* The oldest leave first: they are at the front. */
static void arrive(struct crowd *crowd, enum ideal_noise noise, enum crowd_size size)
{
	uint32_t n = size == CROWD_FEW ? FEW_LEAST + (uint32_t)rng_below(&crowd->rng,
									 FEW_MOST - FEW_LEAST + 1)
				       : MANY;

	if (size != CROWD_CARRIED)
		crowd->n_alive = 0;
	if (crowd->n_alive + n > LIFE * MANY) {
		crowd->n_alive -= n;
		memmove(crowd->alive, crowd->alive + n, crowd->n_alive * sizeof(crowd->alive[0]));
	}
	for (uint32_t i = 0; i < n; i++)
		crowd->alive[crowd->n_alive++] =
			(struct connection){ .arm = rng_coin(&crowd->rng),
					     .value = value_of(crowd, noise) };
}

static void fill(struct crowd *crowd, enum ideal_noise noise, enum crowd_size size, uint64_t tick)
{
	double together = TOGETHER * normal(&crowd->rng);
	struct frame *frame = crowd->frame;
	struct hist *sides[2];

	frame->seq = tick;
	frame->time_ns = tick * WINDOW_NS;
	frame->interval_ns = WINDOW_NS;
	frame->n_hists = 0;
	frame->n_series = 1;
	frame->series[0] = (struct series){ .signal = SIGNAL_CPU_IDLE,
					    .flags = SERIES_VALID,
					    .scope = { .kind = SCOPE_HOST },
					    .value = 0.5 };
	crowd->windows++;
	if (!crowd->splitting)
		return;
	arrive(crowd, noise, size);
	sides[0] = side_add(crowd, SERIES_BASE);
	sides[1] = side_add(crowd, SERIES_ARM);
	for (uint32_t i = 0; i < crowd->n_alive; i++) {
		const struct connection *c = &crowd->alive[i];
		double ns = LEVEL_NS * exp(c->value + together) / (c->arm ? crowd->gain : 1);

		hist_add(sides[c->arm], (uint64_t)ns);
	}
}

static void carry_out(struct crowd *crowd, double gain, uint64_t now_ns)
{
	struct decisions *decisions = &crowd->decisions;

	while (decisions->n_proposals) {
		struct proposal p = decisions->proposals[0];
		struct knob_reading reading = { .knob = "tcp.congestion",
						.scope = p.change.scope,
						.flags = KNOB_WRITABLE,
						.value = "a" };
		struct outcome outcome = { .txn = p.change.txn,
					   .action = p.change.action,
					   .status = OUTCOME_DONE,
					   .time_ns = now_ns };

		if (p.kind == PROPOSAL_READ) {
			analyzer_reading(crowd->analyzer, p.slot, &reading, now_ns, decisions);
			continue;
		}
		crowd->splitting = p.change.action == ACTION_SPLIT;
		if (p.change.action == ACTION_BEGIN)
			crowd->gain = strcmp(p.change.new_value, "a") ? gain : 1;
		analyzer_outcome(crowd->analyzer, &outcome, now_ns, decisions);
	}
}

static bool find_verdict(const struct crowd *crowd, struct ideal_result *ret_result)
{
	for (size_t i = 0; i < crowd->decisions.n_events; i++) {
		const struct event *event = &crowd->decisions.events[i];
		const struct trial *trial;

		if (event->kind != EVENT_VERDICT)
			continue;
		trial = analyzer_trial(crowd->analyzer, event->slot);
		ret_result->verdict = trial->verdict;
		ret_result->reason = trial->reason;
		ret_result->n_pairs = trial->n_pairs;
		return true;
	}
	return false;
}

struct ideal_result crowd_run(struct crowd *crowd, enum ideal_noise noise, enum crowd_size size,
			      double gain, uint64_t seed)
{
	struct analyzer_options options = {
		.seed = seed * 2 + 1,
		.mode = ANALYZER_AUTONOMOUS,
		.policies = &crowd->policy,
		.n_policies = 1,
		.only = { .kind = SCOPE_KIND_COUNT },
		.next_trial = 1,
		.tick_ns = WINDOW_NS,
		.catalogue = &catalogue,
	};
	struct ideal_result result = { .verdict = VERDICT_NONE };

	rng_init(&crowd->rng, seed * 2);
	crowd->ar = SPREAD * normal(&crowd->rng);
	crowd->windows = crowd->n_alive = 0;
	crowd->splitting = false;
	if (analyzer_init(crowd->analyzer, &options) < 0)
		return result;
	for (uint64_t tick = 1; tick < TICKS_MAX; tick++) {
		fill(crowd, noise, size, tick);
		analyzer_tick(crowd->analyzer, crowd->frame, &crowd->decisions);
		carry_out(crowd, gain, crowd->frame->time_ns);
		if (find_verdict(crowd, &result))
			break;
	}
	return result;
}
