// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a policy file, and as a condition. Built with -DWITH_FUZZ=ON and clang:
 *
 *	fuzz_policy -max_len=4096 tests/fuzz/corpus/policy
 *
 * Besides crashes it looks for promises that do not hold: errors exactly when nothing was added, and places that are in
 * the text.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/unit/test_policies_catalogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_set(const struct policy_set *set, int r, const char *bytes, size_t size)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += bytes[i] == '\n';
	require((r == 0) == (set->n_errors == 0));
	require((r == 0) == (set->n_policies > 0));
	for (size_t i = 0; i < set->n_errors && i < POLICY_ERRORS_MAX; i++) {
		require(set->errors[i].line <= lines && set->errors[i].column <= size + 1);
		require((set->errors[i].line == 0) == (set->errors[i].column == 0));
		require(set->errors[i].text[0]);
		/* The two readers of one text agree on what is in it. */
		require(strncmp(set->errors[i].text, "the file is read in two ways", 28) != 0);
	}
	for (size_t i = 0; i < set->n_policies; i++) {
		const struct policy *policy = &set->policies[i];

		require(policy->name[0] && policy->knob[0] && policy->when.n_nodes > 0);
		require(policy->ladder == LADDER_FACTOR || policy->n_arms > 0);
		require(policy->trial.window_ns >= 100000000 && policy->trial.max_pairs >= 5);
	}
}

static void try_condition(const char *bytes, size_t size)
{
	char text[512], error[POLICY_TEXT_MAX];
	size_t length = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	struct condition condition;
	unsigned int column;
	int depth = 0;

	memcpy(text, bytes, length);
	text[length] = '\0';
	if (condition_parse(text, &test_catalogue, SCOPE_DISK, &condition, &column, error,
			    sizeof(error)) < 0) {
		require(column >= 1 && column <= strlen(text) + 1 && error[0]);
		return;
	}
	/* Postfix that leaves one result. */
	for (uint32_t i = 0; i < condition.n_nodes; i++) {
		depth += condition.nodes[i].op < CONDITION_AND    ? 1
			 : condition.nodes[i].op == CONDITION_NOT ? 0
								  : -1;
		require(depth >= 1);
	}
	require(depth == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_set *set = policy_set_new();
	int r;

	require(set != NULL);
	r = policy_set_load_text(set, &test_catalogue, "fuzz", (const char *)data, size);
	check_set(set, r, (const char *)data, size);
	policy_set_free(set);
	try_condition((const char *)data, size);
	return 0;
}
