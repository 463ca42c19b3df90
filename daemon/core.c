// SPDX-License-Identifier: Apache-2.0
#include "daemon/core.h"

#include "daemon/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "actuator/knobs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/channel.h"
#include "daemon/frame_messages.h"
#include "observer/observer.h"

#define MINUTE_NS (60 * NSEC_PER_SEC)
#define SHOW_INTERVAL_NS \
	(NSEC_PER_SEC * 9 / 10) /* ticks jitter: a little under the second that is meant */
#define STOP_WAIT_NS \
	(2 *         \
	 NSEC_PER_SEC) /* for the undo of running trials at the end; the supervisor allows 3 s */

/* The observer has from now a heartbeat's time to send a frame. */
static void late_arm(struct core *core)
{
	core->heard_ns = clock_now_ns();
	sd_event_source_set_time(core->late_timer,
				 (core->heard_ns + process_heartbeat_ns(core->options)) /
					 NSEC_PER_USEC);
	sd_event_source_set_enabled(core->late_timer,
				    core->n_demands > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/*
 * A process that hangs in a read lives, and its channel stands. The supervisor knows where it is and what to do about it:
 * it is told, again and again.
 */
static int on_late(sd_event_source *source, uint64_t usec, void *data)
{
	const uint64_t now_ns = clock_now_ns();
	struct core *core = data;
	const uint64_t limit_ns = process_heartbeat_ns(core->options);
	struct message message;
	uint64_t next_ns = core->heard_ns + limit_ns;

	(void)usec;
	if (next_ns <= now_ns && core->worker.pids[ROLE_OBSERVER] > 0) {
		next_ns = now_ns + limit_ns;
		core->observer_late = true;
		message_init(&message, MESSAGE_LATE);
		message.word.value = ROLE_OBSERVER;
		message.word.pid = core->worker.pids[ROLE_OBSERVER];
		worker_send(&core->worker, ROLE_SUPERVISOR, &message);
	}
	sd_event_source_set_time(source, next_ns / NSEC_PER_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Looked at when nothing else waits: after a stall of core's own there are frames. */
static int late_open(struct core *core)
{
	int r = sd_event_add_time(core->worker.event, &core->late_timer, CLOCK_MONOTONIC,
				  UINT64_MAX, 0, on_late, core);

	if (r >= 0)
		r = sd_event_source_set_priority(core->late_timer, SD_EVENT_PRIORITY_IDLE);
	return r < 0 ? r : sd_event_source_set_enabled(core->late_timer, SD_EVENT_OFF);
}

void core_demand(struct core *core, bool always)
{
	struct demand demands[DEMANDS_MAX];
	struct message message;
	size_t n = analyzer_demands(core->analyzer, demands);

	if (!always && n == core->n_demands &&
	    !memcmp(demands, core->demands, n * sizeof(*demands)))
		return;
	memcpy(core->demands, demands, n * sizeof(*demands));
	core->n_demands = n;
	message_init(&message, MESSAGE_DEMAND);
	message.demand.tick_ns = core->options->tick_ns;
	message.demand.n_demands = (uint32_t)n;
	memcpy(message.demand.demands, demands, n * sizeof(*demands));
	worker_send(&core->worker, ROLE_OBSERVER, &message);
	late_arm(core);
}

/* --- frames --- */

static void frame_complete(struct core *core)
{
	struct decisions *decisions = malloc(sizeof(*decisions));

	core->heard_ns = clock_now_ns();
	core->observer_late = false;
	if (!decisions)
		return;
	/* Alive and not blind: that is what the heartbeat says. */
	if (core_open_changes(core) > 0) {
		struct message message;

		message_init(&message, MESSAGE_HEARTBEAT);
		worker_send(&core->worker, ROLE_ACTUATOR, &message);
	}
	analyzer_tick(core->analyzer, &core->frame, decisions);
	core->deciding_ns = core->frame.time_ns;
	core_decide(core, decisions);
	core->deciding_ns = 0;
	history_hold(core->history, core_open_changes(core) > 0);
	core_demand(core, false);
	free(decisions);
	if (core->control && control_has_followers(core->control) &&
	    core->frame.time_ns - core->shown_ns >= SHOW_INTERVAL_NS) {
		core->shown_ns = core->frame.time_ns;
		control_broadcast(core->control, "tick", control_tick_json(core));
	}
}

static void on_frame_message(struct core *core, const struct message *message)
{
	const int r = frame_receive(&core->frame, &core->series_missing, message);

	if (r < 0)
		worker_reject(&core->worker, ROLE_OBSERVER);
	else if (r > 0)
		frame_complete(core);
}

static void on_source(struct core *core, const struct source_status *status)
{
	size_t i = 0;

	while (i < core->n_sources && strcmp(core->sources[i].name, status->name))
		i++;
	if (i == SOURCES_MAX)
		return;
	if (i == core->n_sources)
		core->n_sources++;
	else if (core->sources[i].state != status->state && status->state == SOURCE_DEGRADED &&
		 status->thinning == SOURCE_WHOLE) /* who thinned it has said so */
		log_warning("source %s: %s; %s", status->name, status->text, status->remedy);
	core->sources[i] = *status;
}

/* --- the worker --- */

static void send_freeze(struct core *core)
{
	struct message message;

	message_init(&message, MESSAGE_FREEZE);
	message.word.value = core->frozen;
	worker_send(&core->worker, ROLE_ACTUATOR, &message);
}

static void core_message(struct worker *worker, enum role from, const struct message *message)
{
	struct core *core = (struct core *)worker;

	(void)from;
	switch (message->header.type) {
	case MESSAGE_FRAME:
	case MESSAGE_SERIES:
		on_frame_message(core, message);
		break;
	case MESSAGE_SOURCE:
		on_source(core, &message->source);
		break;
	case MESSAGE_BUDGET:
		core->budget = message->budget;
		break;
	case MESSAGE_OUTCOME:
		core_outcome(core, &message->outcome);
		break;
	case MESSAGE_ANSWER:
		core_answer(core, &message->answer);
		break;
	case MESSAGE_LIMIT:
		core_limit(core, &message->limit);
		break;
	case MESSAGE_PIN:
		core_pin(core, &message->pin);
		break;
	case MESSAGE_READING:
		core_reading(core, message->reading.slot, &message->reading.reading);
		break;
	case MESSAGE_KEPT:
		core_kept(core, &message->change);
		break;
	default:
		break;
	}
}

static void core_peer_up(struct worker *worker, enum role peer)
{
	struct core *core = (struct core *)worker;

	if (peer == ROLE_OBSERVER) {
		core->observer_late = false;
		core->series_missing = 0;
		core_demand(core, true);
	} else if (peer == ROLE_ACTUATOR) {
		send_freeze(core);
		core_settle(core);
	}
}

static void core_peer_down(struct worker *worker, enum role peer)
{
	struct core *core = (struct core *)worker;

	/* Without the observer nobody sees harm; without the actuator its journal is being recovered. */
	core_abort(core, 0, REASON_PEER);
	if (peer == ROLE_OBSERVER) {
		core->n_sources = 0;
		core->budget = (struct budget_report){ .state = BUDGET_WITHIN };
	} else if (peer == ROLE_ACTUATOR) {
		core->n_kept = 0;
	}
	if (peer == ROLE_ACTUATOR && core->control)
		control_await_none(core->control);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *data)
{
	struct core *core = data;

	(void)source;
	(void)usec;
	log_warning("the actuator did not answer in time; it undoes what is open by itself");
	return sd_event_exit(core->worker.event, 0);
}

static void core_stop(struct worker *worker)
{
	struct core *core = (struct core *)worker;

	core->stopping = true;
	analyzer_freeze(core->analyzer, 1);
	core_abort(core, 0, REASON_OPERATOR);
	core_hand_undo(core, NULL, NULL, NULL);
	if (core_open_changes(core) == 0) {
		sd_event_exit(worker->event, 0);
		return;
	}
	sd_event_add_time(worker->event, NULL, CLOCK_MONOTONIC,
			  (clock_now_ns() + STOP_WAIT_NS) / NSEC_PER_USEC, 1000, on_stop_timeout,
			  core);
}

static const struct worker_ops core_ops = {
	.message = core_message,
	.peer_up = core_peer_up,
	.peer_down = core_peer_down,
	.stop = core_stop,
};

/* --- start --- */

static void frozen_path(const struct core *core, char *path, size_t size)
{
	snprintf(path, size, "%s/history/frozen", core->options->state_dir);
}

int core_freeze(struct core *core, bool frozen)
{
	char path[PATH_MAX];
	int r = 0;

	core->frozen = frozen;
	analyzer_freeze(core->analyzer, frozen);
	send_freeze(core);
	frozen_path(core, path, sizeof(path));
	if (frozen) {
		_cleanup_close_ int fd =
			open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 || fsync(fd) < 0)
			r = -errno;
	} else if (unlink(path) < 0 && errno != ENOENT) {
		r = -errno;
	}
	if (r < 0)
		log_warning("unable to write '%s': %s; after a restart flyball will %sbe frozen",
			    path, strerror(-r), frozen ? "not " : "");
	return r;
}

static int on_minute(sd_event_source *source, uint64_t usec, void *data)
{
	struct core *core = data;

	(void)usec;
	history_prune(core->history, clock_wall_ns());
	core->json.wall_offset_ns = (int64_t)(clock_wall_ns() - clock_now_ns());
	return sd_event_source_set_time(source, (clock_now_ns() + MINUTE_NS) / NSEC_PER_USEC);
}

static uint64_t open_history(struct core *core)
{
	char path[PATH_MAX];
	uint64_t next;
	int r;

	if (core->options->foreground_plan)
		return 1;
	snprintf(path, sizeof(path), "%s/history/history.db", core->options->state_dir);
	r = history_open(path, &core->options->history, core->history_note,
			 sizeof(core->history_note), &core->history);
	if (r < 0) {
		snprintf(core->history_note, sizeof(core->history_note),
			 "unable to open the history '%.120s': %s; nothing "
			 "is recorded (user %u must be able to enter the folders above it)",
			 path, strerror(-r), geteuid());
		core->history = NULL;
	}
	if (core->history_note[0])
		log_warning("%s", core->history_note);
	if (!core->history)
		return 0;
	history_close_stale(core->history, clock_wall_ns());
	next = history_next_trial(core->history);
	sd_event_add_time(core->worker.event, &core->minute_timer, CLOCK_MONOTONIC,
			  (clock_now_ns() + MINUTE_NS) / NSEC_PER_USEC,
			  NSEC_PER_SEC / NSEC_PER_USEC, on_minute, core);
	if (core->minute_timer)
		sd_event_source_set_enabled(core->minute_timer, SD_EVENT_ON);
	return next;
}

static int init_analyzer(struct core *core, uint64_t next_trial)
{
	struct analyzer_options options = {
		.seed = core->options->seed,
		.mode = core->options->mode,
		.policies = core->options->policies->policies,
		.n_policies = core->options->policies->n_policies,
		.only = core->options->only,
		.catalogue = &core->catalogue,
		.tick_ns = core->options->tick_ns,
	};

	if (options.seed == 0 && getrandom(&options.seed, sizeof(options.seed), 0) < 0)
		return -errno;
	/* Without a history ids start from the time: a journal may still know the smaller ones. */
	options.next_trial = next_trial ? next_trial : clock_wall_ns() / NSEC_PER_SEC;
	core->analyzer = calloc(1, analyzer_size());
	return core->analyzer ? analyzer_init(core->analyzer, &options) : -ENOMEM;
}

static int on_plan_time(sd_event_source *source, uint64_t usec, void *data)
{
	struct core *core = data;
	int r = plan_print(core);

	(void)source;
	(void)usec;
	return sd_event_exit(core->worker.event, r < 0 ? 1 : 0);
}

static int core_init(struct core *core, const struct process_context *context)
{
	char path[PATH_MAX];
	int r;

	core->options = context->options;
	core->started_ns = clock_now_ns();
	core->catalogue = catalogue_of(core->options->knobs);
	core->json = (struct json_context){
		.catalogue = &core->catalogue,
		.policies = core->options->policies->policies,
		.wall_offset_ns = (int64_t)(clock_wall_ns() - clock_now_ns()),
	};
	core->plan = json_array();
	if (!core->plan)
		return -ENOMEM;
	r = worker_init(&core->worker, ROLE_CORE, &core_ops, context);
	if (r >= 0)
		r = late_open(core);
	if (r >= 0)
		r = init_analyzer(core, open_history(core));
	if (r < 0)
		return r;
	if (core->options->foreground_plan)
		return sd_event_add_time(core->worker.event, &core->plan_timer, CLOCK_MONOTONIC,
					 (clock_now_ns() + core->options->plan_ns) / NSEC_PER_USEC,
					 1000, on_plan_time, core);
	core_harm_open(core);
	frozen_path(core, path, sizeof(path));
	if (access(path, F_OK) == 0)
		core_freeze(core, true);
	return control_new(core, context->listener, &core->control);
}

static void core_free(struct core *core)
{
	control_free(core->control);
	history_close(core->history);
	sd_event_source_unref(core->minute_timer);
	sd_event_source_unref(core->plan_timer);
	sd_event_source_unref(core->late_timer);
	worker_deinit(&core->worker);
	json_decref(core->plan);
	free(core->analyzer);
	free(core);
}

int process_core(const struct process_context *context)
{
	uid_t operator= geteuid();
	struct core *core;
	int r;

	r = privilege_core(&context->account);
	if (r < 0) {
		log_error("unable to give up privileges: %s", strerror(-r));
		return 1;
	}
	core = calloc(1, sizeof(*core));
	if (!core)
		return 1;
	core->operator= operator;
	r = core_init(core, context);
	if (r < 0)
		log_error("unable to start: %s", strerror(-r));
	else
		r = worker_run(&core->worker);
	core_free(core);
	return r == 0 ? 0 : 1;
}
