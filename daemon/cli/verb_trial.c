// SPDX-License-Identifier: Apache-2.0
/*
 * One trial: as it was, or live. Live: first the stream is opened, then the trial is fetched and told so far, then the
 * events are told; pairs that were told are skipped, so that none is lost between and none comes twice.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/cli/client.h"
#include "daemon/exit_code.h"
#include "daemon/cli/render.h"
#include "daemon/cli/render_trial.h"
#include "daemon/cli/verbs.h"

struct follower {
	const struct invocation *invocation;
	struct style style;
	json_int_t id; /* 0: the next that begins */
	bool told_opening, told_choice;
	size_t n_ready, n_screened, n_pairs;
	bool ticking; /* the last line is a tick, to be redrawn */
};

static void clientp(struct client **client)
{
	client_close(*client);
}

int trial_id_args(const struct invocation *invocation, json_t **ret_args)
{
	const char *word = invocation->n_words ? invocation->words[0] : "last";
	unsigned long long id;
	char *end;

	if (!strcmp(word, "last")) {
		*ret_args = json_pack("{s:s}", "id", "last");
		return EXIT_CODE_OK;
	}
	errno = 0;
	id = strtoull(word, &end, 10);
	if (errno || *end || word[0] < '0' || word[0] > '9' || id == 0 || id > INT64_MAX)
		return cli_usage_error(invocation,
				       "unable to take '%s' as the id of a trial: give a number, "
				       "or 'last'",
				       word);
	*ret_args = json_pack("{s:I}", "id", (json_int_t)id);
	return EXIT_CODE_OK;
}

static int verdict_code(const json_t *trial)
{
	const char *verdict = member_text(trial, "verdict");

	if (!strcmp(verdict, "kept"))
		return EXIT_CODE_OK;
	return !strcmp(verdict, "inconclusive") ? EXIT_CODE_INCONCLUSIVE : EXIT_CODE_TRIAL_UNDONE;
}

static void clear_tick(struct follower *follower)
{
	if (follower->ticking)
		fputs("\r\033[K", follower->invocation->out);
	follower->ticking = false;
}

/* What a trial holds already and was not told yet; an event carries the whole or only the last of each list. */
static void tell_lists(struct follower *follower, const json_t *trial)
{
	FILE *out = follower->invocation->out;
	const json_t *ready = json_object_get(trial, "ready"),
		     *screened = json_object_get(trial, "screened");
	const json_t *pairs = json_object_get(trial, "pairs"),
		     *pair = json_object_get(trial, "pair");
	size_t n_pairs = (size_t)member_integer(trial, "n_pairs"), n = json_array_size(pairs);

	for (; follower->n_ready < json_array_size(ready); follower->n_ready++) {
		const json_t *value = json_array_get(ready, follower->n_ready);

		story_ready(out, &follower->style, trial, follower->n_ready,
			    json_is_number(value) ? json_number_value(value) : (double)NAN);
	}
	for (; follower->n_screened < json_array_size(screened); follower->n_screened++)
		story_screened(out, &follower->style, trial,
			       json_array_get(screened, follower->n_screened));
	if (n_pairs <= follower->n_pairs)
		return;
	if (!follower->told_choice)
		story_chosen(out, &follower->style, trial);
	follower->told_choice = true;
	for (size_t i = n > n_pairs ? n - n_pairs : 0; i < n; i++)
		if (n_pairs - n + i >= follower->n_pairs)
			story_pair(out, &follower->style, trial, json_array_get(pairs, i),
				   n_pairs - n + i);
	if (n == 0 && pair)
		story_pair(out, &follower->style, trial, pair, n_pairs - 1);
	follower->n_pairs = n_pairs;
}

static void tell(struct follower *follower, const json_t *trial)
{
	FILE *out = follower->invocation->out;

	clear_tick(follower);
	if (!follower->told_opening) {
		fprintf(out, "%strial %" JSON_INTEGER_FORMAT "%s on %s, policy %s\n\n",
			tone_on(&follower->style, TONE_STRONG), member_integer(trial, "id"),
			tone_off(&follower->style), member_text(trial, "scope"),
			member_text(trial, "policy"));
		story_opportunity(out, &follower->style, trial);
		follower->told_opening = true;
	}
	tell_lists(follower, trial);
}

