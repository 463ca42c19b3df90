// SPDX-License-Identifier: Apache-2.0
#include "observer/looks.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

int looks_init(struct looks *looks, uint32_t share)
{
	*looks = (struct looks){ .share = share };
	looks->places = calloc(INSTANCES_MAX, sizeof(*looks->places));
	return looks->places ? 0 : -ENOMEM;
}

void looks_deinit(struct looks *looks)
{
	free(looks->places);
	*looks = (struct looks){ 0 };
}

void looks_forget(struct looks *looks, size_t place)
{
	looks->places[place] = (struct look_state){ 0 };
}

static void visit(struct looks *looks, size_t place, look_fn look, void *source,
		  struct sampler *sampler)
{
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct look_state *state = &looks->places[place];
	uint64_t pause_ns = 0, price_ns;
	int r = look(source, place, sampler, &pause_ns);

	state->denied = r == -EACCES || r == -EPERM;
	if (r < 0 && !state->denied && r != -ESRCH && r != -ENOENT)
		sampler->losses[LOSS_EVENT]++;
	price_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns) * looks->share;
	state->due_ns = sampler->now_ns + (price_ns > pause_ns ? price_ns : pause_ns);
}

void looks_visit(struct looks *looks, const struct instances *instances, look_fn look, void *source,
		 struct sampler *sampler)
{
	const uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	const size_t n = instances->n_places;

	for (size_t i = 0; i < n; i++) {
		const size_t place = looks->next < n ? looks->next : 0;

		looks->next = place + 1;
		if (!instances->places[place].used || looks->places[place].due_ns > sampler->now_ns)
			continue;
		visit(looks, place, look, source, sampler);
		if (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns > LOOKS_TICK_NS)
			return;
	}
}

size_t looks_denied(const struct looks *looks, const struct instances *instances)
{
	size_t n = 0;

	for (size_t i = 0; i < instances->n_places; i++)
		n += instances->places[i].used && looks->places[i].denied;
	return n;
}
