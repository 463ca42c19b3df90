// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/words.h"
#include "daemon/cli/verbs.h"
#include "daemon/exit_code.h"

static json_t *service_json(const struct config *config, size_t i)
{
	const struct service *service = &config->services.items[i];
	json_t *row = json_pack("{s:s, s:s, s:s, s:i}", "name", service->name, "protocol",
				service_protocol_word(service->protocol), "file",
				config->service_places[i].file, "line",
				(int)config->service_places[i].line);

	if (service->port)
		json_object_set_new(row, "port", json_integer(service->port));
	if (service->executable[0])
		json_object_set_new(row, "executable", json_string(service->executable));
	if (service->cgroup[0])
		json_object_set_new(row, "cgroup", json_string(service->cgroup));
	if (service->unit[0])
		json_object_set_new(row, "unit", json_string(service->unit));
	if (service->socket[0])
		json_object_set_new(row, "socket", json_string(service->socket));
	return row;
}

static json_t *page_json(const struct config *config, size_t i)
{
	const struct page *page = &config->pages.items[i];
	json_t *row =
		json_pack("{s:s, s:s, s:I, s:s, s:i}", "name", page->name, "url", page->url,
			  "every_ns", (json_int_t)page->every_ns, "file",
			  config->page_places[i].file, "line", (int)config->page_places[i].line);

	if (page->socket[0])
		json_object_set_new(row, "socket", json_string(page->socket));
	return row;
}

static int show(const struct invocation *invocation, const struct config *config)
{
	_cleanup_json_ json_t *result = NULL;
	json_t *services, *pages;

	if (!invocation->json) {
		config_show(config, invocation->out);
		return EXIT_CODE_OK;
	}
	services = json_array();
	for (size_t i = 0; i < config->services.n; i++)
		json_array_append_new(services, service_json(config, i));
	pages = json_array();
	for (size_t i = 0; i < config->pages.n; i++)
		json_array_append_new(pages, page_json(config, i));
	result = json_pack("{s:i, s:f, s:o, s:o}", "schema", 1, "budget_ratio",
			   config->budget_ratio, "services", services, "pages", pages);
	return print_json(invocation, result);
}

static int check(const struct invocation *invocation, const struct config *config)
{
	_cleanup_json_ json_t *result = NULL;

	if (invocation->json) {
		result = json_pack("{s:i, s:i, s:i}", "schema", 1, "files", (int)config->n_files,
				   "errors", 0);
		return print_json(invocation, result);
	}
	fprintf(invocation->out, "%zu file%s, %zu service%s, %zu page%s, no errors\n",
		config->n_files, config->n_files == 1 ? "" : "s", config->services.n,
		config->services.n == 1 ? "" : "s", config->pages.n,
		config->pages.n == 1 ? "" : "s");
	return EXIT_CODE_OK;
}

static int config_run(const struct invocation *invocation)
{
	static const char *const actions[] = { "check", "show" };
	const char *action = invocation->n_words ? invocation->words[0] : "";
	_cleanup_config_ struct config *config = NULL;
	bool checks = !strcmp(action, "check");
	char hint[128];
	int r;

	if (option_given(invocation, "--markdown")) {
		fputs("<!-- Made by `flyball config --markdown`; a test compares. -->\n",
		      invocation->out);
		config_markdown(invocation->out);
		return EXIT_CODE_OK;
	}
	if (!checks && strcmp(action, "show"))
		return cli_usage_error(invocation, "unknown action '%s' of 'config'%s", action,
				       cli_did_you_mean(action, actions, ARRAY_SIZE(actions), hint,
							sizeof(hint)));
	r = config_read(invocation, &config);
	if (r != EXIT_CODE_OK)
		return r;
	return checks ? check(invocation, config) : show(invocation, config);
}

const struct verb verb_config = {
	.name = "config",
	.arguments = "check | show",
	.about = "Check the configuration, or show what holds and where it stands.",
	.text = "check reports all errors at once, each as file:line:column: text, and exits with "
		"1 when there are any. docs/config.md describes the keys.",
	.options =
		(const struct option_row[]){
			OPTION_CONFIG,
			{ .name = "--markdown", .about = "Print the tables of docs/config.md." },
			{ .name = NULL },
		},
	.examples = (const char *const[]){ "flyball config check",
					   "flyball config show --config ./flyball.conf", NULL },
	.max_words = 1,
	.run = config_run,
};
