// SPDX-License-Identifier: Apache-2.0
/* What is written about policies is true: docs/policy.md and the shipped files. */
#include "tests/unit/test_policies_catalogue.h"

#include <dirent.h>
#include <stdlib.h>

#include "policies/reader.h"

/* The whole file as a string that the caller frees. */
static char *read_text(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(f);
	assert_true(getdelim(&text, &size, '\0', f) > 0);
	return text;
}

/* The row of the table that describes a key: "| `key` | … |", to its end. */
static const char *find_row(const char *doc, const char *key, char *buffer, size_t size,
			    const char *after)
{
	char start[64];
	const char *row;

	snprintf(start, sizeof(start), "\n| `%s` | ", key);
	row = strstr(after ? after : doc, start);
	if (row)
		snprintf(buffer, size, "%.*s", (int)strcspn(row + 1, "\n"), row + 1);
	return row;
}

/* Two groups have a `min` and a `max`: some row of that key must fit, not the first one. */
static bool row_fits(const char *doc, const struct conf_key *key)
{
	const char *at = NULL;
	char row[512];

	while ((at = find_row(doc, key->name, row, sizeof(row), at ? at + 1 : NULL))) {
		if (!strstr(row, key->about))
			continue;
		if (key->required && !strstr(row, "required"))
			continue;
		if (!key->fallback || strstr(row, key->fallback))
			return true;
	}
	return false;
}

static void every_key_stands_in_the_reference_with_its_meaning_and_default(void **state)
{
	_cleanup_free_ char *doc = read_text(SOURCE_DIR "/docs/policy.md");
	size_t n = 0;

	(void)state;
	for (size_t g = 0; g < policy_groups_count; g++)
		for (size_t k = 0; k < policy_groups[g]->n_keys; k++, n++)
			if (!row_fits(doc, &policy_groups[g]->keys[k]))
				fail_msg("docs/policy.md lacks '%s' of %s",
					 policy_groups[g]->keys[k].name, policy_groups[g]->name);
	assert_int_equal(n, 11 + 3 + 3 + 3 + 5 + 7);
}

static void every_row_of_the_reference_is_a_key(void **state)
{
	_cleanup_free_ char *doc = read_text(SOURCE_DIR "/docs/policy.md");

	(void)state;
	for (char *row = strstr(doc, "\n| `"); row; row = strstr(row + 1, "\n| `")) {
		bool found = false;

		row[4 + strcspn(row + 4, "`")] = '\0';
		for (size_t g = 0; g < policy_groups_count; g++)
			for (size_t k = 0; k < policy_groups[g]->n_keys; k++)
				found |= !strcmp(policy_groups[g]->keys[k].name, row + 4);
		if (!found)
			fail_msg("docs/policy.md has '%s', which is no key", row + 4);
		row[4 + strlen(row + 4)] = '`';
	}
}

static void key_tables_are_complete_and_fit_the_reader(void **state)
{
	(void)state;
	for (size_t g = 0; g < policy_groups_count; g++) {
		assert_true(policy_groups[g]->n_keys <= CONF_KEYS_MAX);
		for (size_t k = 0; k < policy_groups[g]->n_keys; k++) {
			const struct conf_key *key = &policy_groups[g]->keys[k];

			assert_true(key->name && key->parse && key->type && key->about);
			assert_false(key->required && key->fallback);
			for (size_t i = 0; i < k; i++)
				assert_string_not_equal(key->name, policy_groups[g]->keys[i].name);
		}
	}
}

static void every_example_of_the_reference_loads(void **state)
{
	static const char begin[] = "\n```conf\n", end[] = "\n```\n";
	_cleanup_free_ char *doc = read_text(SOURCE_DIR "/docs/policy.md");
	size_t n = 0;

	(void)state;
	for (const char *at = strstr(doc, begin); at; at = strstr(at, begin), n++) {
		_cleanup_set_ struct policy_set *set = policy_set_new();
		const char *stop;

		at += strlen(begin);
		stop = strstr(at, end);
		assert_non_null(stop);
		policy_set_load_text(set, &test_catalogue, "docs/policy.md", at,
				     (size_t)(stop - at));
		assert_string_equal(set_errors(set), "");
		assert_int_equal(set->n_policies, 1);
	}
	assert_int_equal(n, 8);
}

static void the_shipped_policies_load_and_explain_every_line(void **state)
{
	_cleanup_set_ struct policy_set *set = policy_set_new();

	(void)state;
	policy_set_load_folder(set, &test_catalogue, SOURCE_DIR "/policies");
	assert_string_equal(set_errors(set), "");
	assert_int_equal(set->n_policies, 2);
	assert_string_equal(set->policies[0].name, "disk-read-latency");
	assert_int_equal(set->policies[0].trial.window_ns, 1000000000);
	assert_int_equal(set->policies[0].trial.washout_ns, 3000000000);
	assert_string_equal(set->policies[1].name, "disk-readahead");
	assert_string_equal(set->policies[1].arms[6], "4096");
	for (size_t i = 0; i < set->n_policies; i++) {
		_cleanup_free_ char *text = read_text(set->policies[i].file);
		char *line, *rest = text, before[8] = "";

		/* Each key that stands one tab deep follows its comment, but for `about`, which explains itself. */
		while ((line = strsep(&rest, "\n"))) {
			if (line[0] == '\t' && line[1] >= 'a' && line[1] <= 'z' &&
			    strncmp(line, "\tname", 5) && strncmp(line, "\tabout", 6) &&
			    before[1] != '#')
				fail_msg("%s: '%s' has no comment", set->policies[i].file, line);
			snprintf(before, sizeof(before), "%.4s", line);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_stands_in_the_reference_with_its_meaning_and_default),
		cmocka_unit_test(every_row_of_the_reference_is_a_key),
		cmocka_unit_test(key_tables_are_complete_and_fit_the_reader),
		cmocka_unit_test(every_example_of_the_reference_loads),
		cmocka_unit_test(the_shipped_policies_load_and_explain_every_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