/* The line that moves on a terminal: what the objective is now. */
static void tell_tick(struct follower *follower, const json_t *data)
{
	const json_t *trial, *objective;
	char value[64];
	size_t i;

	if (!follower->style.live)
		return;
	json_array_foreach (json_object_get(data, "trials"), i, trial) {
		if (member_integer(trial, "id") != follower->id)
			continue;
		objective = json_object_get(trial, "objective");
		value_text(member_number(trial, "now"), member_text(objective, "unit"),
			   member_text(objective, "signal"), value, sizeof(value));
		fprintf(follower->invocation->out, "\r\033[K%s%-9s%s  %s, %s now",
			tone_on(&follower->style, TONE_DIM), "...", tone_off(&follower->style),
			member_text(trial, "phase"), value);
		follower->ticking = true;
		return;
	}
	if (follower->id == 0) {
		fprintf(follower->invocation->out,
			"\r\033[K%swaiting for a trial: %zu targets watched%s",
			tone_on(&follower->style, TONE_DIM),
			json_array_size(json_object_get(data, "targets")),
			tone_off(&follower->style));
		follower->ticking = true;
	}
}

static void finish(struct follower *follower, const json_t *trial)
{
	FILE *out = follower->invocation->out;

	story_verdict(out, &follower->style, trial);
	fputc('\n', out);
	trial_print(out, &follower->style, trial);
}

/* Takes one line of the stream; returns true when the trial has its verdict, whose exit code is then in ret_code. */
static bool take_event(struct follower *follower, const json_t *line, int *ret_code)
{
	const json_t *data = json_object_get(line, "data");
	const char *event = member_text(line, "event");

	if (follower->invocation->json) {
		json_dumpf(line, follower->invocation->out, JSON_COMPACT);
		fputc('\n', follower->invocation->out);
	}
	if (!strcmp(event, "tick")) {
		if (!follower->invocation->json)
			tell_tick(follower, data);
		return false;
	}
	if (!strcmp(event, "outcome") || !json_object_get(data, "verdict"))
		return false;
	if (follower->id == 0)
		follower->id = member_integer(data, "id");
	if (member_integer(data, "id") != follower->id)
		return false;
	if (!follower->invocation->json) {
		tell(follower, data);
		if (!strcmp(event, "chosen") && !follower->told_choice) {
			story_chosen(follower->invocation->out, &follower->style, data);
			follower->told_choice = true;
		}
		if (!strcmp(event, "void"))
			story_line(follower->invocation->out, &follower->style, TONE_WARN,
				   "repeats",
				   "the last window did not count: a value was lost or missing");
	}
	if (strcmp(event, "verdict"))
		return false;
	if (!follower->invocation->json)
		finish(follower, data);
	*ret_code = verdict_code(data);
	return true;
}

/* Fetches the trial and tells what is known of it. Returns true when it has ended already. */
static bool catch_up(struct follower *follower, int *ret_code)
{
	struct invocation quiet = *follower->invocation;
	_cleanup_json_ json_t *data = NULL;
	_cleanup_fclose_ FILE *nowhere = fopen("/dev/null", "we");
	bool last = quiet.n_words == 0 || !strcmp(quiet.words[0], "last");
	json_t *args = NULL;
	const json_t *trial;
	int r;

	r = trial_id_args(follower->invocation, &args);
	/* No trial yet is no error of `last`: the next one is what is waited for. */
	if (last && nowhere)
		quiet.err = nowhere;
	if (r == EXIT_CODE_OK)
		r = daemon_ask(&quiet, "trial", args, &data);
	if (r != EXIT_CODE_OK) {
		*ret_code = r;
		return !last;
	}
	trial = json_object_get(data, "trial");
	if (strcmp(member_text(trial, "verdict"), "running")) {
		if (last) {
			fprintf(follower->invocation->err,
				"trial %" JSON_INTEGER_FORMAT
				" has ended (%s; 'flyball trial %" JSON_INTEGER_FORMAT
				"' shows it); waiting for the next one\n",
				member_integer(trial, "id"), member_text(trial, "verdict"),
				member_integer(trial, "id"));
			return false;
		}
		if (follower->invocation->json)
			print_json(follower->invocation, data);
		else
			trial_print(follower->invocation->out, &follower->style, trial);
		*ret_code = verdict_code(trial);
		return true;
	}
	follower->id = member_integer(trial, "id");
	if (!follower->invocation->json)
		tell(follower, trial);
	return false;
}

