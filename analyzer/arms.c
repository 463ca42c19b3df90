// SPDX-License-Identifier: Apache-2.0
#include "analyzer/arms.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/text.h"

static bool is_offered(const struct knob_reading *reading, const char *value)
{
	if (reading->n_choices == 0)
		return true;
	for (uint32_t i = 0; i < reading->n_choices && i < KNOB_CHOICES_MAX; i++)
		if (!strcmp(reading->choices[i], value))
			return true;
	return false;
}

static bool is_listed(char arms[][KNOB_VALUE_MAX], uint32_t n, const char *value)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(arms[i], value))
			return true;
	return false;
}

static uint32_t ladder_choose(const struct policy *policy, const struct knob_reading *reading,
			      char arms[POLICY_ARMS_MAX][KNOB_VALUE_MAX])
{
	double steps[] = { policy->factor, 1 / policy->factor };
	uint32_t n = 0;
	long long now;
	char *end;

	now = strtoll(reading->value, &end, 10);
	if (end == reading->value || *end || !(policy->factor > 0))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		double value = round((double)now * steps[i]);
		char text[KNOB_VALUE_MAX];

		value = fmin(fmax(value, (double)policy->ladder_min), (double)policy->ladder_max);
		snprintf(text, sizeof(text), "%.0f", value);
		if ((double)now == value || is_listed(arms, n, text))
			continue;
		memcpy(arms[n++], text, sizeof(text));
	}
	return n;
}

uint32_t arms_choose(const struct policy *policy, const struct knob_reading *reading,
		     char ret_arms[POLICY_ARMS_MAX][KNOB_VALUE_MAX], char *ret_dropped, size_t size)
{
	uint32_t n = 0;

	ret_dropped[0] = '\0';
	if (policy->trial.calibrate) {
		memcpy(ret_arms[0], reading->value, KNOB_VALUE_MAX);
		return 1;
	}
	if (policy->ladder == LADDER_FACTOR)
		return ladder_choose(policy, reading, ret_arms);
	for (uint32_t i = 0; i < policy->n_arms && i < POLICY_ARMS_MAX; i++) {
		const char *arm = policy->arms[i];

		if (!strcmp(arm, reading->value) || is_listed(ret_arms, n, arm))
			continue;
		if (!is_offered(reading, arm)) {
			text_append(ret_dropped, size,
				    ret_dropped[0] ? " " : "; not offered here: ");
			text_append(ret_dropped, size, arm);
			continue;
		}
		memcpy(ret_arms[n++], arm, KNOB_VALUE_MAX);
	}
	return n;
}

void arms_shuffle(char arms[][KNOB_VALUE_MAX], uint32_t n, struct rng *rng)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)rng_below(rng, i);
		char t[KNOB_VALUE_MAX];

		memcpy(t, arms[i - 1], sizeof(t));
		memcpy(arms[i - 1], arms[j], sizeof(t));
		memcpy(arms[j], t, sizeof(t));
	}
}
