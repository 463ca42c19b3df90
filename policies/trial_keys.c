// SPDX-License-Identifier: Apache-2.0
/* The group `trial` of a policy: how the experiment is made. */
#include "policies/reader.h"

#include <math.h>

#include "base/cleanup.h"
#include "include/trial.h"

#define WINDOW_NS 2e9
#define WASHOUT_NS 500e6
#define MAX_PAIRS 40
#define MAX_PAIRS_LEAST 5 /* 2^5 = 32 > 20 = 1 / 0.05: no fewer coins can reach an error of 5 % */
#define ERROR 0.05
#define COOLDOWN_NS 600e9

static const struct range window_range = {
	.min = 100e6, .max = 600e9, .min_text = "100ms", .max_text = "10min"
};
static const struct range washout_range = {
	.min = 0, .max = 60e9, .min_text = "0s", .max_text = "1min"
};
static const struct range cooldown_range = {
	.min = 0, .max = 720 * 3600e9, .min_text = "0s", .max_text = "720h"
};
static const struct range error_range = {
	.min = 0.0001, .max = 0.2, .min_text = "0.0001", .max_text = "0.2"
};

static void parse_ns(struct reader *reader, const config_setting_t *setting,
		     const struct range *range, uint64_t *ret_ns)
{
	double ns;

	if (reader_ranged(reader, setting, UNIT_TIME, range, &ns) == 0)
		*ret_ns = (uint64_t)ns;
}

static void parse_window(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &window_range, &reader->policy->trial.window_ns);
}

static void parse_washout(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &washout_range, &reader->policy->trial.washout_ns);
}

static void parse_cooldown(struct reader *reader, const config_setting_t *setting)
{
	parse_ns(reader, setting, &cooldown_range, &reader->policy->trial.cooldown_ns);
}

static void parse_error(struct reader *reader, const config_setting_t *setting)
{
	reader_ranged(reader, setting, UNIT_RATIO, &error_range, &reader->policy->trial.error);
}

static void parse_max_pairs(struct reader *reader, const config_setting_t *setting)
{
	long long pairs;

	if (config_setting_type(setting) != CONFIG_TYPE_INT &&
	    config_setting_type(setting) != CONFIG_TYPE_INT64) {
		reader_fail(reader, setting, "max_pairs takes a whole number, found %s",
			    config_setting_is_number(setting) ? "a fraction"
							      : setting_phrase(setting));
		return;
	}
	pairs = config_setting_get_int64(setting);
	if (pairs < MAX_PAIRS_LEAST || pairs > TRIAL_PAIRS_MAX)
		reader_fail(reader, setting,
			    "max_pairs is %lld, outside %d to %d: %s it to %d or %s", pairs,
			    MAX_PAIRS_LEAST, TRIAL_PAIRS_MAX,
			    pairs < MAX_PAIRS_LEAST ? "raise" : "lower",
			    pairs < MAX_PAIRS_LEAST ? MAX_PAIRS_LEAST : TRIAL_PAIRS_MAX,
			    pairs < MAX_PAIRS_LEAST ? "more" : "less");
	else
		reader->policy->trial.max_pairs = (uint32_t)pairs;
}

static void parse_bool(struct reader *reader, const config_setting_t *setting, uint32_t *ret_bool)
{
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		reader_fail(reader, setting, "%s takes true or false, found %s",
			    config_setting_name(setting), setting_phrase(setting));
	else
		*ret_bool = (uint32_t)config_setting_get_bool(setting);
}

static void parse_calibrate(struct reader *reader, const config_setting_t *setting)
{
	parse_bool(reader, setting, &reader->policy->trial.calibrate);
}

static void parse_split(struct reader *reader, const config_setting_t *setting)
{
	parse_bool(reader, setting, &reader->policy->trial.split);
}

/* clang-format off: a table reads best as a table. */
static const struct conf_key trial_keys[] = {
	{ .name = "window",
	  .parse = parse_window,
	  .type = "time, 100ms to 10min",
	  .fallback = "2s",
	  .about = "how long one value is measured at a time" },
	{ .name = "washout",
	  .parse = parse_washout,
	  .type = "time, 0s to 1min",
	  .fallback = "500ms",
	  .about = "how long after a change nothing is measured" },
	{ .name = "max_pairs",
	  .parse = parse_max_pairs,
	  .type = "whole number, 5 to 200",
	  .fallback = "40",
	  .about = "a trial that has shown nothing after so many pairs of windows is given up" },
	{ .name = "error",
	  .parse = parse_error,
	  .type = "ratio, 0.0001 to 0.2",
	  .fallback = "0.05",
	  .about = "the chance to keep a value that changes nothing" },
	{ .name = "cooldown",
	  .parse = parse_cooldown,
	  .type = "time, 0s to 720h",
	  .fallback = "10min",
	  .about = "how long after a verdict no new trial begins in the same place" },
	{ .name = "calibrate",
	  .parse = parse_calibrate,
	  .type = "true or false",
	  .fallback = "false",
	  .about = "try the value in force against itself, to count false keeps" },
	{ .name = "split",
	  .parse = parse_split,
	  .type = "true or false",
	  .fallback = "false",
	  .about = "no windows in turn: each new connection draws the value in force or the new "
		   "one, "
		   "and both are measured side by side" },
};
/* clang-format on */

const struct conf_group policy_group_trial = {
	.name = "trial",
	.keys = trial_keys,
	.n_keys = ARRAY_SIZE(trial_keys),
};

void reader_trial(struct reader *reader, const config_setting_t *setting)
{
	const struct trial_params *trial = &reader->policy->trial;
	size_t errors = reader->conf.errors->n;
	const config_setting_t *at;
	int least;

	reader_group(reader, &policy_group_trial, setting);
	if (reader->conf.errors->n > errors)
		return;
	if (trial->split && config_setting_get_member(setting, "washout"))
		reader_fail(reader, config_setting_get_member(setting, "washout"),
			    "a split has no washout, for nothing is switched: remove it");
	/* n fair coins fall alike with a chance of 2^-n: fewer cannot be more convincing. */
	least = (int)floor(log2(1 / trial->error)) + 1;
	if ((int)trial->max_pairs >= least)
		return;
	at = config_setting_get_member(setting, "max_pairs");
	reader_fail(reader, at ? at : setting,
		    "%u pairs cannot reach an error of %g: raise max_pairs to %d or more, "
		    "or allow a larger error",
		    trial->max_pairs, trial->error, least);
}

void reader_trial_defaults(struct trial_params *ret_trial)
{
	*ret_trial = (struct trial_params){
		.window_ns = (uint64_t)WINDOW_NS,
		.washout_ns = (uint64_t)WASHOUT_NS,
		.max_pairs = MAX_PAIRS,
		.error = ERROR,
		.cooldown_ns = (uint64_t)COOLDOWN_NS,
	};
}
