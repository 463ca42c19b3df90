/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, one a file, and the little that several of them share. */
#ifndef FLYBALL_DAEMON_VERBS_H
#define FLYBALL_DAEMON_VERBS_H

#include <jansson.h>

#include "actuator/knob_file.h"
#include "base/cleanup.h"
#include "config/config.h"
#include "daemon/cli/cli.h"
#include "include/catalogue.h"
#include "observer/observer.h"
#include "policies/policies.h"

#define DEFAULT_RUN_DIR "/run/flyball"
#define DEFAULT_STATE_DIR "/var/lib/flyball"
#define DEFAULT_LIMITS "/etc/flyball/limits.conf"
#define DEFAULT_USER "flyball"
#define DEFAULT_KNOBS "/etc/flyball/knobs.conf"
#define DEFAULT_CONFIG "/etc/flyball/flyball.conf"

struct client;

extern const struct verb verb_doctor, verb_signals, verb_watch, verb_knobs, verb_recommend,
	verb_daemon, verb_status, verb_trials, verb_trial, verb_explain, verb_abort, verb_rollback,
	verb_freeze, verb_thaw, verb_limits, verb_set, verb_pin, verb_unpin, verb_drift,
	verb_policy, verb_config, verb_overhead, verb_help, verb_version;

/* Rows of options that several verbs have. */
#define OPTION_RUN                                                                                 \
	{                                                                                          \
		.name = "--run", .argument = "DIR", .type = OPTION_TEXT,                           \
		.about =                                                                           \
			"Folder of the daemon's socket; else $FLYBALL_RUN_DIR, else /run/flyball." \
	}
#define OPTION_POLICY                                                                            \
	{                                                                                        \
		.name = "--policy", .argument = "FILE", .type = OPTION_TEXT,                     \
		.about = "Use this policy file, and no folder unless --policies names one; may " \
			 "be repeated."                                                          \
	}
#define OPTION_POLICIES                                                                            \
	{                                                                                          \
		.name = "--policies", .argument = "DIR", .type = OPTION_TEXT,                      \
		.about = "Use the policies of this folder instead of /etc/flyball/policies.d and " \
			 "/usr/{local/,}share/flyball/policies; may be repeated, the first "       \
			 "folder wins."                                                            \
	}
#define OPTION_BUDGET(otherwise, spared)                                               \
	{                                                                              \
		.name = "--budget", .argument = "SHARE", .type = OPTION_TEXT,          \
		.about = "Of the machine's CPU time that flyball may take; " otherwise \
			 ". Over it sources are sampled less, then dropped" spared     \
			 ". 0 = as much as it needs."                                  \
	}
#define OPTION_SOURCE                                                                   \
	{                                                                               \
		.name = "--source", .argument = "SOURCE=METHOD", .type = OPTION_TEXT,   \
		.about = "For debugging: observe by this method and no other, such as " \
			 "block=kprobe; 'flyball doctor' lists them."                   \
	}
#define OPTION_KNOBS                                                                     \
	{                                                                                \
		.name = "--knobs", .argument = "FILE", .type = OPTION_TEXT,              \
		.preset = DEFAULT_KNOBS,                                                 \
		.about = "Knobs that you declare yourself; nothing where there is none." \
	}
#define OPTION_CONFIG                                                                        \
	{                                                                                    \
		.name = "--config", .argument = "FILE", .type = OPTION_TEXT,                 \
		.preset = DEFAULT_CONFIG,                                                    \
		.about = "The configuration, and the files of the folder conf.d beside it; " \
			 "nothing where there is none."                                      \
	}
/* Says that the brackets of a pattern of signals cannot be understood; returns the exit code. */
int pattern_error(const struct invocation *invocation, const char *pattern);

#define OPTION_ONLY                                                           \
	{                                                                     \
		.name = "--only", .argument = "SCOPE", .type = OPTION_SCOPE,  \
		.about = "Only this scope, such as disk:vda or 'disk:nvme*'." \
	}

