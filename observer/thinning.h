/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The turns of thinned sources: one tick in 2, 4, 8, 16, 32 is theirs. Which one is drawn anew each time, so that what the machine
 * does at a fixed beat, once a second say, is neither always in their tick nor never. Who is thinned more has its turns
 * among those of who is thinned less: conditions on both see them together. Pure.
 */
#ifndef FLYBALL_OBSERVER_THINNING_H
#define FLYBALL_OBSERVER_THINNING_H

#include <stdbool.h>
#include <stdint.h>

#include "include/source.h"

/* Whether the tick `seq` is a turn of who is thinned so far; of who is dropped none is. Any `seq`. */
bool thinning_due(uint64_t seq, enum source_thinning thinning);

/* Whether it is one of those, one in 64, in which all have their turn: what they cost is measured there. */
bool thinning_meets(uint64_t seq);

/* The share of ticks that are: 1, 1/2, … 1/32, 0. */
double thinning_share(enum source_thinning thinning);

/* `sampled at every tick`, `sampled at one tick in 8`, `dropped`. Static. */
const char *thinning_text(enum source_thinning thinning);

#endif
