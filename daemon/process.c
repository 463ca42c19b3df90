// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

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

/* Who reads the plan waits for the last process that could print: that must not be one that hangs. Its log stays. */
static void close_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
	}
}

int process_run(enum role role, const struct process_context *context, enum log_level level)
{
	static const char *const names[ROLE_COUNT] = {
		[ROLE_OBSERVER] = "flyball-observ",
		[ROLE_ACTUATOR] = "flyball-actuat",
		[ROLE_CORE] = "flyball-core",
	};

	reset_signals();
	if (context->options->foreground_plan)
		close_output();
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
