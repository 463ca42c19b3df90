/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: starts observer, actuator and core, each with the least it needs, reaps them, recovers the journal
 * when the actuator dies, and restarts what died. It parses no input.
 */
#ifndef FLYBALL_DAEMON_SUPERVISOR_H
#define FLYBALL_DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "analyzer/analyzer.h"
#include "daemon/history.h"
#include "include/service.h"
#include "policies/policies.h"

/* How the daemon (or `recommend`) is to run; filled in by the verb from its options. */
struct daemon_options {
	enum analyzer_mode mode;
	bool foreground_plan; /* `recommend`: no control socket, no history; core prints the plan to plan_fd and all exit */
	uint64_t plan_ns; /* `recommend`: how long to look */
	int plan_fd; /* gets one JSON document: {"schema": 1, "plan": […], "observed": […]} */
	const char *state_dir; /* /var/lib/flyball: history and lock */
	const char *run_dir;   /* /run/flyball: journal and control socket */
	const char *user;      /* name or number that core runs as */
	uint64_t tick_ns;      /* 250 ms */
	double budget_ratio;   /* of the machine, that flyball may take; 0 = as much as it needs */
	uint64_t seed;         /* 0 = from the kernel */
	const char *force;     /* --source SOURCE=METHOD; NULL = the best that works */
	const struct service_list *services; /* of --config */
	const struct page_list *pages;       /* likewise */
	struct scope only;   /* --only disk:loop0; kind SCOPE_KIND_COUNT = everything */
	bool revert_on_exit; /* undo kept values, too, at a clean end */
	struct history_limits history;
	const char *limits_file;        /* of the actuator; NULL = what is built in */
	uint64_t started_ns;            /* tells this daemon from the next */
	struct policy_set *policies;    /* loaded and without errors */
	const struct knob_table *knobs; /* the build's and the declared ones */
};

/* Runs until SIGTERM or SIGINT, or in foreground_plan until the plan is printed. Returns an exit code of design.md. */
int supervisor_run(const struct daemon_options *options);

#endif
