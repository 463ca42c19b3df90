// SPDX-License-Identifier: Apache-2.0
#include "daemon/batch.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/scope.h"

/* Flags of a head, above those of enum series_flag. */
enum head_flag {
	HEAD_HIST = 1u << 5,       /* a histogram follows */
	HEAD_ZERO = 1u << 6,       /* the value is 0 and left out */
	HEAD_SAME_SCOPE = 1u << 7, /* that of the series before: kind and name are left out (0) */
};

#define SERIES_FLAGS (SERIES_VALID | SERIES_LOSSY | SERIES_SUMS | SERIES_SIDES)
#define HEAD_FLAGS (SERIES_FLAGS | HEAD_HIST | HEAD_ZERO | HEAD_SAME_SCOPE)

#define HEAD_BYTES 5
#define BUCKET_BYTES 6
#define HIST_BYTES 26 /* without its buckets */

_Static_assert(SERIES_FLAGS < HEAD_HIST && HEAD_FLAGS < 256, "the flags of a head do not collide");
_Static_assert(SCOPE_NAME_MAX < 256 && SIGNAL_ID_COUNT < 65536 && HIST_BUCKETS < 65536,
	       "every field has room");
_Static_assert(HEAD_BYTES + SCOPE_NAME_MAX + 8 + HIST_BYTES + HIST_BUCKETS * BUCKET_BYTES <
		       BATCH_BYTES_MAX,
	       "the largest series fits alone");

void batch_begin(struct message_batch *batch, struct batch_cursor *cursor)
{
	batch->n_series = 0;
	batch->n_bytes = 0;
	*cursor = (struct batch_cursor){ .at = 0 };
}

/* --- writing --- */

static uint8_t *put(uint8_t *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	return to + size;
}

static uint16_t used_buckets(const struct hist *hist)
{
	uint16_t n = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		n = (uint16_t)(n + (hist->buckets[i] != 0));
	return n;
}

static uint8_t *put_hist(uint8_t *to, const struct hist *hist, uint16_t n_buckets)
{
	to = put(to, &hist->count, 8);
	to = put(to, &hist->sum, 8);
	to = put(to, &hist->clamped, 8);
	to = put(to, &n_buckets, 2);
	for (uint16_t i = 0; n_buckets > 0; i++) {
		if (!hist->buckets[i])
			continue;
		to = put(to, &i, 2);
		to = put(to, &hist->buckets[i], 4);
		n_buckets--;
	}
	return to;
}

int batch_add(struct message_batch *batch, struct batch_cursor *cursor, const struct series *series)
{
	const bool same = cursor->has_scope && scope_equal(&cursor->scope, &series->scope);
	const uint16_t n_buckets = series->hist ? used_buckets(series->hist) : 0;
	const size_t length = same ? 0 : strnlen(series->scope.name, SCOPE_NAME_MAX - 1);
	const size_t size = HEAD_BYTES + length + (series->value != 0 ? 8 : 0) +
			    (series->hist ? HIST_BYTES + n_buckets * BUCKET_BYTES : 0);
	const uint16_t signal = (uint16_t)series->signal;
	uint8_t *to = batch->bytes + batch->n_bytes;

	if (batch->n_bytes + size > BATCH_BYTES_MAX)
		return -ENOSPC;
	to = put(to, &signal, 2);
	*to++ = (uint8_t)((series->flags & SERIES_FLAGS) | (series->hist ? HEAD_HIST : 0) |
			  (series->value != 0 ? 0 : HEAD_ZERO) | (same ? HEAD_SAME_SCOPE : 0));
	*to++ = same ? 0 : (uint8_t)series->scope.kind;
	*to++ = (uint8_t)length;
	to = put(to, series->scope.name, length);
	if (series->value != 0)
		to = put(to, &series->value, 8);
	if (series->hist)
		put_hist(to, series->hist, n_buckets);
	if (!same) {
		cursor->scope = series->scope;
		cursor->has_scope = true;
	}
	batch->n_bytes += (uint32_t)size;
	batch->n_series++;
	return 0;
}

/* --- reading --- */

