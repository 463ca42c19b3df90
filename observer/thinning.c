// SPDX-License-Identifier: Apache-2.0
/*
 * The ticks are the leaves of binary trees, 2^thinning of them each. At each node a coin, which is the same whenever it is asked
 * for, says which half has the turn: so each tree has one, and that of a tree is that of one of its two halves.
 */
#include "observer/thinning.h"

#include "base/rng.h"

#define MEET_LEVEL SOURCE_DROPPED /* above all of them */

/* Whether the tick has the turn of its tree of that height. */
static bool has_turn(uint64_t seq, uint32_t height)
{
	struct rng rng;

	for (uint32_t level = 1; level <= height; level++) {
		rng_init(&rng, (seq >> level) << 8 | level);
		if ((seq >> (level - 1) & 1) != rng_coin(&rng))
			return false;
	}
	return true;
}

bool thinning_due(uint64_t seq, enum source_thinning thinning)
{
	return thinning < SOURCE_DROPPED && has_turn(seq, thinning);
}

bool thinning_meets(uint64_t seq)
{
	return has_turn(seq, MEET_LEVEL);
}

double thinning_share(enum source_thinning thinning)
{
	return thinning >= SOURCE_DROPPED ? 0 : 1.0 / (double)(1u << thinning);
}

const char *thinning_text(enum source_thinning thinning)
{
	static const char *const texts[SOURCE_THINNING_COUNT] = {
		[SOURCE_WHOLE] = "sampled at every tick",
		[SOURCE_HALF] = "sampled at one tick in 2",
		[SOURCE_QUARTER] = "sampled at one tick in 4",
		[SOURCE_EIGHTH] = "sampled at one tick in 8",
		[SOURCE_SIXTEENTH] = "sampled at one tick in 16",
		[SOURCE_THIRTY_SECOND] = "sampled at one tick in 32",
		[SOURCE_DROPPED] = "dropped",
	};

	return thinning < SOURCE_THINNING_COUNT ? texts[thinning] : "?";
}
