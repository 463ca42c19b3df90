/* SPDX-License-Identifier: Apache-2.0 */
/* Which values a trial may test, given what the knob is and offers. */
#ifndef FLYBALL_ANALYZER_ARMS_H
#define FLYBALL_ANALYZER_ARMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "include/knob.h"
#include "include/policy.h"

/*
 * Writes the values to test and returns how many: the policy's arms or its ladder, without the incumbent and what
 * the knob does not offer; with `calibrate` the incumbent itself. `ret_dropped` names what is not offered, or "".
 */
uint32_t arms_choose(const struct policy *policy, const struct knob_reading *reading,
		     char ret_arms[POLICY_ARMS_MAX][KNOB_VALUE_MAX], char *ret_dropped,
		     size_t size);

/* Puts the arms into a random order. */
void arms_shuffle(char arms[][KNOB_VALUE_MAX], uint32_t n, struct rng *rng);

#endif