static int follow(const struct invocation *invocation)
{
	struct follower follower = { .invocation = invocation, .style = style_of(invocation->out) };
	uint64_t timeout = option_time_ns(invocation, "--timeout"),
		 deadline = clock_now_ns() + timeout;
	_cleanup_(clientp) struct client *client = NULL;
	int r, code = EXIT_CODE_ERROR;

	r = daemon_connect(invocation, "follow", NULL, &client);
	if (r != EXIT_CODE_OK)
		return r;
	if (catch_up(&follower, &code))
		return code;
	if (follower.id == 0)
		fputs("waiting for a trial ...\n", invocation->err);
	for (;;) {
		_cleanup_json_ json_t *line = NULL;

		fflush(invocation->out);
		r = client_next(client, deadline, &line);
		if (r <= 0)
			break;
		if (take_event(&follower, line, &code))
			return code;
		if (json_is_integer(json_object_get(line, "exit")) && member_text(line, "error")[0])
			return cli_error(invocation, (int)member_integer(line, "exit"), "%s",
					 member_text(line, "error"));
	}
	clear_tick(&follower);
	if (r == -ETIMEDOUT)
		return cli_error(invocation, EXIT_CODE_TIMEOUT,
				 "no verdict within %s (--timeout); the trial goes on",
				 option_text(invocation, "--timeout"));
	if (r == 0)
		return cli_error(invocation, EXIT_CODE_NO_DAEMON,
				 "the daemon ended before a verdict; a running trial is undone");
	return daemon_error(invocation, r);
}

static int trial_run(const struct invocation *invocation)
{
	const struct style style = style_of(invocation->out);
	_cleanup_json_ json_t *data = NULL;
	json_t *args = NULL;
	int r;

	r = trial_id_args(invocation, &args);
	if (r != EXIT_CODE_OK)
		return r;
	if (option_given(invocation, "--follow")) {
		json_decref(args);
		return follow(invocation);
	}
	r = daemon_ask(invocation, "trial", args, &data);
	if (r != EXIT_CODE_OK)
		return r;
	if (invocation->json)
		return print_json(invocation, data);
	trial_print(invocation->out, &style, json_object_get(data, "trial"));
	return EXIT_CODE_OK;
}

const struct verb verb_trial = {
	.name = "trial",
	.arguments = "[ID|last]",
	.about = "Show one trial: before and after, the effect with its interval, both histograms.",
	.text = "Without an ID it is the last one. With --follow it is told live, line by line, "
		"until its verdict, and the "
		"exit code says which: 0 kept, 6 reverted or aborted, 7 inconclusive, 8 none in "
		"time. When the last trial has "
		"ended, --follow waits for the next one. Numbers of an interval: [ and ] are its "
		"ends, • is the estimate, ┼ "
		"is where nothing changes, left of it is worse, right of it is better.",
	.options =
		(const struct option_row[]){
			{ .name = "--follow", .about = "Tell it live until the verdict." },
			{ .name = "--timeout",
			  .argument = "TIME",
			  .type = OPTION_TIME,
			  .preset = "120s",
			  .about = "With --follow: give up waiting; the trial goes on." },
			OPTION_RUN,
			{ .name = NULL },
		},
	.examples =
		(const char *const[]){ "flyball trial 12", "flyball trial last --follow", NULL },
	.max_words = 1,
	.run = trial_run,
};
