/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core: the unprivileged process that decides. It feeds frames to the analyzer, carries its proposals to the actuator,
 * records in the history, and answers clients.
 *
 *     core.c          the process: its parts, its life, frames in
 *     core_decide.c   decisions out: proposals, outcomes, events
 *     core_hand.c     the operator's hand: changes by hand, requests to the actuator
 *     core_harm.c     the harm budget
 *     control.c       the control socket: connections, lines, subscribers
 *     control_verbs.c what each request answers
 *     control_hand.c  what requests about the operator's hand answer
 *     plan.c          the plan of recommend mode
 *     usage.c         what flyball itself costs
 */
#ifndef FLYBALL_DAEMON_CORE_H
#define FLYBALL_DAEMON_CORE_H

#include "actuator/actuator.h"
#include "analyzer/analyzer.h"
#include "base/day.h"
#include "daemon/history.h"
#include "daemon/json.h"
#include "daemon/worker.h"

/* Transactions that core knows of at once: open ones and those whose outcome is awaited. */
#define CORE_CHANGES_MAX (ACTUATOR_KEPT_MAX + ACTUATOR_OPEN_MAX)

#define CORE_LIMITS_MAX (LIMIT_COUNT + LIMIT_RULES_MAX)

struct control;
struct control_client;

/* A transaction as it was begun, until its end is known. */
struct core_change {
	struct change begin; /* txn 0 = free */
	uint64_t actions;    /* sent and not answered yet */
	bool undo_waits;     /* to be undone, but no actuator is there to do it */
	uint32_t asked;      /* the last action that was asked for */
	uint64_t
		frame_ns; /* of the frame that called for it; 0 = none did: an answer, the operator */
};

struct core {
	struct worker worker; /* must be first */
	const struct daemon_options *options;
	struct catalogue catalogue;
	struct json_context json;
	struct analyzer *analyzer;
	struct history *history; /* NULL in foreground_plan, or when it cannot be opened */
	struct control *control; /* NULL in foreground_plan */
	json_t *plan;            /* array: what recommend mode found */
	char history_note[POLICY_TEXT_MAX];
	uint64_t started_ns;
	uint64_t shown_ns; /* when followers last saw a tick */
	bool frozen, stopping;
	uid_t operator; /* who may change things: the user that started flyball; root may always */
	sd_event_source *minute_timer, *plan_timer;
	sd_event_source *late_timer; /* off while nothing is demanded */
	uint64_t heard_ns;           /* when the observer last sent a frame, or got a demand */
	bool observer_late;

	struct frame frame;                 /* being received, then the last one */
	uint32_t series_missing;            /* of the frame being received */
	struct demand demands[DEMANDS_MAX]; /* as the observer knows them */
	size_t n_demands;
	struct source_status sources[SOURCES_MAX];
	size_t n_sources;
	struct budget_report budget; /* as the observer measures */

	struct core_change changes[CORE_CHANGES_MAX];
	uint64_t deciding_ns; /* the frame that is being decided upon; 0 = none */
	struct change kept[ACTUATOR_KEPT_MAX];
	size_t n_kept;

	/* As the actuator says. */
	struct limit_row limits[CORE_LIMITS_MAX];
	size_t n_limits;
	struct pin pins[PINS_MAX];
	size_t n_pins;
	uint64_t last_request;
	struct day harm; /* ns lost by exploring */
};

/* core.c */

/* Tells the observer what is needed now, when that has changed or it is new. */
void core_demand(struct core *core, bool always);

/* Remembers a freeze over restarts and passes it on. Returns 0 or -errno (it holds all the same). */
int core_freeze(struct core *core, bool frozen);

/* core_decide.c */

/* Acts on what the analyzer returned: events first (their trials change with the next call), then proposals. */
void core_decide(struct core *core, const struct decisions *decisions);

/* Sends a change to the actuator; without one its outcome is FAILED at once, and an undo waits for recovery. */
void core_change(struct core *core, const struct change *change);

/* What the actuator answered. */
void core_outcome(struct core *core, const struct outcome *outcome);

/* What a knob is now, for the trial in `slot`: read by core itself, or by the actuator. */
void core_reading(struct core *core, uint32_t slot, const struct knob_reading *reading);

