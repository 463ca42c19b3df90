// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <signal.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/descriptors.h"

const int process_stop_signals[PROCESS_STOP_SIGNALS] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Ctrl-C, like some service managers, signals the whole group: the supervisor ends us, in order. */
	for (size_t i = 0; i < PROCESS_STOP_SIGNALS; i++)
		signal(process_stop_signals[i], SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static void close_others(enum role role, const struct process_context *context)
{
	const bool core = role == ROLE_CORE;
	const int keep[] = {
		context->control,
		context->listener,
		context->root,
		context->state,
		context->pins,
		core ? -1 : context->maps->results,
		core ? -1 : context->maps->slots,
		core && context->options->foreground_plan ? context->options->plan_fd : -1,
	};

	descriptors_close_others(keep, ARRAY_SIZE(keep));
}

int process_run(enum role role, const struct process_context *context, enum log_level level)
{
	static const char *const names[ROLE_COUNT] = {
		[ROLE_OBSERVER] = "flyball-observ",
		[ROLE_ACTUATOR] = "flyball-actuat",
		[ROLE_CORE] = "flyball-core",
	};

	reset_signals();
	close_others(role, context);
	prctl(PR_SET_NAME, names[role]);
	log_open(role_word(role), level);
	switch (role) {
	case ROLE_OBSERVER:
		return process_observer(context);
	case ROLE_ACTUATOR:
		return process_actuator(context);
	case ROLE_CORE:
		return process_core(context);
	default:
		return 1;
	}
}
