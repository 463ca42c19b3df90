// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer target: any bytes as a configuration. Built with -DWITH_FUZZ=ON and clang:
 *
 *	fuzz_config -max_len=4096 tests/fuzz/corpus/config
 *
 * Besides crashes it looks for promises that do not hold: errors exactly when it fails, places that are in the text,
 * services that something names, and a `config show` that reads as the same configuration.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_errors(const struct config *config, const char *bytes, size_t size)
{
	unsigned int lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += bytes[i] == '\n';
	for (size_t i = 0; i < config->n_errors && i < CONF_ERRORS_MAX; i++) {
		const struct conf_error *e = &config->errors[i];

		require(e->line <= lines && e->column <= size + 1 && e->text[0]);
		require(strncmp(e->text, "the file is read in two ways", 28) != 0);
	}
}

static void check_again(const struct config *config)
{
	struct config *again;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_show(config, out);
	fclose(out);
	require(config_load_text("again", text, size, &again) == 0);
	require(again->services.n == config->services.n);
	for (size_t i = 0; i < config->services.n; i++) {
		const struct service *a = &config->services.items[i];
		const struct service *b = &again->services.items[i];

		require(a->name[0] && (a->port || a->executable[0] || a->cgroup[0] || a->unit[0] ||
				       a->socket[0]));
		require(!a->socket[0] || service_may_be_unix(a));
		require(!strcmp(a->name, b->name) && a->port == b->port &&
			a->protocol == b->protocol && !strcmp(a->executable, b->executable) &&
			!strcmp(a->cgroup, b->cgroup) && !strcmp(a->unit, b->unit) &&
			!strcmp(a->socket, b->socket));
	}
	config_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct config *config = NULL;
	int r = config_load_text("fuzz", bytes, size, &config);

	require((r == 0) == (config->n_errors == 0));
	check_errors(config, bytes, size);
	if (r == 0)
		check_again(config);
	config_free(config);
	return 0;
}