/* The next `size` bytes, or NULL when there are not so many. */
static const uint8_t *take(const struct message_batch *batch, struct batch_cursor *cursor,
			   size_t size)
{
	const uint8_t *bytes = batch->bytes + cursor->at;

	if (batch->n_bytes - cursor->at < size)
		return NULL;
	cursor->at += (uint32_t)size;
	return bytes;
}

static bool take_buckets(const uint8_t *bytes, size_t n, struct hist *hist)
{
	int last = -1;

	for (size_t i = 0; i < n; i++, bytes += BUCKET_BYTES) {
		uint16_t index;
		uint32_t count;

		memcpy(&index, bytes, 2);
		memcpy(&count, bytes + 2, 4);
		if ((int)index <= last || index >= HIST_BUCKETS || count == 0)
			return false;
		last = index;
		if (hist)
			hist->buckets[index] = count;
	}
	return true;
}

static bool take_hist(const struct message_batch *batch, struct batch_cursor *cursor,
		      struct hist *hist)
{
	const uint8_t *bytes = take(batch, cursor, HIST_BYTES);
	struct hist sums;
	uint16_t n;

	if (!bytes)
		return false;
	memcpy(&sums.count, bytes, 8);
	memcpy(&sums.sum, bytes + 8, 8);
	memcpy(&sums.clamped, bytes + 16, 8);
	memcpy(&n, bytes + 24, 2);
	if (sums.clamped > sums.count || n > HIST_BUCKETS)
		return false;
	bytes = take(batch, cursor, (size_t)n * BUCKET_BYTES);
	if (!bytes)
		return false;
	if (hist) {
		memset(hist, 0, sizeof(*hist));
		hist->count = sums.count;
		hist->sum = sums.sum;
		hist->clamped = sums.clamped;
	}
	return take_buckets(bytes, n, hist);
}

static bool take_scope(const struct message_batch *batch, struct batch_cursor *cursor, bool same,
		       uint8_t kind, uint8_t length)
{
	const uint8_t *name;

	if (same)
		return cursor->has_scope && kind == 0 && length == 0;
	name = take(batch, cursor, length);
	if (!name || length >= SCOPE_NAME_MAX || memchr(name, '\0', length))
		return false;
	cursor->scope.kind = kind;
	memcpy(cursor->scope.name, name, length);
	memset(cursor->scope.name + length, 0, SCOPE_NAME_MAX - length);
	cursor->has_scope = true;
	return scope_valid(&cursor->scope);
}

int batch_next(const struct message_batch *batch, struct batch_cursor *cursor,
	       struct series *ret_series, struct hist *hist)
{
	const uint8_t *head, *bytes;
	double value = 0;
	uint16_t signal;
	uint8_t flags;

	if (cursor->at == batch->n_bytes)
		return 0;
	head = take(batch, cursor, HEAD_BYTES);
	if (!head)
		return -EBADMSG;
	memcpy(&signal, head, 2);
	flags = head[2];
	if (signal >= SIGNAL_ID_COUNT || flags & ~HEAD_FLAGS ||
	    (flags & SERIES_SIDES) == SERIES_SIDES ||
	    !take_scope(batch, cursor, flags & HEAD_SAME_SCOPE, head[3], head[4]))
		return -EBADMSG;
	if (!(flags & HEAD_ZERO)) {
		bytes = take(batch, cursor, 8);
		if (!bytes)
			return -EBADMSG;
		memcpy(&value, bytes, 8);
		if (!isfinite(value) || value == 0)
			return -EBADMSG;
	}
	if (flags & HEAD_HIST && !take_hist(batch, cursor, hist))
		return -EBADMSG;
	ret_series->signal = signal;
	ret_series->flags = flags & SERIES_FLAGS;
	ret_series->scope = cursor->scope;
	ret_series->value = value;
	ret_series->hist = flags & HEAD_HIST ? hist : NULL;
	return 1;
}

bool batch_valid(const struct message_batch *batch)
{
	struct batch_cursor cursor = { .at = 0 };
	struct series series;
	uint32_t n = 0;
	int r;

	if (batch->n_bytes > BATCH_BYTES_MAX)
		return false;
	while ((r = batch_next(batch, &cursor, &series, NULL)) > 0)
		n++;
	return r == 0 && n > 0 && n == batch->n_series;
}
