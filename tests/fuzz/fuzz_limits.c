// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a limits file, and as a limit made stricter at run time. Built with -DWITH_FUZZ=ON and
 * clang:
 *
 *	fuzz_limits -max_len=4096 tests/fuzz/corpus/limits
 *
 * Besides crashes it looks for promises that do not hold: errors exactly when nothing was loaded, places that are in
 * the text, numbers within their range, and nothing looser after it was made stricter.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "actuator/limits.h"
#include "actuator/limits_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_errors(const struct limits_errors *errors, const char *bytes, size_t size)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += bytes[i] == '\n';
	for (size_t i = 0; i < errors->n && i < CONF_ERRORS_MAX; i++) {
		const struct conf_error *e = &errors->errors[i];

		require(e->line <= lines && e->column <= size + 1 && e->text[0]);
		require(strncmp(e->text, "the file is read in two ways", 28) != 0);
	}
}

static void check_limits(const struct limits *limits)
{
	struct limit_row row;

	require(limits->n_rules <= LIMIT_RULES_MAX);
	for (uint32_t i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_number *n = &limit_numbers[i];

		require((limits->value[i] >= n->min && limits->value[i] <= n->max) || n->or_never);
	}
	for (uint32_t i = 0; i < limits->n_rules; i++) {
		limit_rule_row(limits, &limits->rules[i], &row);
		require(memchr(row.name, '\0', sizeof(row.name)) &&
			memchr(row.text, '\0', sizeof(row.text)));
	}
}

/* The first line as NAME=VALUE. */
static void tighten(struct limits *limits, const char *bytes, size_t size)
{
	struct limits before = *limits;
	char name[LIMIT_NAME_MAX + 8], value[LIMIT_TEXT_MAX + 8], text[160];
	const char *equals = memchr(bytes, '=', size);
	size_t n = equals ? (size_t)(equals - bytes) : 0;

	if (!equals || n >= sizeof(name) || size - n > sizeof(value))
		return;
	memcpy(name, bytes, n);
	name[n] = '\0';
	memcpy(value, equals + 1, size - n - 1);
	value[size - n - 1] = '\0';
	if (limits_tighten(limits, name, value, text, sizeof(text)) < 0) {
		require(memcmp(&before, limits, sizeof(before)) == 0);
		return;
	}
	require(limits->n_rules >= before.n_rules);
	for (uint32_t i = 0; i < LIMIT_COUNT; i++)
		require(limit_numbers[i].less_is_tighter ? limits->value[i] <= before.value[i]
							 : limits->value[i] >= before.value[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct limits limits;
	static struct limits_errors errors;
	int r = limits_load_text("fuzz", (const char *)data, size, &limits, &errors);

	require((r == 0) == (errors.n == 0));
	check_errors(&errors, (const char *)data, size);
	if (r < 0)
		limits_defaults(&limits);
	check_limits(&limits);
	tighten(&limits, (const char *)data, size);
	return 0;
}
