/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ideal machine around the real analyzer: one disk, one knob with the values `a` (in force) and `b`, one frame a
 * window, an actuator that does at once what it is asked. Its noise is one of four models.
 */
#ifndef FLYBALL_TESTS_IDEAL_H
#define FLYBALL_TESTS_IDEAL_H

#include <stdint.h>

#include "include/trial.h"

enum ideal_noise {
	NOISE_INDEPENDENT, /* lognormal, standard deviation 10 % */
	NOISE_AR1,         /* the same, each window correlated by 0.9 with the one before */
	NOISE_HEAVY,       /* Student's t with 3 degrees of freedom, scaled by 10 % */
	NOISE_DRIFT,       /* independent, and 2 % more in each window */
	NOISE_COUNT,
};

struct ideal_result {
	enum verdict verdict;
	enum reason reason;
	uint32_t n_pairs;
	uint32_t
		before_after; /* 1: a comparison of 20 windows before and 20 after would keep the arm (t > 1.645) */
};

struct ideal;

struct ideal *ideal_new(void);
void ideal_free(struct ideal *ideal);

/* Runs one trial; `gain` is how many times lower the objective is with `b`: 1 = the arm changes nothing. */
struct ideal_result ideal_run(struct ideal *ideal, enum ideal_noise noise, double gain,
			      uint64_t seed);

/* The 95 % interval of a share (Wilson 1927). */
void ideal_wilson(uint32_t hits, uint32_t n, double *ret_low, double *ret_high);

#endif
