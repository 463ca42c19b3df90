// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a message from one process to another. The first byte says who sends and who receives.
 *
 *	fuzz_message -max_len=70000 tests/fuzz/corpus/message
 *
 * What message_check() lets pass is used as its receiver would use it: strings end, scopes and counts are in range.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "daemon/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void require_text(const char *text, size_t size)
{
	require(strnlen(text, size) < size);
}

static void require_change(const struct change *change)
{
	require(change->action < ACTION_COUNT && change->txn != 0 && scope_valid(&change->scope));
	require_text(change->knob, sizeof(change->knob));
	require_text(change->old_value, sizeof(change->old_value));
	require_text(change->new_value, sizeof(change->new_value));
}

/*
 * What is in a batch can be used, and is put together again to the very same bytes (but for a scope that is said again
 * where it need not be).
 */
static void require_series(const struct message_batch *batch)
{
	struct batch_cursor from = { .at = 0 }, to;
	static struct message_batch copy;
	static struct hist hist;
	struct series series;
	uint32_t n = 0;
	int r;

	batch_begin(&copy, &to);
	while ((r = batch_next(batch, &from, &series, &hist)) > 0) {
		require(series.signal < SIGNAL_ID_COUNT && scope_valid(&series.scope));
		require(!series.hist || (series.hist == &hist && hist.clamped <= hist.count));
		require(isfinite(series.value));
		require(batch_add(&copy, &to, &series) == 0);
		n++;
	}
	require(r == 0 && n == batch->n_series && copy.n_series == n);
	require(copy.n_bytes <= batch->n_bytes && batch_valid(&copy));
}

static void require_valid(const struct message *m)
{
	switch (m->header.type) {
	case MESSAGE_CHANGE:
	case MESSAGE_KEPT:
		require_change(&m->change);
		break;
	case MESSAGE_OUTCOME:
		require(m->outcome.status < OUTCOME_STATUS_COUNT);
		require_text(m->outcome.value, sizeof(m->outcome.value));
		require_text(m->outcome.text, sizeof(m->outcome.text));
		break;
	case MESSAGE_DEMAND:
		require(m->demand.n_demands <= DEMANDS_MAX);
		for (uint32_t i = 0; i < m->demand.n_demands; i++) {
			const struct scope *scope = &m->demand.demands[i].scope;

			require(m->demand.demands[i].signal < SIGNAL_ID_COUNT);
			require_text(scope->name, sizeof(scope->name));
		}
		break;
	case MESSAGE_FRAME:
		require(m->frame.n_series <= FRAME_SERIES_MAX);
		break;
	case MESSAGE_SERIES:
		require_series(&m->series);
		break;
	case MESSAGE_SOURCE:
		require(m->source.state < SOURCE_STATE_COUNT);
		require_text(m->source.name, sizeof(m->source.name));
		require_text(m->source.remedy, sizeof(m->source.remedy));
		break;
	default:
		require(m->word.value < ROLE_COUNT);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct message message;
	enum role from, to;

	if (size < 1 || size - 1 > sizeof(message))
		return -1;
	from = data[0] % ROLE_COUNT;
	to = data[0] / ROLE_COUNT % ROLE_COUNT;
	memset(&message, 0xff, sizeof(message));
	memcpy(&message, data + 1, size - 1);
	if (message_check(&message, size - 1, from, to) == 0) {
		require(message.header.size == size - 1 && from != to);
		require_valid(&message);
	}
	return 0;
}
