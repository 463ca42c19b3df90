// SPDX-License-Identifier: Apache-2.0
/*
 * The observer's process: samples what core demands, a frame a tick. Without a demand its timer is off and nothing
 * is attached.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/frame_messages.h"
#include "daemon/spending.h"
#include "daemon/worker.h"
#include "observer/observer.h"

/* How often the state of the sources goes to core: what they cost and lost is for people. */
#define STATUS_INTERVAL_NS (2 * NSEC_PER_SEC)

/* What is pushed is taken so often at most, however fast it comes: a wake-up is dearer than a line. */
#define DRAIN_INTERVAL_US 5000

struct observer_process {
	struct worker worker;
	struct observer *observer;
	struct spending spending;
	sd_event_source *timer;
	sd_event_source *waiting; /* something to drain between the ticks */
	uint64_t tick_ns;
	uint64_t status_ns;                     /* when the status was last sent */
	uint64_t frames_missed;                 /* ticks for which core's channel had no room */
	struct source_status sent[SOURCES_MAX]; /* what core knows; all zeroes = nothing */
	struct message message;
	struct frame frame;
};

static int send_message(const struct message *message, void *data)
{
	struct observer_process *p = data;

	return worker_send(&p->worker, ROLE_CORE, message);
}

static void send_frame(struct observer_process *p)
{
	p->frame.losses[LOSS_FRAME] += p->frames_missed;
	frame_send(&p->frame, &p->message, send_message, p);
}

