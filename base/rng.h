/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded generator (xoshiro256**, Blackman and Vigna 2018): the same seed gives the same coins. Pure. */
#ifndef FLYBALL_BASE_RNG_H
#define FLYBALL_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/* Any seed is a good seed. */
void rng_init(struct rng *rng, uint64_t seed);

uint64_t rng_next(struct rng *rng);

/* A fair coin. */
bool rng_coin(struct rng *rng);

/* Uniform in [0, 1). */
double rng_uniform(struct rng *rng);

/* Uniform in [0, n), without bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

#endif
