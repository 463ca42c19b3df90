// SPDX-License-Identifier: Apache-2.0
#include "actuator/usage.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/day.h"
#include "base/scope.h"

#define MINUTE_NS (60 * NSEC_PER_SEC)
#define HOUR_NS (60 * MINUTE_NS)

/* --- rings --- */

/* Drops what is older than an hour. */
static void hour_advance(struct usage_hour *hour, uint64_t now_ns)
{
	uint64_t minute = now_ns / MINUTE_NS;

	if (minute <= hour->minute)
		return;
	if (minute - hour->minute >= USAGE_MINUTES)
		memset(hour->counts, 0, sizeof(hour->counts));
	else
		for (uint64_t m = hour->minute + 1; m <= minute; m++)
			hour->counts[m % USAGE_MINUTES] = 0;
	hour->minute = minute;
}

static void hour_add(struct usage_hour *hour, uint64_t now_ns)
{
	hour_advance(hour, now_ns);
	hour->counts[hour->minute % USAGE_MINUTES]++;
}

static uint32_t hour_sum(const struct usage_hour *hour, uint64_t now_ns)
{
	struct usage_hour now = *hour;
	uint32_t sum = 0;

	hour_advance(&now, now_ns);
	for (size_t i = 0; i < USAGE_MINUTES; i++)
		sum += now.counts[i];
	return sum;
}

/* --- places --- */

static struct usage_place *place_find(struct usage *usage, const char *knob,
				      const struct scope *scope)
{
	for (size_t i = 0; i < USAGE_PLACES_MAX; i++) {
		struct usage_place *place = &usage->state.places[i];

		if (!strcmp(place->knob, knob) && scope_equal(&place->scope, scope))
			return place;
	}
	return NULL;
}

/* Nothing of it matters any more: neither its hour, nor a day's flips and pauses. */
static bool place_is_stale(const struct usage_place *place, uint64_t now_ns)
{
	uint64_t keep = 24 * HOUR_NS;

	return !place->knob[0] || (now_ns > place->used_ns + keep && now_ns > place->quarantine_ns);
}

static struct usage_place *place_make(struct usage *usage, const char *knob,
				      const struct scope *scope, uint64_t now_ns)
{
	struct usage_place *place = place_find(usage, knob, scope), *oldest = NULL;

	for (size_t i = 0; i < USAGE_PLACES_MAX && !place; i++)
		if (!usage->state.places[i].knob[0])
			place = &usage->state.places[i];
	for (size_t i = 0; i < USAGE_PLACES_MAX && !place; i++)
		if (place_is_stale(&usage->state.places[i], now_ns))
			place = &usage->state.places[i];
	/* Then the one that has rested longest, when its hour is over and it has nothing to serve. */
	for (size_t i = 0; i < USAGE_PLACES_MAX && !place; i++) {
		struct usage_place *p = &usage->state.places[i];

		if (now_ns > p->used_ns + HOUR_NS && now_ns > p->quarantine_ns &&
		    (!oldest || p->used_ns < oldest->used_ns))
			oldest = p;
	}
	if (!place)
		place = oldest;
	if (!place)
		return NULL;
	if (strcmp(place->knob, knob) || !scope_equal(&place->scope, scope)) {
		memset(place, 0, sizeof(*place));
		snprintf(place->knob, sizeof(place->knob), "%s", knob);
		place->scope = *scope;
	}
	place->used_ns = now_ns;
	return place;
}

/* --- what happens --- */

int usage_begin(struct usage *usage, const char *knob, const struct scope *scope, uint64_t trial,
		uint64_t now_ns)
{
	struct usage_place *place = place_make(usage, knob, scope, now_ns);

	if (!place)
		return -ENOSPC;
	place->n_txns = place->trial == trial ? place->n_txns + 1 : 1;
	place->trial = trial;
	return 0;
}

void usage_write(struct usage *usage, const char *knob, const struct scope *scope, uint64_t now_ns)
{
	struct usage_place *place = place_make(usage, knob, scope, now_ns);

	hour_add(&usage->state.writes, now_ns);
	if (place)
		hour_add(&place->writes, now_ns);
}

void usage_arm(struct usage *usage, uint64_t txn, uint64_t now_ns)
{
	struct usage_state *state = &usage->state;

	for (size_t i = 0; i < ARRAY_SIZE(state->armed); i++)
		if (state->armed[i].txn == txn)
			return;
	for (size_t i = 0; i < ARRAY_SIZE(state->armed); i++)
		if (state->armed[i].txn == 0) {
			state->armed[i].txn = txn;
			state->armed[i].since_ns = now_ns;
			return;
		}
}

void usage_disarm(struct usage *usage, uint64_t txn, uint64_t now_ns)
{
	struct usage_state *state = &usage->state;

	for (size_t i = 0; i < ARRAY_SIZE(state->armed); i++) {
		if (state->armed[i].txn != txn || txn == 0)
			continue;
		if (now_ns > state->armed[i].since_ns)
			day_add(&state->arm_ns, now_ns,
				(double)(now_ns - state->armed[i].since_ns));
		state->armed[i].txn = 0;
	}
}

void usage_end(struct usage *usage, const char *knob, const struct scope *scope, uint64_t now_ns)
{
	struct usage_place *place = place_find(usage, knob, scope);

	if (place)
		place->ended_ns = now_ns;
}

void usage_flip(struct usage *usage, const char *knob, const struct scope *scope,
		const struct limits *limits, uint64_t now_ns)
{
	struct usage_place *place = place_make(usage, knob, scope, now_ns);
	double within = limits->value[LIMIT_OSCILLATION_WITHIN];
	double longest = limits->value[LIMIT_OSCILLATION_QUARANTINE_MAX], length;
	size_t recent = 0;

	if (!place)
		return;
	place->flips_ns[place->n_flips++ % USAGE_FLIPS_MAX] = now_ns;
	for (size_t i = 0; i < USAGE_FLIPS_MAX && i < place->n_flips; i++)
		recent += (double)(now_ns - place->flips_ns[i]) < within;
	if (recent <= limits->value[LIMIT_OSCILLATION_FLIPS])
		return;
	/* It begins with none on its account, so that it is not quarantined again for the same flips. */
	place->n_flips = 0;
	length = limits->value[LIMIT_OSCILLATION_QUARANTINE];
	if (place->quarantine_length_ns)
		length = fmax(length, 2 * (double)place->quarantine_length_ns);
	place->quarantine_length_ns = (uint64_t)fmin(length, longest);
	place->quarantine_ns = now_ns + place->quarantine_length_ns;
}

void usage_view(const struct usage *usage, const char *knob, const struct scope *scope,
		uint64_t trial, uint64_t now_ns, struct limits_view *view)
{
	const struct usage_place *place = place_find((struct usage *)usage, knob, scope);

	view->arm_time_ns = (uint64_t)day_sum(&usage->state.arm_ns, now_ns);
	for (size_t i = 0; i < ARRAY_SIZE(usage->state.armed); i++)
		if (usage->state.armed[i].txn && now_ns > usage->state.armed[i].since_ns)
			view->arm_time_ns += now_ns - usage->state.armed[i].since_ns;
	view->changes = hour_sum(&usage->state.writes, now_ns);
	view->changes_knob = place ? hour_sum(&place->writes, now_ns) : 0;
	view->ended_ns = place ? place->ended_ns : 0;
	view->quarantine_ns = place ? place->quarantine_ns : 0;
	view->same_trial = place && place->trial == trial && place->n_txns < USAGE_TRIAL_TXNS_MAX;
}
