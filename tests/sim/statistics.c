// SPDX-License-Identifier: Apache-2.0
/* flyball-sim-statistics [TRIALS]: false keeps, power and length of trials, by the real trial code. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "include/trial.h"
#include "tests/sim/ideal.h"

#define TRIALS_DEFAULT 1500

static const char *const noise_names[NOISE_COUNT] = {
	[NOISE_INDEPENDENT] = "independent",
	[NOISE_AR1] = "AR(1) 0.9",
	[NOISE_HEAVY] = "heavy-tailed",
	[NOISE_DRIFT] = "drift 2 %",
};

static const struct {
	const char *name;
	double gain;
} effects[] = {
	{ .name = "none", .gain = 1 },
	{ .name = "10 % lower", .gain = 1 / 0.9 },
	{ .name = "30 % lower", .gain = 1 / 0.7 },
	{ .name = "100x lower", .gain = 100 },
};

/* The count of pairs that half of the kept trials did not exceed; 0 when none was kept. */
static uint32_t median_pairs(const uint32_t counts[TRIAL_PAIRS_MAX + 1], uint32_t kept)
{
	uint32_t sum = 0;

	for (uint32_t pairs = 0; kept && pairs <= TRIAL_PAIRS_MAX; pairs++) {
		sum += counts[pairs];
		if (2 * sum >= kept)
			return pairs;
	}
	return 0;
}

static void print_cell(struct ideal *ideal, enum ideal_noise noise, size_t effect, uint32_t n)
{
	uint32_t counts[TRIAL_PAIRS_MAX + 1] = { 0 }, kept = 0, before_after = 0, reverted = 0;
	double low, high;

	for (uint32_t i = 0; i < n; i++) {
		struct ideal_result result = ideal_run(ideal, noise, effects[effect].gain, i + 1);

		before_after += result.before_after;
		reverted += result.verdict == VERDICT_REVERTED;
		if (result.verdict != VERDICT_KEPT)
			continue;
		kept++;
		counts[result.n_pairs]++;
	}
	ideal_wilson(kept, n, &low, &high);
	printf("| %-12s | %-10s | %5u | %5.1f %% (%.1f to %.1f) | %2u | %4.1f %% | %5.1f %% |\n",
	       noise_names[noise], effects[effect].name, kept, 100.0 * kept / n, 100 * low,
	       100 * high, median_pairs(counts, kept), 100.0 * reverted / n,
	       100.0 * before_after / n);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : TRIALS_DEFAULT;
	struct ideal *ideal = ideal_new();

	if (!ideal || n == 0) {
		fprintf(stderr, "usage: flyball-sim-statistics [TRIALS]\n");
		ideal_free(ideal);
		return 64;
	}
	printf("%u trials a row, error 5 %%, at most 40 pairs, min_effect 2 %%\n\n", n);
	printf("| noise | effect | kept | share (95 %% Wilson) | median pairs | reverted | "
	       "before/after keeps |\n");
	printf("|---|---|---|---|---|---|---|\n");
	for (size_t effect = 0; effect < ARRAY_SIZE(effects); effect++)
		for (enum ideal_noise noise = 0; noise < NOISE_COUNT; noise++)
			print_cell(ideal, noise, effect, n);
	ideal_free(ideal);
	return 0;
}
