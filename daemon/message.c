// SPDX-License-Identifier: Apache-2.0
#include "daemon/message.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/scope.h"

#define BIT(role) (1u << (role))
#define WORKERS (BIT(ROLE_OBSERVER) | BIT(ROLE_ACTUATOR) | BIT(ROLE_CORE))
#define WIRE(member) (offsetof(struct message, member) + sizeof(((struct message *)0)->member))

static bool text_valid(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	if (!end)
		return false;
	for (const char *c = text; c < end; c++)
		if ((unsigned char)*c < 0x20)
			return false;
	return true;
}

static bool word_valid(const struct message *m)
{
	return m->word.value < ROLE_COUNT;
}

static bool zero_valid(const struct message *m)
{
	return m->word.value == 0;
}

static bool switch_valid(const struct message *m)
{
	return m->word.value <= 1;
}

static bool demand_valid(const struct message *m)
{
	if (m->demand.n_demands > DEMANDS_MAX || m->demand.tick_ns < 1000000 ||
	    m->demand.tick_ns > 3600000000000ull)
		return false;
	for (uint32_t i = 0; i < m->demand.n_demands; i++) {
		const struct demand *demand = &m->demand.demands[i];

		/* An empty name is "all instances", which no scope of its own is. */
		if (demand->signal >= SIGNAL_ID_COUNT || demand->on_trial > 1 ||
		    demand->scope.kind >= SCOPE_KIND_COUNT ||
		    (demand->scope.name[0] && !scope_valid(&demand->scope)))
			return false;
	}
	return true;
}

static bool frame_valid(const struct message *m)
{
	return m->frame.n_series <= FRAME_SERIES_MAX;
}

static bool series_valid(const struct message *m)
{
	return batch_valid(&m->series);
}

static bool source_valid(const struct message *m)
{
	return m->source.state < SOURCE_STATE_COUNT && m->source.thinning < SOURCE_THINNING_COUNT &&
	       m->source.on_trial <= 1 && isfinite(m->source.cpu_ratio) &&
	       isfinite(m->source.bpf_ratio) &&
	       text_valid(m->source.name, sizeof(m->source.name)) &&
	       text_valid(m->source.method, sizeof(m->source.method)) &&
	       text_valid(m->source.text, sizeof(m->source.text)) &&
	       text_valid(m->source.remedy, sizeof(m->source.remedy));
}

static bool budget_valid(const struct message *m)
{
	return m->budget.state < BUDGET_STATE_COUNT && isfinite(m->budget.limit_ratio) &&
	       isfinite(m->budget.total_ratio) &&
	       text_valid(m->budget.text, sizeof(m->budget.text));
}

static bool change_valid(const struct message *m)
{
	const struct change *c = &m->change;

	const uint32_t flags = CHANGE_BY_HAND | CHANGE_SPLIT;

	return c->action < ACTION_COUNT && c->txn != 0 && !(c->flags & ~flags) &&
	       text_valid(c->knob, sizeof(c->knob)) && scope_valid(&c->scope) &&
	       text_valid(c->old_value, sizeof(c->old_value)) &&
	       text_valid(c->new_value, sizeof(c->new_value));
}

static bool outcome_valid(const struct message *m)
{
	const struct outcome *o = &m->outcome;

	return o->action < ACTION_COUNT && o->status < OUTCOME_STATUS_COUNT && o->unasked <= 1 &&
	       text_valid(o->value, sizeof(o->value)) && text_valid(o->text, sizeof(o->text));
}

static bool request_valid(const struct message *m)
{
	const struct message_request *r = &m->request;

	return r->kind < REQUEST_KIND_COUNT && r->id != 0 && r->for_ns < UINT64_MAX / 4 &&
	       text_valid(r->name, sizeof(r->name)) && scope_valid(&r->scope) &&
	       text_valid(r->value, sizeof(r->value));
}

/* Text with lines. */
static bool answer_valid(const struct message *m)
{
	const char *end = memchr(m->answer.text, '\0', sizeof(m->answer.text));

	if (!end || m->answer.error < 0)
		return false;
	for (const char *c = m->answer.text; c < end; c++)
		if ((unsigned char)*c < 0x20 && *c != '\n')
			return false;
	return true;
}

