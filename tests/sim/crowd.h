/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ideal machine for split trials: connections come, draw a side each by their own coin, and the objective is the
 * median of what each side's connections measure. Around the real analyzer; one frame a window.
 */
#ifndef FLYBALL_TESTS_CROWD_H
#define FLYBALL_TESTS_CROWD_H

#include <stdint.h>

#include "tests/sim/ideal.h"

enum crowd_size {
	CROWD_32,  /* connections in each window */
	CROWD_FEW, /* 2 to 12, so that sides are often of very unequal size, or empty */
	CROWD_CARRIED, /* 32, and each lives and counts through ten windows, not in its cohort alone. No valid test */
	CROWD_SIZE_COUNT,
};

struct crowd;

struct crowd *crowd_new(void);
void crowd_free(struct crowd *crowd);

/*
 * Runs one trial; `gain` is how many times lower the value is of connections that drew the arm. Each connection differs
 * from the next by 30 % (the model's noise: independent, correlated by 0.9 with the one before, heavy-tailed, or drifting by
 * 2 % a window), and all of a window by 10 % together.
 */
struct ideal_result crowd_run(struct crowd *crowd, enum ideal_noise noise, enum crowd_size size,
			      double gain, uint64_t seed);

#endif
