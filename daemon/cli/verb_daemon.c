// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "actuator/actuator.h"
#include "base/clock.h"
#include "base/quantity.h"
#include "daemon/catalogue.h"
#include "daemon/exit_code.h"
#include "daemon/supervisor.h"
#include "daemon/cli/verbs.h"

#define HISTORY_DAYS_MAX 36500 /* a hundred years; more is a typing error */

static const char *const modes[] = { "recommend", "autonomous" };
static const char *const exits[] = { "keep", "revert" };

/* The index of the word; -1 after saying what is wrong. */
static int choose(const struct invocation *invocation, const char *option, const char *const *words)
{
	const char *word = option_text(invocation, option);

	for (int i = 0; i < 2; i++)
		if (!strcmp(word, words[i]))
			return i;
	cli_usage_error(invocation, "unable to take '%s' for '%s': needs '%s' or '%s'", word,
			option, words[0], words[1]);
	return -1;
}

/* The actuator reads it itself, at each of its starts; but who starts the daemon is to see the errors. */
static int check_limits(const struct invocation *invocation)
{
	const char *path = option_text(invocation, "--limits");
	int r = actuator_limits_check(path, invocation->err);

	if (r == -ENOENT && option_given(invocation, "--limits"))
		return cli_error(invocation, EXIT_CODE_ERROR,
				 "unable to open the limits file '%s': %s", path, strerror(ENOENT));
	return r < 0 && r != -ENOENT ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

static int daemon_run(const struct invocation *invocation)
{
	int mode = choose(invocation, "--mode", modes),
	    on_exit = mode < 0 ? -1 : choose(invocation, "--on-exit", exits);
	_cleanup_policies_ struct policy_set *policies = NULL;
	_cleanup_knobs_ struct knob_file *knobs = NULL;
	_cleanup_config_ struct config *config = NULL;
	struct daemon_options options = { 0 };
	struct observer_options sources = { 0 };
	struct catalogue catalogue;
	double budget_ratio;
	int r;

	if (mode < 0 || on_exit < 0)
		return EXIT_CODE_USAGE;
	if (option_number(invocation, "--history-days") > HISTORY_DAYS_MAX)
		return cli_usage_error(invocation,
				       "unable to take '%s' for '--history-days': at most %d",
				       option_text(invocation, "--history-days"), HISTORY_DAYS_MAX);
	if (invocation->json)
		return cli_usage_error(invocation,
				       "'daemon' prints no JSON; 'flyball status --json' does");
	r = source_forced(invocation, &sources);
	if (r != EXIT_CODE_OK)
		return r;
	r = config_read(invocation, &config);
	if (r != EXIT_CODE_OK)
		return r;
	r = budget_wanted(invocation, config->budget_ratio, &budget_ratio);
	if (r != EXIT_CODE_OK)
		return r;
	r = knobs_load(invocation, &knobs);
	if (r != EXIT_CODE_OK)
		return r;
	catalogue = catalogue_of(&knobs->table);
	r = policies_load(invocation, &catalogue, &policies);
	if (r == EXIT_CODE_OK)
		r = check_limits(invocation);
	if (r != EXIT_CODE_OK)
		return r;
	options = (struct daemon_options){
		.mode = mode ? ANALYZER_AUTONOMOUS : ANALYZER_RECOMMEND,
		.plan_fd = -1,
		.state_dir = option_text(invocation, "--state"),
		.run_dir = run_folder(invocation),
		.user = option_text(invocation, "--user"),
		.tick_ns = option_time_ns(invocation, "--tick"),
		.budget_ratio = budget_ratio,
		.seed = option_number(invocation, "--seed"),
		.only = option_scope(invocation, "--only"),
		.force = sources.force,
		.services = &config->services,
		.pages = &config->pages,
		.revert_on_exit = on_exit == 1,
		.history = { .days = (uint32_t)option_number(invocation, "--history-days"),
			     .max_bytes = option_bytes(invocation, "--history-size") },
		.policies = policies,
		.limits_file = option_text(invocation, "--limits"),
		.started_ns = clock_now_ns(),
		.knobs = &knobs->table,
	};
	return supervisor_run(&options);
}

const struct verb verb_daemon = {
	.name = "daemon",
	.arguments = "",
	.about = "Run the service in the foreground, until SIGTERM or SIGINT.",
	.text = "In mode recommend nothing that could write is started. In mode autonomous changes "
		"are tried, measured, and "
		"kept only when they are shown to help; everything else is undone, also when "
		"flyball is killed.",
	.options =
		(const struct option_row[]){
			{ .name = "--mode",
			  .argument = "recommend|autonomous",
			  .type = OPTION_TEXT,
			  .preset = "recommend",
			  .about = "Only recommend, or try changes." },
			OPTION_CONFIG,
			OPTION_POLICY,
			OPTION_POLICIES,
			OPTION_KNOBS,
			OPTION_ONLY,
			OPTION_SOURCE,
			{ .name = "--limits",
			  .argument = "FILE",
			  .type = OPTION_TEXT,
			  .preset = DEFAULT_LIMITS,
			  .about = "What may be changed at all; without such a file what is built "
				   "in holds." },
			{ .name = "--state",
			  .argument = "DIR",
			  .type = OPTION_TEXT,
			  .preset = DEFAULT_STATE_DIR,
			  .about = "Folder of the history and the lock." },
			OPTION_RUN,
			{ .name = "--user",
			  .argument = "NAME|UID",
			  .type = OPTION_TEXT,
			  .preset = DEFAULT_USER,
			  .about = "Whom the process runs as that decides." },
			{ .name = "--tick",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .preset = "250ms",
			  .about = "Between two samples." },
			OPTION_BUDGET("else as configured, 0.5% by default",
				      ", but for those of a running trial"),
			{ .name = "--seed",
			  .argument = "N",
			  .type = OPTION_NUMBER,
			  .preset = "0",
			  .about = "Of the coins; 0 = from the kernel." },
			{ .name = "--on-exit",
			  .argument = "keep|revert",
			  .type = OPTION_TEXT,
			  .preset = "keep",
			  .about = "At a clean end, leave kept changes in force or undo them." },
			{ .name = "--history-days",
			  .argument = "N",
			  .type = OPTION_NUMBER,
			  .preset = "90",
			  .about = "Delete older trials; 0 = never for their age." },
			{ .name = "--history-size",
			  .argument = "SIZE",
			  .type = OPTION_BYTES,
			  .preset = "200MB",
			  .about = "The history's files stay under it; the oldest trials go first. "
				   "At least 4 MiB are used." },
			{ .name = NULL },
		},
	.examples =
		(const char *const[]){
			"flyball daemon",
			"flyball daemon --mode autonomous --only disk:vda --on-exit revert", NULL },
	.run = daemon_run,
};
