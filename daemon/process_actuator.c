// SPDX-License-Identifier: Apache-2.0
/*
 * The actuator's process: carries out core's changes one at a time, and undoes what is open by itself when a deadline
 * or the heartbeat passes, or when core's channel ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/actuator.h"
#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/worker.h"

struct actuator_process {
	struct worker worker;
	struct actuator *actuator;
	sd_event_source *timer; /* the earliest deadline */
	struct message message;
	struct limit_row rows[LIMIT_COUNT + LIMIT_RULES_MAX];
};

static void send_pins(struct actuator_process *p);

static void send_outcome(struct actuator_process *p, const struct outcome *outcome)
{
	if (outcome->unasked)
		log_warning("undid %s by itself: %s", outcome->value, outcome->text);
	message_init(&p->message, MESSAGE_OUTCOME);
	p->message.outcome = *outcome;
	worker_send(&p->worker, ROLE_CORE, &p->message);
	if (outcome->status == OUTCOME_FOREIGN)
		send_pins(p);
}

/* --- what core shows of limits and pins --- */

static void send_limits(struct actuator_process *p)
{
	size_t n = actuator_limits(p->actuator, p->rows, ARRAY_SIZE(p->rows));

	for (size_t i = 0; i < n && i < ARRAY_SIZE(p->rows); i++) {
		message_init(&p->message, MESSAGE_LIMIT);
		p->message.limit.index = (uint32_t)i;
		p->message.limit.total = (uint32_t)n;
		p->message.limit.row = p->rows[i];
		if (worker_send(&p->worker, ROLE_CORE, &p->message) < 0)
			return;
	}
}

static void send_pins(struct actuator_process *p)
{
	struct pin pins[PINS_MAX];
	size_t n = actuator_pins(p->actuator, pins, PINS_MAX);

	for (size_t i = 0; i < n || (i == 0 && n == 0); i++) {
		message_init(&p->message, MESSAGE_PIN);
		p->message.pin.index = (uint32_t)i;
		p->message.pin.total = (uint32_t)n;
		if (n > 0)
			p->message.pin.pin = pins[i];
		if (worker_send(&p->worker, ROLE_CORE, &p->message) < 0)
			return;
	}
}

static int carry_out(struct actuator_process *p, const struct message_request *request, char *text,
		     size_t size)
{
	char by[PIN_BY_MAX];

	switch (request->kind) {
	case REQUEST_LIMITS_RELOAD:
		return actuator_limits_reload(p->actuator, clock_now_ns(), text, size);
	case REQUEST_LIMIT_SET:
		return actuator_limit_set(p->actuator, request->name, request->value,
					  request->for_ns, clock_now_ns(), text, size);
	case REQUEST_PIN:
		snprintf(by, sizeof(by), "uid %u", request->uid);
		return actuator_pin(p->actuator, request->name, &request->scope, by, text, size);
	case REQUEST_UNPIN:
		return actuator_unpin(p->actuator, request->name, &request->scope, text, size);
	default:
		return 0;
	}
}

static void on_request(struct actuator_process *p, const struct message_request *request)
{
	char text[ANSWER_TEXT_MAX] = "";
	uint64_t id = request->id;
	uint32_t kind = request->kind;
	int r;

	r = carry_out(p, request, text, sizeof(text));
	if (kind != REQUEST_SHOW)
		log_info("by request of uid %u: %s", request->uid, text);
	send_limits(p);
	send_pins(p);
	message_init(&p->message, MESSAGE_ANSWER);
	p->message.answer.id = id;
	p->message.answer.error = -r;
	memcpy(p->message.answer.text, text, sizeof(text));
	worker_send(&p->worker, ROLE_CORE, &p->message);
}

static void arm_timer(struct actuator_process *p)
{
	uint64_t deadline_ns = actuator_deadline(p->actuator);

	sd_event_source_set_enabled(p->timer,
				    deadline_ns == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (deadline_ns != UINT64_MAX)
		sd_event_source_set_time(p->timer, deadline_ns / NSEC_PER_USEC + 1);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
	struct actuator_process *p = data;
	/* One time for all: an undo that hangs must not make core's heartbeat, which waits in the channel, look missed. */
	uint64_t now_ns = clock_now_ns();
	struct outcome outcome;

	(void)source;
	(void)usec;
	while (actuator_expire(p->actuator, now_ns, &outcome) > 0)
		send_outcome(p, &outcome);
	arm_timer(p);
	return 0;
}

/* For core, which may not read it; what does not exist reads as gone. */
static void answer_read(struct actuator_process *p, const struct message_reading *asked)
{
	const struct knob_row *row =
		knob_table_find(p->worker.context->options->knobs, asked->reading.knob);
	struct knob_reading reading = asked->reading;

	if (!row || actuator_read(p->actuator, row, &asked->reading.scope, &reading) < 0) {
		reading = asked->reading;
		reading.flags = KNOB_GONE;
	}
	message_init(&p->message, MESSAGE_READING);
	p->message.reading.slot = asked->slot;
	p->message.reading.reading = reading;
	worker_send(&p->worker, ROLE_CORE, &p->message);
}

static void actuator_message(struct worker *worker, enum role from, const struct message *message)
{
	struct actuator_process *p = (struct actuator_process *)worker;
	struct outcome outcome;

	(void)from;
	switch (message->header.type) {
	case MESSAGE_CHANGE:
		actuator_heartbeat(p->actuator, clock_now_ns());
		actuator_change(p->actuator, &message->change, clock_now_ns(), &outcome);
		/* An fsync on a busy disk takes longer than some heartbeats, which wait in the channel meanwhile. */
		actuator_heartbeat(p->actuator, clock_now_ns());
		send_outcome(p, &outcome);
		break;
	case MESSAGE_READ:
		answer_read(p, &message->reading);
		break;
	case MESSAGE_HEARTBEAT:
		actuator_heartbeat(p->actuator, clock_now_ns());
		break;
	case MESSAGE_FREEZE:
		actuator_freeze(p->actuator, message->word.value);
		break;
	case MESSAGE_REQUEST:
		on_request(p, &message->request);
		break;
	default:
		break;
	}
	arm_timer(p);
}

static void send_changes(struct actuator_process *p, const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		message_init(&p->message, MESSAGE_KEPT);
		p->message.change = changes[i];
		if (worker_send(&p->worker, ROLE_CORE, &p->message) < 0)
			return;
	}
}

