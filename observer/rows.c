// SPDX-License-Identifier: Apache-2.0
#include "observer/rows.h"

#include <errno.h>
#include <stdbool.h>

#include "base/hist.h"

static struct row_head *row_head(const struct rows *rows, uint64_t row)
{
	return (struct row_head *)((char *)rows->rows + row * rows->size);
}

static bool place_free(uint64_t place)
{
	return place == 0 || place == ROWS_GONE;
}

/* The key's place in the table, or the first free one on its way; NULL when it would lie too far away. */
static uint64_t *table_place(const struct rows *rows, uint64_t key)
{
	uint64_t *free_place = NULL;

	for (uint32_t i = 0; i < ROWS_PROBES; i++) {
		uint64_t *place = &rows->places[(rows_first(key) + i) % ROWS_TABLE];

		if (!place_free(*place) && row_head(rows, *place >> 32)->key == key)
			return place;
		if (place_free(*place) && !free_place)
			free_place = place;
		if (*place == 0)
			break;
	}
	return free_place;
}

/* A row is complete before the table leads to it. */
int rows_add(struct rows *rows, uint64_t key, uint64_t start_ticks)
{
	uint64_t *place = table_place(rows, key);

	if (!place || !place_free(*place))
		return -ENOSPC;
	for (uint32_t i = 0; i < rows->n; i++) {
		struct row_head *row = row_head(rows, i);

		if (row->key)
			continue;
		row->start_ticks = start_ticks;
		__atomic_store_n(&row->key, key, __ATOMIC_SEQ_CST);
		__atomic_store_n(place, (uint64_t)i << 32 | (uint32_t)key, __ATOMIC_SEQ_CST);
		return (int)i;
	}
	return -ENOSPC;
}

uint64_t rows_drop(struct rows *rows, uint32_t row)
{
	struct row_head *head = row_head(rows, row);
	const uint64_t key = head->key;
	uint64_t *place = table_place(rows, key);

	if (place && !place_free(*place))
		__atomic_store_n(place, ROWS_GONE, __ATOMIC_SEQ_CST);
	__atomic_store_n(&head->key, 0, __ATOMIC_SEQ_CST);
	return key;
}

void row_hist_add(struct row_hist *into, const struct row_hist *from)
{
	into->sum += from->sum;
	into->clamped += from->clamped;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

/* The count is of the buckets, not one of its own: they can never disagree. */
void row_hist_since(const struct row_hist *now, const struct row_hist *before, struct hist *hist)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		const uint32_t more = now->buckets[i] - before->buckets[i];

		hist->buckets[i] += more;
		hist->count += more;
	}
	hist->sum += now->sum - before->sum;
	hist->clamped += now->clamped - before->clamped;
	hist_settle(hist);
}