#define OPTION_SCOPE_OF_KNOB                                                       \
	{                                                                          \
		.name = "--scope", .argument = "SCOPE", .type = OPTION_SCOPE,      \
		.about = "Where, such as disk:vda; a knob of the host needs none." \
	}

/* The folder of the socket: --run, $FLYBALL_RUN_DIR, the default. */
const char *run_folder(const struct invocation *invocation);

/* What --budget says (`0.5%`; 0 = none), else `otherwise_ratio`. Returns an exit code, having said what is wrong. */
int budget_wanted(const struct invocation *invocation, double otherwise_ratio, double *ret_ratio);

/* Puts what --source says into `options`. Returns an exit code, after saying what is wrong. */
int source_forced(const struct invocation *invocation, struct observer_options *options);

/*
 * What the verb's own observer is to be like: --source, --run, and the services of --config, which the caller frees in
 * either case. Returns an exit code, after saying what is wrong.
 */
int observer_wanted(const struct invocation *invocation, struct config **ret_config,
		    struct observer_options *ret_options);

/* Loads what --policy and --policies say; prints all errors. Returns an exit code; the caller frees the set. */
int policies_load(const struct invocation *invocation, const struct catalogue *catalogue,
		  struct policy_set **ret_set);

/*
 * Asks the daemon. On success returns EXIT_CODE_OK and hands over "data"; else says why on err and returns the exit
 * code. Takes `args` (NULL = {}).
 */
int daemon_ask(const struct invocation *invocation, const char *verb, json_t *args,
	       json_t **ret_data);

/* What `status` answers, or NULL where no daemon answers. */
json_t *daemon_status_quietly(const struct invocation *invocation);

/* The same for a stream of lines: connects and sends; the caller closes the client. */
int daemon_connect(const struct invocation *invocation, const char *verb, json_t *args,
		   struct client **ret_client);

/* Says what a -errno of client.h means; returns the exit code. */
int daemon_error(const struct invocation *invocation, int error);

/* {"id": N | "last"} from the first word; none is `last`. Returns an exit code. */
int trial_id_args(const struct invocation *invocation, json_t **ret_args);

/* Loads into `set` without a word; -errno with `ret_path`. Errors of the text are in the set. */
int policies_load_quietly(const struct invocation *invocation, const struct catalogue *catalogue,
			  struct policy_set *set, const char **ret_path);

/* `file:line:column: text`, one a line, on err. */
void policies_print_errors(const struct invocation *invocation, const struct policy_set *set);

/*
 * The knobs of the build and those that --knobs declares, for as long as the process lives. Returns EXIT_CODE_OK, or
 * another after printing the errors.
 */
int knobs_load(const struct invocation *invocation, struct knob_file **ret_file);

/*
 * What --config says, for as long as the process lives. Returns EXIT_CODE_OK, or another after printing the errors; the
 * caller frees it in either case.
 */
int config_read(const struct invocation *invocation, struct config **ret_config);

/* Prints JSON for programs; returns EXIT_CODE_OK. */
int print_json(const struct invocation *invocation, const json_t *json);

/* Members of an object with a fallback: JSON from a daemon of another version may lack them. */
const char *member_text(const json_t *object, const char *key);   /* "" */
double member_number(const json_t *object, const char *key);      /* NAN */
json_int_t member_integer(const json_t *object, const char *key); /* 0 */

static inline void json_unrefp(json_t **json)
{
	json_decref(*json);
}

static inline void policy_set_freep(struct policy_set **set)
{
	policy_set_free(*set);
}

static inline void knob_file_freep(struct knob_file **file)
{
	knob_file_free(*file);
}

static inline void config_freep(struct config **config)
{
	config_free(*config);
}

#define _cleanup_config_ _cleanup_(config_freep)
#define _cleanup_knobs_ _cleanup_(knob_file_freep)
#define _cleanup_json_ _cleanup_(json_unrefp)
#define _cleanup_policies_ _cleanup_(policy_set_freep)

#endif
