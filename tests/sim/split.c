// SPDX-License-Identifier: Apache-2.0
/* flyball-sim-split [TRIALS]: false keeps, power and length of split trials, by the real trial code. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tests/sim/crowd.h"

#define TRIALS_DEFAULT 1500

static const char *const noise_names[NOISE_COUNT] = {
	[NOISE_INDEPENDENT] = "independent",
	[NOISE_AR1] = "AR(1) 0.9",
	[NOISE_HEAVY] = "heavy-tailed",
	[NOISE_DRIFT] = "drift 2 %",
};

static const char *const size_names[CROWD_SIZE_COUNT] = {
	[CROWD_32] = "32 a window",
	[CROWD_FEW] = "2 to 12",
	[CROWD_CARRIED] = "32, staying, no cohorts",
};

static const struct {
	const char *name;
	double gain;
} effects[] = {
	{ .name = "none", .gain = 1 },
	{ .name = "10 % lower", .gain = 1 / 0.9 },
	{ .name = "30 % lower", .gain = 1 / 0.7 },
};

static void print_row(struct crowd *crowd, enum crowd_size size, enum ideal_noise noise,
		      size_t effect, uint32_t n)
{
	uint32_t counts[TRIAL_PAIRS_MAX + 1] = { 0 }, kept = 0, reverted = 0, blind = 0, sum = 0;
	uint32_t median = 0;
	double low, high;

	for (uint32_t i = 0; i < n; i++) {
		struct ideal_result result =
			crowd_run(crowd, noise, size, effects[effect].gain, i + 1);

		reverted += result.verdict == VERDICT_REVERTED;
		blind += result.verdict == VERDICT_ABORTED;
		if (result.verdict != VERDICT_KEPT)
			continue;
		kept++;
		counts[result.n_pairs]++;
	}
	for (uint32_t pairs = 0; kept && 2 * sum < kept; pairs++) {
		sum += counts[pairs];
		median = pairs;
	}
	ideal_wilson(kept, n, &low, &high);
	printf("| %-23s | %-12s | %-10s | %5.1f %% (%.1f to %.1f) | %2u | %4.1f %% | %4.1f %% |\n",
	       size_names[size], noise_names[noise], effects[effect].name, 100.0 * kept / n,
	       100 * low, 100 * high, median, 100.0 * reverted / n, 100.0 * blind / n);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : TRIALS_DEFAULT;
	struct crowd *crowd = crowd_new();

	if (!crowd || n == 0) {
		fprintf(stderr, "usage: flyball-sim-split [TRIALS]\n");
		crowd_free(crowd);
		return 64;
	}
	printf("%u trials a row, error 5 %%, at most 40 windows, min_effect 2 %%\n\n", n);
	printf("| connections | noise | effect | kept (95 %% Wilson) | median windows | reverted | "
	       "blind |\n|---|---|---|---|---|---|---|\n");
	for (size_t effect = 0; effect < ARRAY_SIZE(effects); effect++)
		for (enum crowd_size size = 0; size < CROWD_SIZE_COUNT; size++)
			for (enum ideal_noise noise = 0; noise < NOISE_COUNT; noise++)
				if (effect == 0 || size <= CROWD_FEW)
					print_row(crowd, size, noise, effect, n);
	crowd_free(crowd);
	return 0;
}
