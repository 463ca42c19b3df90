/* SPDX-License-Identifier: Apache-2.0 */
/* What the parsers of a policy's keys share: the policy that is being read. */
#ifndef FLYBALL_POLICIES_READER_H
#define FLYBALL_POLICIES_READER_H

#include "base/conf_reader.h"
#include "include/catalogue.h"
#include "include/policy.h"

/* The policy that is being read; parsers fill in `policy` and add errors. */
struct reader {
	struct conf conf; /* must be first */
	const struct catalogue *catalogue;
	struct policy *policy;
	const struct knob_row *knob;   /* NULL while it is not known */
	enum scope_kind scope;         /* SCOPE_KIND_COUNT while it is not known */
	struct guardrail *guardrail;   /* that is being read */
	unsigned int guardrail_limits; /* how many of them it gives */
};

/* Every group of the language, for the reference and its test. */
extern const struct conf_group *const policy_groups[];
extern const size_t policy_groups_count;

/* Reads one `policy: { … };` group. */
void reader_policy(struct reader *reader, const config_setting_t *setting);

/* A signal of the policy's scope. Returns 0, or -EINVAL with an error added. */
int reader_reference(struct reader *reader, const config_setting_t *setting,
		     struct signal_ref *ret_ref);

/* The arms: `try` of a policy whose knob is known (arms.c). */
extern const struct conf_group policy_group_steps, policy_group_ladder;
void reader_arms(struct reader *reader, const config_setting_t *setting);

/* The experiment: `trial` of a policy, and what holds without it (trial_keys.c). */
extern const struct conf_group policy_group_trial;
void reader_trial(struct reader *reader, const config_setting_t *setting);
void reader_trial_defaults(struct trial_params *ret_trial);

#endif