static bool reading_valid(const struct message *m)
{
	const struct knob_reading *r = &m->reading.reading;
	const uint32_t flags = KNOB_WRITABLE | KNOB_GONE | KNOB_HIDDEN;

	if ((r->flags & ~flags) || r->n_choices > KNOB_CHOICES_MAX || !scope_valid(&r->scope) ||
	    !text_valid(r->knob, sizeof(r->knob)) || !text_valid(r->value, sizeof(r->value)) ||
	    !text_valid(r->within, sizeof(r->within)) || !text_valid(r->owner, sizeof(r->owner)) ||
	    !text_valid(r->reason, sizeof(r->reason)))
		return false;
	for (uint32_t i = 0; i < KNOB_CHOICES_MAX; i++)
		if (!text_valid(r->choices[i], sizeof(r->choices[i])))
			return false;
	return true;
}

static bool limit_valid(const struct message *m)
{
	const struct message_limit *l = &m->limit;

	return l->total > 0 && l->index < l->total && l->total <= LIMIT_COUNT + LIMIT_RULES_MAX &&
	       l->row.id <= LIMIT_COUNT && !isnan(l->row.value) &&
	       text_valid(l->row.name, sizeof(l->row.name)) &&
	       text_valid(l->row.text, sizeof(l->row.text)) &&
	       text_valid(l->row.from, sizeof(l->row.from));
}

static bool pin_valid(const struct message *m)
{
	const struct message_pin *p = &m->pin;

	return p->total <= PINS_MAX && (p->index < p->total || (p->index == 0 && p->total == 0)) &&
	       text_valid(p->pin.knob, sizeof(p->pin.knob)) && scope_valid(&p->pin.scope) &&
	       text_valid(p->pin.value, sizeof(p->pin.value)) &&
	       text_valid(p->pin.by, sizeof(p->pin.by));
}

/* clang-format off: a table reads best as a table. */
static const struct row {
	const char *name;
	size_t size;
	unsigned int from, to; /* sets of roles */
	bool (*valid)(const struct message *message);
} rows[MESSAGE_TYPE_COUNT] = {
	[MESSAGE_PEER] = { .name = "peer",
			   .size = WIRE(word),
			   .from = BIT(ROLE_SUPERVISOR),
			   .to = WORKERS,
			   .valid = word_valid },
	[MESSAGE_STOP] = { .name = "stop",
			   .size = WIRE(word),
			   .from = BIT(ROLE_SUPERVISOR),
			   .to = WORKERS,
			   .valid = zero_valid },
	[MESSAGE_READY] = { .name = "ready",
			    .size = WIRE(word),
			    .from = WORKERS,
			    .to = BIT(ROLE_SUPERVISOR),
			    .valid = zero_valid },
	[MESSAGE_BAD_PEER] = { .name = "bad-peer",
			       .size = WIRE(word),
			       .from = WORKERS,
			       .to = BIT(ROLE_SUPERVISOR),
			       .valid = word_valid },
	[MESSAGE_DEMAND] = { .name = "demand",
			     .size = WIRE(demand),
			     .from = BIT(ROLE_CORE),
			     .to = BIT(ROLE_OBSERVER),
			     .valid = demand_valid },
	[MESSAGE_FRAME] = { .name = "frame",
			    .size = WIRE(frame),
			    .from = BIT(ROLE_OBSERVER),
			    .to = BIT(ROLE_CORE),
			    .valid = frame_valid },
	[MESSAGE_SERIES] = { .name = "series",
			     .size = offsetof(struct message, series.bytes),
			     .from = BIT(ROLE_OBSERVER),
			     .to = BIT(ROLE_CORE),
			     .valid = series_valid },
	[MESSAGE_SOURCE] = { .name = "source",
			     .size = WIRE(source),
			     .from = BIT(ROLE_OBSERVER),
			     .to = BIT(ROLE_CORE),
			     .valid = source_valid },
	[MESSAGE_CHANGE] = { .name = "change",
			     .size = WIRE(change),
			     .from = BIT(ROLE_CORE),
			     .to = BIT(ROLE_ACTUATOR),
			     .valid = change_valid },
	[MESSAGE_HEARTBEAT] = { .name = "heartbeat",
				.size = WIRE(word),
				.from = BIT(ROLE_CORE),
				.to = BIT(ROLE_ACTUATOR),
				.valid = zero_valid },
	[MESSAGE_FREEZE] = { .name = "freeze",
			     .size = WIRE(word),
			     .from = BIT(ROLE_CORE),
			     .to = BIT(ROLE_ACTUATOR),
			     .valid = switch_valid },
	[MESSAGE_KEPT] = { .name = "kept",
			   .size = WIRE(change),
			   .from = BIT(ROLE_ACTUATOR),
			   .to = BIT(ROLE_CORE),
			   .valid = change_valid },
	[MESSAGE_OUTCOME] = { .name = "outcome",
			      .size = WIRE(outcome),
			      .from = BIT(ROLE_ACTUATOR),
			      .to = BIT(ROLE_CORE),
			      .valid = outcome_valid },
	[MESSAGE_REQUEST] = { .name = "request",
			      .size = WIRE(request),
			      .from = BIT(ROLE_CORE),
			      .to = BIT(ROLE_ACTUATOR),
			      .valid = request_valid },
	[MESSAGE_ANSWER] = { .name = "answer",
			     .size = WIRE(answer),
			     .from = BIT(ROLE_ACTUATOR),
			     .to = BIT(ROLE_CORE),
			     .valid = answer_valid },
	[MESSAGE_LIMIT] = { .name = "limit",
			    .size = WIRE(limit),
			    .from = BIT(ROLE_ACTUATOR),
			    .to = BIT(ROLE_CORE),
			    .valid = limit_valid },
	[MESSAGE_PIN] = { .name = "pin",
			  .size = WIRE(pin),
			  .from = BIT(ROLE_ACTUATOR),
			  .to = BIT(ROLE_CORE),
			  .valid = pin_valid },
	[MESSAGE_READ] = { .name = "read",
			   .size = WIRE(reading),
			   .from = BIT(ROLE_CORE),
			   .to = BIT(ROLE_ACTUATOR),
			   .valid = reading_valid },
	[MESSAGE_READING] = { .name = "reading",
			      .size = WIRE(reading),
			      .from = BIT(ROLE_ACTUATOR),
			      .to = BIT(ROLE_CORE),
			      .valid = reading_valid },
	[MESSAGE_COUNT] = { .name = "count",
			    .size = WIRE(word),
			    .from = BIT(ROLE_OBSERVER),
			    .to = BIT(ROLE_SUPERVISOR),
			    .valid = switch_valid },
	[MESSAGE_BUDGET] = { .name = "budget",
			     .size = WIRE(budget),
			     .from = BIT(ROLE_OBSERVER),
			     .to = BIT(ROLE_CORE),
			     .valid = budget_valid },
	[MESSAGE_LATE] = { .name = "late",
			   .size = WIRE(word),
			   .from = BIT(ROLE_CORE),
			   .to = BIT(ROLE_SUPERVISOR),
			   .valid = word_valid },
};
/* clang-format on */