/* A kept change that an actuator brought along. */
void core_kept(struct core *core, const struct change *change);

/* The actuator is back, after recovery: what waited to be undone is answered by what is in force now. */
void core_settle(struct core *core);

/* How many transactions are open or awaited. */
size_t core_open_changes(const struct core *core);

/* Ends trials for `reason` (id 0 = all); returns how many. */
size_t core_abort(struct core *core, uint64_t id, enum reason reason);

/* core_hand.c */

/* Makes `change` a BEGIN by hand of its own transaction, which is returned; core_change() sends it. */
uint64_t core_hand_begin(struct change *change, uint64_t for_ns);
/* Undoes changes by hand (NULL = of any knob, of any scope), which the client waits for, if any; returns how many. */
size_t core_hand_undo(struct core *core, struct control_client *client, const char *knob,
		      const struct scope *scope);
/* An outcome of one: the next step, or the answer. */
void core_hand_outcome(struct core *core, const struct outcome *outcome,
		       const struct change *begin);
/* Asks the actuator; the client is answered when it has answered. */
void core_request(struct core *core, struct control_client *client,
		  const struct message_request *request);
void core_answer(struct core *core, const struct message_answer *answer);
void core_limit(struct core *core, const struct message_limit *limit);
void core_pin(struct core *core, const struct message_pin *pin);
/* What `status` shows: [{"knob", "scope", "owner", "by", …}], [{"knob", "scope", "old", "new", "left_s"}] */
json_t *core_pins_json(const struct core *core);
json_t *core_hands_json(const struct core *core);

/* core_harm.c */

void core_harm_open(struct core *core);
/* A pair of windows was measured. */
void core_harm_pair(struct core *core, const struct trial *trial);
/* The loss of the last 24 hours, as a ratio of a day's objective. */
double core_harm(const struct core *core);
bool core_harm_refuses(const struct core *core, char *ret_text, size_t size);

/* control.c, control_verbs.c, control_hand.c */

int control_new(struct core *core, int listener, struct control **ret_control);
void control_free(struct control *control);
/* Sends an event to everybody who follows; takes `data`. */
void control_broadcast(struct control *control, const char *event, json_t *data);
bool control_has_followers(const struct control *control);
/* An outcome for requests that wait for it. */
void control_outcome(struct control *control, const struct outcome *outcome,
		     const struct change *begin);

/* Answers {"exit", "error", "data"}; takes `data` (may be NULL). */
void control_reply(struct control_client *client, int exit_code, const char *error, json_t *data);
/* The reply comes when the outcome of `txn` is there (0: everything that waits was added). */
void control_wait(struct control_client *client, uint64_t txn);
void control_follow(struct control_client *client);
/* The reply is made by whoever takes the client by control_awaiting(), which forgets the number. */
void control_await(struct control_client *client, uint64_t id);
struct control_client *control_awaiting(struct control *control, uint64_t id);
/* Who awaits is answered that the actuator is gone. */
void control_await_none(struct control *control);
uid_t control_uid(const struct control_client *client);
void control_verb_set(struct core *core, struct control_client *client, json_t *args);
void control_verb_pin(struct core *core, struct control_client *client, json_t *args);
void control_verb_unpin(struct core *core, struct control_client *client, json_t *args);
void control_verb_limits(struct core *core, struct control_client *client, json_t *args);
bool control_may_change(const struct control_client *client);
/* What followers see once a second: {"time", "targets", "trials"}. */
json_t *control_tick_json(const struct core *core);
/* Finds the verb and answers. */
void control_dispatch(struct core *core, struct control_client *client, const char *verb,
		      json_t *args);

/* plan.c */

/* Adds a dry-run trial to the plan; an older entry of the same policy and scope goes. */
void plan_add(struct core *core, const struct trial *trial);
/* Writes the whole plan to options->plan_fd. Returns 0 or -errno. */
int plan_print(struct core *core);

/* usage.c */

/* CPU time, memory and user of each process: an array of {"name", "pid", "uid", "cpu_ns", "cpu_ratio", …}. */
json_t *usage_json(const struct core *core, double *ret_total_ratio);

#endif