static void actuator_peer_up(struct worker *worker, enum role peer)
{
	struct actuator_process *p = (struct actuator_process *)worker;
	struct change kept[ACTUATOR_KEPT_MAX];
	size_t n = actuator_kept(p->actuator, kept, ACTUATOR_KEPT_MAX);

	(void)peer;
	send_changes(p, kept, n);
	send_changes(p, kept, actuator_hands(p->actuator, kept, ACTUATOR_KEPT_MAX));
	send_limits(p);
	send_pins(p);
}

/* Core died in mid-trial, or was ended: nobody judges the arm any more. */
static void actuator_peer_down(struct worker *worker, enum role peer)
{
	struct actuator_process *p = (struct actuator_process *)worker;
	struct outcome outcome;

	(void)peer;
	while (actuator_undo_next(p->actuator, clock_now_ns(), &outcome) > 0)
		log_warning("core is gone: transaction %llu undone, %s in force again (%s)",
			    (unsigned long long)outcome.txn, outcome.value, outcome.text);
	actuator_freeze(p->actuator, false);
	arm_timer(p);
}

/* Undoes kept changes, newest first, where the operator wants nothing to outlive the daemon. */
static void revert_kept(struct actuator_process *p)
{
	struct change kept[ACTUATOR_KEPT_MAX];
	size_t n = actuator_kept(p->actuator, kept, ACTUATOR_KEPT_MAX);
	struct outcome outcome;

	while (n-- > 0) {
		kept[n].action = ACTION_UNDO;
		actuator_change(p->actuator, &kept[n], clock_now_ns(), &outcome);
		log_info("%s of %s: %s in force again (on-exit revert): %s", kept[n].knob,
			 kept[n].scope.name, outcome.value, outcome.text);
	}
}

static void actuator_stop(struct worker *worker)
{
	struct actuator_process *p = (struct actuator_process *)worker;

	if (worker->context->options->revert_on_exit)
		revert_kept(p);
	sd_event_exit(worker->event, 0);
}

static const struct worker_ops actuator_ops = {
	.message = actuator_message,
	.peer_up = actuator_peer_up,
	.peer_down = actuator_peer_down,
	.stop = actuator_stop,
};

static int actuator_process_init(struct actuator_process *p, const struct process_context *context)
{
	const struct actuator_options options = {
		.root = context->root,
		.state = context->state,
		.heartbeat_ns = process_heartbeat_ns(context->options),
		.only = context->options->only,
		.limits_file = context->options->limits_file,
		.daemon_ns = context->options->started_ns,
		.pins = context->pins,
		.knobs = context->options->knobs,
		.maps = context->maps,
	};
	struct recovery recovery;
	int r;

	r = worker_init(&p->worker, ROLE_ACTUATOR, &actuator_ops, context);
	if (r < 0)
		return r;
	r = sd_event_add_time(p->worker.event, &p->timer, CLOCK_MONOTONIC, UINT64_MAX, 1,
			      on_deadline, p);
	if (r < 0)
		return r;
	/* What core said before the deadline is heard before it is judged. */
	sd_event_source_set_priority(p->timer, SD_EVENT_PRIORITY_NORMAL + 1);
	sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
	r = actuator_open(&options, clock_now_ns(), &recovery, &p->actuator);
	if (r == 0 && recovery.text[0])
		log_warning("%s", recovery.text);
	if (r == 0 && actuator_note(p->actuator)[0])
		log_warning("%s", actuator_note(p->actuator));
	/* What recovery could not put back is tried again. */
	if (r == 0)
		arm_timer(p);
	return r;
}

int process_actuator(const struct process_context *context)
{
	struct actuator_process *p;
	int r;

	r = privilege_actuator();
	if (r < 0) {
		log_error("unable to give up privileges: %s", strerror(-r));
		return 1;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return 1;
	r = actuator_process_init(p, context);
	if (r < 0)
		log_error("unable to open the journal in '%s': %s", context->options->run_dir,
			  strerror(-r));
	else
		r = worker_run(&p->worker);
	actuator_close(p->actuator, clock_now_ns());
	sd_event_source_unref(p->timer);
	worker_deinit(&p->worker);
	free(p);
	return r == 0 ? 0 : 1;
}