const char *role_word(uint32_t role)
{
	static const char *const words[ROLE_COUNT] = {
		[ROLE_SUPERVISOR] = "supervisor",
		[ROLE_OBSERVER] = "observer",
		[ROLE_ACTUATOR] = "actuator",
		[ROLE_CORE] = "core",
	};

	return role < ROLE_COUNT ? words[role] : "?";
}

size_t message_size(enum message_type type)
{
	return rows[type].size;
}

const char *message_word(uint32_t type)
{
	return type < MESSAGE_TYPE_COUNT ? rows[type].name : "?";
}

void message_init(struct message *message, enum message_type type)
{
	memset(message, 0, rows[type].size);
	message->header = (struct message_header){
		.magic = MESSAGE_MAGIC,
		.version = MESSAGE_VERSION,
		.type = (uint16_t)type,
		.size = (uint32_t)rows[type].size,
	};
}

void message_fit(struct message *message)
{
	message->header.size = (uint32_t)(rows[MESSAGE_SERIES].size + message->series.n_bytes);
}

/* What a message of its type has on the wire; only SERIES says itself how much it has. */
static size_t wire_size(const struct message *message, size_t received)
{
	const size_t size = rows[message->header.type].size;

	if (message->header.type != MESSAGE_SERIES || received < size ||
	    message->series.n_bytes > BATCH_BYTES_MAX)
		return size;
	return size + message->series.n_bytes;
}

int message_check(const struct message *message, size_t size, enum role from, enum role to)
{
	const struct message_header *header = &message->header;
	const struct row *row;

	if (size < sizeof(*header) || header->magic != MESSAGE_MAGIC ||
	    header->version != MESSAGE_VERSION || header->type >= MESSAGE_TYPE_COUNT)
		return -EBADMSG;
	row = &rows[header->type];
	if (header->size != size || wire_size(message, size) != size)
		return -EBADMSG;
	if (!(row->from & BIT(from)) || !(row->to & BIT(to)))
		return -EBADMSG;
	return row->valid(message) ? 0 : -EBADMSG;
}
