/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * The layout of a log-linear histogram of times, shared by the BPF programs and by user space.
 *
 * Each octave is cut into 32 equal buckets; values under 32 ns have a bucket each. A bucket is at
 * most 1/32 of its lower edge wide, so its middle is within 1.6 % of every value in it. 1,024
 * buckets reach to 2^36 ns - 1 = 68.7 s; what is longer is counted in the last one and as clamped.
 */
#ifndef FLYBALL_HIST_H
#define FLYBALL_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 5                /* log2 of the buckets in an octave */
#define HIST_SUB (1u << HIST_SUB_BITS) /* buckets in an octave */
#define HIST_MAX_BITS 36               /* the first bit that does not fit */
#define HIST_BUCKETS ((HIST_MAX_BITS - HIST_SUB_BITS + 1) * HIST_SUB)
#define HIST_VALUE_MAX ((1ull << HIST_MAX_BITS) - 1) /* ns */

/* What was seen in one interval. `buckets[i]` counts values of bucket i. */
struct hist {
	uint64_t count;   /* values seen, with the clamped ones */
	uint64_t sum;     /* of all values, ns */
	uint64_t clamped; /* values over HIST_VALUE_MAX, counted in the last bucket */
	uint32_t buckets[HIST_BUCKETS];
};

/* The place of the highest bit that is set; `value` > 0. */
static inline uint32_t hist_exponent(uint64_t value)
{
#ifdef __bpf__
	/*
	 * BPF has no instruction for it, and expanding the builtin makes LLVM 14 eat all memory. Without branches, which
	 * the verifier would have to follow in all combinations: `over` is 1 when the value has more than `step` bits.
	 */
	uint32_t exponent = 0;

	for (uint32_t step = 32; step > 0; step >>= 1) {
		uint64_t over = ((1ull << step) - 1 - value) >> 63;

		value >>= over * step;
		exponent += (uint32_t)over * step;
	}
	return exponent;
#else
	return 63 - (uint32_t)__builtin_clzll(value);
#endif
}

/* The bucket of `value`; values over HIST_VALUE_MAX go to the last one. */
static inline uint32_t hist_index(uint64_t value)
{
	uint32_t exponent;

	if (value < HIST_SUB)
		return (uint32_t)value;
	if (value > HIST_VALUE_MAX)
		return HIST_BUCKETS - 1;
	exponent = hist_exponent(value);
	return (exponent - HIST_SUB_BITS) * HIST_SUB +
	       (uint32_t)(value >> (exponent - HIST_SUB_BITS));
}

/* The least value of bucket `index`; of HIST_BUCKETS: the first value that does not fit. */
static inline uint64_t hist_lower(uint32_t index)
{
	uint32_t octave = index / HIST_SUB;

	if (octave <= 1)
		return index;
	return (uint64_t)(HIST_SUB + index % HIST_SUB) << (octave - 1);
}

#endif