/* What core does not know yet: most sources are idle, and stay what they are. */
static void send_sources(struct observer_process *p, uint64_t now_ns)
{
	struct source_status status[SOURCES_MAX];
	size_t n = observer_sources(p->observer, status);

	p->status_ns = now_ns;
	spending_show(&p->spending, p->observer, status, n);
	for (size_t i = 0; i < n; i++) {
		/* What differs in padding alone is sent once more. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
		if (!memcmp(&p->sent[i], &status[i], sizeof(status[i])))
			continue;
		message_init(&p->message, MESSAGE_SOURCE);
		p->message.source = status[i];
		if (worker_send(&p->worker, ROLE_CORE, &p->message) < 0)
			return;
		p->sent[i] = status[i];
	}
	message_init(&p->message, MESSAGE_BUDGET);
	p->message.budget = p->spending.report;
	worker_send(&p->worker, ROLE_CORE, &p->message);
}

/* The supervisor may have the kernel time BPF programs; this process may not. */
static void ask_to_count(struct observer_process *p, unsigned int flags)
{
	if (!(flags & (SPENDING_COUNT | SPENDING_NO_COUNT)))
		return;
	message_init(&p->message, MESSAGE_COUNT);
	p->message.word.value = flags & SPENDING_COUNT ? 1 : 0;
	worker_send(&p->worker, ROLE_SUPERVISOR, &p->message);
}

static void spend(struct observer_process *p, uint64_t now_ns)
{
	const unsigned int flags = spending_tick(&p->spending, p->observer, p->tick_ns, now_ns);

	ask_to_count(p, flags);
	if (flags & SPENDING_CHANGED)
		log_warning("%s; the budget is %.3f %%", p->spending.report.text,
			    100 * p->spending.report.limit_ratio);
	if ((flags & SPENDING_CHANGED) || now_ns - p->status_ns >= STATUS_INTERVAL_NS)
		send_sources(p, now_ns);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *data)
{
	struct observer_process *p = data;
	uint64_t now_ns = clock_now_ns(), next = usec + p->tick_ns / NSEC_PER_USEC;
	int r;

	/* After a pause (suspend, a stopped process) one tick, not all that were missed. */
	if (next * NSEC_PER_USEC < now_ns)
		next = (now_ns + p->tick_ns) / NSEC_PER_USEC;
	sd_event_source_set_time(source, next);
	if (!worker_has_peer(&p->worker, ROLE_CORE))
		return 0;
	/* Not sampled is not lost: the next frame covers the longer interval. */
	if (!channel_has_room(p->worker.peers[ROLE_CORE])) {
		p->frames_missed++;
		return 0;
	}
	r = observer_sample(p->observer, now_ns, &p->frame);
	if (r < 0) {
		log_error("unable to sample: %s", strerror(-r));
		return 0;
	}
	send_frame(p);
	spend(p, now_ns);
	return 0;
}

static int on_waiting(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct observer_process *p = data;

	(void)source;
	(void)fd;
	(void)revents;
	observer_drain(p->observer);
	return 0;
}

static void set_timer(struct observer_process *p, const struct message_demand *demand)
{
	bool needed = demand && demand->n_demands > 0;

	sd_event_source_set_enabled(p->timer, needed ? SD_EVENT_ON : SD_EVENT_OFF);
	if (!needed) {
		ask_to_count(p, spending_stop(&p->spending));
		return;
	}
	p->tick_ns = demand->tick_ns;
	sd_event_source_set_time(p->timer, (clock_now_ns() + p->tick_ns) / NSEC_PER_USEC);
}

static void observer_message(struct worker *worker, enum role from, const struct message *message)
{
	struct observer_process *p = (struct observer_process *)worker;
	int r;

	(void)from;
	if (message->header.type != MESSAGE_DEMAND)
		return;
	r = observer_demand(p->observer, message->demand.demands, message->demand.n_demands);
	if (r < 0)
		log_error("unable to attach what core demands: %s", strerror(-r));
	set_timer(p, &message->demand);
	send_sources(p, clock_now_ns());
}

static void observer_peer_up(struct worker *worker, enum role peer)
{
	struct observer_process *p = (struct observer_process *)worker;

	(void)peer;
	memset(p->sent, 0, sizeof(p->sent));
	send_sources(p, clock_now_ns());
}

/* Nobody needs anything until a new core says what. */
static void observer_peer_down(struct worker *worker, enum role peer)
{
	struct observer_process *p = (struct observer_process *)worker;

	(void)peer;
	set_timer(p, NULL);
	observer_demand(p->observer, NULL, 0);
}

static void observer_stop(struct worker *worker)
{
	sd_event_exit(worker->event, 0);
}

static const struct worker_ops observer_ops = {
	.message = observer_message,
	.peer_up = observer_peer_up,
	.peer_down = observer_peer_down,
	.stop = observer_stop,
};

static int observer_process_init(struct observer_process *p, const struct process_context *context,
				 const struct source_events *events)
{
	const struct observer_options options = { .root = context->root,
						  .run_dir = context->options->run_dir,
						  .force = context->options->force,
						  .services = context->options->services,
						  .pages = context->options->pages,
						  .maps = context->maps,
						  .events = events,
						  .watch = context->watch };
	int r;

	r = worker_init(&p->worker, ROLE_OBSERVER, &observer_ops, context);
	if (r < 0)
		return r;
	/* Accuracy 1 µs: the default of 250 ms would shift ticks by a whole one. */
	r = sd_event_add_time(p->worker.event, &p->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_tick,
			      p);
	if (r < 0)
		return r;
	sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
	spending_init(&p->spending, context->root, p->worker.pids[ROLE_SUPERVISOR],
		      context->options->budget_ratio);
	r = observer_new(&options, &p->observer);
	if (r == 0)
		r = sd_event_add_io(p->worker.event, &p->waiting, observer_descriptor(p->observer),
				    EPOLLIN, on_waiting, p);
	return r < 0 ? r : sd_event_source_set_ratelimit(p->waiting, DRAIN_INTERVAL_US, 1);
}

int process_observer(const struct process_context *context)
{
	struct source_events events;
	struct observer_process *p;
	int r;

	observer_events_read(context->root, &events); /* as root, for the last time */
	descriptors_raise();
	r = privilege_observer(&context->account);
	if (r < 0) {
		log_error("unable to give up privileges: %s", strerror(-r));
		return 1;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return 1;
	r = observer_process_init(p, context, &events);
	if (r < 0)
		log_error("unable to start: %s", strerror(-r));
	else
		r = worker_run(&p->worker);
	observer_free(p->observer);
	sd_event_source_unref(p->timer);
	sd_event_source_unref(p->waiting);
	worker_deinit(&p->worker);
	free(p);
	return r == 0 ? 0 : 1;
}
