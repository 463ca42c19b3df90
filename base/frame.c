// SPDX-License-Identifier: Apache-2.0
#include "base/frame.h"

#include <string.h>

#include "base/scope.h"

static uint32_t slot_of(const struct scope *scope)
{
	return scope_hash(scope) & (FRAME_INDEX_SLOTS - 1);
}

void frame_index(struct frame *frame)
{
	struct frame_index *index = &frame->index;

	memset(index->first, 0, sizeof(index->first));
	index->n_series = frame->n_series;
	/* From the last one, so that those of a slot are in the frame's order. */
	for (size_t i = frame->n_series; i-- > 0;) {
		const uint32_t slot = slot_of(&frame->series[i].scope);

		index->next[i] = index->first[slot];
		index->first[slot] = (uint16_t)(i + 1);
	}
}

const struct series *frame_series(const struct frame *frame, uint32_t signal,
				  const struct scope *scope)
{
	const struct frame_index *index = &frame->index;

	for (uint32_t i = index->first[slot_of(scope)]; i; i = index->next[i - 1]) {
		const struct series *series = &frame->series[i - 1];

		if (series->signal == signal && scope_equal(&series->scope, scope))
			return series;
	}
	return NULL;
}

bool frame_has_scope(const struct frame *frame, const struct scope *scope)
{
	const struct frame_index *index = &frame->index;

	for (uint32_t i = index->first[slot_of(scope)]; i; i = index->next[i - 1])
		if (scope_equal(&frame->series[i - 1].scope, scope))
			return true;
	return false;
}
